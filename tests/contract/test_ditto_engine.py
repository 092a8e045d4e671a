"""What the Ditto engine promises of itself: avatars, canvases, rungs, states."""

from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.ditto_rungs import HEARING_GFLOP, renderer_gflop
from deployments.contracts import Step
from deployments.errors import BadInput, EngineFailed, NotFound
from deployments.video.builtins import built_in_photo
from deployments.video.ditto.animator import DittoAnimator
from deployments.video.ditto.characters import completed
from deployments.video.ditto.config_pickle import PublishedConfig
from deployments.video.ditto.motion.settings import MotionSettings
from deployments.video.ditto.rungs import load_table
from deployments.video.ditto.settings import PRESETS
from deployments.video.ditto.state import LARGEST_STATE
from deployments.video.ladder import Rungs
from deployments.video.quality import Quality
from serve_app.conversation import ConversationSettings, Media, TurnRequest, converse
from serve_app.local_stages import LocalStages
from tests.contract.animator_suite import decoded, result, run, speech_like
from tests.fakes.chat_model import FakeChatModel
from tests.fakes.ditto_parts import FakeDiffuser, FakeHearer
from tests.fakes.narrow_ditto import narrow_ditto
from tests.fakes.synthesizer import FakeSynthesizer
from tests.fakes.transcriber import FakeTranscriber

pytestmark = pytest.mark.contract
ME = "grace_hopper"


@pytest.fixture(scope="module")
def engine() -> DittoAnimator:
    return narrow_ditto()


class Counted:
    """A part whose calls are counted by their rows."""

    def __init__(self, part: Any) -> None:
        self.part = part
        self.rows: dict[str, int] = {}
        self.batches: dict[str, set[int]] = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.part, name)
        if not callable(value):
            return value

        def call(*arguments: Any) -> Any:
            self.rows[name] = self.rows.get(name, 0) + len(arguments[0])
            self.batches.setdefault(name, set()).add(len(arguments[0]))
            return value(*arguments)

        return call


@pytest.mark.parametrize("size", PRESETS.values(), ids=str)
def test_canvases(size: tuple[int, int]) -> None:
    other = narrow_ditto(frame_width=size[0], frame_height=size[1])
    assert other.frame_size == size
    pictures = decoded(run(other, [speech_like(0.2)], ME))
    assert [picture.shape for picture in pictures] == [(size[1], size[0], 3)] * 5


def test_looks_ahead_as_far_as_its_windows_reach() -> None:
    """880 and 480 ms from a block's first frame on (spec 2.6), here counted from the end of its first group, and up to
    the next run of five frames that are heard."""
    found = [narrow_ditto(motion={"overlap": overlap}).lookahead_samples for overlap in (70, 75)]
    assert found[1] < found[0] <= 16_000


def test_the_lower_rungs_do_less_and_stay_close(engine: DittoAnimator) -> None:
    seen = {}
    for quality in (0, 1, 2):
        counted = Counted(engine._parts.renderer)
        shown: list[Any] = []
        other = narrow_ditto(parts={"renderer": counted}, watch=lambda _, picture, shown=shown: shown.append(picture))
        result(other.step([Step(ME, speech_like(1), final=True, quality=quality)])[0])
        seen[quality] = (counted.rows["fields"], counted.rows["frames"], shown)
    assert [seen[quality][:2] for quality in (0, 1, 2)] == [(25, 25), (15, 25), (15, 15)]
    for quality in (1, 2):
        for index, (best, cheap) in enumerate(zip(seen[0][2], seen[quality][2], strict=True)):
            if index % 5 in (0, 2, 4):
                assert np.array_equal(best, cheap), "what is computed is exact"
            else:
                assert 0 < np.abs(best.astype(int) - cheap).mean() < 4


def test_a_frame_between_two_drawn_ones_is_their_mean(engine: DittoAnimator) -> None:
    shown: list[Any] = []
    other = narrow_ditto(watch=lambda _, picture: shown.append(picture.astype(int)))
    result(other.step([Step(ME, speech_like(0.2), final=True, quality=2)])[0])
    for place in (1, 3):
        assert np.abs(shown[place] - (shown[place - 1] + shown[place + 1]) / 2).max() <= 2


def test_fewer_steps_are_taken_where_they_are_asked_for() -> None:
    steps = []

    class Noted(FakeDiffuser):
        def sample(self, conditions: Any, first: Any, noise: Any) -> Any:
            steps.append(len(noise))
            return super().sample(conditions, first, noise)

    quality = Quality(fewer_steps=True).number
    for knobs in ({}, {"saturated_steps": 3}, {"motion": {"steps": 25}}):
        other = narrow_ditto(parts={"diffuser": Noted()}, **knobs)
        for asked in (0, quality):
            result(other.step([Step(ME, speech_like(0.1), final=True, quality=asked)])[0])
    assert list(dict.fromkeys(steps)) == [10, 5, 3, 25]


def test_a_rung_that_is_not_offered_is_the_next_better_one() -> None:
    first, second = Rungs(render=(1,)), Rungs(render=(2,))
    step = [Step(ME, speech_like(0.3), final=True, quality=quality) for quality in (0, 1, 2)]
    frames = {
        rungs: [result(narrow_ditto(rungs=rungs).step([each])[0]).frames for each in step] for rungs in (first, second)
    }
    assert frames[first][2] == frames[first][1] != frames[first][0] == frames[second][0]
    assert frames[second][1] == frames[second][0] != frames[second][2]


def test_the_committed_table_is_what_is_offered(engine: DittoAnimator) -> None:
    from tests.fakes.narrow_ditto import narrow_parts, nowhere

    offered = DittoAnimator(engine._settings, narrow_parts(engine._settings), nowhere).rungs
    assert 2 in offered.render and set(offered.render) <= {1, 2}


def test_what_the_rungs_spare_is_counted_again() -> None:
    fields, frames = renderer_gflop()
    assert 280 < fields < 300 and 740 < frames < 770, "of the 300 of W and the 741 of G"
    whole = 5 * (fields + frames + 6.9 + HEARING_GFLOP)
    table = {row.quality: row for row in load_table()}
    for quality, spared in ((1, 2 * fields), (2, 2 * (fields + frames))):
        if table[quality].kind == "counted":
            assert table[quality].saving == pytest.approx(spared / whole, abs=0.003)


def test_the_state_stays_small_in_a_long_stream() -> None:
    for motion, steps in (({"overlap": 70}, 4), ({"overlap": 75}, 4), ({"mode": "offline"}, 9)):
        other = narrow_ditto(motion=motion, parts={"diffuser": FakeDiffuser(), "hearer": FakeHearer()})
        state, sizes = None, []
        for _ in range(steps):
            state = result(other.step([Step(ME, speech_like(0.77), state, quality=2)])[0]).state
            sizes.append(len(state))
        assert 100_000 < max(sizes) <= LARGEST_STATE


def test_another_configuration_refuses_the_state(engine: DittoAnimator) -> None:
    state = result(engine.step([Step(ME, speech_like(0.5))])[0]).state
    for other in (
        narrow_ditto(motion={"emotion": "happy"}),
        narrow_ditto(encoding={"crf": 30}),
        narrow_ditto(frame_width=160),
        narrow_ditto(saturated_steps=4),
        narrow_ditto(parts={"weights": "others"}),
    ):
        (answer,) = other.step([Step(ME, speech_like(0.1), state)])
        assert isinstance(answer, BadInput) and "other settings or weights" in str(answer)
        assert other.fingerprint != engine.fingerprint
    for same in (narrow_ditto(avatars_kept=1), narrow_ditto(runtime={"engines_dir": "/somewhere"})):
        assert result(same.step([Step(ME, speech_like(0.1), state)])[0])
        assert same.fingerprint == engine.fingerprint


def test_an_enrolled_photo_speaks_until_it_is_deleted() -> None:
    store: dict[str, bytes] = {}

    def load(avatar_id: str) -> bytes:
        if avatar_id not in store:
            raise NotFound(f"There is no avatar {avatar_id!r}.")
        return store[avatar_id]

    animator = narrow_ditto(load)
    store["mine"] = animator.enrol(built_in_photo("astronaut"))
    assert run(animator, [speech_like(0.4)], "mine") == run(animator, [speech_like(0.4)], "astronaut")
    state = result(animator.step([Step("mine", speech_like(0.4))])[0]).state
    del store["mine"]
    (answer,) = animator.step([Step("mine", speech_like(0.4))])
    assert isinstance(answer, NotFound) and ME in str(answer)
    assert result(animator.step([Step("mine", speech_like(0.4), state)])[0]), "who speaks may end"


def test_avatars_that_cannot_be_used_say_why(engine: DittoAnimator) -> None:
    blob = narrow_ditto(frame_width=160).enrol(built_in_photo("astronaut"))
    (answer,) = narrow_ditto(lambda _: blob).step([Step("mine", speech_like(0.4))])
    assert isinstance(answer, BadInput) and "Enrol the photo again" in str(answer)
    (answer,) = narrow_ditto(lambda _: b"junk").step([Step("mine", speech_like(0.4))])
    assert isinstance(answer, EngineFailed) and "Enrol the photo again" in str(answer)


def test_only_so_many_avatars_are_kept_on_the_device(engine: DittoAnimator) -> None:
    loads: list[str] = []
    blob = engine.enrol(built_in_photo("astronaut"))

    def load(avatar_id: str) -> bytes:
        loads.append(avatar_id)
        return blob

    animator = narrow_ditto(load, avatars_kept=2)
    steps = {name: result(animator.step([Step(name, speech_like(0.1))])[0]) for name in ("a", "b", "c")}
    assert len(animator._avatars) == 2
    for name in ("c", "b"):
        animator.step([Step(name, speech_like(0.1), steps[name].state)])
    assert loads == ["a", "b", "c"], "a stream that goes on asks for nothing while its avatar is here"
    animator.step([Step("a", speech_like(0.1), steps["a"].state)])
    assert loads == ["a", "b", "c", "a"]


def test_warm_avatars_are_ready_before_the_first_step() -> None:
    assert len(narrow_ditto(warm_avatars=("astronaut",))._avatars) == 1


def test_warming_up_sees_every_shape_of_batch(engine: DittoAnimator) -> None:
    diffuser, renderer = Counted(engine._parts.diffuser), Counted(engine._parts.renderer)
    parts = {"diffuser": diffuser, "renderer": renderer}
    other = narrow_ditto(runtime={"max_batch_frames": 10}, parts=parts, rungs=Rungs((2,), fewer_steps=True))
    other._warm_up(streams=2)
    assert renderer.batches["frames"] == {1, 2, 3, 4, 5, 6, 10}
    assert diffuser.batches["sample"] == {1, 2}


def test_what_the_published_file_says_of_the_other_mode_or_wrongly_is_left_aside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = {"online_mode": True, "overlap_v2": 75, "fade_type": "s"}
    chosen = MotionSettings(mode="offline")
    assert completed(chosen, PublishedConfig(said)) == chosen
    online = MotionSettings(fade_type="d0")
    found = completed(online, PublishedConfig(said))
    assert (found.window_overlap, found.fade_type) == (75, "d0")
    assert completed(online, PublishedConfig({"sampling_timesteps": 7})) == online
    assert "left aside" in caplog.text


async def test_a_conversation_gets_its_frames_in_blocks_without_a_gap(engine: DittoAnimator) -> None:
    stages = LocalStages(FakeTranscriber(), FakeChatModel(), FakeSynthesizer(), engine)
    request = TurnRequest("ditto", text="hello there", language="en")
    media = [event async for event in converse(request, stages, ConversationSettings()) if isinstance(event, Media)]
    indices = [frame.index for event in media for frame in event.frames]
    assert indices == list(range(len(indices))) and len(media[0].frames) == 10 and len(indices) > 50


def test_stitching_can_be_left_out(engine: DittoAnimator) -> None:
    counted = Counted(engine._parts.stitcher)
    for wanted, rows in ((True, 5), (False, 0)):
        counted.rows.clear()
        other = narrow_ditto(motion={"flag_stitching": wanted}, parts={"stitcher": counted})
        run(other, [speech_like(0.2)], ME)
        assert counted.rows.get("stitch", 0) == rows


def test_threads_are_what_the_settings_say() -> None:
    narrow_ditto(runtime={"threads": 2})
    assert torch.get_num_threads() == 2
    narrow_ditto()
    assert torch.get_num_threads() == 1
