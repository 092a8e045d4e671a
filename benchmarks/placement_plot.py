"""The curves of a placement-*.json as a picture: `python -m benchmarks.placement_plot FILE.json`. Needs matplotlib."""

import json
import sys
from pathlib import Path
from typing import Any

from deployments.contracts import FRAMES_PER_SECOND

COLOURS = {"published": "#1f5fa8", "projected": "#c05a1a"}


def plot(source: Path, target: Path) -> Path:
    """Frames a second by replicas on one card, and by cards. Returns the picture's path."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    figures = json.loads(source.read_text())["figures"]
    picture, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.2), constrained_layout=True)
    for name, profile in figures["profiles"].items():
        label = f"{profile['milliseconds_per_frame']} ms a frame, {profile['kind']}"
        runs = [run for run in figures["throughput"] if run["profile"] == name]
        _line(left, [run for run in runs if run["nodes"] == 1 and run["max_batch_steps"] == 4], "replicas", name, label)
        alone = [run for run in runs if run["nodes"] == 1 and run["max_batch_steps"] == 1]
        _line(left, alone, "replicas", name, f"{label}; no batches", "--")
        _line(right, [run for run in runs if run["replicas"] == 2 * run["nodes"]], "nodes", name, label)
    for axes, words in ((left, "replicas on one simulated L4"), (right, "simulated L4s, two replicas on each")):
        axes.axhline(FRAMES_PER_SECOND, color="#999999", linewidth=1)
        axes.annotate("one person, 25 fps", (1, FRAMES_PER_SECOND), fontsize=8, va="bottom", color="#666666")
        axes.set_xlabel(words)
        axes.set_xticks([1, 2, 3] if axes is left else [1, 2, 4])
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8, loc="lower right" if axes is left else "upper left")
    left.set_ylabel("frames a second over Ray Serve")
    picture.suptitle("Stand-in engine that waits as long as a frame takes: not measured on a GPU", fontsize=10)
    picture.savefig(target, dpi=110)
    return target


def _line(axes: Any, runs: list[dict[str, Any]], along: str, name: str, label: str, style: str = "-") -> None:
    points = sorted((run[along], run["frames_per_second"]) for run in runs)
    axes.plot(*zip(*points, strict=True), style, marker="o", color=COLOURS[name], label=label)


if __name__ == "__main__":
    plot(Path(sys.argv[1]), Path(sys.argv[1]).with_suffix(".png"))
