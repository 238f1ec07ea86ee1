"""Which of cuDNN's kernels are taken, and that a person's own choice comes back."""

import pytest
import torch
from torch import nn

from gnlab.guards.convolutions import guessed_kernels, tried_kernels
from gnlab.guards.precision import chosen, full_precision
from gnlab.partitions import partition
from gnlab.summaries import derivative_tensor, summarise

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
        assert chosen_kernels() == (own[0], False)
        with tried_kernels():
            assert chosen_kernels() == ((True, False) if own[0] else (True, True))
        assert chosen_kernels() == (own[0], False)
    assert chosen_kernels() == own


def test_who_asks_for_the_same_numbers_gets_them():
    torch.use_deterministic_algorithms(True)
    try:
        with guessed_kernels(GPU), tried_kernels():
            assert chosen_kernels() == (False, False)
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_cpu_has_no_choice(own):
    with guessed_kernels(CPU):
        assert chosen_kernels() == own


def kernels(function):
    """The names of the kernels that a GPU runs."""
    function()
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen:
        function()
        torch.cuda.synchronize()
    return {event.name for event in seen.events()}


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:Warning. Profiler clears events")  # nothing else is wanted
def test_a_guess_of_ones_own_keeps_nothing_from_being_tried():
    """A convolution of three channels, of which cuDNN guesses a kernel of half the speed."""
    x, w = torch.randn(1000, 3, 32, 32).cuda(), torch.randn(6, 3, 5, 5).cuda()

    def convolve():
        return nn.functional.conv2d(x, w)

    with full_precision(GPU):
        guessed = kernels(convolve)
        with guessed_kernels(GPU):
            assert kernels(convolve) == guessed
            with tried_kernels():
                found = kernels(convolve)
        assert kernels(convolve) == guessed
    # Which is the quickest depends on the GPU; here it is a Fourier transform.
    if "H200" in torch.cuda.get_device_name() or "H100" in torch.cuda.get_device_name():
        assert found != guessed


@pytest.mark.gpu
@pytest.mark.parametrize("method", ["jets", "autodiff", "tensor"])
def test_every_derivative_is_in_full_precision(method):
    seen = []

    class Seeing(nn.Conv2d):
        def forward(self, x):
            seen.append((chosen(GPU), cudnn.benchmark))
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
    assert set(seen) == {(seen[0][0], False)}
    assert "tf32" not in seen[0][0]
    assert True not in seen[0][0]
    assert chosen(GPU) == before
    assert (found - exact).abs().max() <= 3e-6 * exact.abs().max()
