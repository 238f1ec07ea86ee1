"""A loss that grows beyond all measure is told once, while it is still finite."""

import math

import pytest

from gnlab.runs import Change, Play, Settings
from gnlab.runs.growth import Growth


def test_a_loss_far_above_the_first_is_told_once_until_it_comes_back():
    growth = Growth()
    assert growth.told(1, 2.0, "grouped-newton") == ""
    assert growth.told(2, 1999.0, "grouped-newton") == ""
    assert "At step 3 the loss is more than 1000 times" in growth.told(3, 2500.0, "grouped-newton")
    assert growth.told(4, 1e6, "grouped-newton") == ""
    assert growth.told(5, 3.0, "grouped-newton") == ""
    assert growth.told(6, 1e6, "grouped-newton")


@pytest.mark.parametrize("losses", [(0.0, 5.0, 1e9), (-1.0, -1e9), (1.0, math.nan, math.inf * 0)])
def test_what_tells_nothing(losses):
    growth = Growth()
    assert [growth.told(step, loss, "grouped-newton") for step, loss in enumerate(losses)] == [
        ""
    ] * len(losses)


def test_a_run_that_comes_apart_pauses_and_says_so(engine):
    run = engine.ready(Settings("quadratic", device="cpu", optimizer="sgd", lr=1e-4))
    engine.send(run, Play())
    engine.wait(run, lambda s: s.step > 3)
    engine.send(run, Change({"lr": 0.5}))
    seen = engine.wait(run, lambda s: s.state == "paused")
    assert "the run comes apart" in seen.message
    assert seen.severity == "error"
    assert math.isfinite(seen.record.loss)
