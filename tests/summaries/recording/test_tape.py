"""What the tape sees: a constant stays torch's own, a value the model's; the rest is refused."""

import math
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnlab.partitions import partition
from gnlab.summaries import summarise

WHOLE = torch.full((5,), 6)


class Network(nn.Module):
    """Two layers with a function of the first one's output in between."""

    def __init__(self, between):
        super().__init__()
        self.between = between
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.between(torch.tanh(self.first(x))))


class Reversed(torch.autograd.Function):
    """Hands on a view of its input; its gradient has the other sign."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -grad


class Within(torch.autograd.Function):
    """Hands on what was computed with a gradient of its own; its gradient has the other sign."""

    @staticmethod
    def forward(ctx, x):
        with torch.enable_grad():
            return x * 1

    @staticmethod
    def backward(ctx, grad):
        return -grad


def summary(between, method, loss_fn=None, y=None):
    torch.manual_seed(0)
    model, x = Network(between).double(), torch.randn(5, 3).double()
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    y = torch.randn(5, 2).double() if y is None else y
    return summarise(
        model, loss_fn or nn.MSELoss(), (x, y), partition(model, "tensor"), u, method=method
    )


def agree(between, loss_fn=None, y=None):
    """The summary by itself and by definition; how it was computed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This overload|where received a uint8", UserWarning)
        found = summary(between, "auto", loss_fn, y)
        known = summary(between, "autodiff", loss_fn, y)
    for name in ("loss", "g", "H", "third"):
        one, two = getattr(found, name), getattr(known, name)
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-10 * float(two.abs().max()))
    return found.method


def hooked(h):
    h = h * 1
    h.register_hook(lambda grad: 2 * grad)
    return h.sin()


def hooked_behind(h):
    h = h.sin()
    h.grad_fn.register_prehook(lambda grads: tuple(2 * grad for grad in grads))
    return h


def doubled_in_place(h):
    h = h * 1
    return h.mul_(2)


def cubed(z):
    return (z**3).sum()


REFUSED = {
    "custom function, a view": lambda h: h * Reversed.apply(h),
    "custom function, a gradient within": lambda h: h * Within.apply(h),
    "hook": hooked,
    "hook of a node": hooked_behind,
    "add of years ago": lambda h: torch.add(h, 2, h.sin()),
    "sub of years ago": lambda h: torch.sub(h, 2, h.sin()),
    "gradient of a function": torch.func.grad(cubed),
    "gradients of a function": torch.vmap(torch.func.grad(cubed)),
    "in place in vmap": torch.vmap(doubled_in_place),
    "two dtypes": lambda h: h.float() * h,
    "table": lambda h: torch.embedding(h, torch.arange(5).flip(0)),
    "rounded quotient": lambda h: h + torch.div(h, 0.3, rounding_mode="floor"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_takes_the_plain_way(name):
    assert agree(REFUSED[name]) == "autodiff"


def view_without_gradient(h):
    with torch.no_grad():
        still = h.view(-1, 4)
    return h * still.view(-1).view(-1, 4)


def same_without_gradient(h):
    with torch.no_grad():
        still, scale = h.contiguous(), (h / 7).max(1)[0]
    return h * still * scale[:, None]


SEEN = {
    "bounds": lambda h: h[0].clamp(torch.full((5, 4), -0.2).double()) * h,
    "norm at zero": lambda h: h * torch.norm(h * WHOLE.ne(6)[:, None], dim=1, keepdim=True),
    "normalize at zero": lambda h: F.normalize(h * (torch.arange(5) > 2)[:, None], dim=1),
    "greatest of integers": lambda h: h * int(WHOLE.max()),
    "place of integers": lambda h: h[torch.minimum(torch.arange(5), torch.tensor(3))],
    "quotient of constants": lambda h: h * torch.floor(torch.full((5, 1), 49.0) / 49),
    "quotient of integers": lambda h: h / torch.tensor(7),
    "quotient that is one": lambda h: h * torch.floor((0 * h + 49) / (0 * h + 49)),
    "greatest of three": lambda h: h * (torch.cat([h, h, h], 1).amax(1) == h.amax(1))[:, None],
    "view without a gradient": view_without_gradient,
    "same without a gradient": same_without_gradient,
    "bytes": lambda h: torch.where((h > 0).byte(), h, h.sin()),
    "vmap of a constant": lambda h: h * torch.vmap(torch.neg)(torch.ones(5, 1).double()),
}


@pytest.mark.parametrize("name", SEEN)
def test_is_right_by_the_fast_pass(name):
    assert agree(SEEN[name]) == "jets"


def test_an_error_of_the_model_is_the_models():
    for method in ("auto", "jets"):
        with pytest.raises(RuntimeError, match="must match the size"):
            summary(lambda h: torch.hypot(h, torch.ones(7).double()), method)


def test_what_is_ignored_may_be_impossible():
    """A class of probability zero, among the targets that are ignored."""
    hidden = torch.tensor([True, False])

    def loss(out, y):
        return F.nll_loss(F.log_softmax(out.masked_fill(hidden, -math.inf), 1), y)

    y = torch.tensor([1, -100, 1, 1, -100])
    assert math.isfinite(summary(torch.sin, "auto", loss, y).loss)


@pytest.mark.parametrize("loss", [F.cross_entropy, lambda x, y: F.nll_loss(x.log_softmax(1), y)])
def test_a_loss_of_ignored_targets_alone_is_no_number_and_has_no_slope(loss):
    y = torch.full((5,), -100)
    for method in ("jets", "autodiff"):
        found = summary(torch.sin, method, loss, y)
        assert found.loss.isnan()
        assert not found.g.any()
        assert not found.H.any()
        assert found.inert.all()
