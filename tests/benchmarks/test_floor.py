"""The floor: the design's figures, and what it counts."""

import pytest
import torch
from torch import nn

import gnlab
from benchmarks.summaries.cases import NETWORKS
from benchmarks.summaries.floor import floor_of, work


@pytest.mark.parametrize(
    ("network", "floor"),
    [
        ("mlp-mnist", 1.43),
        ("lenet-cifar10", 1.92),
        ("vgg11-cifar10", 5.9),
        ("bigmlp-cifar10", 13),
    ],
)
def test_the_floor_of_the_papers_networks(network, floor):
    digits = len(str(floor).partition(".")[2])
    assert round(floor_of(NETWORKS[network]), digits) == floor


def test_the_work_of_a_perceptron_by_hand():
    model = NETWORKS["mlp-mnist"].build("meta")
    inputs = torch.zeros((1, 1, 28, 28), device="meta")
    layers = (784 * 1024, 1024 * 200, 200 * 100, 100 * 10)
    forward = sum(layers)
    found = work(model, inputs, gnlab.partition(model, "tensor"))
    assert found.gradient == 3 * forward - layers[0]
    after = [sum(layers[k + 1 :]) for k in range(4)]
    assert found.summary == found.gradient + 2 * 2 * sum(after)


def test_a_group_starts_at_its_first_layer():
    model = NETWORKS["mlp-mnist"].build("meta")
    inputs = torch.zeros((1, 1, 28, 28), device="meta")
    one, tensors = (
        work(model, inputs, gnlab.partition(model, level)) for level in ("all", "tensor")
    )
    assert one.summary - one.gradient == 2 * (1024 * 200 + 200 * 100 + 100 * 10)
    assert one.summary < tensors.summary


def test_groups_that_own_units_pay_their_share_of_the_next_layer():
    model = NETWORKS["mlp-mnist"].build("meta")
    inputs = torch.zeros((1, 1, 28, 28), device="meta")
    tensors, units = (
        work(model, inputs, gnlab.partition(model, level)) for level in ("tensor", "unit")
    )
    two, three, four = 1024 * 200, 200 * 100, 100 * 10
    # All weights' groups of a layer together pay for the next as one group would, and all biases'.
    assert tensors.summary - tensors.gradient == 4 * (two + 2 * three + 3 * four)
    later = 1024 * (three + four) + 200 * four
    assert units.summary - units.gradient == 4 * (two + three + four + later)


def test_convolutions_count_each_output_and_each_channel_group():
    model = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1, groups=2), nn.Flatten(), nn.Linear(150, 2))
    found = work(model, torch.zeros(3, 4, 5, 5), gnlab.partition(model, "all"))
    convolution, linear = 3 * 6 * 25 * 2 * 9, 3 * 150 * 2
    assert found.gradient == 2 * convolution + 3 * linear
    assert found.summary == found.gradient + 2 * linear


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_has_a_floor_of_more_than_a_gradient(network):
    assert floor_of(NETWORKS[network]) > 1


class Spare(nn.Module):
    """Has a layer that it does not use."""

    def __init__(self):
        super().__init__()
        self.used, self.spare = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x):
        return self.used(x)


def test_a_module_that_is_never_called_is_an_error():
    model = Spare()
    with pytest.raises(ValueError, match=r"spare.*never called"):
        work(model, torch.zeros(1, 2), gnlab.partition(model, "tensor"))
