"""Models and losses that take gradients themselves, by the fast pass and by the definition."""

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from gnlab.partitions import partition
from gnlab.summaries import replay, summarise

DOUBLE = torch.float64


def network(inputs=2, outputs=1, act=nn.Tanh):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(inputs, 6), act(), nn.Linear(6, 5), act(), nn.Linear(5, outputs)
    ).double()


class Laplacian(nn.Module):
    """The sum of the second derivatives of a network by its inputs, one by one."""

    def __init__(self):
        super().__init__()
        self.u = network()

    def forward(self, x):
        x = x.clone().requires_grad_(True)
        [slope] = torch.autograd.grad(self.u(x).sum(), x, create_graph=True)
        bends = [
            torch.autograd.grad(slope[:, i].sum(), x, create_graph=True)[0][:, i] for i in (0, 1)
        ]
        return bends[0] + bends[1]


class Heat(nn.Module):
    """u_t − u_xx, of time and place as two tensors, with a boundary term that is exact."""

    def __init__(self):
        super().__init__()
        self.u = network(act=nn.SiLU)

    def forward(self, given):
        t, x = (given[:, i : i + 1].detach() for i in (0, 1))
        t.requires_grad, x.requires_grad = True, True
        value = self.u(torch.cat([t, x], 1)) * torch.sin(x) + t
        ones = torch.ones_like(value)
        by_t, by_x = torch.autograd.grad(value, [t, x], grad_outputs=ones, create_graph=True)
        [bend] = torch.autograd.grad(by_x, x, ones, create_graph=True, retain_graph=True)
        return by_t - bend


class Hamiltonian(nn.Module):
    """Hamilton's equations of a network that is the energy."""

    def __init__(self):
        super().__init__()
        self.energy = network(act=nn.Softplus)

    def forward(self, x):
        q, p = x.detach().chunk(2, 1)
        q, p = q.clone().requires_grad_(), p.clone().requires_grad_()
        energy = self.energy(torch.stack([q[:, 0], p[:, 0]], 1)).sum()
        by_q, by_p = torch.autograd.grad(energy, (q, p), create_graph=True)
        return torch.cat([by_p, -by_q], 1)


class Learner(nn.Module):
    """Answers after a step of gradient descent of its own, with a rate that is learned."""

    def __init__(self):
        super().__init__()
        self.model, self.rate = network(outputs=3), nn.Parameter(torch.tensor(0.3, dtype=DOUBLE))

    def forward(self, x):
        own = dict(self.model.named_parameters())
        loss = F.cross_entropy(functional_call(self.model, own, (x[:4],)), torch.arange(4) % 3)
        slopes = torch.autograd.grad(loss, list(own.values()), create_graph=True)
        moved = {n: p - self.rate * g for (n, p), g in zip(own.items(), slopes, strict=True)}
        return functional_call(self.model, moved, (x,))


class Saliency(nn.Module):
    """What the output says of values in between, which are no leaves."""

    def __init__(self):
        super().__init__()
        self.u = network()

    def forward(self, x):
        h = self.u[1](self.u[0](x))
        value = self.u[4](self.u[3](self.u[2](h)))
        [slope] = torch.autograd.grad(value.sum(), h, create_graph=True)
        return value + (h * slope).sum(1, keepdim=True)


class Adversary(nn.Module):
    """Looks at an input moved along a gradient that nothing goes back through."""

    def __init__(self):
        super().__init__()
        self.u = network()

    def forward(self, x):
        at = x.clone().requires_grad_()
        [slope] = torch.autograd.grad(self.u(at).sum(), at)
        return self.u(x + 0.1 * slope)


class Critic(nn.Module):
    """Convolutions, whose gradient by the images the loss asks for."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.u = nn.Sequential(
            nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 2, 3, 2, 1), nn.GroupNorm(1, 2),
            nn.LeakyReLU(0.2), nn.Conv2d(2, 3, 2), nn.ELU(), nn.Flatten(), nn.Linear(3, 1),
        ).double()  # fmt: skip

    def forward(self, x):
        return self.u(x)


def penalty(model, x):
    """A loss that asks the slope of a model to be one."""

    def loss(output, _):
        at = (0.5 * x).requires_grad_()
        [slope] = torch.autograd.grad(model(at).sum(), at, create_graph=True)
        return output.mean() + ((slope.norm(dim=1) - 1) ** 2).mean()

    return loss


def problem(kind):
    """A model, its loss and a batch."""
    torch.manual_seed(1)
    size = 16 if kind is Critic else 2
    model, x = kind(), torch.randn(7, size, dtype=DOUBLE)
    if kind is Critic:
        return model, penalty(model, x), (x, x)
    if kind is Learner:
        return model, F.cross_entropy, (x, torch.arange(7) % 3)
    return model, F.mse_loss, (x, model(x).detach() + 0.3)


KINDS = (Laplacian, Heat, Hamiltonian, Learner, Saliency, Adversary, Critic)


def directions(model):
    torch.manual_seed(2)
    return {n: torch.randn_like(p) for n, p in model.named_parameters()}


def assert_same(one, two, tolerance=1e-10):
    for name in ("g", "H", "third"):
        known = getattr(two, name)
        scale = float(known.abs().max())
        torch.testing.assert_close(getattr(one, name), known, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("level", ["all", "tensor", "unit", "element"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_within(kind, level):
    model, loss_fn, batch = problem(kind)
    given = model, loss_fn, batch, partition(model, level), directions(model)
    fast = summarise(*given)
    assert fast.method == "jets"
    assert_same(fast, summarise(*given, method="autodiff"))


@pytest.mark.parametrize("kind", KINDS)
def test_repeated_with_other_numbers(kind):
    replay.forget()
    for k in range(5):
        model, loss_fn, (x, y) = problem(kind)
        with torch.no_grad():
            x.mul_(1 + 0.1 * k)
            for p in model.parameters():
                p.mul_(1 - 0.05 * k)
        given = model, loss_fn, (x, y), partition(model, "tensor"), directions(model)
        assert_same(summarise(*given, method="jets"), summarise(*given, method="autodiff"))


@pytest.mark.parametrize("kind", [Laplacian, Learner, Critic])
def test_in_chunks_under_a_budget(kind):
    model, loss_fn, batch = problem(kind)
    given = model, loss_fn, batch, partition(model, "unit"), directions(model)
    whole = summarise(*given, method="jets")
    assert_same(summarise(*given, method="jets", memory=20_000), whole, 1e-13)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", [Laplacian, Critic])
def test_on_a_gpu_in_one_graph(kind):
    replay.forget()
    model, _, (x, y) = problem(kind)
    model, batch = model.cuda(), (x.cuda(), y.cuda())
    loss_fn = penalty(model, batch[0]) if kind is Critic else F.mse_loss
    given = model, loss_fn, batch, partition(model, "tensor"), directions(model)
    known = summarise(*given, method="autodiff")
    for _ in range(5):
        assert_same(summarise(*given, method="jets"), known)


def test_the_parts_add_up():
    model, loss_fn, batch = problem(Laplacian)
    found = summarise(model, loss_fn, batch, partition(model, "tensor"), parts=True)
    assert found.method == "jets"
    total = sum(part.H for part in found.parts)
    torch.testing.assert_close(total, found.H, rtol=1e-12, atol=1e-12 * float(found.H.abs().max()))


def test_what_is_asked_of_a_batch_stays_as_it_was():
    model, loss_fn, (x, y) = problem(Laplacian)
    summarise(model, loss_fn, (x, y), partition(model, "tensor"))
    assert not x.requires_grad
    assert all(p.grad is None for p in model.parameters())
