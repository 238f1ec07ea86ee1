"""Binary cross-entropy of probabilities next to 0 and 1, where torch has other derivatives."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.formulas.entropy import bounded_log

METHODS = pytest.mark.parametrize("method", ["jets", "autodiff"])


def neuron(weight, dtype):
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid()).to(dtype)
    with torch.no_grad():
        model[0].weight.fill_(weight)
        model[0].bias.zero_()
    return model, {name: torch.ones_like(p) for name, p in model.named_parameters()}


@METHODS
@pytest.mark.parametrize(("dtype", "weight"), [(torch.float32, 20.0), (torch.float64, 50.0)])
def test_a_probability_of_exactly_one_is_no_nan(method, dtype, weight):
    model, u = neuron(weight, dtype)
    x, y = torch.tensor([[1.0], [0.1], [-0.05]]).to(dtype), torch.tensor([[1.0], [0.0], [1.0]])
    found = summarise(
        model, nn.BCELoss(), (x, y.to(dtype)), partition(model, "tensor"), u, method=method
    )
    scores = summarise(
        model[0], nn.BCEWithLogitsLoss(), (x, y.to(dtype)), partition(model[0], "tensor"),
        {name[2:]: value for name, value in u.items()},
    )  # fmt: skip
    tolerance = {"rtol": 1e-4 if dtype is torch.float32 else 1e-10, "atol": 1e-6}
    for name in ("g", "H", "third"):
        torch.testing.assert_close(getattr(found, name), getattr(scores, name), **tolerance)


@METHODS
@pytest.mark.parametrize("weight", [10.0, 25.0])
def test_a_confident_wrong_prediction_has_the_curvature_it_has(method, weight):
    model, u = neuron(weight, torch.float64)
    u["0.bias"].zero_()
    batch = torch.tensor([[-1.0]]).double(), torch.tensor([[1.0]]).double()
    found = summarise(model, nn.BCELoss(), batch, partition(model, "all"), u, method=method)
    p = 1 / (1 + math.exp(weight))
    torch.testing.assert_close(found.H.item(), p * (1 - p), rtol=1e-4, atol=0)
    torch.testing.assert_close(found.g.item(), p - 1 if found.g < 0 else 1 - p, rtol=1e-10, atol=0)


@METHODS
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_it_is_torchs_loss(method, reduction):
    model, u = neuron(3.0, torch.float64)
    x, y = torch.rand(5, 1).double(), torch.rand(5, 1).double()
    weight = torch.rand(5, 1).double()

    def loss_fn(output, y):
        return functional.binary_cross_entropy(output, y, weight, reduction=reduction).mean()

    data = [(x, y)] if reduction == "none" else (x, y)
    found = summarise(
        model, loss_fn, data, partition(model, "all"), u, method=method, normaliser="samples"
    )
    torch.testing.assert_close(found.loss, loss_fn(model(x), y).detach())


@pytest.mark.parametrize("method", ["auto", "autodiff"])
@pytest.mark.parametrize("loss_fn", [nn.BCELoss(), nn.BCEWithLogitsLoss()])
def test_targets_of_another_shape_are_told_as_torch_does(method, loss_fn):
    model, u = neuron(3.0, torch.float64)
    data = torch.rand(5, 1).double(), torch.rand(5).double()
    with pytest.raises(ValueError, match=r"arget size"):
        summarise(model, loss_fn, data, partition(model, "all"), u, method=method)


def test_the_logarithm_is_bounded_and_flat_there():
    p = torch.tensor([0.0, 1e-50, 1e-40, 0.5, 1.0], dtype=torch.float64, requires_grad=True)
    found = bounded_log(p)
    torch.testing.assert_close(found.detach(), p.detach().log().clamp(min=-100))
    (slope,) = torch.autograd.grad(found.sum(), p)
    assert slope.tolist() == [0.0, 0.0, 1e40, 2.0, 1.0]
    assert bounded_log(torch.tensor(-0.1)).isnan()
