"""Step sizes after a change of the partition, where the first solve there has no answer."""

import copy
import io
import itertools

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from gnlab.cubic import Status
from gnlab.optimizers import GroupedNewton
from gnlab.optimizers.inherited import inherited
from gnlab.partitions import partition
from gnlab.problems.surfaces import loss_is_output as value

NOTHING = (torch.zeros(1), torch.zeros(1))
DOUBLE = torch.float64


def test_a_finer_group_has_what_its_coarser_one_had(classifier):
    model = classifier()
    levels = [partition(model, level) for level in ("all", "role", "tensor", "unit", "element")]
    rng = torch.Generator().manual_seed(0)
    for coarse, fine in itertools.pairwise(levels):
        eta = torch.rand(coarse.num_groups, generator=rng, dtype=DOUBLE)
        found = inherited(eta, coarse, fine)
        assert torch.allclose(found, eta[fine.membership(coarse)], rtol=1e-14)
        assert torch.allclose(inherited(found, fine, coarse), eta, rtol=1e-14)


def test_a_coarser_group_has_the_mean_of_its_elements(classifier):
    model = classifier()
    fine, coarse = partition(model, "tensor"), partition(model, "all")
    sizes = torch.tensor([p.numel() for p in model.parameters()], dtype=DOUBLE)
    eta = torch.tensor([1.0, 2.0, 0.0, 5.0], dtype=DOUBLE)
    [found] = inherited(eta, fine, coarse)
    assert found.item() == pytest.approx(float(sizes @ eta) / float(sizes.sum()), rel=1e-14)
    # The units of the whole group: 1/a² in, 1/a² out.
    [scaled] = inherited(eta / 1024, fine, coarse)
    assert scaled == found / 1024


def test_what_was_frozen_before_is_not_counted(classifier):
    model = classifier()
    whole = partition(model, "layer")
    model[0].requires_grad_(False)
    before = partition(model, "tensor")
    found = inherited(torch.tensor([3.0, 3.0], dtype=DOUBLE), before, whole)
    assert found.tolist() == [0.0, 3.0]


@pytest.fixture
def bent(surface):
    """Makes θ₀⁴ − θ₁², which has no third derivative along θ₁, or with both together."""

    def make():
        start = torch.tensor([1.0, 0.1], dtype=DOUBLE)
        return surface(start, lambda t: t[0] ** 4 - t[1] ** 2)

    return make


@pytest.mark.parametrize("safeguard", [False, True])
def test_a_first_solve_without_an_answer_goes_on_with_them(safeguard, bent, elements, one_step):
    model = bent()
    optimizer = GroupedNewton(
        model, value, [NOTHING], "all", period=1, direction="gradient", safeguard=safeguard
    )
    one_step(model, optimizer)
    had = optimizer.step_sizes.clone()
    assert bool(had > 0)
    optimizer.change(partition=elements(model))
    assert optimizer.step_sizes is None
    # What is saved in between goes on in the same way.
    saved = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict()], saved)
    saved.seek(0)
    states = torch.load(saved, weights_only=True)
    resumed = bent()
    second = GroupedNewton(resumed, value, [NOTHING], elements(resumed), safeguard=safeguard)
    resumed.load_state_dict(states[0])
    second.load_state_dict(states[1])
    third = copy.deepcopy(optimizer)
    before = model.theta.detach().clone()
    for each in (optimizer, second, third):
        one_step(each.model, each)
        assert each.info.solution.status is Status.unbounded
        assert each.info.updated
        assert not torch.equal(each.model.theta, before)
        assert torch.equal(each.model.theta, model.theta)
        if not safeguard:
            assert torch.equal(each.step_sizes, had.expand(2))


def test_an_answer_starts_the_average_afresh(classifier, data, one_step):
    [batch] = data(1)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, [batch], "all", period=1)
    one_step(model, optimizer, batch, cross_entropy)
    optimizer.change(partition="tensor")
    one_step(model, optimizer, batch, cross_entropy)
    solution = optimizer.info.solution
    assert solution.status.ok
    assert torch.equal(optimizer.step_sizes, solution.step_sizes.clamp(min=0))


def test_another_direction_inherits_nothing(bent, elements, one_step):
    model = bent()
    optimizer = GroupedNewton(model, value, [NOTHING], "all", period=1, direction="gradient")
    one_step(model, optimizer)
    optimizer.change(partition=elements(model), direction="momentum")
    one_step(model, optimizer)
    assert optimizer.info.solution.status is Status.unbounded
    assert not optimizer.info.updated


def test_a_layer_of_another_size_has_had_no_step_sizes():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 5))
    before = partition(model, "unit")
    model[2] = nn.Linear(4, 3)
    now = partition(model, "unit")
    found = inherited(torch.ones(before.num_groups, dtype=torch.float64), before, now)
    assert found.tolist() == [1.0] * 8 + [0.0] * 6


def test_a_head_of_another_size_is_gone_on_with():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 5))
    x, y = torch.randn(20, 3), torch.randint(3, (20,))
    optimizer = GroupedNewton(model, nn.CrossEntropyLoss(), [(x, y)], "unit", period=1)
    for step in range(2):
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()
        if not step:
            model[2] = nn.Linear(4, 3)
            optimizer.change(partition="unit")
    assert optimizer.step_sizes.shape == (2 * 4 + 2 * 3,)
