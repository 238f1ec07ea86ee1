"""A run with the safeguard: dragged to Newton in the middle of training it goes on learning."""

import math

import pytest

from gnlab.errors import InputError
from gnlab.runs import Run, Settings


def dragged(level: str, steps: int, *, safeguard: bool) -> list[float]:
    """The losses of a run that goes on at another level after 40 steps."""
    run = Run("moons", safeguard=safeguard, lr=0.1, damping=10.0)
    for _ in range(40):
        run.step()
    run.change(partition=level, damping=1.0, lr=0.5)
    return [run.step().loss for _ in range(steps)]


@pytest.mark.parametrize("level", ["all", "unit", "element"])
def test_at_every_level_the_loss_goes_on_falling(level):
    losses = dragged(level, 25, safeguard=True)
    assert max(losses) <= 1.001 * losses[0]
    assert losses[-1] < 0.9 * losses[0]


def test_without_it_newtons_method_is_a_wreck():
    losses = dragged("element", 25, safeguard=False)
    assert not max(losses) < 10 * losses[0]


def test_a_record_tells_what_was_let_through():
    run = Run("moons", lr=5.0, period=2)
    records = [run.step() for _ in range(6)]
    taken = [record.taken for record in records]
    assert all(math.isnan(share) == (r.H is None) for share, r in zip(taken, records, strict=True))
    assert min(share for share in taken if not math.isnan(share)) < 1
    assert all(r.decrease_measured >= -1e-6 * r.loss for r in records if r.H is not None)
    run.change(safeguard=False)
    assert [r.taken for r in (run.step(), run.step()) if r.H is not None] == [1.0]


def test_it_is_on_unless_told_otherwise():
    assert Settings().safeguard is True
    assert Settings(preset="mlp-mnist", safeguard=False).safeguard is False
    with pytest.raises(InputError, match="safeguard must be True or False; got 1"):
        Settings(safeguard=1)
