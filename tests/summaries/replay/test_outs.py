"""What has a place for its result is called with it."""

import math

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from gnlab.partitions import partition
from gnlab.summaries import replay, summarise
from gnlab.summaries.replay import cache, outs
from gnlab.summaries.replay.operators import operator_of
from gnlab.summaries.replay.recorder import Recorder

aten = torch.ops.aten
X = torch.tensor([0.5, -2.0, 3.0])


@pytest.fixture(autouse=True)
def _nothing_tried(monkeypatch):
    monkeypatch.setattr(outs, "_found", {})


def quickest(func, *given):
    return outs.quickest(operator_of(func), lambda: (given, {}), makes=1, writes=False)


@pytest.mark.parametrize(
    ("func", "given"),
    [
        (aten.gt.Scalar, (X, 0)),
        (aten.logical_not.default, (X > 0,)),
        (aten.remainder.Scalar, (torch.tensor([3, 4]), 2)),
        (aten.sin.default, (X * math.nan,)),
        (aten.sin.default, (X.to(torch.complex64),)),
        (aten.neg.default, (X / 0,)),
    ],
    ids=["comparison", "truth", "whole", "no number", "complex", "infinite"],
)
def test_whatever_numbers_it_is_tried_with_the_result_is_placed(func, given):
    place = torch.empty_like(func(*given))
    quickest(func, *given)(*given, out=place)
    assert torch.allclose(place, func(*given), equal_nan=True)


@pytest.mark.parametrize("values", [X, torch.cat([X, torch.tensor([-math.inf])])])
def test_what_does_something_else_is_not_taken(values, monkeypatch):
    monkeypatch.setattr(torch, "sin", torch.cos)
    assert quickest(aten.sin.default, values[:3]) is aten.sin.default
    monkeypatch.setattr(torch, "neg", torch.abs)
    assert quickest(aten.neg.default, values) is aten.neg.default


@pytest.mark.usefixtures("nothing_kept")
def test_what_a_network_compares_goes_into_its_programs_memory(monkeypatch):
    made = []
    monkeypatch.setattr(
        cache, "Recorder", lambda *given, **how: made.append(Recorder(*given, **how)) or made[-1]
    )
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.Hardtanh())
    data = torch.randn(6, 4), torch.tensor([0, 1, 2, 2, 1, 0])
    for _ in range(3):
        summarise(model, nn.CrossEntropyLoss(), data, partition(model, "tensor"))
    assert replay.kept() == 1
    steps = [step for step in made[0].record.steps if len(step.made) == 1 and not step.written]
    truths = [step for step in steps if step.made[0].dtype is torch.bool]
    assert {"gt", "lt", "ne"} <= {outs.plain_name(step.func) for step in truths}
    assert [step.func for step in truths if step.way is step.func] == []


def test_what_is_out_of_memory_is_tried_again(monkeypatch):
    sin = torch.sin

    def short_of_memory(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "sin", short_of_memory)
    assert quickest(aten.sin.default, X) is aten.sin.default
    monkeypatch.setattr(torch, "sin", sin)
    assert quickest(aten.sin.default, X) is sin


def test_nobody_sees_the_trial():
    seen = []

    class Watching(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    with Watching():
        quickest(aten.sin.default, X)
    assert seen == []
