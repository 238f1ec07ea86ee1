"""Products and layers, by differences and by the plain definition."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.errors import InputError
from gnlab.summaries.rules import RULES, elementwise, shapes, special
from tests.summaries.rules.held import Ruled

torch.manual_seed(1)
S, M = (2, 3), (3, 2)
FIXED = torch.randn(2, 3, dtype=torch.float64)
SIGNAL = torch.randn(2, 4, 6, dtype=torch.float64)
IMAGE = torch.randn(2, 2, 5, 5, dtype=torch.float64)
TOKENS = torch.tensor([[0, 2, 2], [1, 0, 3]])


def conv(name, **options):
    """A convolution whose input, weight and bias all depend on parameters."""
    return lambda x, w, b: getattr(F, name)(x, w, b, **options).sin()


def layers(*given):
    """Layers one after the other, whose parameters are parameters too."""
    return nn.Sequential(*given).double()


OPERATIONS = {
    "mul": (lambda x, y: x * y, S, S), "mul: broadcast": (lambda x, y: x * y, (2, 1), (3,)),
    "mul: number": (lambda x: (2 * x).exp() + x * 0.5, S), "mul: same": (lambda x: x * x, S),
    "mul: constant": (lambda x: x * FIXED + FIXED[0] * x, (3,)),
    "mul: scalar": (lambda x, y: torch.mul(x, y).sin(), (), S),
    "mul: in place": (lambda x, y: (x * 1).mul_(y), S, (3,)),
    "mul: by name": (lambda x, y: torch.mul(input=x, other=y).sin(), S, (3,)),
    "mul: three": (lambda x, y: x * y * (x + y), S, (3,)),
    "div": (lambda x, y: x / (y * y + 1), S, (3,)), "div: number": (lambda x: (x / 3).exp(), S),
    "div: by name": (lambda x, y: x.div(other=y.exp()), S, (3,)),
    "div: of a number": (lambda x: 2 / (x.exp() + 1), S),
    "div: of a constant": (lambda x: FIXED / (x.exp() + 1), (3,)),
    "div: in place": (lambda x, y: x.sin().div_(y.exp()), S, (3,)),
    "div: under a number": (lambda x: 1.0 / (x.exp() + 1), S),
    "div: by an integer": (lambda x: (x / torch.tensor(7)).exp(), S),
    "div: scalar": (lambda x, y: (x / (y + 3)).sin(), (), S),
    "div: same": (lambda x: x.exp() / x, S),
    "div: by a scalar": (lambda x, y: (x / y.exp()).sin(), S, ()),
    "matmul": (lambda x, y: x @ y, S, M), "matmul: mm": (torch.mm, S, M),
    "matmul: by name": (lambda x, y: torch.matmul(input=x, other=y), S, M),
    "matmul: bmm by name": (lambda x, y: torch.bmm(x, mat2=y), (2, 2, 3), (2, 3, 1)),
    "matmul: bmm": (torch.bmm, (2, 2, 3), (2, 3, 1)),
    "matmul: broadcast": (lambda x, y: x @ y, (2, 1, 2, 3), (3, 3, 2)),
    "matmul: vector": (lambda x, y: x @ y, (3,), (3, 2)),
    "matmul: by a vector": (lambda x, y: x @ y, (2, 2, 3), (3,)),
    "matmul: vectors": (torch.matmul, (3,), (3,)),
    "matmul: stack and matrix": (lambda x, y: x @ y, (2, 2, 3), M),
    "matmul: constant": (lambda x: (x @ FIXED.T).sin() + (FIXED @ x.T).sin(), S),
    "matmul: constant in front": (lambda x: (FIXED[:, :2] @ x).sin(), (3, 2, 3)),
    "matmul: same": (lambda x: x @ x.T, S), "matmul: rmatmul": (lambda x, y: x.T @ y, M, M),
    "mv": (torch.mv, S, (3,)), "mv: method": (lambda x, y: x.mv(y), S, (3,)),
    "dot": (lambda x, y: torch.dot(x, y).sin(), (3,), (3,)),
    "dot: inner": (lambda x, y: torch.inner(x, y).sin(), S, S),
    "outer": (lambda x, y: torch.outer(x, y).sin(), (2,), (3,)),
    "outer: by name": (lambda x, y: torch.outer(input=x, vec2=y).sin(), (2,), (3,)),
    "outer: ger": (lambda x, y: x.ger(y).sin(), (2,), (3,)),
    "tensordot": (lambda x, y: torch.tensordot(x, y, 1).sin(), S, M),
    "tensordot: dims": (lambda x, y: torch.tensordot(x, y, ([0, 1], [1, 0])).sin(), S, M),
    "einsum": (lambda x, y: torch.einsum("bij,bjk->bik", x, y), (2, 2, 3), (2, 3, 1)),
    "einsum: list": (lambda x, y: torch.einsum("ij,j", [x, y]), S, (3,)),
    "einsum: one": (lambda x: torch.einsum("ij->j", x).sin() + torch.einsum("ij->", x), S),
    "einsum: constant": (lambda x: torch.einsum("...j,ij->...i", FIXED, x).sin(), S),
    "einsum: same": (lambda x: torch.einsum("ij,kj->ik", x, x), S),
    "linear": (F.linear, S, (2, 3), (2,)),
    "linear: deep": (lambda x, w: F.linear(x, w).sin(), (2, 2, 3), (2, 3)),
    "linear: one sample": (lambda x, w, b: F.linear(x, w, b).sin(), (3,), (2, 3), (2,)),
    "linear: constant": (lambda w, b: F.linear(FIXED, w, bias=b).exp(), (2, 3), (2,)),
    "linear: own weight": (lambda x: F.linear(x, x).exp(), S),
    "linear: module": (layers(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2, bias=False)), S),
    "conv1d": (conv("conv1d"), (2, 1, 4), (2, 1, 2), (2,)),
    "conv1d: same": (conv("conv1d", padding="same"), (1, 1, 4), (1, 1, 3), (1,)),
    "conv1d: constant": (lambda w, b: F.conv1d(SIGNAL, w, b, 2).sin(), (2, 4, 3), (2,)),
    "conv1d: options": (
        conv("conv1d", stride=2, padding=1, dilation=2, groups=2), (1, 2, 5), (2, 1, 2), (2,),
    ),
    "conv2d": (conv("conv2d"), (1, 1, 3, 3), (2, 1, 2, 2), (2,)),
    "conv2d: stride": (conv("conv2d", stride=(2, 1), padding=1), (1, 1, 3, 3), (1, 1, 2, 2), (1,)),
    "conv2d: same": (
        conv("conv2d", padding="same", dilation=2), (1, 1, 3, 3), (1, 1, 2, 2), (1,),
    ),
    "conv2d: valid": (conv("conv2d", padding="valid"), (1, 1, 3, 3), (1, 1, 2, 2), (1,)),
    "conv2d: groups": (conv("conv2d", groups=2), (1, 2, 2, 3), (2, 1, 2, 2), (2,)),
    "conv2d: samples": (conv("conv2d", padding=(1, 0)), (2, 1, 2, 2), (1, 1, 2, 2), (1,)),
    "conv2d: constant": (lambda w: F.conv2d(IMAGE, w, dilation=2).sin(), (2, 2, 2, 2)),
    "conv2d: module": (
        layers(nn.Conv2d(1, 2, 2, padding_mode="circular", padding=1), nn.ELU(),
               nn.Conv2d(2, 1, 2)),
        (1, 1, 3, 2),
    ),
    "conv3d": (conv("conv3d", padding=(1, 0, 0)), (1, 1, 2, 2, 2), (1, 1, 2, 2, 1), (1,)),
    "conv_transpose1d": (conv("conv_transpose1d"), (2, 1, 3), (1, 2, 2), (2,)),
    "conv_transpose2d": (
        conv("conv_transpose2d", stride=2, padding=1, output_padding=1, groups=2),
        (1, 2, 2, 2), (2, 1, 2, 3), (2,),
    ),
    "conv_transpose2d: module": (layers(nn.ConvTranspose2d(1, 2, 2, dilation=2)), (2, 1, 2, 1)),
    "conv_transpose3d": (conv("conv_transpose3d"), (1, 1, 2, 2, 1), (1, 1, 1, 2, 2), (1,)),
    "embedding": (lambda w: F.embedding(TOKENS, w).sin(), (4, 2)),
    "embedding: padding": (lambda w: F.embedding(TOKENS, w, padding_idx=2).sin() + w[2, 0], (4, 2)),
}  # fmt: skip


def test_every_rule_is_tried():
    known = set(RULES).difference(shapes.RULES, elementwise.RULES, special.RULES)
    elsewhere = {
        "softmax",
        "log_softmax",
        "cross_entropy",
        "standardised",
        "drawn back",
        "drawn on",
    }
    assert {name.split(":")[0] for name in OPERATIONS} == known - elsewhere


class TestOperations(Ruled):
    def choices(self, name):
        # The padding row of an embedding is a constant to torch, though the loss depends on it.
        # With output_padding, torch's transposed convolution has no third derivative.
        return {"differences": name != "embedding: padding", "plain": name != "conv_transpose2d"}


WITHOUT_RULE = {
    "max_norm": (lambda w: F.embedding(TOKENS, w, max_norm=0.5).sin(), (4, 2)),
    "of an unusual order": (lambda x: torch.linalg.matrix_norm(x, "nuc").sin(), S),
    "of a matrix": (lambda x: torch.linalg.norm(x, 1).sin(), S),
    "of memory in an unusual place": (
        lambda x: x[:, :2].as_strided((2, 2), (2, 1)).sin(),
        S,
    ),
    "a vector for a weight": (lambda x, w: F.linear(x, w).sin(), S, (3,)),
}


@pytest.mark.parametrize("reason", WITHOUT_RULE)
def test_what_no_rule_is_right_for_falls_back(between, reason):
    problem = between(reason, *WITHOUT_RULE[reason])
    p = problem.partitions()[1]
    with pytest.raises(InputError, match=reason):
        problem.summary(p, "jets")
    assert problem.summary(p, "auto").method == "autodiff"
