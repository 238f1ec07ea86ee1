"""What somebody has put in the place of torch's own code is called, and seen to be no torch's."""

import functools
import subprocess
import sys
import typing

import pytest
import torch
import torch.utils.checkpoint
from torch import nn
from torch.nn import functional

from gnlab.summaries.replay.untouched import is_torchs

pytestmark = pytest.mark.usefixtures("nothing_kept")

DOUBLE = torch.float64


def network():
    return nn.Sequential(
        nn.Conv2d(1, 3, 2), nn.Softplus(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 5),
        nn.Tanh(), nn.Linear(5, 3),
    ).double()  # fmt: skip


def encoder():
    layer = nn.TransformerEncoderLayer(5, 1, 4, 0.0)
    return nn.Sequential(
        nn.Flatten(1, 2), layer, nn.Flatten(), nn.Linear(25, 3)
    ).double()  # fmt: skip


@pytest.fixture
def is_called(agree):
    """Whether a model is called for a summary, which is what it is without any repetition."""

    def tell(model):
        data = torch.randn(4, 1, 5, 5, dtype=DOUBLE), torch.randint(3, (4,))
        return agree(model, data) > 0

    return tell


@pytest.fixture
def repeated(is_called):
    """Makes of a model one whose summary is repeated from now on."""

    def meet(model):
        for _ in range(3):
            is_called(model)
        assert not is_called(model)
        return model

    return meet


def doubled(owner, name):
    """Puts what gives twice as much in the place of one of torch's functions."""
    old = getattr(owner, name)
    return owner, name, lambda *args, **options: 2 * old(*args, **options)


def sine(owner, name):
    return owner, name, lambda *args, **_: args[-1].sin()


IN_ITS_PLACE = {
    "forward": (network, lambda: sine(nn.Softplus, "forward")),
    "function": (network, lambda: (functional, "softplus", lambda x, *_: x.sin())),
    "below forward": (network, lambda: doubled(nn.Conv2d, "_conv_forward")),
    "call": (network, lambda: doubled(nn.Module, "__call__")),
    "call of a class": (network, lambda: doubled(nn.Softplus, "__call__")),
    "what calls": (network, lambda: doubled(nn.Module, "_call_impl")),
    "function of torch": (network, lambda: doubled(torch, "tanh")),
    "method of tensors": (network, lambda: doubled(torch.Tensor, "flatten")),
    "how a loss is reduced": (network, lambda: (nn._reduction, "get_enum", lambda _: 2)),
    "name in a file": (network, lambda: (nn.modules.activation, "F", Doubled)),
    "part of a layer": (encoder, lambda: doubled(nn.TransformerEncoderLayer, "_ff_block")),
}


class Doubled:
    """Another ``torch.nn.functional``."""

    softplus = staticmethod(lambda x, *_: 2 * functional.softplus(x))


@pytest.mark.parametrize("name", IN_ITS_PLACE)
def test_what_is_put_in_torchs_place_is_called(is_called, repeated, name):
    build, change = IN_ITS_PLACE[name]
    model = repeated(build())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(*change())
        assert [is_called(model) for _ in range(3)] == [True] * 3
    assert not is_called(model)


@pytest.mark.parametrize("owner", [functional, torch, torch.Tensor, nn.Module, nn.Conv2d])
def test_a_name_that_torch_does_not_know_changes_nothing(is_called, repeated, owner, monkeypatch):
    model = repeated(network())
    monkeypatch.setattr(owner, "name_of_ones_own", lambda *_: None, raising=False)
    assert not is_called(model)


def own(x):
    return x


class Own:
    """What can be called like a function, and has a method of torch's."""

    method = nn.Module.__call__

    def __call__(self, x):
        return x


class Module(nn.Module):
    """Its ``__call__`` is torch's, and calls its ``forward``."""

    def forward(self, x):
        return x


@pytest.mark.parametrize(
    "thing",
    [
        own, Own, Own(), functools.partial(own), functools.cache(own), staticmethod(own),
        classmethod(own), property(own), torch.no_grad()(own), functools.wraps(torch.tanh)(own),
        Own().__call__, Own().method, functools.partial(torch.utils.checkpoint.checkpoint, own),
        functools.partial(torch.utils.checkpoint.checkpoint, torch.tanh, context_fn=own),
        Module().__call__, nn.Tanh(), nn.Tanh().__call__, functools.partialmethod(torch.tanh, own),
    ],
)  # fmt: skip
def test_what_is_somebodys_own(thing):
    assert not is_torchs(thing)


@pytest.mark.parametrize(
    "thing",
    [torch.tanh, torch.Tensor.flatten, functional.softplus, nn.Tanh, typing.cast, None, 1.0, torch],
)
def test_what_is_torchs_or_pythons(thing):
    assert is_torchs(thing)


def test_what_the_compiler_replaces_is_called_by_no_module(is_called, repeated):
    model = repeated(network())
    torch.compile(nn.Linear(1, 1), backend="eager")(torch.ones(1))
    assert not is_called(model)


PATCHED_BEFORE = """
import torch
from torch import nn
from torch.nn import functional

factor = [1.0]
own = functional.softplus


class Own(nn.Module):
    def forward(self, x, *_):
        return factor[0] * own(x)


functional.softplus = WHAT

import gnlab
from gnlab.summaries import replay

model = nn.Sequential(nn.Linear(3, 2), nn.Softplus(), nn.Linear(2, 2)).double()
batch = torch.randn(4, 3).double(), torch.tensor([0, 1, 1, 0])
given = model, functional.cross_entropy, batch, gnlab.partition(model, "tensor")
for _ in range(12):
    gnlab.summarise(*given)
factor[0] = 2.0
found = gnlab.summarise(*given)
with replay.eager():
    torch.testing.assert_close(found.H, gnlab.summarise(*given).H)
"""


@pytest.mark.parametrize("what", ["lambda x, *_: factor[0] * own(x)", "Own().__call__"])
def test_what_was_in_torchs_place_before_gnlab_was_imported_is_called(what):
    code = PATCHED_BEFORE.replace("WHAT", what)
    subprocess.run([sys.executable, "-c", code], check=True)
