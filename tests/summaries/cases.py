"""Small problems with known derivatives, each a model, a loss and a batch, in float64.

Where a problem uses fused kernels, whose derivatives are not to be trusted, it has a second way to
compute the same loss by hand.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from gnlab.partitions import Partition, partition

DOUBLE = torch.float64


@dataclass
class Case:
    """A problem: its model in the mode to be tested, its loss, its batch.

    ``by_hand`` computes the model's output from its parameters in elementary operations.
    """

    name: str
    model: nn.Module
    loss_fn: Callable[[Any, Any], Tensor]
    batch: tuple[Any, Any]
    levels: tuple[str, ...] = ("all", "role", "layer", "chunk:2", "tensor")
    by_hand: Callable[[dict[str, Tensor], Any], Any] | None = None
    extra: dict[str, Partition] = field(default_factory=dict)

    def partitions(self) -> list[Partition]:
        """The partitions to test: named levels, own groups, one cut across tensors."""
        names = [n for n, p in self.model.named_parameters() if p.requires_grad]
        found = [partition(self.model, level) for level in self.levels]
        if len(names) > 2:
            # Not in the model's order, and not consecutive.
            found.append(partition(self.model, {"late": names[1::2], "early": names[::2]}))
        return [*found, by_rows(self.model)]

    def direction(self, seed: int = 3) -> dict[str, Tensor]:
        """A random direction, listed against the model's order."""
        rng = torch.Generator().manual_seed(seed)
        named = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
        return {n: torch.randn(p.shape, generator=rng, dtype=p.dtype) for n, p in reversed(named)}


def by_rows(model: nn.Module) -> Partition:
    """Three groups that cut through every tensor: rows by their number modulo three."""
    shapes = {n: p.shape for n, p in model.named_parameters() if p.requires_grad}
    groups = {}
    for k, (name, shape) in enumerate(shapes.items()):
        rows = (torch.arange(shape[0]) + k) % 3 if len(shape) else torch.tensor(k % 3)
        groups[name] = rows.reshape(-1, *[1] * (len(shape) - 1)) if len(shape) else rows
    names = tuple(str(s) for s in range(3))
    return Partition("rows", names, shapes, groups, ("mixed",) * 3)


class Norm(nn.Module):
    """A network around one normalisation, made by ``make(width)``."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.norm = layer
        self.outer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(torch.tanh(self.norm(self.inner(x))))


class Tied(nn.Module):
    """An autoencoder whose decoder is its encoder transposed, and a layer registered twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.again = self.first
        self.code = nn.Parameter(torch.randn(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.again(torch.tanh(self.first(x))))
        return torch.sigmoid(hidden @ self.code.mT) @ self.code


class Nested(nn.Module):
    """Takes a dict and returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.linear = nn.Linear(3, 2)

    def forward(self, x: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        out = self.linear(torch.tanh(self.table(x["tokens"]) * x["scale"]))
        return out.softmax(-1), out


class Attention(nn.Module):
    """Self-attention by torch's module, then a pooled readout."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(4, 2, batch_first=True)
        self.norm = nn.LayerNorm(4)
        self.out = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        mixed, _ = self.heads(x, x, x, need_weights=False)
        return self.out(self.norm(x + mixed).mean(1))


class Polynomial(nn.Module):
    """θ₀³θ₁ + 2θ₁²θ₂² − θ₂⁴ + θ₀θ₁θ₂ of one raw parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([0.7, -1.3, 0.9]))

    def forward(self, x: Tensor) -> Tensor:
        a, b, c = self.theta
        return a**3 * b + 2 * b**2 * c**2 - c**4 + a * b * c


def value(output: Tensor, target: object) -> Tensor:
    """The output is the loss."""
    return output


def standardised(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """By hand: minus the mean, over the standard deviation."""
    mean = x.sum(dims, keepdim=True) / math.prod(x.shape[d] for d in dims)
    square = ((x - mean) ** 2).sum(dims, keepdim=True) / math.prod(x.shape[d] for d in dims)
    return (x - mean) / (square + eps) ** 0.5


def norm_by_hand(dims: tuple[int, ...]) -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    """``Norm``'s output with its normalisation by hand over ``dims``."""

    def output(p: dict[str, Tensor], x: Tensor) -> Tensor:
        hidden = standardised(x @ p["inner.weight"].mT + p["inner.bias"], dims, 1e-5)
        hidden = hidden * p["norm.weight"] + p["norm.bias"]
        return torch.tanh(hidden) @ p["outer.weight"].mT + p["outer.bias"]

    return output


def attention_by_hand(p: dict[str, Tensor], x: Tensor) -> Tensor:
    """``Attention``'s output with two heads of two features written out."""
    qkv = x @ p["heads.in_proj_weight"].mT + p["heads.in_proj_bias"]
    heads = []
    for h in (0, 1):
        q, k, v = (qkv[..., i * 4 + h * 2 : i * 4 + h * 2 + 2] for i in range(3))
        scores = torch.exp(q @ k.mT / 2**0.5)
        heads.append(scores / scores.sum(-1, keepdim=True) @ v)
    mixed = torch.cat(heads, -1) @ p["heads.out_proj.weight"].mT + p["heads.out_proj.bias"]
    normal = standardised(x + mixed, (2,), 1e-5) * p["norm.weight"] + p["norm.bias"]
    return normal.mean(1) @ p["out.weight"].mT + p["out.bias"]


def weight_norm_by_hand(p: dict[str, Tensor], x: Tensor) -> Tensor:
    """A linear layer whose rows are direction over norm times length."""
    length = p["0.parametrizations.weight.original0"]
    rows = p["0.parametrizations.weight.original1"]
    weight = rows * length / (rows**2).sum(1, keepdim=True) ** 0.5
    return torch.tanh(x @ weight.mT + p["0.bias"]) @ p["2.weight"].mT + p["2.bias"]


def build(name: str) -> Case:
    """The problem of that name, freshly made."""
    torch.manual_seed(0)
    case = BUILDERS[name]()
    case.name = name
    case.model.double()
    with torch.no_grad():
        for p in case.model.parameters():
            p.add_(0.3 * torch.randn_like(p))  # no parameter at its symmetric start
    return case


def classes(n: int, c: int) -> Tensor:
    return torch.randint(0, c, (n,))


def inputs(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=DOUBLE)


def linear() -> Case:
    batch, levels = (inputs(6, 3), inputs(6, 2)), ("all", "role", "layer", "tensor")
    return Case("", nn.Sequential(nn.Linear(3, 2)), nn.MSELoss(), batch, levels)


def tanh() -> Case:
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3))
    return Case("", model, nn.CrossEntropyLoss(), (inputs(7, 4), classes(7, 3)))


def conv() -> Case:
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, groups=2, padding=1),
        nn.MaxPool2d(2),
        nn.SiLU(),
        nn.Conv2d(4, 2, 2, dilation=2),
        nn.ELU(),
        nn.Flatten(),
        nn.Linear(2, 3),
    )
    torch.manual_seed(1)  # no two entries of a pooling window nearly equal
    return Case("", model, nn.CrossEntropyLoss(), (2 * inputs(3, 2, 6, 6), classes(3, 3)))


def tied() -> Case:
    return Case("", Tied(), nn.MSELoss(), (inputs(5, 3), inputs(5, 3)))


def frozen() -> Case:
    model = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    model[2].requires_grad_(False)
    return Case("", model, nn.MSELoss(), (inputs(5, 3), inputs(5, 1)))


def batch_norm_train() -> Case:
    case = (inputs(6, 4), classes(6, 3))
    by_hand = norm_by_hand((0,))
    return Case("", Norm(nn.BatchNorm1d(4)), nn.CrossEntropyLoss(), case, by_hand=by_hand)


def batch_norm_eval() -> Case:
    model = Norm(nn.BatchNorm1d(4))
    model(torch.randn(20, 4))  # the running statistics are the model's own
    case = (inputs(6, 4), classes(6, 3))
    return Case("", model.eval(), nn.CrossEntropyLoss(), case)


def layer_norm() -> Case:
    case = (inputs(6, 4), classes(6, 3))
    by_hand = norm_by_hand((1,))
    return Case("", Norm(nn.LayerNorm(4)), nn.CrossEntropyLoss(), case, by_hand=by_hand)


def attention() -> Case:
    case = (inputs(3, 4, 4), classes(3, 2))
    return Case("", Attention(), nn.CrossEntropyLoss(), case, by_hand=attention_by_hand)


def weight_norm() -> Case:
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 3)), nn.Tanh(), nn.Linear(3, 1))
    return Case("", model, nn.MSELoss(), (inputs(5, 4), inputs(5, 1)), by_hand=weight_norm_by_hand)


def recurrent() -> Case:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRU(2, 3, batch_first=True)
            self.out = nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.cell(x)[0][:, -1])

    return Case("", Last(), nn.MSELoss(), (inputs(4, 3, 2), inputs(4, 1)))


def nested() -> Case:
    def loss(output: tuple[Tensor, Tensor], target: dict[str, Tensor]) -> Tensor:
        return ((output[0] - target["wanted"]) ** 2).sum() + output[1].pow(3).mean()

    x = {"tokens": torch.tensor([0, 3, 3, 1]), "scale": inputs(4, 1)}
    return Case("", Nested(), loss, (x, {"wanted": inputs(4, 2)}))


def polynomial() -> Case:
    return Case("", Polynomial(), value, (inputs(1), inputs(1)), ("all",))


BUILDERS = {
    f.__name__: f
    for f in (
        linear,
        tanh,
        conv,
        tied,
        frozen,
        batch_norm_train,
        batch_norm_eval,
        layer_norm,
        attention,
        weight_norm,
        recurrent,
        nested,
        polynomial,
    )
}
