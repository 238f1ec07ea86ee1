"""What a trial shows of a loss of a person's own: over samples of one batch, and of two."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional

from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.summaries import summarise

DOUBLE = torch.float64
RNG = torch.Generator().manual_seed(0)
X = torch.randn(6, 4, dtype=DOUBLE, generator=RNG)
SORTED = torch.tensor([0, 0, 0, 2, 2, 2])
WEIGHT = torch.tensor([0.1, 1.0, 5.0], dtype=DOUBLE)
MASK = torch.tensor([0.5, 0.5, 0.5, 2, 2, 2], dtype=DOUBLE)


def weighted(output, y):
    return functional.cross_entropy(output, y, weight=WEIGHT)


def masked(output, mask):
    return (output.square().sum(1) * mask).sum() / mask.sum()


def by_largest(output, mask):
    """A sum within each batch, in units of its own."""
    return (output.square().sum(1) * mask).sum() / mask.max()


def network():
    torch.manual_seed(0)
    return nn.Linear(4, 3).double()


def zero():
    """A network that has just begun: all its samples have one loss."""
    model = network()
    for p in model.parameters():
        nn.init.zeros_(p)
    return model


def halves(*tensors, sizes=(3, 3)):
    return list(zip(*(t.split(list(sizes)) for t in tensors), strict=True))


def along_ones(model, loss_fn, data, **options):
    u = {n: torch.ones_like(p) for n, p in model.named_parameters()}
    return summarise(model, loss_fn, data, partition(model, "tensor"), u, **options)


def close(found, known):
    for name in ("loss", "g", "H", "third"):
        one, two = getattr(found, name), getattr(known, name)
        assert (one - two).abs().max() <= 1e-12 * max(two.abs().max(), 1e-3), name


@pytest.mark.parametrize("sizes", [(3, 3), (3, 1, 1, 1)])
@pytest.mark.parametrize("method", ["jets", "autodiff"])
@pytest.mark.parametrize(
    ("start", "loss_fn", "y"),
    [(network, weighted, SORTED), (zero, weighted, SORTED), (network, masked, MASK)],
)
def test_what_weighs_all_samples_of_a_batch_alike_is_seen(loss_fn, y, start, method, sizes):
    batches = halves(X, y, sizes=sizes)
    with pytest.raises(InputError, match=r"within each batch, not over samples of two"):
        along_ones(start(), loss_fn, batches, method=method)

    def weigh(x, y):
        return (y if y.is_floating_point() else WEIGHT[y]).sum()

    found = along_ones(start(), loss_fn, batches, method=method, normaliser=weigh)
    close(found, along_ones(start(), loss_fn, (X, y), method=method))


def test_a_sum_in_other_units_for_each_batch_is_seen():
    with pytest.raises(InputError, match=r"is the sum of its samples' losses within each batch"):
        along_ones(network(), by_largest, halves(X, MASK))


def test_weights_are_seen_where_all_losses_are_equal():
    y = torch.tensor([0, 2, 1, 0, 1, 2])
    with pytest.raises(InputError, match="on a batch of 3 the loss is not the mean"):
        along_ones(zero(), weighted, halves(X, y))


class Several(nn.Module):
    """Returns more than one value, some of the batch as a whole, some without a gradient."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3).double()

    def forward(self, x):
        scores = self.layer(x)
        classes = torch.ones(3, dtype=DOUBLE)
        found = {"scores": scores, "hidden": [scores.tanh()], "number": scores.argmax(1)}
        return {**found, "classes": classes, "decay": self.layer.weight.square().sum()}


def of_several(output, y):
    each = functional.cross_entropy(output["scores"], y, output["classes"], reduction="none")
    return each.mean() + output["hidden"][0].square().mean() + output["decay"]


def single(output, y):
    """Takes no batch of one sample."""
    return functional.binary_cross_entropy_with_logits(output[:, :1].squeeze(), y.double())


def mean(output, y):
    """Torch's loss, as one of a person's own."""
    return functional.cross_entropy(output, y)


RIGHT = {
    "mean": mean,
    "sum": lambda out, y: functional.cross_entropy(out, y, reduction="sum"),
    "squeezed": single,
    "in place": lambda out, y: out.mul_(1).square().mean() + (out[0] * 0).sum(),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_splits_is_combined(name):
    x, y = torch.cat([X, X.sin(), X.cos()]), SORTED.clamp(max=1).repeat(3)
    batches = halves(x, y, sizes=(7, 11))
    found = along_ones(network(), RIGHT[name], batches, method="autodiff")
    close(found, along_ones(network(), RIGHT[name], (x, y), method="autodiff"))


def test_outputs_of_several_parts():
    batches = halves(X, SORTED, sizes=(4, 2))
    close(
        along_ones(Several(), of_several, batches), along_ones(Several(), of_several, (X, SORTED))
    )


class Pooled(nn.Module):
    """Of sequences of any length."""

    def __init__(self, pooled=True):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.pooled = nn.Linear(4, 3).double(), pooled

    def forward(self, x):
        h = self.layer(x).tanh()
        return h.mean(1) if self.pooled else h


def sequences(y):
    """Two batches of sequences, of two lengths."""
    return [(torch.stack([X[:3]] * k, 1), y[k - 2]) for k in (2, 3)]


def test_inputs_of_several_lengths():
    batches = sequences(SORTED.view(2, 3))
    close(along_ones(Pooled(), mean, batches), along_ones(Pooled(), nn.CrossEntropyLoss(), batches))


def test_outputs_of_several_lengths():
    """A mean over samples or over all entries? A sum is one in any case."""

    def loss(out, y):
        return out.square().mean()

    def total(out, y):
        return out.square().sum()

    model, batches = Pooled(pooled=False), sequences(SORTED.view(2, 3))
    with pytest.raises(InputError, match=r'samples differ in shape.*normaliser= \("samples"'):
        along_ones(model, loss, batches)
    parts = [along_ones(model, loss, batch) for batch in batches]
    found = along_ones(model, loss, batches, normaliser="samples")
    torch.testing.assert_close(found.H, (parts[0].H + parts[1].H) / 2, rtol=1e-12, atol=0)
    found = along_ones(model, loss, batches, normaliser=lambda x, y: x.numel())
    torch.testing.assert_close(found.H, (2 * parts[0].H + 3 * parts[1].H) / 5, rtol=1e-12, atol=0)
    totals = [along_ones(model, total, batch).H for batch in batches]
    found = along_ones(model, total, batches)
    torch.testing.assert_close(found.H, totals[0] + totals[1], rtol=1e-12, atol=0)


class Hidden(nn.Module):
    """Returns what no trial sees into."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3).double()

    def forward(self, x):
        return SimpleNamespace(scores=self.layer(x))


def test_what_cannot_be_tried_asks_for_a_normaliser():
    def loss(out, y):
        return functional.cross_entropy(out.scores, y)

    def fixed(out, y):
        assert len(y) == 3
        return out.square().mean()

    batches = halves(X, SORTED)
    for model, loss_fn in ((Hidden(), loss), (network(), fixed)):
        with pytest.raises(InputError, match=r"the loss of some of a batch's samples alone cannot"):
            along_ones(model, loss_fn, batches)
        along_ones(model, loss_fn, batches, normaliser="samples")


def test_a_model_that_takes_no_part_of_a_batch_asks_for_a_normaliser():
    class Fixed(nn.Linear):
        def forward(self, x):
            return super().forward(x).view(3, 3)

    model, batches = Fixed(4, 3).double(), halves(X, SORTED)
    with pytest.raises(InputError, match=r"the model's output for some of .* alone cannot be had"):
        along_ones(model, nn.CrossEntropyLoss(), batches)
    found = along_ones(model, nn.CrossEntropyLoss(), batches, normaliser="samples")
    plain = nn.Linear(4, 3).double()
    plain.load_state_dict(model.state_dict())
    close(found, along_ones(plain, nn.CrossEntropyLoss(), (X, SORTED)))


def test_a_trial_draws_no_random_numbers():
    model = nn.Sequential(nn.Dropout(0.5), network())
    torch.manual_seed(0)
    known = along_ones(model, nn.CrossEntropyLoss(), halves(X, SORTED, sizes=(2, 2, 2)))
    torch.manual_seed(0)
    found = along_ones(model, mean, halves(X, SORTED, sizes=(2, 2, 2)))
    close(found, known)


class Mixed(nn.Module):
    """Dropout beside some batch norm that no module tells of."""

    def __init__(self, norm):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.norm, self.drop = nn.Linear(4, 3), norm, nn.Dropout(0.2)

    def forward(self, x):
        return self.drop(self.norm(self.layer(x)))


NORMS = {
    "function": lambda h: functional.batch_norm(h, None, None, training=True),
    "by position": lambda h: functional.batch_norm(h, None, None, None, None, True),
    "native": lambda h: torch.batch_norm(h, None, None, None, None, True, 0.1, 1e-5, True),
}


@pytest.mark.parametrize("method", ["auto", "autodiff"])
@pytest.mark.parametrize("name", NORMS)
def test_batch_norm_beside_dropout_is_refused(name, method):
    model = Mixed(NORMS[name]).double()
    with pytest.raises(InputError, match="batch_norm with each batch's own statistics"):
        along_ones(model, nn.CrossEntropyLoss(), halves(X, SORTED), method=method)
    along_ones(model, nn.CrossEntropyLoss(), [(X, SORTED)], method=method)


def test_running_statistics_beside_dropout_are_taken():
    mean, variance = torch.zeros(3, dtype=DOUBLE), torch.ones(3, dtype=DOUBLE)
    model = Mixed(lambda h: functional.batch_norm(h, mean, variance)).double()
    along_ones(model, nn.CrossEntropyLoss(), halves(X, SORTED))
