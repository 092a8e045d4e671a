"""What each rung of quality saves: counted in operations anywhere, measured in seconds where there is a card.

    python -m benchmarks.ditto_rungs count [--write]
    python -m benchmarks.ditto_rungs measure --device cuda --precision fp16 --seconds 20 [--write]

Networks have random weights, which cost what trained ones cost. HuBERT has no network of our own: it is counted as
published (14.4 GFLOP for five frames), and in a measurement stands still, which makes the share of rungs 1 and 2 a
little too large and that of fewer diffusion steps too large by as much as hearing takes; the result says so.
"""

import argparse
import json
import platform
import shlex
import sys
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.gpu.networks import random_networks
from benchmarks.gpu.renderer import flops_of
from deployments.contracts import Float32, Image, Step, Stepped
from deployments.video.builtins import built_in_photo
from deployments.video.ditto.animator import DittoAnimator
from deployments.video.ditto.blending import plan
from deployments.video.ditto.config_pickle import PublishedConfig
from deployments.video.ditto.face.avatar import CROP_PIXELS, LANDMARKS, SOURCE_PIXELS, DittoAvatar
from deployments.video.ditto.face.compositing import Compositor
from deployments.video.ditto.face.finder import Found
from deployments.video.ditto.fast.decoder import FastDecoder
from deployments.video.ditto.fast.diffusion import CachedDiffuser
from deployments.video.ditto.fast.warp import FieldsNet, WarpTail
from deployments.video.ditto.networks.appearance import Appearance
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.motion import MotionExtractor
from deployments.video.ditto.networks.stitch import Stitch
from deployments.video.ditto.networks.warp import Warp
from deployments.video.ditto.parts import DittoParts
from deployments.video.ditto.rungs import TABLE
from deployments.video.ditto.runtimes.exportable import Networks
from deployments.video.ditto.runtimes.opening import open_networks
from deployments.video.ditto.settings import DittoSettings
from deployments.video.ditto.sizes import CONDITION_DIMS, FULL, MOTION_DIMS, NARROW, POINTS, WINDOW_FRAMES, Sizes
from deployments.video.ditto.types import Motion
from deployments.video.encoding import GROUP_FRAMES
from deployments.video.ladder import MOTION_PARTS, Rungs
from deployments.video.quality import HALF_FIELDS, HALF_FRAMES, Quality

HEARING_GFLOP = 14.4 / 5
"""HuBERT's for a frame, as published: a window of 6480 samples makes five."""
NEW_FRAMES = 10
"""That a window of the motion model gives, with an overlap of 70."""
FEWER_STEPS = Quality(fewer_steps=True).number
RATE_HZ = 16_000


def counted() -> dict[int, float]:
    """Saving by quality: of all operations of a group of five frames, or for fewer steps of the motion model's."""
    fields, frames = renderer_gflop()
    usual, fewer = (_window_gflop(steps) / NEW_FRAMES for steps in (10, DittoSettings().saturated_steps))
    whole = GROUP_FRAMES * (fields + frames + usual + HEARING_GFLOP)
    left_out = GROUP_FRAMES - len(plan(GROUP_FRAMES, halved=True).made)
    return {
        HALF_FIELDS: left_out * fields / whole,
        HALF_FRAMES: left_out * (fields + frames) / whole,
        FEWER_STEPS: (usual - fewer) / (usual + HEARING_GFLOP),
    }


def renderer_gflop() -> tuple[float, float]:
    """Of a frame: its fields, and the rest of it. On the device `meta`, whose tensors have shapes and no values."""
    sizes, grid = FULL, (FULL.depth, FULL.grid, FULL.grid)
    with torch.device("meta"), torch.no_grad():
        warp, decoder, at = Warp(sizes).eval(), Decoder(sizes).eval(), torch.empty(1, POINTS, 3)
        compressed, heat = torch.empty(1, sizes.compressed_channels, *grid), torch.empty(1, POINTS, *grid)
        moved = (torch.empty(1, sizes.volume_channels, *grid), at, at, torch.empty(1, POINTS + 1, *grid))
        seen, features = torch.empty(1, 1, *grid[1:]), torch.empty(1, sizes.warped_channels, *grid[1:])
        found = flops_of(lambda: FieldsNet(warp)(compressed, heat, at, at))
        rest = flops_of(lambda: (WarpTail(warp)(*moved, seen), FastDecoder(decoder)(features)))
    return found / 1e9, rest / 1e9


def _window_gflop(steps: int) -> float:
    """Of the motion model's window, with what it keeps between steps."""
    diffuser = CachedDiffuser(random_networks(FULL).diffusion, graphs=False)
    diffuser.prepare(steps)
    shapes = (1, WINDOW_FRAMES, CONDITION_DIMS), (1, MOTION_DIMS), (steps, 1, WINDOW_FRAMES, MOTION_DIMS)
    return flops_of(lambda: diffuser.sample(*(np.zeros(shape, np.float32) for shape in shapes))) / 1e9


class Deaf:
    """Stands in for HuBERT: always the same features, at once."""

    def features(self, windows: Float32) -> Float32:
        return np.zeros((len(windows), 20, 1024), np.float32)


class Blind:
    """Stands in for what finds a face: nobody is enrolled here."""

    def find(self, photo: Image) -> Found:
        raise NotImplementedError


def measured(settings: DittoSettings, sizes: Sizes, seconds: float) -> dict[int, float]:
    """Saving by quality: of the seconds that the whole engine takes, or for fewer steps its motion model. One stream of
    `seconds`, after a shorter one that warms up."""
    engine = _engine(settings, sizes)
    silence = np.zeros(int(seconds * RATE_HZ), np.float32)
    taken: dict[int, dict[str, float]] = {}
    for quality in (0, HALF_FIELDS, HALF_FRAMES, FEWER_STEPS):
        for audio in (silence[: len(silence) // 4], silence):
            (answer,) = engine.step([Step("face", audio, final=True, quality=quality)])
            if not isinstance(answer, Stepped):
                raise answer
            taken[quality] = dict(answer.timings)
    whole = {quality: sum(parts.values()) - parts["load"] for quality, parts in taken.items()}
    motion = {quality: sum(parts[name] for name in MOTION_PARTS) for quality, parts in taken.items()}
    found = {quality: 1 - whole[quality] / whole[0] for quality in (HALF_FIELDS, HALF_FRAMES)}
    return found | {FEWER_STEPS: 1 - motion[FEWER_STEPS] / motion[0]}


def _engine(settings: DittoSettings, sizes: Sizes) -> DittoAnimator:
    made = random_networks(sizes)
    others = Appearance(sizes).eval(), MotionExtractor(sizes).eval(), Stitch(sizes).eval()
    opened = open_networks(Networks(*others, made.diffusion, made.warp, made.decoder), settings.runtime)
    parts = DittoParts(
        hearer=Deaf(),
        diffuser=opened.diffuser,
        stitcher=opened.stitcher,
        renderer=opened.renderer,
        faces=opened.faces,
        compositor=Compositor(settings.frame_size, opened.device),
        finder=Blind(),
        device=opened.device,
        published=PublishedConfig({}),
        weights="random",
    )
    blob = _avatar(settings.frame_size).to_bytes()
    return DittoAnimator(settings, parts, lambda _: blob, rungs=Rungs((HALF_FIELDS, HALF_FRAMES), fewer_steps=True))


def _avatar(canvas: tuple[int, int]) -> DittoAvatar:
    """A photo with random motion: what is drawn of it does not matter."""
    photo, chance = built_in_photo("astronaut"), np.random.default_rng(1)
    widths = {"scale": 1, "pitch": 66, "yaw": 66, "roll": 66, "t": 3, "exp": 63, "kp": 63}
    numbers = {name: chance.normal(0, 0.1, (1, width)).astype(np.float32) for name, width in widths.items()}
    numbers["scale"] += 1
    side = 0.9 * canvas[0] / CROP_PIXELS
    return DittoAvatar(
        background=cv2.resize(photo, canvas).astype(np.uint8),
        placement=np.array([[side, 0, 0.05 * canvas[0]], [0, side, 0.1 * canvas[1]], [0, 0, 1]], np.float32),
        source=cv2.resize(photo, (SOURCE_PIXELS, SOURCE_PIXELS)).astype(np.uint8),
        motion=Motion(**numbers),
        mesh=chance.uniform(0.3, 0.7, (478, 3)).astype(np.float32),
        landmarks=np.zeros((LANDMARKS, 2), np.float32),
    )


def table(savings: dict[int, float], kind: str, machine: str, command: str) -> dict[str, Any]:
    """As deployments/video/ditto/rungs.json has it."""
    rows = [
        {
            "quality": quality,
            "saving": round(saving, 3),
            "of": "motion" if quality == FEWER_STEPS else "engine",
            "kind": kind,
            "machine": machine,
            "command": command,
        }
        for quality, saving in savings.items()
    ]
    return {"rungs": rows}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=["count", "measure"])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--precision", choices=["fp16", "fp32"], default="fp16")
    parser.add_argument("--seconds", type=float, default=20.0, help="of video for each rung")
    parser.add_argument("--narrow", action="store_true", help="narrow networks, to try the measurement itself")
    parser.add_argument("--write", action="store_true", help="replace the table that the engine reads")
    asked = parser.parse_args(arguments)
    command = shlex.join(["python", "-m", "benchmarks.ditto_rungs", *(each for each in arguments if each != "--write")])
    if asked.way == "count":
        found = table(counted(), "counted", "none", command)
    else:
        runtime = {"device": asked.device, "precision": asked.precision}
        settings = DittoSettings.model_validate({"runtime": runtime, "warm_avatars": ()})
        savings = measured(settings, NARROW if asked.narrow else FULL, asked.seconds)
        machine = torch.cuda.get_device_name() if asked.device == "cuda" else platform.processor() or "CPU"
        found = table(savings, "measured", f"{machine}, without HuBERT", command)
    text = json.dumps(found, indent=2) + "\n"
    if asked.write:
        TABLE.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
