"""The cost by hand of chains of layers; the guessed one of raw parameters; that of the solve."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

import gnlab
from gnlab.errors import InputError
from gnlab.partitions import cost
from gnlab.partitions.cost import Owners
from gnlab.partitions.executed import Layer, guessed

WIDTHS = (20, 12, 7, 3)


class Raw(nn.Module):
    """A perceptron of raw parameters, w0, b0, w1, ...; ``turned``: their columns are the units."""

    def __init__(self, turned=False):
        super().__init__()
        self.turned = turned
        for k, (a, b) in enumerate(itertools.pairwise(WIDTHS)):
            weight = torch.zeros(a, b) if turned else torch.zeros(b, a)
            setattr(self, f"w{k}", nn.Parameter(weight))
            setattr(self, f"b{k}", nn.Parameter(torch.zeros(b)))

    def forward(self, x):
        for k in range(len(WIDTHS) - 1):
            weight, bias = getattr(self, f"w{k}"), getattr(self, f"b{k}")
            x = torch.tanh(x @ weight + bias if self.turned else functional.linear(x, weight, bias))
        return x


def layered():
    """The same of torch's layers."""
    pairs = itertools.pairwise(WIDTHS)
    return nn.Sequential(*[part for pair in pairs for part in (nn.Linear(*pair), nn.Tanh())])


def costs(model, *inputs):
    return {rung.level: rung.cost for rung in gnlab.ladder(model, *inputs)}


@pytest.mark.parametrize("turned", [False, True])
def test_raw_parameters_are_guessed_as_they_are_executed(turned):
    model = Raw(turned)
    guessed, seen = costs(model), costs(model, torch.zeros(5, WIDTHS[0]))
    assert guessed == pytest.approx(seen)
    assert list(guessed.values()) == sorted(guessed.values())


def test_raw_parameters_cost_what_those_of_layers_do():
    raw, of_layers = costs(Raw()), costs(layered())
    for level in ("all", "tensor", "block:2", "unit", "row:2", "element"):
        assert raw[level] == pytest.approx(of_layers[level])


def test_raw_parameters_beside_layers_are_guessed_module_by_module():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.w, self.v = (nn.Parameter(torch.zeros(shape)) for shape in ((6, 4), (4, 6)))
            self.out = nn.Linear(4, 2)

    assert guessed(Mixed()) == [
        Layer("", 24, 6, 6), Layer("", 24, 4, 4), Layer("out", 8, 2, 2)
    ]  # fmt: skip


@pytest.mark.parametrize("build", [lambda: nn.LSTM(5, 6, 2), lambda: nn.GRU(3, 4)])
def test_the_guess_grows_with_the_groups_of_recurrent_layers(build):
    found = list(costs(build()).values())
    assert found == sorted(found)


LAYERS = [Layer("a", 6, 2, 2), Layer("b", 8, 4)]
"""Of 6 and 8 multiply-accumulates, a bent function of the 2 values between them."""
GRADIENT = 14 + 8 + 14


def test_the_cost_of_a_group_for_each_layer_is_counted_by_hand():
    """The first has a second derivative behind the bend: two rows go through the second layer."""
    own = [Owners(new=1, weights=1), Owners(new=1, weights=1)]
    bend, forward = 2, 2 * 8
    met = 8 + 2 * 2  # δ drawn back through the second weight, and its product with both rows
    loss = 4 * (2 * 2 + 1)
    assert cost.in_gradients(LAYERS, own) == pytest.approx(
        (GRADIENT + bend + forward + met + loss) / GRADIENT
    )


def test_the_cost_of_units_that_share_rows_is_counted_by_hand():
    """Two units with their biases, in two rows until the second layer, which has none."""
    own = [Owners(new=4, weights=2, colours=2, units=2), Owners()]
    bend = 2 * 2 * 2
    forward = 2 * 2 * 8  # both derivatives of both rows: the share of each unit is its own
    loss = 4 * (4 * 4 + 4)
    assert cost.in_gradients(LAYERS, own) == pytest.approx(
        (GRADIENT + bend + forward + loss) / GRADIENT
    )


def test_of_many_groups_little_more_than_half_of_the_pairs_is_computed():
    assert cost.pairs(10) == 100
    for many in (100, 1000, 3000):
        assert 0.5 < cost.pairs(many) / many**2 < 0.85


def test_the_solve_is_apart_and_does_not_grow_with_the_batch():
    model, x = layered(), torch.zeros(10, WIDTHS[0])
    few, many = gnlab.ladder(model, x), gnlab.ladder(model, x, samples=1000)
    for one, other in zip(few, many, strict=True):
        assert one.cost == other.cost
        assert one.solve == pytest.approx(100 * other.solve)
    one = gnlab.partitions.gradient_work(model, x)
    assert few[-1].solve == pytest.approx(few[-1].num_groups ** 3 / one)
    assert [rung.solve for rung in gnlab.ladder(model)] == pytest.approx(
        [rung.solve for rung in gnlab.ladder(model, x, samples=100)]
    )


def test_samples_are_counted_from_one_on():
    with pytest.raises(InputError, match="samples"):
        gnlab.ladder(nn.Linear(2, 2), samples=0)
