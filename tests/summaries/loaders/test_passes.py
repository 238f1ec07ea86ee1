"""What a person gives that cannot be meant, or means two things, is refused in one line."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import gnlab
from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.summaries import derivative_tensor, summarise

X, Y = torch.randn(6, 3), torch.tensor([0, 1, 1, 0, 1, 0])


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


class Two(nn.Module):
    """Of two inputs, with two outputs."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, inputs):
        one, two = inputs
        return self.layer(one), self.layer(two).tanh()


def both(outputs, targets):
    return sum(F.cross_entropy(o, t) for o, t in zip(outputs, targets, strict=True))


def test_two_lists_of_two_are_refused_where_they_may_be_one_batch_or_two():
    one, two = network(), Two()
    for asked in ((one, F.cross_entropy, [[X, Y], [X, Y]]), (two, both, [[X, X], [Y, Y]])):
        with pytest.raises(InputError, match=r"for two batches, .* for one"):
            summarise(*asked, partition(asked[0]))
    # As the message has it.
    assert summarise(two, both, ((X, X), (Y, Y)), partition(two)).weight == 6
    known = summarise(one, F.cross_entropy, [(X, Y), (X, Y)], partition(one))
    assert known.weight == 12
    # A batch has as many inputs as targets, so these are two.
    found = summarise(one, F.cross_entropy, [[X, Y], [X[:4], Y[:4]]], partition(one))
    assert found.weight == 10


@pytest.mark.parametrize("given", [["0.weight"], "tensor", {"all": ["0.weight"]}, None])
def test_what_is_no_partition(given):
    model = network()
    with pytest.raises(InputError, match=r"must be a gnlab\.Partition, as .*; got"):
        summarise(model, F.cross_entropy, (X, Y), given)
    with pytest.raises(InputError, match=r"must be a gnlab\.Partition"):
        derivative_tensor(model, F.cross_entropy, (X, Y), given, 2)


@pytest.mark.parametrize("method", ["auto", "jets", "autodiff"])
@pytest.mark.parametrize("loss_fn", [F.cross_entropy, lambda out, y: (out - y).square().mean()])
def test_unequal_lengths_of_inputs_and_targets(method, loss_fn):
    model = network()
    y = Y[:5] if loss_fn is F.cross_entropy else torch.randn(5, 2)
    for data in ((X, y), [(X, Y if y.dim() == 1 else torch.randn(6, 2)), (X, y)]):
        with pytest.raises(InputError, match="inputs of length 6 and targets of length 5; give as"):
            summarise(model, loss_fn, data, partition(model), method=method)


def test_other_errors_stay_what_they_are():
    model = network()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        summarise(model, F.cross_entropy, (X[:, :2], Y), partition(model))
    with pytest.raises(IndexError, match="out of bounds"):
        summarise(model, F.cross_entropy, (X, Y + 1), partition(model))


def test_complex_parameters_in_a_partition_made_by_hand():
    model = nn.Module()
    model.w = nn.Parameter(torch.ones(3, dtype=torch.complex64))
    model.forward = lambda x: (model.w * x).abs().square().sum(1)
    p = gnlab.Partition("own", ("w",), {"w": model.w.shape}, {"w": torch.tensor(0)}, ("weights",))
    with pytest.raises(InputError, match="parameter 'w' is complex"):
        summarise(model, lambda out, y: out.mean(), (X, Y), p)


def test_a_direction_is_checked():
    model, data = nn.Linear(3, 2), (torch.zeros(4, 3), torch.zeros(4, 2))
    p, weight, bias = partition(model, "tensor"), torch.ones(2, 3), torch.ones(2)
    for direction, message in [
        ({"weight": weight}, "no entry for parameter 'bias'"),
        ({"weight": weight, "bias": bias, "bia": bias}, "unknown parameter in direction 'bia'"),
        ({"weight": weight.T, "bias": bias}, r"shape \[3, 2\]; the parameter has \[2, 3\]"),
        ({"weight": weight.double(), "bias": bias}, "torch.float64 on cpu; the parameter is"),
        ({"weight": weight.numpy(), "bias": bias}, r"\['weight'\] must be a torch tensor; got nda"),
        ([weight, bias], r"direction must be tensors by parameter name, .*; got list"),
    ]:
        with pytest.raises(InputError, match=message):
            summarise(model, nn.MSELoss(), data, p, direction)


def test_a_derivative_that_torch_lacks_is_told_in_one_line():
    """That of a transposed convolution with output padding ends in another operation's error."""
    up = nn.ConvTranspose2d(2, 3, 3, stride=2, output_padding=1)
    model = nn.Sequential(nn.Conv2d(2, 2, 1), nn.Tanh(), up).double()
    x = torch.randn(2, 2, 3, 3, dtype=torch.float64)
    given = model, nn.MSELoss(), (x, torch.zeros_like(model(x))), partition(model, "all")
    with pytest.raises(InputError, match="torch cannot differentiate an operation"):
        summarise(*given, method="autodiff")
    assert summarise(*given).method == "jets"
