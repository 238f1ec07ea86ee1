"""What the benchmark of recordings takes for a level's slowest step, and where it goes."""

import pytest

from benchmarks.recording import by_place, told, visit
from benchmarks.watch import Gap, Stay
from gnlab.runs import ThreadEngine


def stay(*seconds):
    return Stay("unit", "all", (Gap(9.0, 1),), tuple(Gap(each, 1) for each in seconds))


def test_a_pause_by_chance_is_at_one_place_once_and_does_not_count():
    often, once = stay(1.0, 1.0, 1.0, 3.0, 1.0), stay(1.0, 7.0, 1.0, 2.5, 1.0)
    assert by_place([often, once, often]) == [1.0, 1.0, 1.0, 3.0, 1.0]
    found = told(9, [often, once, often])
    assert found == {
        "groups": 9, "anew_ms": 1000.0, "slowest_ms": 3000.0, "place": 5, "missed": 2.0,
        "repeated_ms": 1000.0,
    }  # fmt: skip


def test_steps_that_were_published_together_share_their_time():
    together = Stay("unit", "all", (), (Gap(1.0, 1), Gap(4.0, 2), Gap(0.5, 1)))
    assert by_place([together]) == [1.0, 2.0, 2.0, 0.5]


@pytest.mark.parametrize(("longest", "all_of_them"), [(60.0, True), (0.0, False)])
def test_it_goes_up_the_levels_until_a_step_is_long(longest, all_of_them):
    engine = ThreadEngine()
    try:
        found = visit(engine, "quadratic", 4, longest)
    finally:
        engine.close()
    names = list(found)
    assert (names[0], found["all"][0]) == ("all", 1)
    assert len(names) > 1 if all_of_them else names == ["all"]
    assert all(len(by_place([seen])) >= 4 for _, seen in found.values())
