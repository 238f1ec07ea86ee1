"""A model's parameters count wherever the loss meets them, not in the model's modules alone."""

import functools

import pytest
import torch
from torch import nn
from torch.nn import functional

from gnlab.errors import InputError
from gnlab.optimizers import GroupedNewton
from gnlab.partitions import partition
from gnlab.summaries import summarise

DOUBLE = torch.float64
cross_entropy = functional.cross_entropy


class Net(nn.Module):
    """Two layers, of which the second's weight may be reached in other ways too."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.b(torch.tanh(self.a(x)))


class Listed(Net):
    """Keeps its weights in a list as well, and uses those."""

    def __init__(self):
        super().__init__()
        self.kept = [self.a.weight, self.b.weight]

    def forward(self, x):
        hidden = torch.tanh(functional.linear(x, self.kept[0], self.a.bias))
        return functional.linear(hidden, self.kept[1], self.b.bias)


class Stacked(Net):
    """Hands its parameters on in a list."""

    def __init__(self):
        super().__init__()
        object.__setattr__(self, "first", self.b.bias)

    def forward(self, x):
        return super().forward(x) * torch.cat([self.first, self.first.exp()])[:3]


class Decaying(nn.Module):
    """A loss that holds something of the model, and class weights of its own."""

    def __init__(self, held):
        super().__init__()
        self.held = held
        self.register_buffer("classes", torch.tensor([1.0, 2.0, 0.5]))

    def forward(self, output, y):
        held = self.held.parameters() if isinstance(self.held, nn.Module) else [self.held]
        decay = sum(p.square().sum() for p in held)
        return cross_entropy(output, y, self.classes.to(output.dtype)) + 0.1 * decay


def by_list(model):
    kept = list(model.parameters())
    return lambda out, y: cross_entropy(out, y) + 0.1 * sum(p.square().sum() for p in kept)


def weighed(output, y, *, w):
    return cross_entropy(output, y) + 0.1 * (w**2).sum() * output.square().mean()


def tied(model):
    w = model.b.weight
    return lambda out, y: cross_entropy(torch.tanh(out @ w) @ w.T, y)


WAYS = {
    "list": (Net, by_list),
    "loss-module-of-model": (Net, Decaying),
    "loss-module-of-parameter": (Net, lambda model: Decaying(model.b.weight)),
    "partial": (Net, lambda model: functools.partial(weighed, w=model.b.weight)),
    "tied": (Net, tied),
    "listed": (Listed, lambda model: cross_entropy),
    "in-dict": (Stacked, lambda model: cross_entropy),
    "both": (Listed, by_list),
}


def batch(dtype=DOUBLE):
    torch.manual_seed(1)
    return torch.randn(9, 4).to(dtype), torch.randint(0, 3, (9,))


def gradient(model, loss_fn):
    x, y = batch()
    return torch.autograd.grad(loss_fn(model(x), y), list(model.parameters()))


@pytest.fixture(params=WAYS)
def reached(request):
    make, loss = WAYS[request.param]
    model = make().double()
    return model, loss(model)


@pytest.mark.parametrize("method", ["auto", "autodiff"])
def test_the_gradient_and_the_curvature_are_the_true_ones(reached, method):
    model, loss_fn = reached
    u = [g.clone() for g in gradient(model, loss_fn)]
    own = list(model.parameters())
    p = partition(model, "tensor")
    s = summarise(model, loss_fn, batch(), p, method=method)
    assert all(a is b for a, b in zip(own, model.parameters(), strict=True))
    assert not s.inert.any()
    torch.testing.assert_close(s.g, torch.stack([(v * v).sum() for v in u]), rtol=1e-10, atol=0)
    step, H, third = 1e-4, [], []
    for s_, (parameter, along) in enumerate(zip(own, u, strict=True)):
        slopes = []
        for times in (step, -2 * step):
            with torch.no_grad():
                parameter.add_(along, alpha=times)
            g = gradient(model, loss_fn)
            slopes.append(torch.stack([(v * w).sum() for v, w in zip(g, u, strict=True)]))
        with torch.no_grad():
            parameter.add_(along, alpha=step)
        H.append((slopes[0] - slopes[1]) / (2 * step))
        third.append((slopes[0] + slopes[1] - 2 * s.g)[s_] / step**2)
    scale = float(s.H.abs().max())
    torch.testing.assert_close(s.H, torch.stack(H), rtol=1e-6, atol=1e-7 * scale)
    torch.testing.assert_close(s.third, torch.stack(third), rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["auto", "autodiff"])
def test_a_model_in_single_precision_is_summarised_in_double(way, method):
    make, loss = WAYS[way]
    model, double = make(), make().double()
    p = partition(model, "tensor")
    found = summarise(model, loss(model), batch(torch.float32), p, method=method, dtype=DOUBLE)
    x, y = batch(torch.float32)
    expected = summarise(double, loss(double), (x.double(), y), p, method=method)
    assert found.H.dtype is DOUBLE
    for name in ("g", "H", "third"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-9, atol=0)


def test_a_loss_that_decays_the_weights_is_what_the_grouped_method_sees(reached):
    model, loss_fn = reached
    optimizer = GroupedNewton(model, loss_fn, [batch()], direction="gradient")
    loss_fn(model(batch()[0]), batch()[1]).backward()
    slopes = torch.stack([p.grad.square().sum() for p in model.parameters()])
    optimizer.step()
    torch.testing.assert_close(optimizer.info.summary.g, slopes, rtol=1e-10, atol=0)


class Cubed(torch.autograd.Function):
    """An operation of a person's own."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, slope):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * slope


@pytest.mark.parametrize("method", ["auto", "autodiff"])
def test_what_cannot_be_followed_is_refused_by_name(method):
    model = Net().double()
    p, w = partition(model, "tensor"), model.b.weight
    before = w.square().sum()
    for penalty in (lambda: Cubed.apply(w).sum(), lambda: before):

        def loss_fn(output, y, penalty=penalty):
            return cross_entropy(output, y) + penalty()

        with pytest.raises(InputError, match=r"depends on parameter 'b.weight' in a way"):
            summarise(model, loss_fn, batch(), p, method=method)


class Keeping(nn.Module):
    """Scales by what it has computed once, as some models do in eval mode."""

    def __init__(self):
        super().__init__()
        self.layer, self.scale = nn.Linear(4, 3), nn.Parameter(torch.ones(3))
        self.kept = None

    def forward(self, x):
        if self.training or self.kept is None:
            self.kept = self.scale.exp()
        return self.layer(x) * self.kept


@pytest.mark.parametrize("method", ["auto", "autodiff"])
def test_what_a_model_keeps_from_one_call_to_the_next_is_named(method):
    model = Keeping().double().eval()
    data, p = batch(), partition(model, "tensor")
    u = {name: torch.ones_like(value) for name, value in model.named_parameters()}
    loss = nn.functional.cross_entropy

    def twice():
        for _ in range(2):
            summarise(model, loss, data, p, u, method=method)

    with pytest.raises(InputError, match=r"keeps what it computed of parameter 'scale'"):
        twice()
    first = summarise(model.train(), loss, data, p, u, method=method)
    assert first.g[0].abs() > 1e-3
    assert summarise(model, loss, data, p, u, method=method).H.equal(first.H)


class Making(Net):
    """Makes a parameter when it is first called."""

    def forward(self, x):
        if not hasattr(self, "scale"):
            self.scale = nn.Parameter(torch.ones(3))
        return super().forward(x) * self.scale


class Freezing(Net):
    """Freezes a layer of its own when it is called."""

    def forward(self, x):
        self.a.requires_grad_(False)
        return super().forward(x)


@pytest.mark.parametrize("method", ["auto", "autodiff"])
@pytest.mark.parametrize("given", [True, False], ids=["given", "gradient"])
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Making, "'scale' was made by the model's own call; now that it is there, build the part"),
        (Freezing, r"'a.weight' is frozen by the model's own call \(requires_grad_\(False\)\)"),
    ],
)
def test_what_a_models_own_call_makes_of_its_parameters_is_named(kind, message, given, method):
    model = kind()
    p = partition(model, "tensor")
    u = {n: torch.ones_like(p) for n, p in model.named_parameters()} if given else None
    batch = torch.randn(5, 4), torch.randint(3, (5,))
    with pytest.raises(InputError, match=message) as error:
        summarise(model, cross_entropy, batch, p, u, method=method)
    assert "\n" not in str(error.value)
    if kind is Making:
        p = partition(model, "tensor")
        assert summarise(model, cross_entropy, batch, p, method=method).g.isfinite().all()
