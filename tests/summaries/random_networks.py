"""Random small networks of what the fast pass has rules for: layers of every kind, in any order.

A network takes vectors [N, F], sequences [N, C, T] of numbers or of tokens [N, T], or images
[N, C, H, W]; each layer is drawn for the shape that it is given, and may change it.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

Draw = Callable[..., Any]
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    **{
        layer.__name__: layer
        for layer in (
            nn.Tanh, nn.SiLU, nn.GELU, nn.Mish, nn.Sigmoid, nn.ReLU, nn.ReLU6, nn.LeakyReLU,
            nn.SELU, nn.Hardswish, nn.Hardsigmoid, nn.Softsign, nn.LogSigmoid, nn.Tanhshrink,
            nn.PReLU, nn.Hardtanh,
        )
    },
    "tanh-GELU": lambda: nn.GELU("tanh"),
    "Softplus": lambda: nn.Softplus(2.0, 1.0),
    "ELU": lambda: nn.ELU(0.7),
    "CELU": lambda: nn.CELU(1.3),
    "Softshrink": lambda: nn.Softshrink(0.1),
    "Hardshrink": lambda: nn.Hardshrink(0.1),
    "Threshold": lambda: nn.Threshold(-0.2, 0.3),
}  # fmt: skip
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    **{f.__name__: f for f in (torch.sin, torch.cos, torch.atan, torch.erf, torch.abs)},
    "exp": lambda x: torch.exp(-x * x),
    "expm1": lambda x: torch.expm1(x.tanh()),
    "log": lambda x: torch.log(2 + x.sin()),
    "log1p": lambda x: torch.log1p(x.square()),
    "sqrt": lambda x: (1 + x * x).sqrt(),
    "rsqrt": lambda x: x * torch.rsqrt(1 + x * x),
    "power": lambda x: (1.5 + x.cos()) ** 1.7,
    "cube": lambda x: x.tanh() ** 3,
    "reciprocal": lambda x: 1 / (3 + x.sin()),
    "quotient": lambda x: x / (1 + x.square().mean(-1, keepdim=True)),
    "sinh": lambda x: torch.sinh(x.tanh()) - torch.cosh(x.sigmoid()),
    "tan": lambda x: torch.tan(x.tanh()),
    "clamp": lambda x: x.clamp(-0.4, 0.9),
    "where": lambda x: torch.where(x > 0.1, x, (x * x).tanh()),
    "masked": lambda x: x.masked_fill(x < -1, 0.5),
    "softmax": lambda x: x.softmax(-1),
    "log_softmax": lambda x: x.log_softmax(1),
    "logsumexp": lambda x: x - x.logsumexp(-1, keepdim=True),
    "standardise": lambda x: (
        (x - x.mean(1, True)) / (x.var(1, correction=0, keepdim=True) + 1).sqrt()
    ),
    "norm": lambda x: x * x.norm(dim=1, keepdim=True).tanh(),
    "normalize": lambda x: functional.normalize(x, dim=-1),
    "roll": lambda x: torch.cat([x[..., 1:], x[..., :1]], -1) * x.sum(-1, keepdim=True).cos(),
    "flip": lambda x: x.flip(1) - 0.5 * x,
    "cumsum": lambda x: x.cumsum(-1) / x.shape[-1],
    "greatest": lambda x: torch.maximum(x, x.flip(-1).sin()) - x.amax(1, keepdim=True),
    "stack": lambda x: torch.stack([x, x.square().tanh()], -1).prod(-1),
    "einsum": lambda x: torch.einsum("n...i,n...j->n...j", x, x.tanh()) / x.shape[-1],
    "product": lambda x: x.tanh().prod(-1, keepdim=True) + x,
    "split": lambda x: torch.cat(x.chunk(2, -1)[::-1], -1),
    "samples": lambda x: x + x.mean(0, keepdim=True).sin(),
}


class Apply(nn.Module):
    """A function of the value, or its last two dimensions swapped."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def extra_repr(self) -> str:
        return self.name

    def forward(self, x: Tensor) -> Tensor:
        return x.mT if self.name == "turn" else FUNCTIONS[self.name](x)


class Around(nn.Module):
    """What is done with x and f(x): x + f(x), x sin f(x), or both side by side."""

    def __init__(self, inner: nn.Module, how: str) -> None:
        super().__init__()
        self.inner, self.how = inner, how

    def extra_repr(self) -> str:
        return self.how

    def forward(self, x: Tensor) -> Tensor:
        inner = self.inner(x)
        if self.how == "beside":
            return torch.cat([x, inner], 1)
        return x + inner if self.how == "sum" else x * inner.sin()


class Attention(nn.Module):
    """Self-attention over the positions of x [N, C, T], by torch's module or by hand."""

    def __init__(self, width: int, own: bool) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(width, 2 - width % 2, batch_first=True)
        self.own = own

    def forward(self, x: Tensor) -> Tensor:
        x = x.mT
        if not self.own:
            return self.heads(x, x, x, need_weights=False)[0].mT
        q, k, v = functional.linear(x, self.heads.in_proj_weight).chunk(3, -1)
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True).permute(0, 2, 1)


class Twice(nn.Module):
    """A layer that is used twice, and its weight once more, transposed."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.layer, self.again = layer, layer
        self.code = nn.Parameter(torch.randn(width, 2) / width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(torch.tanh(self.layer(x)))
        return torch.sigmoid(x @ self.code) @ self.code.mT


class Recurrent(nn.Module):
    """A recurrent layer over the positions of x [N, C, T]."""

    def __init__(self, cell: Callable[..., nn.Module], width: int) -> None:
        super().__init__()
        self.cell = cell(width, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x.mT)[0].mT


class Tokens(nn.Module):
    """An embedding of tokens [N, T], as a sequence [N, C, T]."""

    def __init__(self, width: int, padding: int | None) -> None:
        super().__init__()
        self.table = nn.Embedding(5, width, padding_idx=padding)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.table(tokens).mT


def whole(low: int, high: int) -> st.SearchStrategy[int]:
    """A whole number."""
    return st.integers(low, high)


def convolution(draw: Draw, shape: torch.Size) -> nn.Module:
    """A convolution, or its transpose, that the shape has room for."""
    dims, made = len(shape) - 2, draw(whole(1, 4))
    groups = 2 if shape[1] % 2 == made % 2 == 0 and draw(st.booleans()) else 1
    kernel = draw(whole(1, min(3, *shape[2:])))
    if draw(whole(0, 4)) == 0:
        layer = (nn.ConvTranspose1d, nn.ConvTranspose2d)[dims - 1]
        return layer(shape[1], made, kernel, stride=draw(whole(1, 2)), groups=groups)
    layer = (nn.Conv1d, nn.Conv2d)[dims - 1]
    if draw(st.booleans()):
        mode = draw(st.sampled_from(("zeros", "zeros", "reflect", "circular", "replicate")))
        kernel -= kernel % 2 == 0  # torch warns of one that "same" cannot be symmetric around
        dilation = draw(whole(1, 2)) if mode == "zeros" else 1
        options = {"padding": "same", "dilation": dilation, "padding_mode": mode}
    else:
        options = {"stride": draw(whole(1, 2)), "padding": draw(whole(0, 1))}
    return layer(shape[1], made, kernel, groups=groups, bias=draw(st.booleans()), **options)


def pooling(draw: Draw, shape: torch.Size) -> nn.Module:
    """A pooling that the shape has room for."""
    dims = len(shape) - 3
    kind = draw(st.sampled_from(("max", "average", "adaptive", "adaptive max")))
    if kind.startswith("adaptive"):
        pairs = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), (
            nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
        )  # fmt: skip
        return pairs[kind.endswith("max")][dims](draw(whole(1, min(shape[2:]))))
    kernel = draw(whole(1, min(3, *shape[2:])))
    options = {"stride": draw(whole(1, 2)), "padding": draw(whole(0, kernel // 2))}
    if kind == "max":
        return (nn.MaxPool1d, nn.MaxPool2d)[dims](kernel, **options)
    counted = draw(st.booleans())
    return (nn.AvgPool1d, nn.AvgPool2d)[dims](kernel, count_include_pad=counted, **options)


def norm(draw: Draw, shape: torch.Size) -> nn.Module:
    """A normalisation over at least four values, so that none is a constant."""
    channels, inner = shape[1], math.prod(shape[2:])
    dims = len(shape) - 2
    found: list[Callable[[], nn.Module]] = []
    if shape[-1] >= 4:
        found.append(lambda: nn.LayerNorm(shape[-1]))
        found.append(lambda: nn.RMSNorm(shape[-1], eps=1e-3))
    if shape[0] * inner >= 4:
        batch = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d)[dims]
        found += [lambda: batch(channels), lambda: batch(channels).eval()]
    if dims and inner >= 4:
        found.append(lambda: nn.GroupNorm(2 - channels % 2, channels))
        found.append(
            lambda: (nn.InstanceNorm1d, nn.InstanceNorm2d)[dims - 1](channels, affine=True)
        )
    return draw(st.sampled_from(found))() if found else nn.Tanh()


def layer(draw: Draw, shape: torch.Size) -> nn.Module:
    """A layer for values of a shape, which may give values of another."""
    kinds = ["activation", "activation", "function", "function", "linear", "norm", "dropout"]
    kinds += ["tied", "around"]
    if len(shape) > 2:
        kinds += ["convolution", "convolution", "pooling", "turn"]
    if len(shape) == 3:
        kinds += ["attention", "recurrent"]
    kind, last = draw(st.sampled_from(kinds)), shape[-1]
    if kind == "activation":
        return ACTIVATIONS[draw(st.sampled_from(sorted(ACTIVATIONS)))]()
    if kind == "function":
        return Apply(draw(st.sampled_from(sorted(FUNCTIONS))))
    if kind == "around":
        return around(draw, shape)
    makers: dict[str, Callable[[], nn.Module]] = {
        "linear": lambda: nn.Linear(last, draw(whole(1, 5)), bias=draw(st.booleans())),
        "norm": lambda: norm(draw, shape),
        "dropout": lambda: nn.Dropout(0.3),
        "tied": lambda: Twice(nn.Linear(last, last), last),
        "convolution": lambda: convolution(draw, shape),
        "pooling": lambda: pooling(draw, shape),
        "turn": lambda: Apply("turn"),
        "attention": lambda: Attention(shape[1], draw(st.booleans())),
        "recurrent": lambda: Recurrent(draw(st.sampled_from((nn.GRU, nn.LSTM, nn.RNN))), shape[1]),
    }
    return makers[kind]()


def around(draw: Draw, shape: torch.Size) -> nn.Module:
    """A layer with what it is given beside it, where the shapes fit."""
    inner = layer(draw, shape)
    made = shape_of(inner, shape)
    if made == shape:
        return Around(inner, draw(st.sampled_from(("sum", "gate", "beside"))))
    if made[2:] == shape[2:]:
        return Around(inner, "beside")
    return inner


def shape_of(module: nn.Module, shape: torch.Size) -> torch.Size:
    """The shape of what a layer makes of values of a shape."""
    with torch.no_grad(), torch.random.fork_rng():
        return module(torch.randn(shape)).shape


FRONTS = {
    "vector": lambda draw, n: (nn.Linear(3, draw(whole(2, 5))), torch.randn(n, 3)),
    "sequence": lambda draw, n: (
        nn.Conv1d(2, draw(whole(2, 4)), draw(whole(1, 2))), torch.randn(n, 2, draw(whole(3, 7)))
    ),
    "image": lambda draw, n: (
        nn.Conv2d(2, draw(whole(2, 4)), draw(whole(1, 3)), padding=1),
        torch.randn(n, 2, draw(whole(3, 5)), draw(whole(3, 6))),
    ),
    "tokens": lambda draw, n: (
        Tokens(draw(whole(2, 4)), draw(st.sampled_from((None, 0)))),
        torch.randint(0, 5, (n, draw(whole(3, 6)))),
    ),
}  # fmt: skip


@st.composite
def networks(draw: Draw) -> tuple[nn.Module, Tensor]:
    """A network in float64 that gives a few scores [N, C] or [N, C, T], and its inputs."""
    torch.manual_seed(draw(whole(0, 10**6)))
    first, x = FRONTS[draw(st.sampled_from(sorted(FRONTS)))](draw, draw(whole(1, 4)))
    layers = [first]
    with torch.no_grad():
        shape = first(x).shape
    for _ in range(draw(whole(1, 6))):
        layers.append(layer(draw, shape))
        shape = shape_of(layers[-1], shape)
    if len(shape) == 3 and draw(st.booleans()):
        layers.append(nn.Conv1d(shape[1], 3, 1))  # scores of each position
    else:
        layers += [nn.Flatten(), nn.Linear(math.prod(shape[1:]), 3)]
    model = nn.Sequential(*layers).double()
    if draw(whole(0, 3)) == 0:
        model.eval()
    with torch.no_grad():  # a scale of one would leave ties of a maximum's, where nothing is smooth
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return model, x.double() if x.is_floating_point() else x
