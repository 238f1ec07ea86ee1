"""The ladder: nested, about doubling, from one group to one per element."""

import itertools

import pytest
import torch
from torch import nn

import gnlab
from gnlab.partitions import cost, partition
from gnlab.problems import networks

MODELS = {
    "perceptron": lambda: networks.perceptron((4, 7, 3), "tanh", seed=0),
    "convolution": lambda: nn.Sequential(
        nn.Conv2d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)
    ),
    "one parameter": lambda: nn.Linear(1, 1, bias=False),
}


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_from_one_to_all_each_refining_the_one_before(build):
    model = build()
    rungs = gnlab.ladder(model)
    splits = [partition(model, rung.level) for rung in rungs]
    assert [rung.num_groups for rung in rungs] == [split.num_groups for split in splits]
    assert rungs[0].num_groups == 1
    assert rungs[-1].num_groups == splits[-1].num_parameters
    for coarse, fine in itertools.pairwise(splits):
        assert fine.num_groups > coarse.num_groups
        assert fine.refines(coarse)


def test_the_steps_are_about_doublings():
    rungs = gnlab.ladder(networks.lenet(seed=0))
    ratios = [b.num_groups / a.num_groups for a, b in itertools.pairwise(rungs)]
    assert max(ratios) < 3.5
    assert rungs[-1].num_groups == 62_006


def test_the_ends_and_the_middle_have_names():
    known = {rung.level: rung.known_as for rung in gnlab.ladder(networks.lenet(seed=0))}
    assert "Cauchy" in known["all"]
    assert "canonical" in known["tensor"]
    assert known["element"] == "Newton's method"
    assert known["block:2"] == ""


def test_the_cost_grows_with_the_groups():
    model, x = networks.lenet(seed=0), torch.zeros(2, 3, 32, 32)
    for rungs in (gnlab.ladder(model), gnlab.ladder(model, x)):
        costs = [rung.cost for rung in rungs]
        assert costs == sorted(costs)
        assert costs[0] >= 1


def test_the_cost_of_a_chain_is_counted_by_hand():
    """Two layers, a group each, N = 1: 6 and 8 multiply-accumulates forward."""
    layers = [cost.Layer("a", 6, 2), cost.Layer("b", 8, 4)]
    gradient = 14 + 8 + 14
    assert cost.in_gradients(layers, [1, 1], shared=False) == pytest.approx(
        (gradient + 2 * 1 * 8 + 1 * 2 + 4 * 4) / gradient
    )


def test_the_work_of_layers_as_they_are_executed():
    model = nn.Sequential(nn.Conv2d(3, 4, 2), nn.Flatten(), nn.Linear(36, 5))
    found = cost.executed(model, torch.zeros(2, 3, 4, 4))
    assert [(layer.name, layer.work, layer.values) for layer in found] == [
        ("0", 2 * 4 * 9 * 12, 2 * 4 * 9),
        ("2", 2 * 5 * 36, 2 * 5),
    ]
    assert not model[0]._forward_hooks


def test_the_model_that_is_looked_at_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    mean, state = model[1].running_mean.clone(), torch.get_rng_state()
    gnlab.ladder(model, torch.randn(5, 3, generator=torch.Generator().manual_seed(0)))
    assert model[1].running_mean.equal(mean)
    assert torch.get_rng_state().equal(state)


def test_parameters_of_no_layer():
    class Raw(nn.Module):
        def __init__(self):
            super().__init__()
            self.theta, self.inner = nn.Parameter(torch.ones(4)), nn.Linear(4, 2)

        def forward(self, x):
            return nn.functional.linear(x * self.theta, self.inner.weight)

    rungs = gnlab.ladder(Raw(), torch.ones(1, 4))
    assert [rungs[0].num_groups, rungs[-1].num_groups] == [1, 14]
