"""Activations whose own derivatives in torch are wrong, or rounded to single precision."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.summaries.formulas.decompose import decomposed

DOUBLE = torch.float64


@pytest.mark.parametrize("alpha", [0.3, 1.7])
@pytest.mark.parametrize("make", [F.celu, torch.celu, lambda x, a: nn.CELU(a, True)(x * 1)])
def test_celu_is_as_exact_as_its_dtype(make, alpha):
    """Torch's own derivative has 1/α in single precision."""
    x = torch.linspace(-3, 1, 8, dtype=DOUBLE, requires_grad=True)
    with decomposed():
        found = make(x, alpha)
    for order in range(4):
        known = torch.exp(x / alpha) * alpha ** (1 - order)
        known = torch.where(
            x <= 0, known - (alpha if order == 0 else 0), [x, x**0, 0 * x][min(order, 2)]
        )
        torch.testing.assert_close(found, known, rtol=1e-14, atol=1e-14)
        (found,) = torch.autograd.grad(found.sum(), x, create_graph=True)


@pytest.mark.parametrize("make", [F.celu, torch.celu, lambda x, a: nn.CELU(a, True)(x * 1)])
def test_celu_bends_below_zero_whatever_the_sign_of_alpha(make):
    x = torch.linspace(-1, 1, 8, dtype=DOUBLE, requires_grad=True)
    with decomposed():
        found = make(x, -0.5)
    torch.testing.assert_close(found, F.celu(x, -0.5), rtol=1e-12, atol=1e-12)
    (slope,) = torch.autograd.grad(found.sum(), x)
    torch.testing.assert_close(slope, torch.where(x > 0, 1.0, torch.exp(-2 * x)))


def test_celu_without_an_alpha_is_refused_as_torch_does():
    with decomposed(), pytest.raises(RuntimeError, match="alpha cannot be 0"):
        F.celu(torch.ones(2), 0.0)


@pytest.mark.parametrize("shape", [(), (4,), (5, 3), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("weights", [1, 3])
def test_prelu_is_torchs(shape, weights):
    x, weight = torch.randn(shape, dtype=DOUBLE), torch.rand(weights, dtype=DOUBLE)
    if weights > 1 and len(shape) < 2:
        with decomposed(), pytest.raises(RuntimeError, match=r"parameter numbers|zero-dim"):
            F.prelu(x, weight)
        return
    known = F.prelu(x, weight)
    with decomposed():
        torch.testing.assert_close(F.prelu(x, weight), known, rtol=0, atol=0)
