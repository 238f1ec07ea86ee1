"""No TensorFloat-32 while summaries are computed on a GPU; what comes of numbers of 16 bits."""

import copy
import functools
from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from gnlab.guards import precision
from gnlab.partitions import Partition, partition
from gnlab.summaries import derivative_tensor, measure, summarise

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


class Asking(nn.Linear):
    """A layer that asks something at every evaluation."""

    def forward(self, x):
        self.answers.append(self.ask())
        return super().forward(x)


def answers(ask, device, call, **options):
    """What is answered at each evaluation of a summary."""
    torch.manual_seed(0)
    model = Asking(3, 2).to(device)
    model.ask, model.answers = ask, []
    data = torch.randn(5, 3, device=device), torch.randn(5, 2, device=device)
    call(model, nn.MSELoss(), data, partition(model, "tensor"), **options)
    return model.answers


CALLS = {
    "jets": functools.partial(summarise, method="jets"),
    "autodiff": functools.partial(summarise, method="autodiff"),
    "tensor": functools.partial(derivative_tensor, order=2),
}


@pytest.mark.parametrize(
    ("name", "options", "full"),
    [
        *((name, {}, True) for name in CALLS),
        ("jets", {"tf32": False}, True),
        *((name, {"tf32": True}, False) for name in ("jets", "autodiff")),
    ],
)
def test_every_evaluation_is_in_full_precision_unless_told_otherwise(
    name, options, full, monkeypatch
):
    entered, within = [], []

    @contextmanager
    def counted(device):
        entered.append(device)
        within.append(device)
        yield
        within.pop()

    monkeypatch.setattr(measure, "full_precision", counted)
    found = answers(lambda: bool(within), CPU, CALLS[name], **options)
    assert found
    assert set(found) == {full}
    assert entered == [CPU] * full


@pytest.mark.gpu
@pytest.mark.parametrize("name", CALLS)
def test_every_evaluation_on_a_gpu_is_in_full_precision(name):
    off = ("ieee", "ieee") if precision._NEW else (False, False)
    before = switches()
    assert set(answers(switches, GPU, CALLS[name])) == {off}
    if name != "tensor":
        assert set(answers(switches, GPU, CALLS[name], tf32=True)) == {before}
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
