"""A loss of a class derived from ``functools.partial`` is called as that class calls it."""

import functools

import pytest
import torch
from torch import nn
from torch.nn import functional

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.evaluation.evaluation import cast_loss

DOUBLE = torch.float64
WEIGHT = torch.tensor([1.0, 2.0, 0.5], dtype=DOUBLE)


class Doubled(functools.partial):
    def __call__(self, *given):
        return 2 * super().__call__(*given)


class Slotted(functools.partial):
    """Keeps a number in a slot."""

    __slots__ = ("factor",)

    def __call__(self, *given):
        return self.factor * super().__call__(*given)


class Given(functools.partial):
    """Is made of something else than a function and its arguments."""

    def __new__(cls, *, factor, **options):
        made = super().__new__(cls, functional.cross_entropy, **options)
        made.factor = factor
        return made

    def __call__(self, *given):
        return self.factor * super().__call__(*given)


def slotted(**options):
    made = Slotted(functional.cross_entropy, **options)
    made.factor = 3.0
    return made


LOSSES = {
    "doubled": lambda **options: Doubled(functional.cross_entropy, **options),
    "slotted": slotted,
    "made otherwise": lambda **options: Given(factor=3.0, **options),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("options", [{}, {"weight": WEIGHT}, {"label_smoothing": 0.1}])
@pytest.mark.parametrize("dtype", [None, DOUBLE, torch.float32])
def test_a_partial_of_ones_own_is_called_as_it_is(name, options, dtype):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    x, y = torch.randn(6, 4, dtype=DOUBLE), torch.tensor([0, 1, 2, 2, 1, 0])
    loss_fn = LOSSES[name](**options)
    found = summarise(model, loss_fn, (x, y), partition(model, "all"), dtype=dtype)
    assert float(found.loss) == pytest.approx(float(loss_fn(model(x), y).detach()), rel=1e-6)
    assert found.loss.dtype is (dtype or DOUBLE)


def test_a_partial_without_tensors_stays_itself():
    loss_fn = Doubled(functional.cross_entropy, label_smoothing=0.1)
    assert cast_loss(loss_fn, torch.float32, nn.Linear(4, 3)) is loss_fn
