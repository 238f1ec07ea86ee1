"""The trajectory is the same in other coordinates of each group, with and without a cubic term.

Legend: θ_s = a_s Q_s θ̃_s + 1 with a scale a_s and an orthogonal matrix Q_s for each group s.
"""

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, one_hot

from gnlab import directions
from gnlab.cubic import Status
from gnlab.optimizers import GroupedNewton


class Elsewhere(nn.Module):
    """The same network in other coordinates."""

    def __init__(self, inner: nn.Module, scaled: bool, turned: bool) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(2)
        self.inner, self.maps, tilde = [inner], {}, []
        for i, (name, p) in enumerate(inner.named_parameters()):
            Q = torch.eye(p.numel()).double()
            if turned:
                Q = torch.linalg.qr(torch.randn(Q.shape, generator=rng).double())[0]
            a = 10.0 ** (i - 1.5) if scaled else 1.0
            moved = Q.mT @ (p.detach().reshape(-1) - 1) / a
            tilde.append(moved if turned else moved.reshape(p.shape))
            self.maps[name] = a * Q, p.shape
        self.tilde = nn.ParameterList(tilde)

    def forward(self, x: Tensor) -> Tensor:
        pairs = zip(self.maps.items(), self.tilde, strict=True)
        theta = {name: (A @ t.reshape(-1)).reshape(shape) + 1 for (name, (A, shape)), t in pairs}
        return torch.func.functional_call(self.inner[0], theta, (x,))


class Convex(nn.Module):
    """Three groups, and linear in all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 3), nn.Linear(4, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) + self.second(x**2)


def squares(output: Tensor, y: Tensor) -> Tensor:
    """Of a label's distance: convex, with D = 0."""
    return mse_loss(output, one_hot(y, 3).to(output))


# λ_int, λ₁, whether there is a safeguard, whether the problem is convex, its loss. Without a cubic
# term only a convex one has a minimum; with the safeguard λ₁ is so large that it has to cut.
SETTINGS = {
    "damped": (1.0, 0.2, False, False, cross_entropy),
    "damped and safeguarded": (1.0, 2.0, True, False, cross_entropy),
    "damped, convex": (1.0, 0.2, False, True, cross_entropy),
    "without a cubic term": (0.0, 0.2, False, True, cross_entropy),
    "without third derivatives": (0.0, 0.2, False, True, squares),
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("direction", ["gradient", "momentum"])
@pytest.mark.parametrize("map", ["scale", "rotation", "both"])
def test_the_trajectory_is_invariant(map, direction, setting, one_step, classifier, data):
    follow_both(map, direction, setting, one_step, classifier, data)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("direction", ["orthogonal", "adam"])
def test_the_trajectory_of_other_directions_is_invariant_to_units(
    direction, setting, monkeypatch, one_step, classifier, data
):
    # Adam's is so up to its ε, which is added to gradients in whatever units they are.
    monkeypatch.setattr(directions, "Adam", partial(directions.Adam, epsilon=1e-100))
    follow_both("scale", direction, setting, one_step, classifier, data)


def follow_both(map, direction, setting, one_step, classifier, data):
    """Eight steps in both coordinates, whose losses agree."""
    damping, lr, safeguard, convex, loss_fn = SETTINGS[setting]
    [batch] = data(1)
    model = classifier()
    if convex:
        torch.manual_seed(0)
        model = Convex().double()
    other = Elsewhere(copy.deepcopy(model), map != "rotation", map != "scale")
    options = {"lr": lr, "damping": damping, "period": 2, "direction": direction}
    options["safeguard"] = safeguard
    first, second = (GroupedNewton(m, loss_fn, [batch], **options) for m in (model, other))
    losses, solutions = [], []
    for _ in range(8):
        losses.append(one_step(model, first, batch, loss_fn))
        assert losses[-1] == pytest.approx(one_step(other, second, batch, loss_fn), rel=1e-8)
        solutions += [s for s in (first.info.solution, second.info.solution) if s is not None]
    assert {s.status for s in solutions} == {Status.solved}
    assert all((s.radius > 0) == (damping > 0) for s in solutions)
    assert losses[-1] < 0.97 * losses[0]
