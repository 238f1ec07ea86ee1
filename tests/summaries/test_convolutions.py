"""Which of cuDNN's kernels are taken, and that a person's own choice comes back."""

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import derivative_tensor, summarise
from gnlab.summaries.convolutions import guessed_kernels, tried_kernels
from gnlab.summaries.precision import chosen

CPU, GPU = torch.device("cpu"), torch.device("cuda")
cudnn = torch.backends.cudnn


def chosen_kernels():
    return cudnn.deterministic, cudnn.benchmark


@pytest.fixture(params=[(False, False), (True, False), (False, True)])
def own(request, monkeypatch):
    """What a person has chosen."""
    monkeypatch.setattr(cudnn, "deterministic", request.param[0])
    monkeypatch.setattr(cudnn, "benchmark", request.param[1])
    return request.param


def test_kernels_are_guessed_and_then_tried(own):
    with guessed_kernels(GPU):
        assert chosen_kernels() == (True, False)
        with tried_kernels():
            assert chosen_kernels() == ((True, False) if own[0] else (False, True))
        assert chosen_kernels() == (True, False)
    assert chosen_kernels() == own


def test_who_asks_for_the_same_numbers_gets_them():
    torch.use_deterministic_algorithms(True)
    try:
        with guessed_kernels(GPU), tried_kernels():
            assert chosen_kernels() == (True, False)
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_cpu_has_no_choice(own):
    with guessed_kernels(CPU):
        assert chosen_kernels() == own


@pytest.mark.gpu
@pytest.mark.parametrize("method", ["jets", "autodiff", "tensor"])
def test_every_derivative_is_in_full_precision(method):
    seen = []

    class Seeing(nn.Conv2d):
        def forward(self, x):
            seen.append((chosen(GPU), cudnn.deterministic))
            return super().forward(x)

    torch.manual_seed(0)
    model = nn.Sequential(Seeing(2, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(36, 3)).cuda()
    batch = torch.randn(6, 2, 5, 5).cuda(), torch.randint(3, (6,)).cuda()
    loss_fn, p = nn.CrossEntropyLoss(), partition(model, "tensor")
    before = chosen(GPU)
    if method == "tensor":
        found = derivative_tensor(model, loss_fn, batch, p, 2)
        exact = derivative_tensor(model, loss_fn, batch, p, 2, dtype=torch.float64)
    else:
        found = summarise(model, loss_fn, batch, p, method=method).H
        exact = summarise(model, loss_fn, batch, p, dtype=torch.float64).H
    assert set(seen) == {(seen[0][0], True)}
    assert "tf32" not in seen[0][0]
    assert True not in seen[0][0]
    assert chosen(GPU) == before
    assert (found - exact).abs().max() <= 3e-6 * exact.abs().max()
