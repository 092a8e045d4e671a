"""The L4 profiles on simulated machines: where replicas land, what load and a lost machine do, and what it yields.

    python -m benchmarks.placement              all of it, about ten minutes; writes benchmarks/results/placement-*
    python -m benchmarks.placement --places     placement alone, about a minute

Placement, scaling and recovery are Ray's own, on nodes without a GPU that say they have an L4. The engine is a
stand-in that waits for what placement_profile.json says of a frame: throughput is computed with that, not measured on
a card. What is measured is how much of it reaches those who ask, over Serve, from so many replicas and nodes.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.configuration import merged
from benchmarks.machine import write_result
from benchmarks.placement_app import PROFILES, seconds_per_frame
from benchmarks.placement_cluster import Placed, SimulatedCluster, simulated_cluster
from benchmarks.record import measures_of
from deployments.contracts import FRAMES_PER_SECOND, SAMPLES_PER_FRAME, Step
from deployments.video.encoding import GROUP_FRAMES

QUICK_SCALING = {"upscale_delay_s": 1, "downscale_delay_s": 1}
NODES = (1, 2, 4)
REPLICAS_A_CARD = (1, 2, 3)
MEASURE_SECONDS = 10.0
SETTLE_SECONDS = 3.0
"""In which Serve begins to replace what a deployment changes."""


def scaling(least: int, most: int) -> dict[str, Any]:
    """Changes to Video's autoscaling, without the delays of the profile."""
    return {"Video": {"autoscaling_config": {"min_replicas": least, "max_replicas": most, **QUICK_SCALING}}}


def summary(placed: Placed) -> list[dict[str, int]]:
    """What stands on each card, the fullest first; nodes have no names worth keeping."""
    return sorted(placed.values(), key=lambda counts: sorted(counts.items()), reverse=True)


def places(cluster: SimulatedCluster) -> list[dict[str, Any]]:
    """One card with two faces and three, four with eight and twelve, a node lost and another in its place."""
    told: list[dict[str, Any]] = []

    def note(what: str, **replicas: int) -> None:
        placed, seconds = cluster.wait_for(**replicas)
        told.append(
            {"what": what, "nodes": cluster.nodes, "cards": summary(placed), "seconds_until_so": round(seconds, 1)}
        )

    cluster.deploy("l4.yaml", scaling(2, 3))
    note("l4.yaml on one node", Video=2, ASR=1, TTS=1)
    cluster.people(3)
    note("three people", Video=3, ASR=1, TTS=1)
    cluster.add_nodes(3)
    cluster.deploy("l4x4.yaml", scaling(8, 12))
    note("l4x4.yaml on four nodes", Video=8, ASR=1, TTS=1)
    cluster.lose_node()
    note("a node is lost", Video=8, ASR=1, TTS=1)
    cluster.people(12)
    cluster.add_nodes(1)
    note("another node, and twelve people", Video=12, ASR=2, TTS=3)
    cluster.people(0)
    return told


async def _stream(handle: Any, profile: str, until: float, latencies: list[float]) -> int:
    sound = np.zeros(GROUP_FRAMES * SAMPLES_PER_FRAME, np.float32)
    frames = 0
    while (began := time.perf_counter()) < until:
        stepped = await handle.step.remote(Step(profile, sound))
        latencies.append(time.perf_counter() - began)
        frames += len(stepped.frames)
    return frames


async def _yield_of(profile: str, streams: int, seconds: float) -> dict[str, Any]:
    from ray import serve

    handle = serve.get_deployment_handle("Video", "avatar")
    latencies: list[float] = []
    began = time.perf_counter()
    frames = await asyncio.gather(*[_stream(handle, profile, began + seconds, latencies) for _ in range(streams)])
    passed = time.perf_counter() - began
    return {
        "streams": streams,
        "seconds": round(passed, 2),
        "frames_per_second": round(sum(frames) / passed, 2),
        "people_at_25": round(sum(frames) / passed / FRAMES_PER_SECOND, 2),
        "step_median_seconds": round(float(np.median(latencies)), 3),
        "step_95th_percentile_seconds": round(float(np.percentile(latencies, 95)), 3),
    }


def throughput(cluster: SimulatedCluster, replicas: int, batch: int, seconds: float) -> list[dict[str, Any]]:
    """Frames a second that reach those who ask as fast as they are answered: four for each replica. By profile."""
    wanted = merged(scaling(replicas, replicas), {"Video": {"max_queued_requests": 8 * replicas}})
    cluster.deploy("l4x4.yaml", wanted, max_batch_steps=batch)
    time.sleep(SETTLE_SECONDS)
    placed, _ = cluster.wait_for(Video=replicas)
    on_cards = [counts.get("Video", 0) for counts in summary(placed)]
    runs = []
    for profile in seconds_per_frame():
        asyncio.run(_yield_of(profile, replicas, 1.0))
        own = {"profile": profile, "nodes": cluster.nodes, "replicas": replicas, "max_batch_steps": batch}
        runs.append(own | asyncio.run(_yield_of(profile, 4 * replicas, seconds)) | {"video_on_each_card": on_cards})
        print(json.dumps(runs[-1]), flush=True)
    return runs


def curves(seconds: float) -> list[dict[str, Any]]:
    """Throughput by replicas and nodes; on one card also without batches: one that batches against several."""
    runs: list[dict[str, Any]] = []
    for nodes in NODES:
        with simulated_cluster(nodes) as cluster:
            for batch in (4, 1) if nodes == 1 else (4,):
                for each in REPLICAS_A_CARD:
                    runs += throughput(cluster, each * nodes, batch, seconds)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", action="store_true", help="placement alone; printed as JSON, nothing is written")
    parser.add_argument("--seconds", type=float, default=MEASURE_SECONDS, help="of each measurement of throughput")
    arguments = parser.parse_args()
    with simulated_cluster() as cluster:
        told = places(cluster)
    if arguments.places:
        print(json.dumps(told))
        return
    print(json.dumps(told, indent=2), flush=True)
    figures: dict[str, Any] = {
        "engine": "a stand-in that waits; see profiles. No GPU was used, and no figure here was measured on one.",
        "profiles": json.loads(PROFILES.read_text()),
        "placement": told,
        "throughput": curves(arguments.seconds),
    }
    names = ("profile", "nodes", "replicas", "max_batch_steps")
    measures = [
        measure
        for run in figures["throughput"]
        for measure in measures_of(
            [run], {"frames_per_second": "1/s"}, "higher", group={name: run[name] for name in names}
        )
    ]
    path = write_result("placement", sys.argv, figures, measures=measures)
    from benchmarks.placement_plot import plot

    print(path, plot(path, Path(path).with_suffix(".png")))


if __name__ == "__main__":
    main()
