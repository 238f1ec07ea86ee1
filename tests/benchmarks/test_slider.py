"""What the benchmark of the slider counts as missed, and where it moves the slider."""

import dataclasses

import pytest

from benchmarks.slider import slide, steps_of, told
from benchmarks.watch import Gap, Stay, Watch
from gnlab.runs import Level, Play, Settings, ThreadEngine
from gnlab.runs.engine.snapshot import opening


def test_what_could_have_been_made_besides_was_missed():
    assert Gap(0.5, 1).missed(0.1) == pytest.approx(4)
    assert Gap(0.5, 5).missed(0.1) == pytest.approx(0)
    assert Gap(0.5, 8).missed(0.1) == 0
    assert Gap(0.5, 1, waited=0.3).missed(0.1) == pytest.approx(1)


def stay(level, before, change, rest):
    return Stay(level, before, tuple(Gap(s, 1) for s in change), tuple(Gap(s, 1) for s in rest))


def test_a_change_is_held_against_the_slower_level_made_anew_and_a_stay_against_its_own():
    levels = [Level("all", 1, ""), Level("unit", 9, "")]
    first = [
        stay("all", "unit", [2.25, 0.1], [0.2, 0.2, 0.1, 0.1, 0.1, 0.8]),
        stay("unit", "all", [1.0], [1.5, 1.5, 1.0, 1.0, 1.0, 3.0]),
    ]
    later = [
        stay("all", "unit", [0.5], [0.1, 0.1, 0.1]),
        stay("unit", "all", [3.0], [1.0, 1.0, 1.0]),
    ]
    dragged = [stay("all", "unit", [1.0], [])]
    assert steps_of([*first, *later]) == {"all": 0.1, "unit": 1.0}
    coarse, fine = told(levels, dragged, [first, later])
    assert coarse["change"] == {"gap_ms": 2250.0, "waited_ms": 0.0, "made": 1, "missed": 0.5}
    assert coarse["first_stay"] == {"gap_ms": 800.0, "waited_ms": 0.0, "made": 1, "missed": 3.0}
    assert coarse["later_stays"]["missed"] == 0
    assert (coarse["changes"], fine["changes"]) == (3, 2)
    assert fine["change"] == {"gap_ms": 3000.0, "waited_ms": 0.0, "made": 1, "missed": 1.0}
    assert fine["first_stay"]["missed"] == 1.0


def test_the_slider_goes_over_all_levels_and_back(monkeypatch):
    moved = []
    move = Watch.move

    def noted(self, level, stay):
        moved.append(level)
        return move(self, level, stay)

    monkeypatch.setattr(Watch, "move", noted)
    engine = ThreadEngine()
    try:
        found = slide(engine, "quadratic", rounds=1, stay=2)
    finally:
        engine.close()
    names = [level["level"] for level in found["levels"]]
    assert found["levels"][0]["groups"] == 1
    assert moved == [*names, *names[-2::-1]] * 4  # twice dragged, twice with stays
    assert all(level["step_ms"] > 0 for level in found["levels"])


def test_a_run_that_pauses_by_itself_is_told_to_go_on_and_counted():
    class Engine:
        """Publishes a step, a pause at the next, and one more once it is told to play."""

        def __init__(self):
            self.sent = []

        def snapshot(self, run_id, newer_than=-1):
            version = newer_than + 1
            if version == 2 and not self.sent:
                return None
            shown = dataclasses.replace(opening(Settings()), version=version, step=version + 1)
            return dataclasses.replace(
                shown, time=float(version), state="paused" if version == 1 else "playing"
            )

        def send(self, run_id, command):
            self.sent.append(command)

    engine = Engine()
    watch = Watch(engine, "run-1")
    found, gap = watch.next()
    assert (found.step, gap) == (3, Gap(1.0, 1))
    assert engine.sent == [Play()]
    assert watch.halts == 1
