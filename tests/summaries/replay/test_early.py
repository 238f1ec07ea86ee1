"""What is begun early is asked for only if it is what was meant."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from gnlab.partitions import partition
from gnlab.summaries import replay, summarise
from gnlab.summaries.replay import cache, early

pytestmark = pytest.mark.usefixtures("nothing_kept")

DOUBLE = torch.float64


def network():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def batch(samples=6):
    return torch.randn(samples, 4, dtype=DOUBLE), torch.randint(3, (samples,))


def agree(model, data, loss_fn=functional.cross_entropy, level="tensor"):
    """A summary is what it is without any repetition."""
    asked = model, loss_fn, data, partition(model, level)
    direction = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    found = summarise(*asked, direction)
    with replay.eager():
        anew = summarise(*asked, direction)
    given = [(s.loss, s.g, s.H, s.third) for s in (found, anew)]
    torch.testing.assert_close(*given, rtol=1e-12, atol=0)


@pytest.fixture
def early_ones(monkeypatch, copied):
    """What was begun early, and whether it was asked for."""
    found = []
    real = early.Begun.is_of

    def asked(self, entry, inputs):
        found.append(real(self, entry, inputs))
        return found[-1]

    monkeypatch.setattr(early.Begun, "is_of", asked)
    return found


@pytest.fixture
def repeated(early_ones):
    """A model whose summary of six samples is repeated, and was begun early."""
    model = network()
    for _ in range(4):
        agree(model, batch())
    assert early_ones == [True]
    early_ones.clear()
    return model


def test_the_same_again_is_begun_before_it_is_looked_at(repeated, early_ones, copied):
    before = copied.begun
    for _ in range(3):
        with torch.no_grad():
            for p in repeated.parameters():
                p.mul_(1.01)
        agree(repeated, batch())
    assert early_ones == [True] * 3
    assert copied.begun == before + 3


def another_shape(model):
    agree(model, batch(5))


def another_loss(model):
    agree(model, batch(), lambda x, y: functional.cross_entropy(x, y, label_smoothing=0.1))


def another_partition(model):
    agree(model, batch(), level="all")


def another_setting(model):
    model[1] = nn.Sigmoid()
    agree(model, batch())


def another_parameter(model):
    model[0].weight = nn.Parameter(torch.randn(5, 4, dtype=DOUBLE))
    agree(model, batch())


def another_model(model):
    agree(network(), batch())


class Looking(TorchFunctionMode):
    """Lets everything through."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def one_watched(model):
    with Looking():
        agree(model, batch())


def one_frozen(model):
    model[0].bias.requires_grad_(False)
    asked = model, functional.cross_entropy, batch(), partition(model, "tensor")
    found = summarise(*asked)
    with replay.eager():
        torch.testing.assert_close(found.H, summarise(*asked).H, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "change",
    [
        another_shape, another_loss, another_partition, another_setting, another_parameter,
        another_model, one_watched, one_frozen,
    ],
)  # fmt: skip
def test_what_is_another_is_computed(repeated, early_ones, change):
    change(repeated)
    assert True not in early_ones
    for entry in cache._known.values():
        assert not entry.busy.locked()


def test_after_another_nothing_is_begun_early_until_it_is_repeated(repeated, early_ones):
    another_partition(repeated)
    assert early_ones == [False]
    early_ones.clear()
    agree(repeated, batch())  # it is repeated as usual
    assert early_ones == []
    agree(repeated, batch())
    assert early_ones == [True]


def test_what_is_let_go_is_begun_no_more(repeated, early_ones):
    replay.forget()
    agree(repeated, batch())
    assert early_ones == []
