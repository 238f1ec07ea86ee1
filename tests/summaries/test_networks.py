"""Networks of random operations, losses and partitions: the fast pass gives the definition."""

import copy

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from gnlab.partitions import Partition, partition
from gnlab.partitions.levels import number
from gnlab.summaries import summarise

DOUBLE = torch.float64
LEVELS = (
    "all", "role", "layer", "chunk:1", "part:2", "tensor", "block:2", "neuron", "unit", "row:2",
    "element",
)  # fmt: skip
MOST = 40
"""Groups: the definition takes its time for each."""


class After(nn.Module):
    """A loss of a function of the scores."""

    def __init__(self, loss, function):
        super().__init__()
        self.loss, self.function = loss, function

    def forward(self, out, y):
        return self.loss(self.function(out), y)


def log_chances(out):
    return out.log_softmax(1)


def scored(draw, scores):
    """A loss of class scores [N, C, ...] by class numbers, and those."""
    y = torch.randint(0, 3, (scores[0], *scores[2:]))
    options = {"reduction": draw(st.sampled_from(("mean", "sum")))}
    if draw(st.booleans()):
        options["weight"] = torch.rand(3, dtype=DOUBLE) + 0.1
    ignored = draw(st.sampled_from((None, -100, 1)))
    if ignored is not None:
        y[torch.rand(y.shape) < 0.3] = ignored
        options["ignore_index"] = ignored
    return y, options


def classes(draw, scores):
    y, options = scored(draw, scores)
    return nn.CrossEntropyLoss(label_smoothing=draw(st.sampled_from((0.0, 0.1))), **options), y


def shares(draw, scores):
    y = torch.rand(scores, dtype=DOUBLE).softmax(1)
    weight = torch.rand(3, dtype=DOUBLE) + 0.1 if draw(st.booleans()) else None
    smoothing = draw(st.sampled_from((0.0, 0.1)))
    return nn.CrossEntropyLoss(weight, label_smoothing=smoothing), y


def likelihood(draw, scores):
    y, options = scored(draw, scores)
    return After(nn.NLLLoss(**options), log_chances), y


def bits(draw, scores):
    weights = [torch.rand(scores[1:], dtype=DOUBLE) if draw(st.booleans()) else None for _ in "ab"]
    y = torch.rand(scores, dtype=DOUBLE).round() if draw(st.booleans()) else torch.rand(scores)
    return nn.BCEWithLogitsLoss(weights[0], pos_weight=weights[1]), y.double()


def chances(draw, scores):
    loss = nn.BCELoss(reduction=draw(st.sampled_from(("mean", "sum"))))
    return After(loss, torch.sigmoid), torch.rand(scores, dtype=DOUBLE)


def divergence(draw, scores):
    loss = nn.KLDivLoss(reduction="batchmean")
    return After(loss, log_chances), torch.rand(scores, dtype=DOUBLE).softmax(1)


def distance(make):
    """A loss of numbers by numbers."""
    return lambda draw, scores: (make(), torch.randn(scores, dtype=DOUBLE))


LOSSES = {
    "classes": classes,
    "shares": shares,
    "likelihood": likelihood,
    "bits": bits,
    "chances": chances,
    "divergence": divergence,
    "squares": distance(nn.MSELoss),
    "sizes": distance(nn.L1Loss),
    "smooth": distance(lambda: nn.SmoothL1Loss(beta=0.5)),
    "huber": distance(lambda: nn.HuberLoss("sum", 1.5)),
    "margins": distance(nn.SoftMarginLoss),
}


def split(draw, model):
    """A partition: a level with few enough groups, or every element's group at random."""
    level = draw(st.sampled_from((*LEVELS, "random", "random tensors")))
    if not level.startswith("random"):
        fits = number(model, level) <= MOST
        return partition(model, level if fits else "tensor")
    shapes = {n: p.shape for n, p in model.named_parameters()}
    size = draw(st.integers(1, 5))
    groups = {n: torch.randint(0, size, () if "t" in level[6:] else s) for n, s in shapes.items()}
    used = torch.cat([g.reshape(-1) for g in groups.values()]).unique()
    groups = {n: torch.searchsorted(used, g) for n, g in groups.items()}
    names = tuple(map(str, range(len(used))))
    return Partition("random", names, shapes, groups, ("mixed",) * len(used))


def direction(draw, model):
    """A direction: the gradient, or random numbers, of which a half or whole tensors may be 0."""
    kind = draw(st.sampled_from(("random", "random", "halves", "tensors", "gradient")))
    if kind == "gradient":
        return None
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    if kind == "halves":
        u = {n: v * (torch.rand_like(v) < 0.5) for n, v in u.items()}
    if kind == "tensors":
        u = {n: v * (torch.rand(()) < 0.7) for n, v in u.items()}
    return u


@st.composite
def problems(draw, networks):
    """A network, a loss, a batch, a partition, a direction."""
    model, x = draw(networks)
    with torch.no_grad(), torch.random.fork_rng():
        scores = copy.deepcopy(model)(x).shape
    loss_fn, y = LOSSES[draw(st.sampled_from(sorted(LOSSES)))](draw, scores)
    return model, loss_fn, (x, y), split(draw, model), direction(draw, model)


def beyond(found, known, relative, plain=None):
    """The orders of which some entry is not what it should be.

    Each order is held against its own largest entry. What is left is rounding: that of sums of
    some dozens of terms, none larger than the largest entry of all three orders, and in single
    precision that of the values themselves, which the plain way has too.
    """
    orders = ("g", "H", "third")
    sizes = {n: float(getattr(known, n).abs().max()) for n in orders}
    rounding = 64 * torch.finfo(found.g.dtype).eps * max(sizes.values())

    def error(s, n):
        return float((getattr(s, n).double() - getattr(known, n)).abs().max())

    allowed = {n: relative * sizes[n] + rounding for n in orders}
    if plain is not None:  # one draw of rounding may come out a few times smaller than another
        allowed = {n: size + 16 * error(plain, n) for n, size in allowed.items()}
    wrong = {n: (error(found, n), size) for n, size in allowed.items()}
    return {n: pair for n, pair in wrong.items() if not pair[0] <= pair[1]}


@settings(max_examples=100)
@given(data=st.data())
def test_random_networks(random_networks, data):
    problem = data.draw(problems(random_networks))
    memory = data.draw(st.sampled_from((None, None, None, 1e4, 1e5)))  # so little: in chunks
    known = summarise(*problem, method="autodiff")
    fast = summarise(*problem, method="jets", memory=memory)
    assert not beyond(fast, known, 1e-10)


@settings(max_examples=40)
@given(data=st.data())
def test_in_single_precision(random_networks, data):
    problem = data.draw(problems(random_networks))
    # Dropout draws other numbers in single precision.
    assume(not any(isinstance(m, nn.Dropout) for m in problem[0].modules()))
    known = summarise(*problem, method="autodiff")
    plain = summarise(*problem, method="autodiff", dtype=torch.float32)
    fast = summarise(*problem, method="jets", dtype=torch.float32)
    assert not beyond(fast, known, 2e-5, plain)
