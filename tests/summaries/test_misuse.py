"""What a person gives wrong is refused in one line."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional

from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.summaries import derivative_tensor, summarise

MODEL = nn.Linear(3, 2)
X, Y = torch.zeros(4, 3), torch.zeros(4, 2)


@pytest.mark.parametrize(
    ("loss_fn", "data", "message"),
    [
        (nn.MSELoss(reduction="none"), (X, Y), r"shape \[\]; got shape \[4, 2\]"),
        (lambda out, y: out.sum() * 1j, (X, Y), "return a real scalar; got torch.complex64"),
        (lambda out, y: out.sum().item(), (X, Y), r"got float \(was it taken out .*\.item"),
        (lambda out, y: out.detach().numpy(), (X, Y), r"got ndarray \(was it taken out of"),
        (lambda out, y: None, (X, Y), r"got None \(is there a return in it\?\)\.$"),
        (lambda out, y: (out.sum(), y), (X, Y), r"got tuple of 2 \(return the one that is the l"),
        (lambda out, y: {"mse": out.sum()}, (X, Y), r"got dict with 'mse' \(return the one that"),
        (lambda out, y: "mse", (X, Y), "got str.$"),
        (lambda out, y: out.detach().sum(), (X, Y), "no graph"),
        (lambda out, y: (out > 0).sum(), (X, Y), "no graph"),
        (nn.MSELoss(), (X[:0], Y[:0]), "batch is empty"),
        (nn.MSELoss(), [], "loader is empty"),
        (nn.MSELoss(), iter([]), "loader is empty"),
        (nn.MSELoss(), X, "one batch .* got Tensor"),
        (nn.MSELoss(), 3, "one batch .* got int"),
        (nn.MSELoss(), (X, Y, Y), "tuple of length 3"),
        (nn.MSELoss(), [(X, Y), (X, Y), X], "got a Tensor"),
        (
            lambda out, y: functional.multi_margin_loss(out**2, y[:, 0].long(), margin=1e3),
            (X + 1, Y),
            r"cannot differentiate multi_margin_loss of .* twice; write it .* x.detach\(\)",
        ),
        (lambda out, y: (out // 1.3).sum(), (X, Y), "floor_divide of .* even once; .*x.detach"),
        (nn.MSELoss(), (X.numpy(), Y), r"NumPy array of shape \[4, 3\] .*torch.from_numpy"),
        (
            nn.CrossEntropyLoss(),
            (X, Y.numpy()),
            r"NumPy array of shape \[4, 2\] .*torch.from_numpy",
        ),
    ],
)
@pytest.mark.parametrize("method", ["auto", "autodiff"])
def test_bad_input_is_one_line(loss_fn, data, message, method):
    with pytest.raises(InputError, match=message) as error:
        summarise(MODEL, loss_fn, data, partition(MODEL, "tensor"), method=method)
    assert "\n" not in str(error.value)


def test_bad_arguments_are_one_line():
    p = partition(MODEL, "tensor")
    with pytest.raises(InputError, match=r"unknown method 'autodif'. Did you mean 'autodiff'"):
        summarise(MODEL, nn.MSELoss(), (X, Y), p, method="autodif")
    with pytest.raises(InputError, match=r"unknown normaliser 'sample'. Did you mean 'samples'"):
        summarise(MODEL, nn.MSELoss(), (X, Y), p, normaliser="sample")
    for given in ({"ggn": "yes"}, {"tf32": "no"}, {"tf32": 1}):
        with pytest.raises(InputError, match=r"(ggn|tf32) must be True or False; got ('|1)"):
            summarise(MODEL, nn.MSELoss(), (X, Y), p, **given)
    with pytest.raises(InputError, match="parts must be True, False or 'fast'; got 'all'"):
        summarise(MODEL, nn.MSELoss(), (X, Y), p, parts="all")
    for order in (0, -1, 1.5):
        with pytest.raises(InputError, match="order must be a whole number"):
            derivative_tensor(MODEL, nn.MSELoss(), (X, Y), p, order)
    for order in (60, 10**6):
        with pytest.raises(InputError, match=r"order must be lower: .*S\^d = 2\^"):
            derivative_tensor(MODEL, nn.MSELoss(), (X, Y), p, order)
    with pytest.raises(InputError, match=r"loss_fn must be a function, .*got 'mse'"):
        summarise(MODEL, "mse", (X, Y), p)
    with pytest.raises(InputError, match=r"loss_fn is the class MSELoss itself; .*: MSELoss\(\)"):
        summarise(MODEL, nn.MSELoss, (X, Y), p)
    with pytest.raises(InputError, match=r"model must be a torch.nn.Module; got None"):
        summarise(None, nn.MSELoss(), (X, Y), p)
    other = partition(nn.Linear(3, 4), "tensor")
    with pytest.raises(InputError, match=r"'weight' is \[4, 3\] in the partition, \[2, 3\] in"):
        summarise(MODEL, nn.MSELoss(), (X, Y), other)
    with pytest.raises(InputError, match=r"'0.weight' is absent in the partition"):
        summarise(nn.Sequential(MODEL), nn.MSELoss(), (X, Y), p)


def test_a_scripted_module_is_refused_by_name():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # each torch deprecates scripts its own way
                self.norm = torch.jit.script(nn.LayerNorm(3))

        def forward(self, x):
            return self.norm(x)

    model = Net()
    with pytest.raises(InputError, match="'norm' is a TorchScript module"):
        summarise(model, nn.MSELoss(), (X, X), partition(model, "all"))


@pytest.mark.parametrize("dtype", ["float32", torch.int32, torch.complex64, 3])
def test_a_dtype_that_is_none_of_real_numbers(dtype):
    model, batch = nn.Linear(3, 2), (torch.randn(4, 3), torch.randint(2, (4,)))
    with pytest.raises(InputError, match="dtype must be a torch dtype of real numbers"):
        summarise(model, nn.CrossEntropyLoss(), batch, partition(model, "all"), dtype=dtype)


@pytest.mark.parametrize("method", ["auto", "autodiff"])
def test_parameters_without_values_that_can_be_differentiated_are_named(method):
    with torch.device("meta"):
        empty = nn.Linear(3, 2)
    with torch.inference_mode():
        constant = nn.Linear(3, 2)
    for model, message in [
        (empty, "'weight' is on the meta device and has no values"),
        (constant, r"'weight' was made in torch.inference_mode\(\)"),
    ]:
        with pytest.raises(InputError, match=message):
            summarise(model, nn.MSELoss(), (X, Y), partition(model, "tensor"), method=method)


@pytest.mark.parametrize("method", ["auto", "autodiff"])
@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((X.double(), Y), r"torch.float64, .* torch.float32; .*x.to\(torch.float32\).*dtype"),
        ((X.to("meta"), Y), r"meta, .* of cpu; .*x.to\('cpu'\)"),
    ],
)
def test_a_batch_that_is_not_as_the_model_is_named(batch, message, method):
    with pytest.raises(InputError, match=message):
        summarise(MODEL, nn.MSELoss(), batch, partition(MODEL, "all"), method=method)


def test_a_tensor_that_dtype_does_not_reach_is_told():
    weight = torch.ones(2)
    p = partition(MODEL, "all")

    def loss(out, y):
        return functional.mse_loss(out @ weight, y[:, 0])

    with pytest.raises(InputError, match=r"is not torch.float64, .*w.to\(output.dtype\)"):
        summarise(MODEL, loss, (X, Y), p, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="same dtype"):  # the loss's own fault
        summarise(nn.Linear(3, 2).double(), loss, (X.double(), Y.double()), p)


@pytest.mark.parametrize("dtype", [None, torch.float64])
def test_a_models_own_error_is_left_as_it_is(dtype):
    class Net(nn.Linear):
        def forward(self, x):
            raise RuntimeError("this type of device has no name")

    model = Net(3, 2)
    batch = (X, Y) if dtype is None else (X.double(), Y)
    with pytest.raises(RuntimeError, match=r"^this type of device has no name$"):
        summarise(model, nn.MSELoss(), batch, partition(model, "all"), dtype=dtype)
