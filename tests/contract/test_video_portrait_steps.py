"""The portrait engine passes the suite of all animators, and keeps its own promises."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from deployments.contracts import Animator, Image, Step
from deployments.errors import BadInput, EngineFailed, NotFound
from deployments.video.builtins import built_in_photo
from deployments.video.portrait.animator import PortraitAnimator
from deployments.video.portrait.pose import Pose
from deployments.video.portrait.render import Renderer
from deployments.video.settings import PortraitSettings
from tests.contract.animator_suite import AnimatorSuite, decoded, result, run, speech_like

pytestmark = pytest.mark.contract
SMALL = PortraitSettings(frame_width=192, frame_height=288, warm_avatars=())
"""A quarter of the pixels: the promises do not depend on the size, the time does."""


def nowhere(avatar_id: str) -> bytes:
    raise NotFound(f"There is no avatar {avatar_id!r}.")


def engine(load: Callable[[str], bytes] = nowhere, **knobs: object) -> PortraitAnimator:
    return PortraitAnimator(PortraitSettings.model_validate({**SMALL.model_dump(), **knobs}), load)


@pytest.fixture(scope="module")
def first_engine() -> PortraitAnimator:
    return engine()


@pytest.fixture(scope="module")
def second_engine() -> PortraitAnimator:
    return engine()


def keeper(pictures: list[Image]) -> Callable[[int, Image], None]:
    """Appends each picture it is shown."""

    def keep(index: int, picture: Image) -> None:
        assert index == len(pictures)
        pictures.append(picture)

    return keep


class TestPortraitAnimator(AnimatorSuite):
    @pytest.fixture
    def animator(self, first_engine: PortraitAnimator) -> Animator:
        return first_engine

    @pytest.fixture
    def another(self, second_engine: PortraitAnimator) -> Animator:
        return second_engine

    def test_the_pictures_are_the_same_before_encoding_too(self) -> None:
        seen: list[list[Image]] = []
        for pieces in (1, 7):
            pictures: list[Image] = []
            watched = PortraitAnimator(SMALL, nowhere, watch=keeper(pictures))
            run(watched, np.array_split(speech_like(1.1), pieces), "grace_hopper")
            seen.append(pictures)
        assert len(seen[0]) == 28
        assert all(np.array_equal(a, b) for a, b in zip(*seen, strict=True))

    def test_a_stream_begins_and_ends_at_rest(self) -> None:
        pictures: list[Image] = []
        watched = PortraitAnimator(SMALL, nowhere, watch=keeper(pictures))
        run(watched, [np.concatenate([np.zeros(1000, np.float32), speech_like(2)])], "grace_hopper")
        photo = pictures[0].astype(int)
        assert np.abs(photo - pictures[-1]).mean() < 0.5
        assert max(np.abs(photo - picture).mean() for picture in pictures) > 2

    def test_another_configuration_refuses_the_state(self, first_engine: PortraitAnimator) -> None:
        state = result(first_engine.step([Step("grace_hopper", speech_like(0.5))])[0]).state
        for other in (engine(motion={"head": 0.5}), engine(encoding={"crf": 30}), engine(frame_width=160)):
            (answer,) = other.step([Step("grace_hopper", speech_like(0.1), state)])
            assert isinstance(answer, BadInput) and "other settings" in str(answer)
        kept = engine(renderers_kept=1)
        assert result(kept.step([Step("grace_hopper", speech_like(0.1), state)])[0])

    def test_another_avatar_refuses_the_state(self, first_engine: PortraitAnimator) -> None:
        state = result(first_engine.step([Step("grace_hopper", speech_like(0.5))])[0]).state
        (answer,) = first_engine.step([Step("astronaut", speech_like(0.1), state)])
        assert isinstance(answer, BadInput) and "another avatar" in str(answer)

    def test_the_state_stays_small_in_a_long_stream(self, first_engine: PortraitAnimator) -> None:
        state, sizes = None, []
        for _ in range(12):
            state = result(first_engine.step([Step("grace_hopper", speech_like(0.37), state, quality=1)])[0]).state
            sizes.append(len(state))
        assert max(sizes) < 64 * 1024

    def test_an_enrolled_photo_speaks_until_it_is_deleted(self) -> None:
        store: dict[str, bytes] = {}

        def load(avatar_id: str) -> bytes:
            if avatar_id not in store:
                raise NotFound(f"There is no avatar {avatar_id!r}.")
            return store[avatar_id]

        animator = engine(load)
        store["mine"] = animator.enrol(built_in_photo("astronaut"))
        mine = run(animator, [speech_like(0.4)], "mine")
        assert mine == run(animator, [speech_like(0.4)], "astronaut")
        del store["mine"]
        (answer,) = animator.step([Step("mine", speech_like(0.4))])
        assert isinstance(answer, NotFound)

    def test_an_avatar_of_another_frame_size_is_refused(self) -> None:
        blob = engine(frame_width=160).enrol(built_in_photo("astronaut"))
        (answer,) = engine(lambda _: blob).step([Step("mine", speech_like(0.4))])
        assert isinstance(answer, BadInput) and "Enrol the photo again" in str(answer)

    def test_a_damaged_avatar_is_an_engine_failure(self) -> None:
        (answer,) = engine(lambda _: b"junk").step([Step("mine", speech_like(0.4))])
        assert isinstance(answer, EngineFailed)

    def test_only_so_many_renderers_are_kept(self) -> None:
        loads: list[str] = []
        blob = engine().enrol(built_in_photo("astronaut"))

        def load(avatar_id: str) -> bytes:
            loads.append(avatar_id)
            return blob

        animator = engine(load, renderers_kept=2)
        for avatar_id in ("a", "b", "c"):
            result(animator.step([Step(avatar_id, speech_like(0.1))])[0])
        assert len(animator._renderers) == 2

    def test_warm_avatars_are_ready_before_the_first_step(self) -> None:
        assert list(engine(warm_avatars=("astronaut",))._renderers) == ["astronaut"]

    def test_threads_are_what_the_settings_say(self) -> None:
        engine(threads=2)
        assert cv2.getNumThreads() == 2
        engine()
        assert cv2.getNumThreads() == 1

    def test_the_lower_rung_draws_less_and_stays_close(
        self, first_engine: PortraitAnimator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drawn: list[Pose] = []
        render = Renderer.render

        def counted(self: Renderer, pose: Pose) -> Image:
            drawn.append(pose)
            return render(self, pose)

        monkeypatch.setattr(Renderer, "render", counted)
        step = Step("grace_hopper", speech_like(1), final=True)
        full, cheap = (result(first_engine.step([replace(step, quality=rung)])[0]) for rung in (0, 1))
        assert len(drawn) == 25 + 15
        pairs = list(zip(decoded(full.frames), decoded(cheap.frames), strict=True))
        assert np.array_equal(*pairs[0])
        assert max(np.abs(a.astype(int) - b).mean() for a, b in pairs) < 6

    def test_an_engine_that_breaks_fails_the_step_alone(
        self, first_engine: PortraitAnimator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise cv2.error("out of memory")

        step = Step("grace_hopper", speech_like(0.5))
        with monkeypatch.context() as patch:
            patch.setattr(first_engine, "_poses", broken)
            (answer,) = first_engine.step([step])
        assert isinstance(answer, EngineFailed)
        assert result(first_engine.step([step])[0]).frames
