"""The guessed work of models whose parameters are in no layers of torch's."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

import gnlab
from gnlab.partitions import cost

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

    found = cost.guessed(Mixed())
    assert found == [cost.Layer("", 24, 6), cost.Layer("", 24, 4), cost.Layer("out", 8, 2)]


@pytest.mark.parametrize("build", [lambda: nn.LSTM(5, 6, 2), lambda: nn.GRU(3, 4)])
def test_the_guess_grows_with_the_groups_of_recurrent_layers(build):
    found = list(costs(build()).values())
    assert found == sorted(found)


def test_the_loss_mixes_the_units_of_the_last_layer():
    """One layer of 6 multiply-accumulates and 2 values, each of its elements a group."""
    layers = [cost.Layer("a", 6, 2)]
    gradient = 3 * 6 - 6
    assert cost.in_gradients(layers, [6], shared=True) == pytest.approx(
        (gradient + 6**2 * 2) / gradient
    )
    assert cost.in_gradients(layers, [1], shared=True) == pytest.approx(
        (gradient + 1 * 2) / gradient
    )
