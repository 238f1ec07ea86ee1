"""A fallback is told once for each operation, by a name that a person can look for."""

import logging

import pytest
import torch
from torch import nn

from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.summaries import measure, summarise

DOUBLE = torch.float64


class Round(torch.autograd.Function):
    """Rounds, and passes its gradient straight through."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, grad):
        return grad * 1


class Other(Round):
    """The same under another name."""


def averaged(h):
    return h.scatter_reduce(0, torch.zeros(5, 3, dtype=torch.int64), h, "mean")


class Network(nn.Module):
    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.function = nn.Linear(4, 3), function

    def forward(self, x):
        return self.function(self.layer(x))


def summary(function, loss_fn=None, **options):
    model = Network(function).double()
    data = torch.ones(5, 4, dtype=DOUBLE), torch.ones(5, 3, dtype=DOUBLE)
    u = {n: torch.ones_like(p) for n, p in model.named_parameters()}
    p = partition(model, "tensor")
    return summarise(model, loss_fn or nn.MSELoss(), data, p, u, **options)


def test_each_operation_is_told_once_by_its_name(caplog, monkeypatch):
    monkeypatch.setattr(measure, "_told", set())
    with caplog.at_level(logging.WARNING, "gnlab"):
        for function in (Round.apply, Other.apply, averaged) * 2:
            assert summary(function).method == "autodiff"
    end = ": summaries take the plain way, slowly."
    assert caplog.messages == [
        f"no fast summary of {operation}{end}"
        for operation in (
            "RoundBackward, which was not seen",
            "OtherBackward, which was not seen",
            "scatter_reduce",
        )
    ]


def unseen(change):
    """Calls something that no mode is told of."""
    with torch._C.DisableTorchFunction(), torch.no_grad():
        change()


def result_changed(h):
    h = h.sin()
    unseen(lambda: h.mul_(2))
    return h


def seen_result_changed(h):
    h = h.sin()
    data, twice = h.detach(), h * 2
    unseen(lambda: data.mul_(2))
    return twice


def constant_changed(h):
    k = torch.ones(3, dtype=DOUBLE)
    h = h * k
    unseen(k.zero_)
    return h


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (result_changed, "a change in place of a result of SinBackward0"),
        (seen_result_changed, "a change in place of a result of sin"),
        (constant_changed, "a constant overwritten after its use in mul"),
    ],
)
def test_what_is_changed_unseen_is_told_by_the_call(function, told):
    with pytest.raises(InputError, match=f"has no rule for {told}"):
        summary(function, method="jets")


def test_a_parameter_of_a_persons_own_is_told_by_its_shape():
    weight = nn.Parameter(torch.ones(3, dtype=DOUBLE))

    def loss(output, y):
        return ((output - y) * weight).square().sum()

    with pytest.raises(InputError, match=r"a tensor \[3\] that is no parameter of the model"):
        summary(torch.sin, loss, method="jets")
