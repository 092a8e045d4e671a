"""Quality falls before people wait, and comes back in calm. A clock that the test moves."""

import itertools

import pytest
from pydantic import ValidationError

from deployments.video.ladder import Ladder, LadderSettings, Measured, Rungs
from deployments.video.quality import Quality

pytestmark = pytest.mark.plain
ALL = Rungs(render=(1, 2), fewer_steps=True)


class Replica:
    """Batches of one second of video each, on a clock of its own."""

    def __init__(self, rungs: Rungs = ALL, **knobs: object) -> None:
        self.now = 100.0
        self.ladder = Ladder(LadderSettings.model_validate(knobs), rungs, lambda: self.now)

    def batch(self, cost: float, present: int = 1, motion: float = 0.1, idle: float = 0.0) -> Quality:
        """`cost`: engine seconds for the second of video; `motion`: the share of hearing and diffusion."""
        self.now += idle + cost
        return self.ladder.observe(Measured(cost, cost * motion, 1.0, present))

    def run(self, seconds: float, cost: float, present: int = 1, motion: float = 0.1) -> list[int]:
        """The qualities after each batch for about so long; batches come as video is played where time is left."""
        end, found = self.now + seconds, []
        while self.now < end:
            found.append(self.batch(cost, present, motion, idle=max(0.0, 1 - cost * present)).number)
        return found


@pytest.mark.parametrize("quality", [Quality(), Quality(1), Quality(2), Quality(0, True), Quality(2, True)])
def test_a_quality_is_a_number_and_back(quality: Quality) -> None:
    assert Quality.of(quality.number) == quality


def test_numbers_of_nothing_known_are_the_nearest_rung() -> None:
    assert Quality.of(-3) == Quality() and Quality.of(5) == Quality(2)
    assert Quality(1).spare(Quality(0, True)) == Quality(1, True)


def test_in_time_nothing_is_spared() -> None:
    replica = Replica()
    assert set(replica.run(60, cost=0.4, present=2)) == {0}
    assert replica.ladder.load == pytest.approx(0.8)


def test_load_is_spared_rung_by_rung() -> None:
    found = Replica().run(30, cost=0.6, present=3)
    assert found[0] == 0 and found[-1] == 2
    assert [after - before for before, after in itertools.pairwise(found)].count(1) == 2


def test_one_slow_batch_changes_nothing() -> None:
    replica = Replica()
    replica.run(10, cost=0.3)
    assert replica.batch(0.9, present=2) == Quality()
    assert set(replica.run(20, cost=0.3)) == {0}


def test_calm_gives_back_what_was_spared_one_rung_at_a_time() -> None:
    replica = Replica()
    replica.run(30, cost=0.6, present=3)
    found = replica.run(40, cost=0.2)
    assert found[-1] == 0 and sorted(found, reverse=True) == found and 1 in found


def test_between_the_limits_a_rung_stays() -> None:
    replica = Replica()
    replica.run(30, cost=0.6, present=3)
    assert set(replica.run(60, cost=0.35, present=2)) == {2}


def test_it_does_not_swing_where_a_rung_is_just_enough() -> None:
    """Rung 2 brings a load of 1.05 down to 0.63, which is not yet calm: it stays there."""
    replica, found = Replica(), []
    for _ in range(200):
        cost = 0.525 * {0: 1.0, 1: 0.89, 2: 0.6}[replica.ladder.quality.render]
        found.append(replica.batch(cost, present=2).render)
    assert found[-1] == 2 and sum(before != after for before, after in itertools.pairwise(found)) == 2


def test_a_pause_is_calm() -> None:
    replica = Replica()
    replica.run(30, cost=0.6, present=3)
    assert replica.batch(0.1, idle=6.0) == Quality(1)
    assert replica.batch(0.1, idle=60.0) == Quality()


def test_batches_that_make_no_frame_count_towards_those_that_do() -> None:
    replica = Replica()
    for _ in range(20):
        replica.now += 0.3
        replica.ladder.observe(Measured(0.3, 0.0, 0.0, 1))
        assert replica.ladder.quality == Quality()
        replica.batch(0.3)
    assert replica.ladder.load == pytest.approx(0.6, rel=0.2)


def test_diffusion_steps_fall_only_where_the_motion_model_takes_the_time() -> None:
    assert Replica().run(30, cost=0.6, present=3, motion=0.2)[-1] == Quality(2).number
    found = Replica().run(30, cost=0.6, present=3, motion=0.8)
    assert found[-1] == Quality(2, True).number
    assert next(number for number in found if number) == Quality(0, True).number


def test_pictures_come_back_before_diffusion_steps() -> None:
    replica = Replica()
    replica.run(30, cost=0.6, present=3, motion=0.8)
    found = replica.run(60, cost=0.1)
    assert list(dict.fromkeys(found)) == [10, 9, 8, 0]


def test_only_rungs_that_the_engine_has_are_taken() -> None:
    assert Replica(Rungs(render=(2,))).run(30, cost=0.6, present=3, motion=0.9)[-1] == 2
    assert 1 not in Replica(Rungs(render=(2,))).run(30, cost=0.6, present=3)
    assert set(Replica(Rungs()).run(30, cost=0.9, present=4)) == {0}


@pytest.mark.parametrize(
    ("knobs", "usual", "turned"),
    [
        ({"highest_rung": 1}, 2, 1),
        ({"highest_rung": 0}, 2, 0),
        ({"raise_above": 2.0}, 2, 0),
        ({"raise_seconds": 40.0}, 2, 0),
    ],
)
def test_knobs_of_the_way_up(knobs: dict[str, object], usual: int, turned: int) -> None:
    assert Replica().run(30, cost=0.6, present=3)[-1] == usual
    assert Replica(**knobs).run(30, cost=0.6, present=3)[-1] == turned


@pytest.mark.parametrize("knobs", [{"lower_below": 0.05}, {"hold_seconds": 60.0}])
def test_knobs_of_the_way_down(knobs: dict[str, object]) -> None:
    for replica, last in ((Replica(), 0), (Replica(**knobs), 2)):
        replica.run(30, cost=0.6, present=3)
        assert replica.run(40, cost=0.2)[-1] == last


def test_a_short_memory_follows_at_once() -> None:
    loads = []
    for seconds in (0.1, 60.0):
        replica = Replica(memory_seconds=seconds)
        replica.run(20, cost=0.2)
        replica.batch(0.8)
        loads.append(replica.ladder.load)
    assert loads[0] == pytest.approx(0.8, rel=0.01) and loads[1] < 0.3


def test_the_share_at_which_motion_dominates_is_a_setting() -> None:
    assert Replica(motion_share=0.05).run(30, cost=0.6, present=3, motion=0.2)[-1] == Quality(2, True).number
    assert Replica(motion_share=1.0).run(30, cost=0.6, present=3, motion=0.9)[-1] == Quality(2).number


def test_limits_that_would_never_rest_are_refused() -> None:
    with pytest.raises(ValidationError, match="never rest"):
        LadderSettings(raise_above=0.5, lower_below=0.5)
    with pytest.raises(ValidationError):
        LadderSettings.model_validate({"raise_over": 1})
