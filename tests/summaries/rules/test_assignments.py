"""What is written into places of a tensor, by differences and by the plain definition."""

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.formulas.assignments import BY_NAME
from tests.summaries.rules.held import Formulated

S, C = (2, 3), (2, 3, 4)
ORDER = torch.tensor([2, 0])
TWICE = torch.tensor([2, 0, 2])
PLACES = torch.tensor([[0, 2], [1, 1]])
MASK = torch.tensor([[True, False, True], [False, True, False]])
ALL = slice(None)


def written(write):
    """A copy of x that is overwritten, beside x, whose jet must be left as it was."""

    def run(x, *more):
        copy = x.clone()
        write(copy, *more)
        return copy.sin() * x

    return run


def filled(*index):
    """A tensor of zeros into which a value is written, and another one that is overwritten."""

    def run(x, v):
        made, value = torch.zeros(x.shape, dtype=x.dtype), v[0] if len(index) > 2 else v
        made[index] = value
        y = 1.5 * x
        y[index] = value.sin()
        y[(0,) * x.dim()] = 2.0
        return made.sin() + y * x

    return run


def under(index, value=None):
    def run(x, v):
        y = 1.5 * x
        y[index] = v if value is None else value
        return y.sin() * v.sum()

    return run


def beneath(write):
    """What is written into views of a tensor, which is read then."""

    def function(x, *given):
        z = x.sin()
        write(z, *given)
        return z.exp() * x

    return function


def under_a_constant(v):
    z = torch.ones(S).double()
    z[:, 2].copy_(v)
    z[0, :2].add_(v)
    return z.exp() * z


OPERATIONS = {
    "setitem": (filled(ALL, 1), C, (2, 4)),
    "setitem: steps": (filled(Ellipsis, slice(None, None, 2)), C, (2, 1, 2)),
    "setitem: wide": (filled(slice(1, None), None, 0, slice(1, 3)), C, (1, 1, 1, 2)),
    "setitem: mask": (under(MASK), S, ()),
    "setitem: mask of rows": (under(torch.tensor([True, False]), 3.0), S, ()),
    "setitem: mask, several values": (under(MASK), S, (3,)),
    "setitem: mask beside a slice": (under((ALL, MASK[0])), S, (2, 2)),
    "setitem: mask beside a slice, a number": (under((ALL, MASK[0]), 3.0), S, ()),
    "setitem: places": (filled(ALL, ORDER), C, (2, 2, 4)),
    "setitem: list": (filled(ALL, [2, 0]), C, (2, 1, 4)),
    "setitem: pairs": (filled(torch.tensor([1, 0, 1]), TWICE), C, (3, 4)),
    "setitem: apart": (filled(torch.tensor([0, -1]), ALL, ORDER), C, (1, 2, 3)),
    "setitem: twice": (under((ALL, TWICE)), S, (2, 3)),
    "setitem: twice a value": (under((ALL, TWICE)), S, ()),
    "setitem: twice a number": (under((ALL, TWICE), 3.0), S, ()),
    "index_put: nowhere": (written(lambda x, v: x.index_put_((ORDER[:0],), v[:0])), S, (1, 3)),
    "index_put": (lambda x, v: x.index_put((ORDER % 2, ORDER), v).exp() * x, S, (2,)),
    "index_put: rows": (lambda x, v: torch.index_put(x, (ORDER // 2,), v).exp(), C, (3, 4)),
    "index_put: twice": (written(lambda x, v: x.index_put_((TWICE // 2,), v)), C, (3, 1, 4)),
    "index_put: adding": (
        lambda x, v: x.index_put((TWICE // 2, TWICE), v, accumulate=True).exp(), S, (3,),
    ),
    "index_put: adding in place": (
        written(lambda x, v: x.index_put_([TWICE // 2], v, True)), C, (3, 1),
    ),
    "index_copy": (lambda x, y: x.index_copy(1, ORDER, y).exp() * x, S, (2, 2)),
    "index_copy: twice": (written(lambda x, y: x.index_copy_(-1, TWICE, y)), S, S),
    "scatter": (lambda x, y: x.scatter(1, PLACES[:, :1], y).exp(), S, (2, 1)),
    "scatter: number": (lambda x: x.scatter(1, PLACES, 0.7).exp(), S),
    "scatter: number in place": (written(lambda x: x.scatter_(1, PLACES, value=0.7)), S),
    "scatter: twice": (lambda x, y: torch.scatter(x, 1, PLACES, src=y).exp() * x, S, (2, 2)),
    "scatter: more than is used": (written(lambda x, y: x.scatter_(1, PLACES, y)), S, C[:2]),
    "scatter: constant": (lambda y: torch.ones(S).double().scatter(1, PLACES, y).exp(), (2, 2)),
    "masked_scatter": (lambda x, y: x.masked_scatter(MASK, y).exp() * x, S, (2, 2)),
    "masked_scatter: wider": (lambda x, y: torch.masked_scatter(x, MASK, y).exp(), (3,), S),
    "masked_scatter: in place": (written(lambda x, y: x.masked_scatter_(MASK, y)), S, S),
    "put": (lambda x, v: x.put(torch.tensor([-1, 0, 5]), v).exp() * x, S, (3,)),
    "put: adding": (
        written(lambda x, v: x.put_(torch.tensor([-1, 0, 5]), v, accumulate=True)), S, (3,),
    ),
    "take": (lambda x: x.take(torch.tensor([[-1, 0], [5, 2]])).exp(), S),
    "fill_diagonal": (written(lambda x: x.fill_diagonal_(0.7)), S),
    "zero": (beneath(lambda x: x[:, 1:].zero_()), S),
    "fill": (beneath(lambda x: x[1].fill_(0.7)), S),
    "fill: a value": (beneath(lambda x, v: x.T[1:].fill_(v)), S, ()),
    "copy": (beneath(lambda x, v: x[:, 1].copy_(v)), S, (2,)),
    "copy: a row": (beneath(lambda x, v: x[..., None].squeeze(-1)[:, :2].copy_(v)), S, (2,)),
    "copy: twice": (beneath(lambda x, v: (x[0].copy_(v), x[:, 1].copy_(v[:2]))), S, (3,)),
    "copy: into a constant": (under_a_constant, (2,)),
    "copy: whole": (lambda x, y: torch.empty_like(x).copy_(y).exp() * x, S, (3,)),
    "copy: many": (beneath(lambda x, v: [x[i % 2].copy_(v * i) for i in range(60)]), S, (3,)),
    "copy: a view of a view": (beneath(lambda x, v: x.view(3, 2).T[1].copy_(v)), S, (3,)),
    "zero: of a sum": (beneath(lambda x, v: x[0].add_(v).mul_(v).zero_()[:1].add_(v[:1])), S, (3,)),
    "fill_diagonal: wrapped": (lambda x: (2 * x).fill_diagonal_(0.7, wrap=True).exp(), (5, 2)),
}  # fmt: skip


def test_every_formula_is_tried():
    assert {name.split(":")[0] for name in OPERATIONS} == set(BY_NAME)


class TestOperations(Formulated):
    """Held to what all are."""


class Memory(nn.Module):
    """Writes what it makes of each sample to places that the sample names, some of them twice."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.keys = torch.tensor([[0, 2, 1], [3, 3, 0], [1, 2, 1], [0, 0, 0]])
        self.first, self.second, self.last = nn.Linear(2, 3), nn.Linear(2, 4), nn.Linear(4, 2)
        self.double()

    def forward(self, x):
        values, slots = torch.tanh(self.first(x)), torch.sigmoid(self.second(x))
        slots = slots.scatter(1, self.keys, values)
        slots[:, self.keys[0]] = values.exp()
        slots.index_put_((self.keys[1],), slots[:3].clone().sin(), accumulate=True)
        return self.last(torch.tanh(slots))


class Other(nn.Module):
    """Writes what has another dtype."""

    def forward(self, x):
        return x.index_put((ORDER,), x[:2].double())


@pytest.mark.parametrize("level", ["all", "tensor", "unit", "element"])
def test_a_network_with_a_memory_at_every_level(level):
    model = Memory()
    data = torch.randn(4, 2, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    given = model, nn.MSELoss(), data, partition(model, level), u
    fast, plain = summarise(*given, method="jets"), summarise(*given, method="autodiff")
    for found, known in ((fast.g, plain.g), (fast.H, plain.H), (fast.third, plain.third)):
        assert (found - known).abs().max() <= 1e-12 * known.abs().max()


def test_values_of_another_dtype_are_the_models_error():
    model = nn.Sequential(nn.Linear(2, 3), Other())
    data = torch.randn(3, 2), torch.randn(3, 3)
    for method in ("jets", "autodiff"):
        with pytest.raises(RuntimeError, match=r"same|match"):
            summarise(model, nn.MSELoss(), data, partition(model, "tensor"), method=method)
