"""Derivatives of values that are rounding themselves, and small effects that are real."""

import math

import pytest
import torch
from torch import nn

from gnlab.cubic import solve_cubic
from gnlab.optimizers import GroupedNewton
from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.autodiff import groups_of
from gnlab.summaries.faint import faint, sizes

DTYPES = [torch.float32, torch.float64]
LEVELS = ["tensor", "unit", "row:3", "element"]


def of_images():
    """The mean of an instance norm's channels, which is zero."""
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.InstanceNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(3, 3),
    )  # fmt: skip


def of_features():
    """The mean of a layer norm's features, which is zero."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(72, 6), nn.LayerNorm(6, elementwise_affine=False),
        nn.Unflatten(1, (1, 6)), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(1, 3),
    )  # fmt: skip


def batch(dtype, size=10):
    x = torch.randn(size, 2, 6, 6, generator=torch.Generator().manual_seed(1), dtype=dtype)
    return x, torch.arange(size) % 3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("build", [of_images, of_features])
@pytest.mark.parametrize("direction", ["gradient", "random", "of other sizes"])
def test_weights_of_means_that_are_zero_are_inert(build, level, direction, dtype):
    torch.manual_seed(0)
    model, data = build().to(dtype), batch(dtype)
    groups, u = partition(model, level), None
    if direction != "gradient":
        sizes = (1e5, 1e-5) if direction == "of other sizes" else (1.0,)
        u = {
            name: sizes[k % len(sizes)] * torch.randn_like(p)
            for k, (name, p) in enumerate(model.named_parameters())
        }
    last = groups.groups[list(groups.groups)[-1]].unique()  # the biases of the last layer
    expected = torch.ones(groups.num_groups, dtype=torch.bool)
    expected[last] = False
    for method in ("jets", "autodiff"):
        found = summarise(model, nn.CrossEntropyLoss(), data, groups, u, method=method)
        assert found.inert.equal(expected)
        eta = solve_cubic(found.H, found.g, found.d).step_sizes
        assert not eta[expected].any()
        assert eta[last].all()


@pytest.mark.parametrize("safeguard", [False, True])
def test_training_leaves_such_weights_alone(safeguard):
    torch.manual_seed(0)
    model, data = of_images(), batch(torch.float32)
    before = model[4].weight.detach().clone()
    optimizer = GroupedNewton(
        model, nn.CrossEntropyLoss(), [data], period=1, lr=0.3, safeguard=safeguard
    )
    for _ in range(6):
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(model(data[0]), data[1]).backward()
        optimizer.step()
    assert model[4].weight.equal(before)
    assert not model[4].bias.isnan().any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("power", [20, 40, 60])
def test_an_effect_that_is_small_and_real_is_not_inert(dtype, power):
    """A layer whose result counts for 2^−power of what it would."""

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.large, self.small = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, x):
            return self.large(x) + 2.0**-power * self.small(x)

    torch.manual_seed(0)
    model = Small().to(dtype)
    data = torch.randn(20, 4, dtype=dtype), torch.randint(0, 3, (20,))
    for level in ("tensor", "unit"):
        found = [
            summarise(model, nn.CrossEntropyLoss(), data, partition(model, level), method=method)
            for method in ("jets", "autodiff")
        ]
        for one in found:
            assert not one.inert.any()
        torch.testing.assert_close(found[0].g, found[1].g, rtol=1e-4, atol=0)
        torch.testing.assert_close(found[0].H, found[1].H, rtol=1e-3, atol=0)


def test_a_parameter_that_is_zero_is_looked_at_as_one_of_size_one():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    nn.init.zeros_(model[2].weight)
    nn.init.zeros_(model[2].bias)
    data = torch.randn(20, 4).double(), torch.randint(0, 3, (20,))
    found = summarise(model, nn.CrossEntropyLoss(), data, partition(model, "tensor"))
    assert found.inert.tolist() == [True, True, False, False]


def test_sizes_of_groups_are_those_of_their_elements():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(300, 200), nn.Linear(200, 3))  # the first weight is sampled
    theta = dict(model.named_parameters())
    u = {name: torch.randn_like(p) for name, p in theta.items()}
    for level in ("role", "tensor"):
        groups = partition(model, level)
        found = sizes(groups_of(groups, torch.device("cpu")), theta, u)
        for s in range(groups.num_groups):
            names = [name for name, owner in groups.groups.items() if int(owner) == s]
            assert found.counts[s] == sum(theta[name].numel() for name in names)
            for row, field in enumerate((theta, u)):
                exact = sum(float(field[name].detach().square().sum()) for name in names)
                assert float(found.squares[row, s]) == pytest.approx(exact, rel=0.1)


def test_what_is_faint():
    orders = [[1.0, 1e-9, 0.0, 1e-9], [1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]
    squares = [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0]]
    # An effect that is rounding, none at all, and one whose size is not known: u may be sparse.
    assert faint(orders, squares, [1.0] * 4, 1.0, 1e-7) == [False, True, True, False]
    assert faint(orders, squares, [1.0] * 4, 1.0, 1e-16) == [False, False, True, False]
    # Of a loss beside which no group changes anything all are.
    assert faint(orders, squares, [1.0] * 4, 1e8, 1e-7) == [True, True, True, False]
    assert faint(orders, squares, [1.0] * 4, 1e4, 1e-7) == [False, True, True, False]
    orders[1][0] = math.inf
    assert faint(orders, squares, [1.0] * 4, 1.0, 1e-7)[0] is False
