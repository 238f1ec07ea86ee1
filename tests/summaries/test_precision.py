"""No TensorFloat-32 while summaries are computed on a GPU; what comes of numbers of 16 bits."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from gnlab.partitions import Partition
from gnlab.summaries import precision, summarise

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def switches():
    if precision._NEW:
        return torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


def test_it_is_off_within_and_as_it_was_afterwards():
    before = switches()
    with precision.full_precision(GPU):
        assert switches() == (("ieee", "ieee") if precision._NEW else (False, False))
    assert switches() == before


def test_a_cpu_has_no_such_switch():
    before = switches()
    with precision.full_precision(CPU):
        assert switches() == before


def tanh():
    return nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 32), nn.Tanh(), head())


def normalised():
    return nn.Sequential(nn.Linear(20, 32), nn.LayerNorm(32), nn.SiLU(), head())


def convolution():
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 5)), nn.Conv2d(1, 16, 3, padding=1), nn.ELU(),
        nn.Conv2d(16, 8, 3, padding=1), nn.GELU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), head(),
    )  # fmt: skip


def head():
    return nn.Linear(32, 5)


@pytest.mark.parametrize(("dtype", "near"), [(torch.bfloat16, 2**-6), (torch.float16, 2**-9)])
@pytest.mark.parametrize("make", [tanh, normalised, convolution])
@pytest.mark.parametrize("method", ["jets", "autodiff"])
def test_half_precision_against_a_float64_copy_of_the_same_parameters(method, make, dtype, near):
    torch.manual_seed(0)
    model, x, y = make().to(dtype), torch.randn(60, 20).to(dtype), torch.randint(5, (60,))
    shapes = {n: q.shape for n, q in model.named_parameters()}
    # Half of each tensor's elements in each of two groups: sums of a thousand terms.
    groups = {n: torch.randint(0, 2, shape) for n, shape in shapes.items()}
    p = Partition("halves", ("one", "other"), shapes, groups, ("mixed",) * 2)
    double = copy.deepcopy(model).double()
    grads = torch.autograd.grad(F.cross_entropy(double(x.double()), y), double.parameters())
    u = {n: g.to(dtype) for n, g in zip(shapes, grads, strict=True)}
    wide = {n: v.double() for n, v in u.items()}
    for data, same in (
        ((x, y), (x.double(), y)),
        (DataLoader(TensorDataset(x, y), 4), DataLoader(TensorDataset(x.double(), y), 30)),
    ):
        found = summarise(model, nn.CrossEntropyLoss(), data, p, u, method=method, ggn=True)
        known = summarise(double, nn.CrossEntropyLoss(), same, p, wide, ggn=True)
        assert found.H.dtype == found.ggn.dtype == found.g.dtype == dtype
        for one, two in ((found.g, known.g), (found.H, known.H), (found.ggn, known.ggn)):
            assert (one.double() - two).abs().max() <= near * two.abs().max()
