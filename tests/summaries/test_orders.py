"""Derivatives of a high order: shown while they take long, ended by Ctrl-C or before memory is."""

import math
from functools import partial
from typing import ClassVar

import pytest
import torch
from torch import nn

from gnlab import partitions
from gnlab.errors import InputError
from gnlab.summaries import derivative_tensor, orders


@pytest.fixture
def asked():
    """A network, its loss, a batch and its partition into four groups."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)).double()
    batch = torch.randn(4, 3).double(), torch.randn(4, 1).double()
    return model, nn.MSELoss(), batch, partitions.partition(model, "tensor")


class Bar:
    """Stands for tqdm's, and is interrupted at some pass."""

    made: ClassVar[list["Bar"]] = []
    end = math.inf

    def __init__(self, **options):
        self.options, self.updates, self.open = options, [], True
        Bar.made.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open = False

    def update(self, work):
        self.updates.append(work)
        if len(self.updates) == Bar.end:
            raise KeyboardInterrupt


@pytest.fixture
def bar(monkeypatch):
    monkeypatch.setattr(orders, "tqdm", Bar)
    monkeypatch.setattr(Bar, "made", [])
    return Bar


@pytest.mark.parametrize("order", [1, 2, 5])
def test_how_far_it_is_is_shown_to_its_end(order, bar, asked):
    derivative_tensor(*asked, order)
    [shown] = bar.made
    passes = sum(math.comb(4 + k - 1, k) for k in range(1, order))
    assert len(shown.updates) == passes
    assert sum(shown.updates) == pytest.approx(shown.options["total"])
    assert not shown.open
    assert f"order {order}" in shown.options["desc"]


def test_what_is_soon_done_is_not_shown(asked, capsys):
    derivative_tensor(*asked, 3)
    assert capsys.readouterr() == ("", "")


def test_what_takes_long_is_shown(asked, capsys, monkeypatch):
    monkeypatch.setattr(orders, "_DELAY", 1e-9)
    monkeypatch.setattr(orders, "tqdm", partial(orders.tqdm, mininterval=0))
    derivative_tensor(*asked, 5)
    assert "derivatives of order 5: " in capsys.readouterr().err


def test_ctrl_c_leaves_the_model_as_it_was(bar, asked, monkeypatch):
    monkeypatch.setattr(bar, "end", 7)
    model = asked[0]
    own, values = dict(model.named_parameters()), model[0].weight.clone()
    with pytest.raises(KeyboardInterrupt):
        derivative_tensor(*asked, 5)
    assert not bar.made[0].open
    assert all(own[name] is p for name, p in model.named_parameters())
    assert torch.equal(model[0].weight, values)
    assert model[0].weight.grad is None


def test_an_order_that_there_is_no_memory_for_is_refused(asked, monkeypatch):
    gib = 2**30
    free = iter([10 * gib, 9.5 * gib, 9.5 * gib, 8 * gib, 8 * gib, 4 * gib])
    monkeypatch.setattr(orders, "free_memory", lambda device: next(free))
    with pytest.raises(InputError, match=r"at most 4: .* taken 4.0 GiB, those of order 5 .* 4.0"):
        derivative_tensor(*asked, 7)


def test_memory_is_asked_for_once_an_order(asked, monkeypatch):
    calls = []
    monkeypatch.setattr(orders, "free_memory", lambda device: calls.append(device) or math.inf)
    derivative_tensor(*asked, 5)
    assert len(calls) == 2 * 3
