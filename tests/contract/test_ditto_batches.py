"""Several streams in one batch: what each gets is what it gets alone, but for the last bits of sums, and one that
fails spares the others."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from deployments.contracts import Float32, Step, Stepped
from deployments.errors import BadInput, EngineFailed, NotFound
from deployments.video.builtins import built_in_photo
from deployments.video.ditto.animator import DittoAnimator
from deployments.video.ditto.blending import blend, joined, plan
from deployments.video.ditto.drawing import Group, Painter, shared
from deployments.video.ditto.state import StreamState
from deployments.video.failures import DeviceFailed
from tests.contract.animator_suite import cut, result, run, speech_like
from tests.fakes.narrow_ditto import narrow_ditto

pytestmark = pytest.mark.contract
AVATARS = ("grace_hopper", "astronaut", "grace_hopper")
Pictures = list[tuple[int, Any]]


def watched(**knobs: Any) -> tuple[DittoAnimator, Pictures]:
    """An engine, and what it shows before encoding."""
    pictures: Pictures = []
    return narrow_ditto(watch=lambda index, picture: pictures.append((index, picture.copy())), **knobs), pictures


@pytest.fixture(scope="module")
def engine() -> DittoAnimator:
    return narrow_ditto()


def steps_of_three(final: Sequence[bool] = (False, True, True)) -> list[Step]:
    lengths = (1.3, 0.5, 1.1)
    return [
        Step(avatar, speech_like(seconds, seed), seed=seed, final=ends)
        for seed, (avatar, seconds, ends) in enumerate(zip(AVATARS, lengths, final, strict=True))
    ]


def motion(engine: DittoAnimator, step: Step, stepped: Stepped) -> Float32:
    """All motion that a state holds."""
    state = StreamState.from_bytes(stepped.state, engine._configuration, step.avatar_id)
    return np.concatenate([state.motion.tail.ravel(), state.motion.anchors.ravel(), state.waiting.ravel()])


def test_streams_in_one_batch_get_what_they_get_alone() -> None:
    engine, pictures = watched(runtime={"max_batch_frames": 15})
    steps = steps_of_three((False, False, False))
    together = [result(answer) for answer in engine.step(steps)]
    shown, alone = sorted(pictures, key=lambda shown: shown[0]), []
    pictures.clear()
    for step, answer in zip(steps, together, strict=True):
        single = result(engine.step([step])[0])
        assert np.abs(motion(engine, step, answer) - motion(engine, step, single)).max() <= 1e-3
        alone += pictures
        pictures.clear()
    alone.sort(key=lambda shown: shown[0])
    assert [index for index, _ in shown] == [index for index, _ in alone] and len(shown) >= 20
    for index in range(10):
        near = [picture for other, picture in shown if other == index]
        for picture in (picture for other, picture in alone if other == index):
            assert min(np.abs(picture.astype(int) - other).max() for other in near) <= 2


@pytest.mark.parametrize("knobs", [{"motion": {"overlap": 70}}, {"motion": {"overlap": 75}}], ids=repr)
def test_before_encoding_too_any_split_gives_the_same_bits(knobs: dict[str, Any]) -> None:
    engine, pictures = watched(**knobs)
    audio, seen = speech_like(1.7)[:27_000], []
    for places in ([], [0, 1, 1, 2, 9_000], list(range(999, 27_000, 4_321)), [27_000]):
        run(engine, cut(audio, places), "astronaut")
        seen.append(list(pictures))
        pictures.clear()
    assert [index for index, _ in seen[0]] == list(range(43))
    for other in seen[1:]:
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(seen[0], other, strict=True))


@pytest.mark.parametrize("most", [1, 2, 3, 32])
def test_how_many_frames_share_a_batch_does_not_show(most: int, engine: DittoAnimator) -> None:
    other = narrow_ditto(runtime={"max_batch_frames": most})
    for quality in (0, 1, 2):
        step = Step("grace_hopper", speech_like(0.5), final=True, quality=quality)
        assert result(other.step([step])[0]).frames == result(engine.step([step])[0]).frames


def test_a_bad_step_spares_the_others(engine: DittoAnimator) -> None:
    good = Step("grace_hopper", speech_like(0.5), final=True)
    ended = result(engine.step([good])[0]).state
    bad = [
        (replace(good, avatar_id="nobody"), NotFound),
        (replace(good, pcm_16k=np.full(9, np.inf, np.float32)), BadInput),
        (replace(good, state=b"DITO" + bytes(50)), BadInput),
        (replace(good, state=ended), BadInput),
        (replace(good, state=ended, avatar_id="astronaut"), BadInput),
    ]
    answers = engine.step([good, *(step for step, _ in bad), good])
    for answer, (_, kind) in zip(answers[1:-1], bad, strict=True):
        assert type(answer) is kind and len(str(answer)) > 30
    # the two good ones are alike in all but their batch's size
    assert [len(result(answers[place]).frames) for place in (0, -1)] == [13, 13]


def broken(parts: str, method: str, error: Exception, when: Callable[..., bool] = lambda *_: True) -> DittoAnimator:
    """An engine one part of which fails."""
    engine = narrow_ditto()
    part = getattr(engine._parts, parts)
    original = getattr(part, method)

    def failing(*arguments: Any) -> Any:
        if when(*arguments):
            raise error
        return original(*arguments)

    class Broken:
        def __getattr__(self, name: str) -> Any:
            return failing if name == method else getattr(part, name)

    return narrow_ditto(parts={parts: Broken()})


@pytest.mark.parametrize(
    ("part", "method"),
    [("hearer", "features"), ("diffuser", "sample"), ("stitcher", "stitch"), ("renderer", "fields"),
     ("renderer", "frames"), ("compositor", "compose")],
)  # fmt: skip
def test_a_part_that_breaks_fails_the_step(part: str, method: str) -> None:
    (answer,) = broken(part, method, ValueError("shape mismatch")).step([steps_of_three()[1]])
    assert type(answer) is EngineFailed and "Try again" in str(answer)


@pytest.mark.parametrize(
    ("part", "method"), [("diffuser", "sample"), ("renderer", "frames"), ("compositor", "compose")]
)
def test_a_full_card_fails_the_step_with_the_remedy(part: str, method: str) -> None:
    error = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 30.00 MiB")
    for answer in broken(part, method, error).step(steps_of_three()):
        assert isinstance(answer, DeviceFailed) and answer.code == "engine_failed"
        assert "max_batch_frames" in str(answer) and "fewer replicas" in str(answer)


def test_a_card_that_is_full_at_an_enrolment_says_so() -> None:
    error = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 30.00 MiB")
    with pytest.raises(DeviceFailed, match="avatars_kept"):
        broken("faces", "motion", error).enrol(built_in_photo("astronaut"))


def test_only_the_stream_to_blame_fails() -> None:
    """The renderer cannot draw one face: its stream fails, and the streams that shared its batch go on."""
    engine = narrow_ditto()
    hated = engine._avatars.get("astronaut", begins=True).face.points
    failing = broken(
        "renderer", "frames", ValueError("no"), lambda faces, *_: any(np.allclose(f.points, hated) for f in faces)
    )
    answers = failing.step(steps_of_three((True, True, True)))
    assert [type(answer) for answer in answers] == [Stepped, EngineFailed, Stepped]
    assert [len(result(answers[place]).frames) for place in (0, 2)] == [33, 28]


def group(owner: object, first: int, frames: int = 5) -> Group[object]:
    return Group(owner, first, np.zeros((frames, 21, 3), np.float32), None, 0)  # type: ignore[arg-type]


def test_streams_share_a_batch_and_no_stream_is_in_one_twice() -> None:
    a, b, c = object(), object(), object()
    groups = [group(a, 0), group(a, 5), group(b, 10), group(c, 0, 2), group(c, 5)]
    found = [[(each.owner, each.first) for each in batch] for batch in shared(groups, 12)]
    assert found == [[(a, 0), (b, 10), (c, 0)], [(a, 5), (c, 5)]]
    alone = [[(each.owner, each.first) for each in batch] for batch in shared(groups, 3)]
    assert [len(batch) for batch in alone] == [1] * 5 and alone[0] == [(a, 0)]


def test_groups_are_drawn_in_shared_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    draw = Painter.draw

    def counted(self: Painter, groups: Sequence[Group[Any]]) -> Any:
        sizes.append([len(each) for each in groups])
        return draw(self, groups)

    monkeypatch.setattr(Painter, "draw", counted)
    narrow_ditto(runtime={"max_batch_frames": 15}).step(steps_of_three())
    assert sizes[0] == [5, 5, 5] and max(map(len, sizes)) == 3
    sizes.clear()
    narrow_ditto(runtime={"max_batch_frames": 5}).step(steps_of_three())
    assert all(len(each) == 1 for each in sizes)


@pytest.mark.parametrize(("frames", "made"), [(1, [0]), (2, [0, 1]), (3, [0, 2]), (4, [0, 2, 3]), (5, [0, 2, 4])])
def test_every_second_frame_and_the_last_are_made(frames: int, made: list[int]) -> None:
    halved = plan(frames, halved=True)
    assert list(halved.made) == made
    assert plan(frames, halved=False).made == tuple(range(frames))
    values = torch.arange(frames, dtype=torch.float32)[made]
    assert blend(values, halved).tolist() == list(range(frames)), "between two numbers lies their mean"


def test_groups_are_blended_with_none_but_their_own() -> None:
    plans = joined([plan(5, True), plan(2, False), plan(4, True)])
    assert plans.made == (0, 2, 4, 5, 6, 7, 9, 10)
    values = torch.tensor([0.0, 2.0, 4.0, 100.0, 101.0, 200.0, 202.0, 203.0])
    assert blend(values, plans).tolist() == [0, 1, 2, 3, 4, 100, 101, 200, 201, 202, 203]


def test_quality_is_what_each_sample_came_with(engine: DittoAnimator) -> None:
    """Frames follow from the quality that the audio came with, not from how else it was cut."""
    audio = speech_like(2.4)
    half = len(audio) // 2
    seen = []
    for first, second in (([], []), ([100, 5_000], [7, 8_888, 17_000])):
        state, frames = None, []
        pieces = [(piece, 0) for piece in cut(audio[:half], first)] + [
            (piece, 2) for piece in cut(audio[half:], second)
        ]
        for place, (piece, quality) in enumerate(pieces):
            step = Step("astronaut", piece, state, final=place == len(pieces) - 1, quality=quality)
            answer = result(engine.step([step])[0])
            state, frames = answer.state, frames + list(answer.frames)
        seen.append(frames)
    assert seen[0] == seen[1] and len(seen[0]) == 60
    best, cheapest = (
        result(engine.step([Step("astronaut", audio, final=True, quality=quality)])[0]).frames for quality in (0, 2)
    )
    assert seen[0][:10] == list(best[:10]) != list(cheapest[:10])
    assert seen[0][-5:] == list(cheapest[-5:]) != list(best[-5:])
