"""Small models whose steps are known: surfaces of one raw parameter, a classifier, its batches."""

import pytest
import torch
from torch import Tensor, nn

from gnlab.partitions import Partition

DOUBLE = torch.float64


class Surface(nn.Module):
    """A function of one raw parameter; the input is not looked at."""

    def __init__(self, start: Tensor, function) -> None:
        super().__init__()
        self.theta = nn.Parameter(start.clone())
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.theta)


@pytest.fixture
def surface():
    """Makes a surface from a start and a function."""
    return Surface


@pytest.fixture
def quadratic():
    """Makes ½θᵀAθ − bᵀθ, with A and b."""

    def make(size: int = 6) -> tuple[Surface, Tensor, Tensor]:
        rng = torch.Generator().manual_seed(0)
        root = torch.randn(size, size, generator=rng, dtype=DOUBLE)
        A = root @ root.mT + torch.eye(size, dtype=DOUBLE)
        b = torch.randn(size, generator=rng, dtype=DOUBLE)
        start = torch.randn(size, generator=rng, dtype=DOUBLE)
        return Surface(start, lambda t: 0.5 * t @ A @ t - b @ t), A, b

    return make


@pytest.fixture
def elements():
    """Makes the partition of one group per element of a surface."""

    def make(model: nn.Module) -> Partition:
        [(name, p)] = model.named_parameters()
        names = tuple(str(i) for i in range(p.numel()))
        numbers = {name: torch.arange(p.numel()).view_as(p)}
        return Partition("by hand", names, {name: p.shape}, numbers, ("weights",) * p.numel())

    return make


@pytest.fixture
def one_step():
    """Makes one step, and returns the loss before it."""
    nothing = (torch.zeros(1), torch.zeros(1))

    def step(model, optimizer, batch=nothing, loss_fn=lambda output, _: output) -> float:
        optimizer.zero_grad()
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


@pytest.fixture
def classifier():
    """Makes a small network of three classes."""

    def make(seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()

    return make


@pytest.fixture
def data():
    """Makes batches for the classifier."""

    def make(batches: int, seed: int = 1) -> list[tuple[Tensor, Tensor]]:
        rng = torch.Generator().manual_seed(seed)
        return [
            (
                torch.randn(16, 4, generator=rng, dtype=DOUBLE),
                torch.randint(0, 3, (16,), generator=rng),
            )
            for _ in range(batches)
        ]

    return make


@pytest.fixture
def flat():
    """All parameters of a model in one vector."""
    return lambda model: torch.cat([p.detach().reshape(-1) for p in model.parameters()])
