"""What the engine's process does before the first run is there."""

from gnlab.runs import Run
from gnlab.runs.engine import child
from gnlab.summaries import replay
from gnlab.summaries.replay import outs


def test_how_operations_are_repeated_is_tried_out_before_the_first_run(monkeypatch):
    tried, same = [], outs._same
    monkeypatch.setattr(outs, "_found", {})
    monkeypatch.setattr(outs, "_same", lambda func, *rest: tried.append(func) or same(func, *rest))
    replay.forget()
    child._warm_up()
    assert len(tried) > 30
    assert replay.kept() == 0
    tried.clear()
    run = Run("digits-mlp", partition="unit", period=1)
    for _ in range(replay.SIGHTS):
        run.step()
    assert replay.kept() == 1
    assert len(tried) <= 1  # a choice of classes is the one thing that moons has not
    replay.forget()
