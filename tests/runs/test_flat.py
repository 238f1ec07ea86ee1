"""A model's values in one vector, and copies of models."""

import dataclasses

import pytest
import torch
from torch import nn

from gnlab.errors import InputError
from gnlab.problems import problem
from gnlab.runs import Run
from gnlab.runs.flat import copied, flatten, put
from gnlab.runs.what_if import what_if


def strided():
    """A classifier of two inputs whose second weight has gaps between its elements."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 2))
    model[2].weight.data = torch.randn(64)[20:50].view(3, 10)[:, ::2]
    return model


def test_a_copy_has_its_own_memory_and_the_same_strides():
    model = strided()
    model[0].register_buffer("shape", torch.ones(6, 4).T)
    model[0].register_buffer("one", torch.ones(1).expand(7))  # torch writes into no such tensor
    other = copied(model)
    assert other[2].weight.stride() == model[2].weight.stride() == (10, 2)
    assert other[0].shape.stride() == (1, 4)
    for (name, own), (twin, value) in zip(
        model.state_dict().items(), other.state_dict().items(), strict=True
    ):
        assert name == twin
        assert torch.equal(own, value)
        assert own.data_ptr() != value.data_ptr()
    assert all(isinstance(p, nn.Parameter) for p in other.parameters())


def test_a_branch_of_a_model_with_gaps_is_the_same_bit_for_bit(parameters):
    whole = dataclasses.replace(
        problem("moons", device="cpu"), model=strided(), loss_fn=nn.CrossEntropyLoss()
    )
    run = Run(problem=whole, period=1)
    for _ in range(5):
        run.step()
    other = run.branch()
    for _ in range(30):
        assert run.step().loss == other.step().loss
    assert torch.equal(parameters(run), parameters(other))


def test_values_of_another_model_are_told():
    kept = flatten(nn.Linear(3, 2))
    with pytest.raises(InputError, match=r"'weight' is float32 \[4, 3\] on cpu now, and was"):
        kept.named(nn.Linear(3, 4))
    same = nn.Linear(3, 2)
    put(kept.named(same), same)
    assert torch.equal(same.weight, kept.named(same)["weight"])


class Expanded(nn.Linear):
    """Has a buffer and a frozen parameter whose elements are one in memory."""

    def __init__(self):
        super().__init__(3, 1)
        self.register_buffer("mask", torch.ones(1).expand(3))
        self.fixed = nn.Parameter(torch.full((1,), 0.5).expand(3), requires_grad=False)

    def forward(self, x):
        return super().forward(x * self.mask * self.fixed)


@pytest.mark.parametrize("optimizer", ["grouped-newton", "adam"])
def test_what_was_expanded_is_kept_copied_and_read(optimizer, own_problem, tmp_path, alike):
    run = Run(problem=own_problem(Expanded()), optimizer=optimizer, lr=0.1)
    first = run.step()
    what_if(run)
    other = run.branch()
    run.save(tmp_path / "run")
    changed = Expanded()
    changed.fixed.data = torch.zeros(1).expand(3)
    loaded = Run.load(tmp_path / "run", problem=own_problem(changed))
    assert alike(run.step(), other.step())
    assert loaded.step().loss == run.record.loss
    run.rewind(0)
    assert alike(run.step(), first)
    run.reset()
    assert alike(run.step(), first)


@pytest.mark.parametrize("optimizer", ["grouped-newton", "adam"])
def test_statistics_that_are_frozen_stay_so_while_the_model_is_in_evaluation_mode(optimizer):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2))
    whole = dataclasses.replace(
        problem("moons", device="cpu"), model=model, loss_fn=nn.CrossEntropyLoss()
    )
    run = Run(problem=whole, optimizer=optimizer, lr=0.1)
    model[1].eval()
    first = run.step()
    model.eval()  # to look at it
    other = run.branch()
    assert not model.training
    assert run.step().loss == other.step().loss
    assert not model[1].training
    model.eval()
    run.reset()
    assert run.step().loss == first.loss
    assert not model[1].training
    assert model.training
