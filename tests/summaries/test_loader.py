"""A loader of batches is one big batch, for each loss by its true normaliser."""

import functools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.summaries import derivative_tensor, summarise

torch.manual_seed(0)
N, C = 23, 4
X = torch.randn(N, 5, dtype=torch.float64)
LABELS = torch.randint(0, C, (N,))
WITH_IGNORED = LABELS.where(torch.rand(N) < 0.6, -100)
SOFT = torch.rand(N, C, dtype=torch.float64).softmax(1)
REAL = torch.randn(N, C, dtype=torch.float64)
WEIGHT = torch.tensor([0.2, 1.0, 3.0, 10.0], dtype=torch.float64)
SIZES = (3, 9, 1, 10)  # uneven, so that a mean of means is wrong


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, C)).double()


def batches(y, x=X, sizes=SIZES):
    return list(zip(x.split(sizes), y.split(sizes), strict=True))


def assert_same(found, expected):
    assert found.weight == pytest.approx(expected.weight)
    for name in ("loss", "g", "H", "third"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one - other).abs().max() <= 1e-12 * other.abs().max()


LOSSES = {
    "cross entropy": (nn.CrossEntropyLoss(), LABELS),
    "weighted": (nn.CrossEntropyLoss(weight=WEIGHT), LABELS),
    "ignored": (nn.CrossEntropyLoss(), WITH_IGNORED),
    "weighted, ignored, smoothed": (
        nn.CrossEntropyLoss(weight=WEIGHT, ignore_index=2, label_smoothing=0.1),
        LABELS,
    ),
    "soft targets": (nn.CrossEntropyLoss(weight=WEIGHT, label_smoothing=0.1), SOFT),
    "sum": (nn.CrossEntropyLoss(weight=WEIGHT, reduction="sum"), LABELS),
    "function": (functional.cross_entropy, WITH_IGNORED),
    "partial": (functools.partial(functional.cross_entropy, weight=WEIGHT), LABELS),
    "squares": (nn.MSELoss(), REAL),
    "sum of squares": (nn.MSELoss(reduction="sum"), REAL),
    "huber": (nn.HuberLoss(delta=0.5), REAL),
    "smooth l1": (functional.smooth_l1_loss, REAL),
    "l1": (nn.L1Loss(), REAL),
    "binary": (nn.BCEWithLogitsLoss(pos_weight=WEIGHT), SOFT),
    "divergence": (functools.partial(functional.kl_div, reduction="batchmean"), SOFT),
    "own mean": (lambda out, y: ((out - y) ** 4).mean(), REAL),
    "own sum": (lambda out, y: ((out - y) ** 4).sum(), REAL),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("along", ["gradient", "random"])
def test_a_loader_is_one_big_batch(name, along):
    loss_fn, y = LOSSES[name]
    model = network()
    p = partition(model, "tensor")
    u = None
    if along == "random":
        u = {n: torch.randn_like(q) for n, q in model.named_parameters()}
    expected = summarise(model, loss_fn, (X, y), p, u)
    found = summarise(model, loss_fn, batches(y), p, u)
    if "own sum" in name:  # alone, a batch of an unknown loss weighs its samples
        assert (found.weight, expected.weight) == (1.0, N)
        found, expected = (replaced(s) for s in (found, expected))
    assert_same(found, expected)


def replaced(summary):
    """The summary with a weight of one."""
    return type(summary)(
        summary.loss, summary.g, summary.H, summary.third, summary.inert, summary.method
    )


def test_dense_targets_and_negative_log_likelihood():
    model = nn.Sequential(nn.Conv2d(2, C, 3, padding=1), nn.Tanh()).double()
    p = partition(model, "tensor")
    x, y = torch.randn(7, 2, 3, 3).double(), torch.randint(0, C, (7, 3, 3))
    y[::2, 0] = 1
    loss_fn = nn.NLLLoss(weight=WEIGHT, ignore_index=1)

    class Log(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x):
            return self.inner(x).log_softmax(1)

    log = Log()
    p = partition(log, "tensor")
    expected = summarise(log, loss_fn, (x, y), p)
    assert_same(summarise(log, loss_fn, batches(y, x, (2, 1, 4)), p), expected)
    assert expected.weight == pytest.approx(WEIGHT[y[y != 1]].sum().item())


def test_said_normalisers():
    model = network()
    p = partition(model, "tensor")

    def loss(out, y):
        weights = WEIGHT[y]
        return (functional.cross_entropy(out, y, reduction="none") * weights).sum() / weights.sum()

    expected = summarise(model, nn.CrossEntropyLoss(weight=WEIGHT), (X, LABELS), p)
    found = summarise(model, loss, batches(LABELS), p, normaliser=lambda x, y: WEIGHT[y].sum())
    assert_same(found, expected)
    mean = summarise(model, nn.MSELoss(), (X, REAL), p)

    def own(out, y):
        return ((out - y) ** 2).mean()

    found = summarise(model, own, batches(REAL), p, normaliser="samples")
    torch.testing.assert_close(found.H, mean.H, rtol=1e-12, atol=0)

    def total(out, y):
        return ((out - y) ** 2).sum()

    found = summarise(
        model,
        total,
        batches(REAL),
        p,
        {n: q.data for n, q in model.named_parameters()},
        normaliser="sum",
    )
    expected = summarise(
        model, total, (X, REAL), p, {n: q.data for n, q in model.named_parameters()}
    )
    torch.testing.assert_close(found.H, expected.H, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "loss_fn",
    [
        lambda out, y: ((out - y) ** 2).mean().sqrt(),
        lambda out, y: ((out - out.mean(0)) ** 2).mean(),
        lambda out, y: ((out - y) ** 2 * y.abs()).sum() / y.abs().sum(),
    ],
)
def test_what_does_not_split_is_refused(loss_fn):
    model = network()
    p = partition(model, "all")
    with pytest.raises(InputError, match="on a batch of 3 the loss is not the mean"):
        summarise(model, loss_fn, batches(REAL), p)
    summarise(model, loss_fn, [(X, REAL)], p)  # one batch need not split


def test_batches_of_one_sample_show_nothing():
    model = network()
    with pytest.raises(InputError, match="the first batch has one sample"):
        summarise(
            model,
            lambda o, y: ((o - y) ** 2).mean(),
            batches(REAL, sizes=[1] * N),
            partition(model),
        )


def test_a_loss_that_stops_splitting_is_refused():
    def loss(out, y):
        return ((out - y) ** 2).mean() if len(y) < 5 else ((out - y) ** 2).mean().sqrt()

    with pytest.raises(InputError, match="on a batch of 9 the loss"):
        summarise(network(), loss, batches(REAL), partition(network()))


def test_batch_norm_in_train_mode_is_refused_by_name():
    model = nn.Sequential(nn.Linear(5, 4), nn.Sequential(nn.BatchNorm1d(4))).double()
    p = partition(model, "all")
    with pytest.raises(InputError, match=r"module '1.0' \(BatchNorm1d\)"):
        summarise(model, nn.MSELoss(), batches(REAL), p)
    summarise(model, nn.MSELoss(), [(X, REAL)], p)
    model.eval()
    expected = summarise(model, nn.MSELoss(), (X, REAL), p)
    assert_same(summarise(model, nn.MSELoss(), batches(REAL), p), expected)


def test_samples_mixed_without_a_module_are_refused():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 4)

        def forward(self, x):
            return functional.batch_norm(self.layer(x), None, None, training=True)

    model = Mixed().double()
    with pytest.raises(InputError, match="output of Mixed for a sample depends on the other"):
        summarise(model, nn.MSELoss(), batches(REAL), partition(model))


def test_a_batch_of_ignored_targets_has_no_part():
    y = WITH_IGNORED.clone()
    y[3:12] = -100
    model, loss_fn = network(), nn.CrossEntropyLoss()
    p = partition(model)
    assert_same(summarise(model, loss_fn, batches(y), p), summarise(model, loss_fn, (X, y), p))
    with pytest.raises(InputError, match="no batch has any weight"):
        summarise(model, loss_fn, batches(torch.full_like(y, -100)), p)


def test_tensors_of_any_order_and_kinds_of_loaders():
    model, loss_fn = network(), nn.CrossEntropyLoss(weight=WEIGHT)
    p = partition(model, "role")
    expected = derivative_tensor(model, loss_fn, (X, LABELS), p, 3)
    shuffled = DataLoader(TensorDataset(X, LABELS), batch_size=4, shuffle=True)
    own = DataLoader(
        TensorDataset(X, LABELS), 4, shuffle=True, generator=torch.Generator().manual_seed(3)
    )
    dropping = DataLoader(TensorDataset(X[:20], LABELS[:20]), 10, drop_last=True)
    once = iter(shuffled)
    state, inner = torch.get_rng_state(), own.generator.get_state()
    lists = iter(batches(LABELS)), [[X, LABELS]], batches(LABELS)
    for data in (shuffled, once, own, *lists):
        found = derivative_tensor(model, loss_fn, data, p, 3)
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(own.generator.get_state(), inner)
    part = derivative_tensor(model, loss_fn, (X[:20], LABELS[:20]), p, 3)
    torch.testing.assert_close(
        derivative_tensor(model, loss_fn, dropping, p, 3), part, rtol=1e-11, atol=0
    )


def test_the_gradient_is_of_the_same_shuffled_data_and_masks():
    # Dropped last samples and dropout masks differ from pass to pass unless the random numbers
    # are the same; then ḡ along the gradient is its squared norm.
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(5, 6), nn.Dropout(0.5), nn.Linear(6, C)).double()
    data = DataLoader(TensorDataset(X, LABELS), batch_size=6, shuffle=True, drop_last=True)
    p = partition(model, "all")
    s = summarise(model, nn.CrossEntropyLoss(), data, p)
    assert s.g.item() > 0
    steps = {n: torch.zeros_like(q) for n, q in model.named_parameters()}
    # The same by hand: one pass with the same random state.
    state = torch.get_rng_state()
    total = 0
    for x, y in data:
        loss = nn.functional.cross_entropy(model(x), y)
        grads = torch.autograd.grad(loss, list(model.parameters()))
        for n, g in zip(steps, grads, strict=True):
            steps[n] += g / 3
        total += loss.item() / 3
    torch.set_rng_state(state)
    assert s.g.item() == pytest.approx(sum((g**2).sum().item() for g in steps.values()), rel=1e-12)
    assert s.loss.item() == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("option", [{"size_average": False}, {"reduce": True}])
@pytest.mark.filterwarnings("ignore:size_average and reduce")
def test_older_ways_to_choose_the_reduction(option):
    torch.manual_seed(0)
    model = nn.Linear(4, 3).double()
    x, y = torch.randn(9, 4).double(), torch.randint(3, (9,))
    loss_fn = functools.partial(nn.functional.cross_entropy, **option)
    p = partition(model, "tensor")
    u = {n: torch.randn_like(q) for n, q in model.named_parameters()}
    whole = summarise(model, loss_fn, (x, y), p, u)
    parts = summarise(model, loss_fn, [(x[:4], y[:4]), (x[4:], y[4:])], p, u)
    torch.testing.assert_close(parts.H, whole.H, rtol=1e-9, atol=0)


def test_one_sample_does_not_show_how_a_loss_splits():
    model = nn.Linear(4, 3)
    x, y = torch.randn(5, 4), torch.randn(5, 3)
    data = [(x[:1], y[:1]), (x[1:], y[1:])]
    with pytest.raises(InputError, match="one sample, which does not show"):
        summarise(model, lambda out, y: (out - y).square().mean(), data, partition(model, "all"))


@pytest.mark.parametrize("weight", [-5.0, math.nan, math.inf, None, "a", torch.ones(2)])
def test_a_normaliser_that_gives_no_weight(weight):
    model = nn.Linear(3, 2)
    batches = [(torch.randn(4, 3), torch.randint(2, (4,))) for _ in range(2)]
    with pytest.raises(InputError, match="finite number of 0 or more; got"):
        summarise(
            model, nn.CrossEntropyLoss(), batches, partition(model, "all"),
            normaliser=lambda x, y: weight,
        )  # fmt: skip
