"""A summary leaves no trace, and computes what the model as it stands computes."""

import contextlib
import copy
import functools

import pytest
import torch
from torch import nn
from torch.autograd.graph import save_on_cpu
from torch.nn import functional
from torch.utils.checkpoint import CheckpointFunction, checkpoint

from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.summaries import derivative_tensor, summarise


def snapshot(model):
    """Everything of a model that a summary could change."""
    state = {n: t.clone() for n, t in model.state_dict().items()}
    grads = {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}
    kinds = {n: (type(p), p.requires_grad, id(p)) for n, p in model.named_parameters()}
    modes = {n: m.training for n, m in model.named_modules()}
    return state, grads, kinds, modes, torch.get_rng_state()


def assert_unchanged(model, before):
    after = snapshot(model)
    torch.testing.assert_close(after[0], before[0], rtol=0, atol=0)
    for name, grad in before[1].items():
        assert (grad is None) == (after[1][name] is None)
        assert grad is None or torch.equal(grad, after[1][name])
    assert after[2:4] == before[2:4]
    assert torch.equal(after[4], before[4])


@pytest.mark.parametrize("dtype", [None, torch.float32])
@pytest.mark.parametrize("training", [True, False])
def test_no_trace_is_left(case, training, dtype):
    case.model.train(training)
    for p in list(case.model.parameters())[1:]:
        p.grad = torch.randn_like(p)
    before = snapshot(case.model)
    p = partition(case.model, "all")
    summarise(case.model, case.loss_fn, case.batch, p, dtype=dtype)
    assert_unchanged(case.model, before)
    derivative_tensor(case.model, case.loss_fn, case.batch, p, 3, dtype=dtype)
    assert_unchanged(case.model, before)


def test_no_trace_is_left_by_a_refused_loss():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout(0.5))
    data = torch.randn(4, 3), torch.ones(4)
    before = snapshot(model)
    with pytest.raises(InputError):
        summarise(model, lambda out, y: out, data, partition(model, "all"))
    assert_unchanged(model, before)


def test_it_works_where_gradients_are_off():
    model = nn.Linear(3, 2)
    data, p = (torch.randn(4, 3), torch.randn(4, 2)), partition(model, "tensor")
    expected = summarise(model, functional.mse_loss, data, p)
    with torch.no_grad():
        assert torch.equal(summarise(model, functional.mse_loss, data, p).H, expected.H)
    with torch.inference_mode():
        x, y = (t.clone() for t in data)
        assert torch.equal(summarise(model, functional.mse_loss, (x, y), p).H, expected.H)
    assert torch.is_grad_enabled()


def test_one_dropout_mask_for_every_derivative():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5), nn.Tanh(), nn.Linear(50, 1)).double()
    x, y = torch.randn(5, 3).double(), torch.randn(5, 1).double()
    p = partition(model, "tensor")
    torch.manual_seed(7)
    s = summarise(model, nn.MSELoss(), (x, y), p)
    torch.manual_seed(7)
    mask = functional.dropout(torch.ones(5, 50).double(), 0.5)

    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = model

        def forward(self, x):
            return self.layers[3](torch.tanh(self.layers[0](x) * mask))

    masked = Masked()
    same = summarise(masked, nn.MSELoss(), (x, y), partition(masked, "tensor"))
    for found, expected in ((s.g, same.g), (s.H, same.H), (s.third, same.third)):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


class Checkpointed(nn.Module):
    """Layers of which some are to be computed anew in the backward pass, or saved elsewhere."""

    def __init__(self, how):
        super().__init__()
        self.how, self.first, self.last = how, nn.Linear(3, 4), nn.Linear(4, 2)
        self.within = nn.Sequential(nn.LayerNorm(4), nn.Dropout(0.3), nn.Linear(4, 4), nn.GELU())

    def forward(self, x):
        return self.last(self.how(self.within, self.first(x)))


def on_cpu(layers, x):
    with save_on_cpu():
        return layers(x)


def asking(layers, x):
    """A checkpoint of the older kind that depends on no parameter before it."""
    return checkpoint(layers, x.detach().requires_grad_(), use_reentrant=True)


@pytest.mark.parametrize("method", ["jets", "autodiff"])
@pytest.mark.parametrize(
    ("how", "same"),
    [
        (functools.partial(checkpoint, use_reentrant=True), lambda layers, x: layers(x)),
        (functools.partial(checkpoint, use_reentrant=False), lambda layers, x: layers(x)),
        (on_cpu, lambda layers, x: layers(x)),
        (asking, lambda layers, x: layers(x.detach())),
    ],
    ids=["reentrant", "not reentrant", "saved on the CPU", "asking"],
)
def test_layers_that_are_computed_anew_have_the_derivatives_that_they_have(how, same, method):
    torch.manual_seed(0)
    model, batch = Checkpointed(how).double(), (torch.randn(4, 3), torch.randn(4, 2))

    def summary():
        torch.manual_seed(1)  # the same units are dropped
        return summarise(
            model,
            nn.MSELoss(),
            batch,
            partition(model, "tensor"),
            method=method,
            dtype=torch.double,
        )

    found = summary()
    model.how = same
    known = summary()
    for one, other in ((found.g, known.g), (found.H, known.H), (found.third, known.third)):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)
    assert found.g[2:6].abs().min() > 0  # the layers' own


@pytest.mark.parametrize("method", ["jets", "autodiff"])
def test_a_summary_may_be_made_where_saved_tensors_are_kept_elsewhere(method):
    torch.manual_seed(0)
    model = Checkpointed(lambda layers, x: layers(x)).eval()
    batch = torch.randn(4, 3), torch.randn(4, 2)

    def summary():
        return summarise(model, nn.MSELoss(), batch, partition(model, "tensor"), method=method)

    known = summary()
    with save_on_cpu():
        found = summary()
    torch.testing.assert_close(found.H, known.H, rtol=1e-6, atol=1e-9)


def test_a_checkpoint_that_cannot_be_seen_is_refused():
    # Recomputed in the backward pass, the fused kernels of its layers would be back.
    function = CheckpointFunction.apply
    model = Checkpointed(lambda layers, x: function(layers, True, x))
    with pytest.raises(InputError, match="turn checkpointing off"):
        summarise(
            model, nn.MSELoss(), (torch.zeros(4, 3), torch.zeros(4, 2)), partition(model, "tensor")
        )


def test_double_precision_does_not_change_the_model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3))
    model(torch.randn(20, 3))
    model.eval()
    x, y = torch.randn(6, 3), torch.tensor([0, 1, 2, 2, 1, 0])
    loss_fn = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5]))
    partial = functools.partial(functional.cross_entropy, weight=loss_fn.weight)
    p = partition(model, "tensor")
    double = summarise(model, loss_fn, (x, y), p, dtype=torch.float64)
    expected = summarise(
        copy.deepcopy(model).double(), copy.deepcopy(loss_fn).double(), (x.double(), y), p
    )
    assert double.H.dtype is torch.float64
    torch.testing.assert_close(double.H, expected.H, rtol=1e-12, atol=0)
    torch.testing.assert_close(
        summarise(model, partial, (x, y), p, dtype=torch.float64).H, expected.H, rtol=1e-12, atol=0
    )
    assert model[0].weight.dtype is torch.float32
    single = summarise(model, loss_fn, (x, y), p)
    assert single.H.dtype is torch.float32
    for name in ("g", "H", "third"):
        near, exact = getattr(single, name).double(), getattr(double, name)
        assert (near - exact).abs().max() <= 1e-5 * exact.abs().max()


class Stumbling(nn.Module):
    """Lets a buffer go, and raises if it is told to."""

    def __init__(self):
        super().__init__()
        self.layer, self.stumbles = nn.Linear(3, 2), False
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        y = torch.tanh(self.layer(x)) + self.count
        del self.count
        if self.stumbles:
            raise ArithmeticError
        return y


@pytest.mark.parametrize("method", ["jets", "autodiff"])
@pytest.mark.parametrize("stumbles", [False, True])
def test_the_models_own_tensors_come_back(stumbles, method):
    model = Stumbling()
    model.stumbles = stumbles
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    data, p = (torch.randn(4, 3), torch.randn(4, 2)), partition(model, "tensor")
    with pytest.raises(ArithmeticError) if stumbles else contextlib.nullcontext():
        summarise(model, nn.MSELoss(), data, p, method=method, parts=method == "jets")
    left = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert left.keys() == own.keys()
    assert all(left[name] is tensor for name, tensor in own.items())
    for module in model.modules():
        assert not module._forward_pre_hooks
        assert not module._forward_hooks
        assert not module._forward_hooks_always_called


@pytest.mark.parametrize("flash", [True, False])
def test_torchs_choice_of_kernels_comes_back(flash):
    model = nn.Linear(3, 2)
    data, p = (torch.randn(4, 3), torch.randn(4, 2)), partition(model, "tensor")
    seen = []

    def loss(output, y):
        seen.append((cuda.flash_sdp_enabled(), cuda.math_sdp_enabled()))
        return functional.mse_loss(output, y)

    cuda = torch.backends.cuda
    before = cuda.flash_sdp_enabled(), cuda.math_sdp_enabled()
    try:
        cuda.enable_flash_sdp(flash)
        cuda.enable_math_sdp(False)
        summarise(model, loss, data, p)
        assert (cuda.flash_sdp_enabled(), cuda.math_sdp_enabled()) == (flash, False)
    finally:
        cuda.enable_flash_sdp(before[0])
        cuda.enable_math_sdp(before[1])
    assert set(seen) == {(False, True)}


@pytest.mark.gpu
def test_a_gpu_gives_the_same(case):
    p, u = partition(case.model, "all"), case.direction()
    expected = summarise(case.model, case.loss_fn, case.batch, p, u)
    model = copy.deepcopy(case.model).cuda()

    def move(tree):
        if isinstance(tree, dict):
            return {key: move(item) for key, item in tree.items()}
        return tree.cuda()

    batch = (move(case.batch[0]), move(case.batch[1]))
    before = torch.cuda.get_rng_state()
    found = summarise(model, case.loss_fn, batch, p, {n: t.cuda() for n, t in u.items()})
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert found.H.is_cuda
    for name in ("g", "H", "third"):
        near, exact = getattr(found, name).cpu(), getattr(expected, name)
        torch.testing.assert_close(near, exact, rtol=1e-9, atol=1e-12)


def test_not_finite_is_data():
    model, x = nn.Linear(3, 2), torch.zeros(4, 3)
    x[0, 0] = torch.nan
    s = summarise(model, nn.MSELoss(), (x, torch.zeros(4, 2)), partition(model, "tensor"))
    assert s.loss.isnan()
    assert s.H.isnan().any()
    assert not s.inert.any()
