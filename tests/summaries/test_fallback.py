"""What the fast pass cannot be sure of: it takes the plain way, or it is right; never wrong."""

import copy
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.summaries import summarise

DOUBLE = torch.float64


class Straight(torch.autograd.Function):
    """Rounds, and passes its gradient straight through."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, grad):
        return grad * 1


class Overwriting(torch.autograd.Function):
    """Doubles its input in place; its gradient says that it has tripled."""

    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx, grad):
        return grad * 3


class Network(nn.Module):
    """Two layers with a function of the first one's output, or of the model, in between."""

    def __init__(self, between=None, before=None):
        super().__init__()
        self.between, self.before = between, before
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)
        self.register_buffer("count", torch.zeros(()))
        self.scale = nn.Parameter(torch.tensor([0.5, -1.5, 2.0, 0.1]))

    def forward(self, x: Tensor) -> Tensor:
        if self.before is not None:
            self.before(self)
        h = self.first(x)
        h = torch.tanh(h) if self.between is None else self.between(h)
        return self.last(torch.tanh(h * self.scale))


def batch():
    rng = torch.Generator().manual_seed(1)
    return tuple(torch.randn(5, n, generator=rng, dtype=DOUBLE) for n in (3, 2))


def network(between=None, before=None):
    torch.manual_seed(0)
    return Network(between, before).double()


def summary(model, method, loss_fn=None, data=None):
    rng = torch.Generator().manual_seed(2)
    named = model.named_parameters()
    u = {n: torch.randn(p.shape, generator=rng, dtype=p.dtype) for n, p in named}
    data = batch() if data is None else data
    return summarise(
        model, loss_fn or nn.MSELoss(), data, partition(model, "tensor"), u, method=method
    )


def agree(model, loss_fn=None, data=None):
    """The summary by itself and by definition; how it was computed."""
    found = summary(model, "auto", loss_fn, data)
    known = summary(model, "autodiff", loss_fn, data)
    for one, two in ((found.g, known.g), (found.H, known.H), (found.third, known.third)):
        assert (one - two).abs().max() <= 1e-10 * two.abs().max()
    return found.method


def overwrite_row(h):
    h = h.sin()
    h[0].mul_(2)
    return h


def overwrite_view(h):
    h = h.sin()
    row = h[1:]
    row += 1
    return h


def overwrite_base(h):
    h = h.sin()
    row = h[1:]
    h += 1
    return torch.cat([row, h[:1]])


def assign(h):
    h = h.sin()
    h[:, 1] = h[:, 0] * 2
    return h


def assign_into_a_constant(h):
    result = torch.zeros_like(h.detach())
    result[:, ::2] = h[:, ::2]
    return result


def averaged(h):
    return h.scatter_reduce(0, torch.zeros(h.shape, dtype=torch.int64), h, "mean")


def behind_autograd(h):
    h = h + 1
    with torch.no_grad():
        h.clamp_(0.2, 0.7)
    return h


def in_data(h):
    h = h + 1
    h.data.clamp_(0.2, 0.7)
    return h.sigmoid()


def lowered(h):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return F.linear(h, torch.eye(4).double()).double()


# By name: what is between the layers, and what the fallback is told by.
SLOW = {
    "custom function": (Straight.apply, "StraightBackward, which was not seen"),
    "custom function in place": (lambda h: Overwriting.apply(h + 1), "mul, in place, without"),
    "no rule": (torch.special.i0, "special_i0"),
    "base overwritten": (overwrite_base, "AsStridedBackward0, which was not seen"),
    "averaged": (averaged, "scatter_reduce"),
    "behind autograd": (behind_autograd, "clamp, in place, without a gradient"),
    "numpy": (lambda h: h * torch.from_numpy(h.detach().numpy().copy()), "numpy"),
}


@pytest.mark.parametrize("name", SLOW)
def test_takes_the_plain_way(name):
    between, told = SLOW[name]
    assert agree(network(between)) == "autodiff"
    with pytest.raises(InputError, match=f"has no rule for {told}"):
        summary(network(between), "jets")


SAME = {
    "residual": lambda h: h.sin().add_(h),
    "augmented": lambda h: (h := h * 2) + (h := h.sin()),
    "a view of what is used no more": lambda h: F.silu((h + 0).view(-1, 4), inplace=True),
    "a view of a view": lambda h: h.sin().view(2, -1).view(-1, 4).mul_(3).sigmoid_().mul(h),
    "relu twice": lambda h: F.relu(F.relu_(h + 0) + 0, inplace=True),
    "hardswish in place": lambda h: F.hardswish(h + 0, inplace=True),
    "assigned": assign,
    "assigned into a constant": assign_into_a_constant,
    "detached": lambda h: h * h.detach() + h.data,
    "no_grad": lambda h: h * torch.no_grad()(torch.sin)(h),
    "in data": in_data,
    "branch": lambda h: h.sin() if h.sum() > 0 else h.cos(),
    "row overwritten": overwrite_row,
    "view overwritten": overwrite_view,
    "overwritten result": lambda h: h.sub(1).mul_(2).tanh_(),
}


@pytest.mark.parametrize("name", SAME)
def test_is_right_by_the_fast_pass(name):
    assert agree(network(SAME[name])) == "jets"


def clamp_data(model):
    model.scale.data.clamp_(-1, 1)


def clamp(model):
    with torch.no_grad():
        model.scale.clamp_(-1, 1)


def set_data(model):
    model.scale.data = model.scale.data.clamp(-1, 1)


def copy_data(model):
    model.first.weight.data.copy_(model.first.weight.data.sign())


def init(model):
    nn.init.constant_(model.scale, 0.7)


def data_entry(model):
    model.scale.data[2] = 0.25


@pytest.mark.parametrize("write", [clamp_data, clamp, set_data, copy_data, init, data_entry])
def test_parameters_overwritten_in_the_forward_pass(write):
    model = network(before=write)
    before = copy.deepcopy(model.state_dict())
    assert agree(model) == "autodiff"
    for name, value in model.state_dict().items():
        assert value.equal(before[name]), name


def test_a_buffer_may_be_written():
    def count(model):
        model.count += 1

    model = network(before=count)
    assert agree(model) == "jets"
    assert model.count == 0


def test_an_input_overwritten_after_its_use_is_refused_not_wrong():
    class Late(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            x = x.clone()
            h = self.layer(x)
            x.zero_()
            return h.tanh()

    torch.manual_seed(0)
    with pytest.raises(InputError, match="overwritten"):
        summary(Late().double(), "jets")


def test_autocast_takes_the_plain_way():
    model = network(lowered)
    with pytest.raises(InputError, match="autocast"):
        summary(model, "jets")


def test_a_loss_with_parameters_of_its_own_takes_the_plain_way():
    weight = nn.Parameter(torch.ones(2, dtype=DOUBLE))
    assert agree(network(), lambda out, y: ((out - y) * weight).square().sum()) == "autodiff"


def test_a_tensor_that_asks_for_a_gradient_and_is_none_of_the_models_is_a_constant():
    weight = torch.ones(2, dtype=DOUBLE, requires_grad=True)
    assert agree(network(), lambda out, y: ((out - y) * weight).square().sum()) == "jets"


def test_legacy_reductions_take_the_plain_way():
    def loss(out, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch deprecates size_average
            return F.mse_loss(out, y, size_average=False)

    assert agree(network(), loss) == "autodiff"


class Sparse(nn.Module):
    """A layer of sparse inputs."""

    def __init__(self):
        super().__init__()
        self.weight, self.last = nn.Parameter(torch.randn(3, 4)), nn.Linear(4, 2)

    def forward(self, x):
        return self.last(torch.sparse.mm(x, self.weight).tanh())


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_sparse_inputs_take_the_plain_way(layout):
    torch.manual_seed(0)
    model, (x, y) = Sparse().double(), batch()
    assert agree(model, data=(x.relu().to_sparse(layout=layout), y)) == "autodiff"
    with pytest.raises(InputError, match="sparse_mm"):
        summary(model, "jets", data=(x.relu().to_sparse(layout=layout), y))
