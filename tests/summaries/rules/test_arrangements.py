"""Tensors put together, products and differences: by differences and by the plain definition."""

import pytest
import torch
from torch import Tensor

from gnlab.summaries.rules.arrangements import FORMULAS
from tests.summaries.rules.held import Formulated

S, C = (2, 3), (2, 3, 4)
FIXED = torch.tensor([[0.3, -0.7, 1.1], [0.2, 0.9, -0.4]], dtype=torch.float64)


def each(function):
    """A function of several results, each of which is bent and weighed by its place."""
    return lambda *given: [z.sin() * (k + 1) for k, z in enumerate(function(*given))]


def bent(function):
    """A function's result, bent."""
    return lambda *given: function(*given).sin()


def some_zero(x):
    """X, and zeros between."""
    return torch.cat([x[:1], 0 * x[:1], x[1:]])


OPERATIONS = {
    "atleast_1d": (bent(torch.atleast_1d), ()),
    "atleast_1d: several": (each(torch.atleast_1d), (), (2,), S),
    "atleast_2d": (bent(torch.atleast_2d), (3,)),
    "atleast_2d: list": (each(lambda *x: torch.atleast_2d(x)), (), (2,), C),
    "atleast_3d": (each(torch.atleast_3d), (), (2,), S, C),
    "hstack": (bent(lambda x, y: torch.hstack([x, y, FIXED])), S, (2, 1)),
    "hstack: vectors": (bent(lambda x, y: torch.hstack((x, y))), (3,), ()),
    "vstack": (bent(lambda x, y: torch.vstack([x, y, FIXED])), S, (3,)),
    "vstack: rows": (bent(lambda x, y: torch.row_stack([x, y])), (3,), (3,)),
    "dstack": (bent(lambda x, y: torch.dstack([x, y])), S, (2, 3, 2)),
    "dstack: vectors": (bent(lambda x: torch.dstack([x, FIXED[0]])), (3,)),
    "column_stack": (bent(lambda x, y: torch.column_stack([x, y, FIXED[:, 0]])), (2,), S),
    "column_stack: numbers": (bent(lambda x, y: torch.column_stack([x, y])), (), ()),
    "block_diag": (bent(lambda x, y, z: torch.block_diag(x, y, FIXED, z)), S, (2,), ()),
    "meshgrid": (
        each(lambda x, y, z: torch.meshgrid(x, y, z, indexing="ij")), (2,), (), (3,),
    ),
    "meshgrid: xy": (
        each(lambda x, y, z: torch.meshgrid([x, y, z], indexing="xy")), (2,), (3,), (2,),
    ),
    "sum_to_size": (bent(lambda x: x.sum_to_size(3, 1)), C),
    "sum_to_size: tuple": (bent(lambda x: x.sum_to_size((1, 3, 4))), C),
    "sum_to_size: itself": (bent(lambda x: x.sum_to_size(2, 3)), S),
    "diff": (bent(torch.diff), S),
    "diff: twice": (bent(lambda x: x.diff(2, 1)), C),
    "diff: ends": (
        bent(lambda x, y: torch.diff(x, dim=0, prepend=y, append=FIXED)), S, (1, 3),
    ),
    "diff: not at all": (bent(lambda x: torch.diff(x, n=0)), S),
    "cumprod": (bent(lambda x: x.cumprod(1)), C),
    "cumprod: zeros": (bent(lambda x: torch.cumprod(some_zero(x), dim=0)), S),
    "cumprod: in place": (lambda x: (x + 1).cumprod_(-1).sin() * x, S),
    "cross": (bent(lambda x, y: torch.cross(x, y, dim=1)), C, (2, 3, 1)),
    "cross: constant": (bent(lambda x: FIXED.cross(x, 1)), S),
    "linalg_cross": (bent(torch.linalg.cross), S, S),
    "linalg_cross: dim": (bent(lambda x, y: torch.linalg.cross(x, y, dim=0)), (3, 2), (3, 2)),
    "kron": (bent(torch.kron), S, (2, 2)),
    "kron: dims": (bent(torch.kron), (2,), (2, 1, 3)),
    "logaddexp": (torch.logaddexp, S, (3,)),
    "logaddexp: far": (lambda x: torch.logaddexp(40 * x, FIXED.log().nan_to_num(-torch.inf)), S),
}  # fmt: skip


def test_every_formula_is_tried():
    assert {name.split(":")[0] for name in OPERATIONS} == set(FORMULAS)


class TestOperations(Formulated):
    def choices(self, name):
        return {"differences": "far" not in name}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: torch.logaddexp(x, FIXED.sum().float()), "logaddexp"),
        (lambda x: torch.cumprod(x[:0], 0).sum() + x.sum(), "cumprod"),
    ],
)
def test_what_torch_may_mean_otherwise_falls_back(between, function, message):
    problem = between("", function, S)
    p = problem.partitions()[0]
    with pytest.raises(ValueError, match=message):
        problem.summary(p, "jets")
    assert isinstance(problem.summary(p, "autodiff").H, Tensor)
