"""Networks of random operations: the fast pass gives the plain definition's numbers."""

import copy

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from gnlab.partitions import Partition
from gnlab.summaries import summarise

DOUBLE = torch.float64
ACTIVATIONS = (
    nn.Tanh, nn.SiLU, nn.Softplus, nn.ELU, nn.GELU, nn.Mish, nn.Sigmoid, nn.ReLU, nn.Hardswish,
    nn.CELU, nn.Softsign, nn.LogSigmoid,
)  # fmt: skip


class Residual(nn.Module):
    """X + f(x), or x · sin f(x): what is fed on does not grow, and rounding with it."""

    def __init__(self, inner, gated):
        super().__init__()
        self.inner, self.gated = inner, gated

    def forward(self, x):
        inner = self.inner(x)
        return x * inner.sin() if self.gated else x + inner


class Attention(nn.Module):
    """Self-attention over the positions of x [N, C, T]."""

    def __init__(self, width):
        super().__init__()
        self.heads = nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, x):
        x = x.mT
        return self.heads(x, x, x, need_weights=False)[0].mT


class Apply(nn.Module):
    """A function of the value."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def extra_repr(self):
        return self.name

    def forward(self, x):
        return {
            "softmax": lambda: x.softmax(-1),
            "standardise": lambda: (
                (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True) + 1).sqrt()
            ),
            "norm": lambda: x * x.norm(dim=1, keepdim=True).tanh(),
            "flip": lambda: torch.cat([x[..., 1:], x[..., :1]], -1) * x.sum(-1, keepdim=True).cos(),
            "logsumexp": lambda: x - x.logsumexp(-1, keepdim=True),
            "square": lambda: torch.where(x > 0, x, (x * x).tanh()),
        }[self.name]()


C = 4
SEQUENCE = {
    "conv": lambda: nn.Conv1d(C, C, 3, padding=1),
    "depthwise": lambda: nn.Conv1d(C, C, 2, padding="same", dilation=2, groups=2),
    "linear": lambda: nn.Linear(6, 6),
    "attention": lambda: Attention(C),
    "layer_norm": lambda: nn.LayerNorm(6),
    "group_norm": lambda: nn.GroupNorm(2, C),
    "batch_norm": lambda: nn.BatchNorm1d(C),
    "batch_norm_eval": lambda: nn.BatchNorm1d(C).eval(),
    "dropout": lambda: nn.Dropout(0.2),
    "max_pool": lambda: nn.MaxPool1d(3, 1, 1),
    "avg_pool": lambda: nn.AvgPool1d(3, 1, 1),
    **{a.__name__: a for a in ACTIVATIONS},
    **{n: (lambda n=n: Apply(n)) for n in ("softmax", "standardise", "norm", "flip", "logsumexp")},
    "square": lambda: Apply("square"),
}
HEADS = {
    "flat": lambda: nn.Sequential(nn.Flatten(), nn.Linear(6 * C, 3)),
    "pooled": lambda: nn.Sequential(nn.AdaptiveAvgPool1d(2), nn.Flatten(), nn.Linear(2 * C, 3)),
    "greatest": lambda: nn.Sequential(nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(C, 3)),
}
LOSSES = {
    "classes": (nn.CrossEntropyLoss(label_smoothing=0.1), True),
    "sum": (nn.CrossEntropyLoss(reduction="sum"), True),
    "squares": (nn.MSELoss(), False),
    "huber": (nn.SmoothL1Loss(), False),
}


@st.composite
def problems(draw):
    """A network of random operations, a batch, a partition of its elements, a direction."""
    torch.manual_seed(draw(st.integers(0, 10**6)))
    layers = [nn.Conv1d(2, C, 1)]
    for name in draw(st.lists(st.sampled_from(sorted(SEQUENCE)), min_size=1, max_size=6)):
        layer, around = SEQUENCE[name](), draw(st.sampled_from(("", "", "sum", "gate")))
        layers.append(Residual(layer, around == "gate") if around else layer)
    model = nn.Sequential(*layers, HEADS[draw(st.sampled_from(sorted(HEADS)))]()).double()
    with torch.no_grad():  # a scale of one would leave ties of a maximum's, where nothing is smooth
        for q in model.parameters():
            q.add_(0.1 * torch.randn_like(q))
    loss_fn, classes = LOSSES[draw(st.sampled_from(sorted(LOSSES)))]
    y = torch.randint(0, 3, (3,)) if classes else torch.randn(3, 3, dtype=DOUBLE)
    shapes = {n: p.shape for n, p in model.named_parameters()}
    size = draw(st.integers(1, 5))
    groups = {n: torch.randint(0, size, shape) for n, shape in shapes.items()}
    if draw(st.booleans()):  # groups of whole tensors
        groups = {n: torch.tensor(k % size) for k, n in enumerate(shapes)}
    used = torch.cat([g.reshape(-1) for g in groups.values()]).unique().tolist()
    groups = {n: sum((g == r) * k for k, r in enumerate(used)) for n, g in groups.items()}
    names = tuple(str(k) for k in range(len(used)))
    p = Partition("random", names, shapes, groups, ("mixed",) * len(used))
    u = {n: torch.randn(shape, dtype=DOUBLE) for n, shape in shapes.items()}
    return model, loss_fn, (torch.randn(3, 2, 6, dtype=DOUBLE), y), p, u


def numbers(s):
    return s.g, s.H, s.third


def error(found, known):
    """The largest error, relative to the largest entry of the same order, or of ḡ."""
    pairs = zip(numbers(found), numbers(known), strict=True)
    return max(float((f - k).abs().max() / (k.abs().max() + known.g.abs().max())) for f, k in pairs)


@settings(max_examples=40)
@given(problems())
def test_random_networks(problem):
    known = summarise(*problem, method="autodiff")
    fast = summarise(*problem, method="jets")
    assert error(fast, known) <= 1e-10


@settings(max_examples=15)
@given(problems())
def test_in_single_precision(problem):
    model, loss_fn, (x, y), p, u = problem
    torch.manual_seed(0)
    known = summarise(*problem, method="autodiff")
    y = y.float() if y.is_floating_point() else y
    single = {n: v.float() for n, v in u.items()}
    torch.manual_seed(0)
    copied = copy.deepcopy(model).float(), loss_fn, (x.float(), y), p, single
    found = error(summarise(*copied, method="jets"), known)
    # The definition rounds in the same forward pass: where that costs digits, both lose them, and
    # one draw of rounding may come out a few times smaller than another.
    rounding = error(summarise(*copied, method="autodiff"), known)
    # Dropout draws other numbers in single precision.
    assume(not any(isinstance(m, nn.Dropout) for m in model.modules()))
    assert found <= 2e-5 + 16 * rounding
