"""What torch would take for a constant, or differentiate wrongly, without a word is refused."""

import pytest
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.summaries import derivative_tensor, summarise
from gnlab.summaries.autodiff import Along, groups_of
from gnlab.summaries.evaluation.evaluation import Evaluated, Evaluation
from gnlab.summaries.gauss_newton import gauss_newton
from gnlab.summaries.inert import Point, plain_rows

DOUBLE = torch.float64


class Cube(torch.autograd.Function):
    """x³, whose derivative is marked as one that has no derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2


class Wrapped(Cube):
    """The same, within another decorator."""

    forward = staticmethod(torch.amp.custom_fwd(Cube.forward, device_type="cpu"))
    backward = staticmethod(torch.amp.custom_bwd(Cube.backward, device_type="cpu"))


class Hidden(torch.autograd.Function):
    """x³, whose derivative is computed by what is marked."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad):
        return once_differentiable(lambda _, g: g * 3 * ctx.saved_tensors[0] ** 2)(ctx, grad)


class Honest(torch.autograd.Function):
    """x³ with every derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2


class Network(nn.Module):
    def __init__(self, between):
        super().__init__()
        self.first, self.last, self.between = nn.Linear(3, 4), nn.Linear(4, 2), between

    def forward(self, x):
        return self.last(self.between(self.first(x)))


def problem(between):
    torch.manual_seed(0)
    model = Network(between).double()
    batch = torch.randn(6, 3, dtype=DOUBLE), torch.randn(6, 2, dtype=DOUBLE)
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    return model, batch, partition(model, "tensor"), u


@pytest.mark.parametrize("method", ["auto", "autodiff"])
@pytest.mark.parametrize(
    ("function", "name"),
    [(Cube, "Cube"), (Wrapped, "Wrapped"), (Hidden, "an autograd.Function")],
)
def test_a_function_of_one_derivative_is_refused_by_name(function, name, method):
    model, batch, p, u = problem(function.apply)
    with pytest.raises(InputError, match=f"^{name} of the model.*once_differentiable"):
        summarise(model, nn.MSELoss(), batch, p, u, method=method)


def test_a_loss_that_is_linear_in_it_is_refused_too():
    # There torch marks nothing: the derivative of x³ is a number to it from the first.
    model, (x, y), p, u = problem(Cube.apply)
    with pytest.raises(InputError, match="Cube"):
        summarise(model, lambda out, y: out.sum(), (x, y), p, u, method="autodiff")
    layer = nn.Linear(3, 2).double()
    with pytest.raises(InputError, match="Cube"):
        summarise(layer, lambda out, y: Cube.apply(out).sum(), (x, y), partition(layer))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_no_derivative_tensor_either(order):
    model, batch, p, u = problem(Cube.apply)
    with pytest.raises(InputError, match="Cube"):
        derivative_tensor(model, nn.MSELoss(), batch, p, order, u)


def test_neither_gauss_newton_nor_the_rows_that_are_computed_again():
    model, batch, p, u = problem(Cube.apply)
    groups = groups_of(p, torch.device("cpu"))
    evaluation = Evaluation(model, nn.MSELoss(), batch)

    def of_loss(output, leaves):
        seen = Evaluated(evaluation, output, evaluation.loss(output), leaves)
        return gauss_newton(seen, Along(groups, leaves, u))

    with pytest.raises(InputError, match="Cube"):
        evaluation.with_output(of_loss)
    loss = evaluation.at(lambda loss, _: loss.detach())
    with pytest.raises(InputError, match="Cube"):
        plain_rows(Point(evaluation, groups, u, loss))(1.5, [0])


def test_a_function_with_every_derivative_is_not():
    model, batch, p, u = problem(Honest.apply)
    found = summarise(model, nn.MSELoss(), batch, p, u, ggn=True)
    model.between = lambda x: x**3
    known = summarise(model, nn.MSELoss(), batch, p, u, ggn=True)
    assert (found.method, known.method) == ("autodiff", "jets")
    for name in ("g", "H", "third", "ggn"):
        torch.testing.assert_close(getattr(found, name), getattr(known, name), rtol=1e-10, atol=0)


def test_one_that_no_parameter_enters_is_in_nobodys_way():
    model, batch, *_ = problem(Cube.apply)
    model.first.requires_grad_(False)
    s = summarise(model, nn.MSELoss(), batch, partition(model, "tensor"), method="autodiff")
    assert (s.H.diag() > 0).all()


def scripted(source):
    unit = torch.jit.CompilationUnit(source)
    return unit.call


LAYER_NORM = """
def call(x: Tensor) -> Tensor:
    return torch.layer_norm(x, [4])
"""
WEIGHT_NORM = """
def call(x: Tensor) -> Tensor:
    return torch._weight_norm(x, x[:, :1], 0)
"""


@pytest.mark.parametrize(
    ("source", "name"), [(LAYER_NORM, "third.*layer_norm"), (WEIGHT_NORM, "second.*weight_norm")]
)
@pytest.mark.parametrize("method", ["auto", "autodiff"])
def test_a_scripted_kernel_with_a_wrong_derivative_is_refused(source, name, method):
    model, batch, p, u = problem(scripted(source))
    with pytest.raises(InputError, match=name):
        summarise(model, nn.MSELoss(), batch, p, u, method=method)


def test_a_table_whose_gradient_is_no_derivative_is_refused():
    class Table(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.randn(3, 2, dtype=DOUBLE))

        def forward(self, x):
            return torch.embedding(self.table, x, -1, True)

    model = Table()
    with pytest.raises(InputError, match="scale_grad_by_freq"):
        summarise(
            model,
            lambda out, y: F.mse_loss(out.exp(), y),
            (torch.tensor([0, 0, 2]), torch.randn(3, 2, dtype=DOUBLE)),
            partition(model),
            method="autodiff",
        )
