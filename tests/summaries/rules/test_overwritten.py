"""Results that are overwritten after the operation: torch makes some of them as views."""

from unittest import mock

import pytest
import torch
from torch.nn import functional as F

from gnlab.errors import InputError
from gnlab.summaries.recording import seeing, tape

S, M = (2, 3), (3, 2)

MADE = {
    "einsum": (lambda x, y: torch.einsum("ij,jk->ik", x, y), S, M),
    "einsum: permuted": (lambda x, y: torch.einsum("bij,bkj->kbi", x, y), (2, 2, 3), (2, 3, 3)),
    "linear: stack": (F.linear, (2, 2, 3), (2, 3), (2,)),
    "linear: vector": (F.linear, (3,), (2, 3), (2,)),
    "tensordot": (lambda x, y: torch.tensordot(x, y, 1), S, M),
    "dot: inner": (torch.inner, S, S),
    "mul: of a view": (lambda x, y: (x * 1).view(3, 2).mul_(y), S, M),
    "div: of a slice": (lambda x, y: (x * 1)[:, 1:].div_(y.exp()), S, (2, 2)),
    "silu: of a view": (lambda x: F.silu((x * 1).T, inplace=True), S),
}  # fmt: skip
"""From an operation to a function whose result nothing needs, and its operands' shapes."""


WRITTEN = {
    "whole": lambda z: z.mul_(1.5).sin(),
    "by an activation": lambda z: F.silu(z, inplace=True).square(),
    "by a sum": lambda z: z.add_(z[..., :1].clone()).sin(),
    "twice": lambda z: F.silu(z.mul_(1.5), inplace=True),
    "in part": lambda z: F.silu(z[..., :2], inplace=True).sin(),
}

OPERATIONS = {
    f"{name}, {way}": (lambda *given, f=f, write=write: write(f(*given)), *shapes)
    for name, (f, *shapes) in MADE.items()
    for way, write in WRITTEN.items()
}

# What softmax keeps for its derivative must not be written to, and is not: torch writes nothing.
OPERATIONS["dropout: in eval mode"] = (
    lambda x: F.dropout(torch.softmax(x, -1), 0.5, False, True) * x, S,
)  # fmt: skip


def test_derivatives(operation):
    operation.check()


def test_repetition(operation):
    operation.check_repetition()


def test_a_view_of_an_argument_stays_one(between):
    """What is written into a transpose is seen in what it is a transpose of."""

    def function(x):
        z = x.sin()
        torch.einsum("ij->ji", z).mul_(2)
        return z.square()

    problem = between("einsum: a view", function, S)
    for p in problem.partitions():
        found, known = problem.summary(p, "auto"), problem.summary(p, "autodiff")
        torch.testing.assert_close(found.H, known.H, rtol=1e-12, atol=1e-12)


def test_an_adjoint_that_is_lost_is_noticed(between):
    """That is told, and never counted as zero."""
    problem = between("linear", F.linear, S, S, (2,))
    p = problem.partitions()[1]

    def elsewhere(result):
        return seeing.edge_of(result.clone())

    with mock.patch.object(tape, "edge_of", elsewhere):
        with pytest.raises(InputError, match="whose result was overwritten"):
            problem.summary(p, "jets")
        assert problem.summary(p, "auto").method == "autodiff"


UNUSED = {
    "unused": lambda z, x: x.sin(),
    "its shape alone": lambda z, x: x.sum(1, keepdim=True).expand_as(z).sin(),
    "its dtype alone": lambda z, x: x.sin().to(z).type_as(z),
    "overwritten whole": lambda z, x: z.copy_(x[:, :2]).sin(),
    "cleared": lambda z, x: z.zero_().cos() + x[:, :2].sin(),
}


@pytest.mark.parametrize("way", UNUSED)
def test_what_the_loss_does_not_depend_on_has_no_adjoint(between, way):
    problem = between(way, lambda x, y: UNUSED[way](torch.einsum("ij,jk->ik", x, y), x), S, (3, 2))
    p = problem.partitions()[1]
    found, known = problem.summary(p, "jets"), problem.summary(p, "autodiff")
    torch.testing.assert_close(found.H, known.H, rtol=1e-12, atol=1e-12)
