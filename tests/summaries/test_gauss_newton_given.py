"""The Gauss–Newton summary of losses that take more than the output: parameters, hidden values."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev
from torch.nn import functional as F

from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.summaries import summarise

DOUBLE = torch.float64
LABELS = torch.tensor([0, 2, 1, 1, 0, 2])


def near(found, known, tolerance=1e-10):
    assert (found - known).abs().max() <= tolerance * known.abs().max()


class Remembering(nn.Module):
    """Hands its output over and remembers a hidden value and a scale, for the loss to use."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 5), nn.Linear(5, 3)
        self.scale = nn.Parameter(torch.tensor(0.7))

    def forward(self, x):
        self.hidden = torch.tanh(self.one(x))
        return self.two(self.hidden * 1.5)


class Tempered(nn.Module):
    """A loss with a temperature and weights that it decays."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, output, y):
        decay = sum(p.square().sum() for p in self.model.parameters())
        return F.cross_entropy(output * self.model.scale.exp(), y) + 0.1 * decay


def decayed(model):
    return lambda output, y: F.cross_entropy(output, y) + 0.1 * model.one.weight.square().sum()


def remembered(model):
    """Of a hidden value upon which the output depends."""

    def loss_fn(output, y):
        return (
            F.cross_entropy(output * model.scale, y)
            + (model.hidden * model.two.weight[0]).square().mean()
        )

    return loss_fn


def again(model):
    """All of the model is within the loss."""
    x = torch.randn(6, 4, dtype=DOUBLE)
    return lambda output, y: F.cross_entropy(model(x), y)


@pytest.mark.parametrize("make", [decayed, Tempered, remembered, again])
@pytest.mark.parametrize("method", ["jets", "autodiff"])
def test_what_the_loss_is_given_is_linear_and_its_own_parameters_are_given_to_it(make, method):
    torch.manual_seed(2)
    model = Remembering().double()
    loss_fn, x, p = make(model), torch.randn(6, 4, dtype=DOUBLE), partition(model, "tensor")
    theta = {n: q.detach().clone() for n, q in model.named_parameters()}
    u = {n: torch.randn_like(q) for n, q in theta.items()}

    def given(eta):
        """The hidden value and the output along the direction."""
        step = p.expand(eta)
        moved = {n: q + u[n] * step[n] for n, q in theta.items()}
        output = functional_call(model, moved, x)
        return torch.cat([model.hidden, output], 1)

    zero = torch.zeros(p.num_groups, dtype=DOUBLE)
    start, J = given(zero).detach(), jacrev(given)(zero)

    def linear(x):
        eta = torch.stack(
            [((q - theta[n]) * u[n]).sum() / u[n].square().sum()
             for n, q in model.named_parameters()]
        )  # fmt: skip
        model.hidden, output = (start + (J * eta).sum(-1)).split([5, 3], 1)
        return output

    assert list(theta) == list(p.names)
    found = summarise(model, loss_fn, (x, LABELS), p, u, method=method, ggn=True, parts=True)
    model.forward = model.forward if make is again else linear  # in the loss it is whole
    known = summarise(model, loss_fn, (x, LABELS), p, u, method="autodiff").H
    near(found.ggn, known)
    near(sum(part.H for part in found.parts if part.kind == "loss"), known)
    near(sum(part.H for part in found.parts), found.H, 1e-12)


@pytest.mark.parametrize("method", ["jets", "autodiff"])
def test_a_loss_that_hands_the_models_scalar_on_bends_nothing(method):
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), Sum()).double()
    batch = torch.randn(3, 2, dtype=DOUBLE), LABELS[:3]
    asked = model, lambda output, y: output, batch, partition(model, "tensor")
    found = summarise(*asked, method=method, ggn=True)
    assert found.H.any()
    assert not found.ggn.any()


def test_a_loss_that_overwrites_what_it_is_given_is_found_out():
    model = Remembering().double()
    batch = torch.randn(6, 4, dtype=DOUBLE), LABELS
    asked = model, lambda output, y: output.mul_(2).square().sum(), batch, partition(model, "all")
    assert summarise(*asked, method="autodiff").H.any()
    with pytest.raises(InputError, match="evaluated again: does it overwrite"):
        summarise(*asked, method="autodiff", ggn=True)


class Sum(nn.Module):
    def forward(self, x):
        return x.sum()
