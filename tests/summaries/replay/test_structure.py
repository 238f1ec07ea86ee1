"""What is repeated without calling the model is what the model would do."""

import functools
from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torchvision import models

from gnlab.partitions import partition
from gnlab.summaries import replay, summarise
from gnlab.summaries.replay import cache

pytestmark = pytest.mark.usefixtures("nothing_kept")

DOUBLE = torch.float64


def network(activation=None):
    return nn.Sequential(
        nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3), activation or nn.LeakyReLU(0.1), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 3),
    ).double().eval()  # fmt: skip


def batch(samples=4):
    return torch.randn(samples, 1, 5, 5, dtype=DOUBLE), torch.randint(3, (samples,))


@pytest.fixture
def is_repeated(agree):
    """Whether the model is called no more from the third time on."""

    def tell(model, loss_fn=functional.cross_entropy, **options):
        counts = [agree(model, batch(), loss_fn, **options) for _ in range(4)]
        return counts[2:] == [0, 0]

    return tell


def stir(model):
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                tensor.mul_(1 + 0.1 * torch.rand_like(tensor))


@pytest.mark.parametrize("options", [{}, {"ggn": True}, {"parts": True}, {"dtype": DOUBLE}])
def test_a_model_of_torchs_modules_is_called_no_more(agree, is_repeated, options):
    model = network()
    for _ in range(4):
        stir(model)  # the batch norm's buffers too
        agree(model, batch(), **options)
    assert is_repeated(model, **options)


LOSSES = {
    "module": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0], dtype=DOUBLE)),
    "partial": functools.partial(functional.cross_entropy, label_smoothing=0.1),
    "sum": nn.CrossEntropyLoss(reduction="sum"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_torch(is_repeated, name):
    assert is_repeated(network(), LOSSES[name])


def test_a_losss_weights_are_read_anew(is_repeated):
    weight = torch.tensor([1.0, 2.0, 3.0], dtype=DOUBLE)
    loss_fn = nn.CrossEntropyLoss(weight=weight)
    assert is_repeated(network(), loss_fn)
    weight.mul_(torch.tensor([2.0, 1.0, 5.0]))
    assert is_repeated(network(), loss_fn)


def test_networks_of_torchvision():
    model = models.squeezenet1_1(num_classes=3).double().eval()
    data = torch.randn(2, 3, 32, 32, dtype=DOUBLE), torch.tensor([0, 2])
    p = partition(model, "all")
    for _ in range(4):
        found = summarise(model, functional.cross_entropy, data, p)
        with replay.eager():
            anew = summarise(model, functional.cross_entropy, data, p)
        torch.testing.assert_close(found.H, anew.H, rtol=1e-11, atol=0)
    assert any(key[0] == "whole" and entry.kept for key, entry in cache._known.items())


class Own(nn.Sequential):
    """A person's own module."""


def own_function(output, targets):
    return functional.cross_entropy(output, targets)


@functools.wraps(functional.cross_entropy)
def wrapped_function(output, targets):
    return functional.cross_entropy(output, targets)


def function_from_nowhere(output, targets):
    return functional.cross_entropy(output, targets)


function_from_nowhere.__module__ = "torch.nowhere"


class OwnLoss(nn.Module):
    def forward(self, output, targets):
        return functional.cross_entropy(output, targets)


class OwnPartial(functools.partial):
    def __call__(self, *args):
        return 2 * super().__call__(*args)


def replaced_forward(model):
    model[6].forward = lambda x: x.sin()


NOT = {
    "own module": (Own(*network()), None),
    "own function": (network(), own_function),
    "wrapped function": (network(), wrapped_function),
    "function from nowhere": (network(), function_from_nowhere),
    "method of torch's": (network(), nn.CrossEntropyLoss().forward),
    "method of one's own": (network(), OwnLoss().__call__),
    "own partial": (network(), OwnPartial(functional.cross_entropy)),
    "own forward": (network(), None, replaced_forward),
    "hook": (network(), None, lambda m: m[6].register_forward_hook(lambda _m, _i, out: out.sin())),
    "hook before": (network(), None, lambda m: m[6].register_forward_pre_hook(lambda *_: None)),
    "hook of a gradient": (
        network(), None, lambda m: m[6].register_full_backward_hook(lambda *_: None),
    ),
    "parametrised": (
        network(), None, lambda m: nn.utils.parametrizations.weight_norm(m[5], dim=0),
    ),
    "dropout": (network(nn.Dropout(0.5).train()), None, lambda m: m[2].train()),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT)
def test_whatever_else_is_called_each_time(is_repeated, name):
    model, loss_fn, *change = NOT[name]
    for each in change:
        each(model)
    assert not is_repeated(model, loss_fn or functional.cross_entropy)


CHANGES = {
    "setting": lambda m: setattr(m[2], "negative_slope", 0.5),
    "other setting": lambda m: setattr(m[3], "stride", 1) or setattr(m, "5", nn.Linear(27, 5)),
    "mode": lambda m: m[1].train(),
    "forward": replaced_forward,
    "layout": lambda m: setattr(m[5].weight, "data", m[5].weight.detach().T.clone().T),
    "frozen": lambda m: m[0].weight.requires_grad_(False),
    "hook": lambda m: m[7].register_forward_hook(lambda _m, _i, out: out * 2),
    "kind": lambda m: setattr(m, "6", nn.Sigmoid()),
    "tied": lambda m: setattr(m[7], "bias", m[0].bias),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_person_has_changed_is_seen(agree, is_repeated, name):
    model = network()
    assert is_repeated(model)
    CHANGES[name](model.double())
    model.double()
    for _ in range(3):
        stir(model)
        called = agree(model, batch())
        assert called or name not in ("forward", "hook")


def test_what_is_put_in_its_place_is_read(agree, is_repeated):
    model = network()
    assert is_repeated(model)
    model[5] = nn.Linear(12, 5).double().eval()
    model[0].bias.data = torch.randn(3, dtype=DOUBLE)
    assert agree(model, batch()) == 0


@contextmanager
def globally_hooked():
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, _, out: out.sin() if isinstance(module, nn.Tanh) else out
    )
    try:
        yield
    finally:
        handle.remove()


class Doubling(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        return result * 2 if func is torch.tanh else result


def anomalies():
    return torch.autograd.detect_anomaly(check_nan=False)


@pytest.mark.parametrize("watching", [globally_hooked, Doubling, anomalies])
@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
def test_nothing_is_repeated_where_somebody_watches(agree, is_repeated, watching):
    model = network()
    assert is_repeated(model)
    with watching():
        assert agree(model, batch()) > 0
    assert agree(model, batch()) == 0


def test_within_a_transform_of_torchs_nothing_is_repeated(agree, is_repeated):
    model = network()
    assert is_repeated(model)
    # As it is refused without repetition, by torch, in words that differ from version to version.
    with pytest.raises(RuntimeError, match=r"transform|storage"):
        torch.func.grad(lambda x: x.sum() * agree(model, batch()))(torch.ones(2))


def test_no_more_memory_than_one_gives_is_taken_for_a_whole(agree):
    model = network()
    for _ in range(3):
        assert agree(model, batch(), memory=1e9) > 0


def test_a_large_computation_is_recorded_in_no_way(is_repeated, monkeypatch):
    monkeypatch.setattr("gnlab.summaries.replay.room._LARGEST", 0)
    assert not is_repeated(network())
    assert replay.kept() == 0


def test_what_is_repeated_as_a_whole_is_not_recorded_in_part(is_repeated):
    assert is_repeated(network())
    assert [key[0] for key in cache._known] == ["whole"]


def test_a_sign_that_is_only_noted_is_read(agree):
    model = nn.Sequential(nn.Linear(4, 3)).double()
    x = torch.randn(6, 4, dtype=torch.complex128)
    for _ in range(3):
        agree(model, (x.imag, torch.tensor([0, 1, 2] * 2)))
    for _ in range(3):
        agree(model, (x.conj().imag, torch.tensor([0, 1, 2] * 2)))


def test_another_parameter_in_the_same_memory_is_another(agree):
    model = nn.Sequential(nn.Linear(4, 3)).double()
    bias = model[0].bias
    for weight in (bias, nn.Parameter(bias.data), bias.data):
        loss_fn = nn.BCEWithLogitsLoss(pos_weight=weight)
        for _ in range(3):
            data = torch.randn(6, 4, dtype=DOUBLE), torch.rand(6, 3, dtype=DOUBLE)
            agree(model, data, loss_fn)
