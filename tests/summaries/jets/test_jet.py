"""The fast pass gives the plain definition's numbers, or says that it cannot."""

import logging

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import chunks, measure, summarise
from gnlab.summaries.forward import Way


def close(fast, plain, tolerance):
    for name in ("loss", "g", "H", "third"):
        found, known = getattr(fast, name), getattr(plain, name)
        assert (found - known).abs().max() <= tolerance * known.abs().max() + 1e-300, name
    assert fast.inert.equal(plain.inert)


def test_every_problem_and_partition(case):
    for parts in case.partitions():
        plain = summarise(*_asked(case, parts), method="autodiff")
        fast = summarise(*_asked(case, parts), method="jets")
        assert (plain.method, fast.method) == ("autodiff", "jets")
        close(fast, plain, 1e-10)


def _asked(case, parts):
    return case.model, case.loss_fn, case.batch, parts, case.direction()


def test_what_has_no_rule_takes_the_plain_way_and_says_so_once(caplog, monkeypatch):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return torch.special.i0(x * self.weight)

    monkeypatch.setattr(measure, "_told", set())
    model, batch = Odd(), (torch.rand(4, 3) + 1, torch.zeros(4, 3))
    with caplog.at_level(logging.WARNING, logger="gnlab"):
        for _ in range(2):
            found = summarise(model, nn.MSELoss(), batch, partition(model, "all"))
            assert found.method == "autodiff"
    assert len(caplog.records) == 1
    assert "special_i0" in caplog.text


def test_float32_is_as_exact_as_float32_can_be():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 30), nn.GELU(), nn.Linear(30, 5)
    )
    batch = torch.randn(50, 20), torch.randint(5, (50,))
    u = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    asked = model, nn.CrossEntropyLoss(), batch, partition(model, "tensor")
    exact = summarise(
        *asked, {n: v.double() for n, v in u.items()}, method="autodiff", dtype=torch.float64
    )
    close(summarise(*asked, u, method="jets"), exact, 1e-5)


def test_dropout_has_the_mask_of_the_plain_way():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.4), nn.Linear(8, 3)).double()
    batch = torch.randn(7, 6, dtype=torch.float64), torch.randint(3, (7,))
    u = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    asked = model, nn.CrossEntropyLoss(label_smoothing=0.1), batch, partition(model, "tensor"), u
    close(summarise(*asked, method="jets"), summarise(*asked, method="autodiff"), 1e-10)


def test_groups_in_chunks_give_the_same_answer(case):
    parts = max(case.partitions(), key=lambda p: p.num_groups)
    at_once = summarise(*_asked(case, parts), method="jets", parts=True, ggn=True)
    for memory in (0, 2000):
        chunked = summarise(
            *_asked(case, parts), method="jets", parts=True, ggn=True, memory=memory
        )
        close(chunked, at_once, 1e-12)
        assert (chunked.ggn - at_once.ggn).abs().max() <= 1e-12 * at_once.H.abs().max()
        assert {(p.module, p.operation) for p in chunked.parts} == {
            (p.module, p.operation) for p in at_once.parts
        }


@pytest.mark.parametrize("free", [0, 3000])
def test_groups_go_in_chunks_where_little_memory_is_free(case, free, monkeypatch):
    parts = max(case.partitions(), key=lambda p: p.num_groups)
    at_once = summarise(*_asked(case, parts), method="jets")
    some, own = [], Way._carry
    monkeypatch.setattr(Way, "_carry", lambda way, *args: some.append(args[0]) or own(way, *args))
    monkeypatch.setattr(chunks, "_SMALL", free)
    monkeypatch.setattr(chunks, "free_memory", lambda device: free)
    chunked = summarise(*_asked(case, parts), method="jets", memory=None)
    close(chunked, at_once, 1e-12)
    if parts.num_groups > 2 and not free:  # each two of them
        assert len(some) == parts.num_groups * (parts.num_groups - 1) // 2
    assert set().union(*some) == set(range(parts.num_groups))
