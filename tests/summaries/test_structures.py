"""A model and a loss may take and return structures of a person's own class, and read them."""

import dataclasses
from collections import OrderedDict, UserDict, defaultdict
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.evaluation.batches import cast, map_tensors, select, tensors

DOUBLE = torch.float64


class ByAttribute(dict):
    __getattr__ = dict.__getitem__


class ItsOwnAttributes(dict):
    def __init__(self, **items):
        super().__init__(**items)
        self.__dict__ = self


class Encoding(UserDict):
    def __getattr__(self, name):
        try:
            return self.data[name]
        except KeyError as error:
            raise AttributeError(name) from error


class Output(OrderedDict):
    """One whose items are its attributes too, kept equal."""

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        super().__setattr__(key, value)


class Pair(NamedTuple):
    x: Tensor


@dataclasses.dataclass
class Record:
    x: Tensor
    name: str = "record"
    more: Any = None
    count: int = dataclasses.field(init=False, default=0)

    def __post_init__(self):
        self.count = len(self.x)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: Tensor


def output(x):
    made = Output()
    made["x"] = x
    return made


KINDS = {
    "attributes": lambda x: ByAttribute(x=x),
    "its own attributes": lambda x: ItsOwnAttributes(x=x),
    "user dict": lambda x: Encoding(x=x),
    "ordered dict": output,
    "named tuple": Pair,
    "dataclass": Record,
    "nested": lambda x: Record(x, more=[ByAttribute(x=Frozen(x))]),
    "frozen": Frozen,
}


class Network(nn.Module):
    """Reads its input's attribute; returns such a structure."""

    def __init__(self, make):
        super().__init__()
        self.layer, self.make = nn.Linear(4, 3), make

    def forward(self, given):
        return self.make(self.layer(given.x).tanh())


def loss_fn(output, y):
    return functional.cross_entropy(output.x, y)


@pytest.fixture(params=KINDS)
def make(request):
    torch.manual_seed(0)
    return KINDS[request.param]


X, Y = torch.randn(7, 4, generator=torch.Generator().manual_seed(1)), torch.arange(7) % 3


@pytest.mark.parametrize("dtype", [None, DOUBLE])
@pytest.mark.parametrize("method", ["jets", "autodiff"])
def test_inputs_and_outputs_of_a_class(make, method, dtype):
    model = Network(make)
    p = partition(model, "tensor")
    u = {n: torch.randn_like(q) for n, q in model.named_parameters()}
    bare = Network(Pair)
    bare.load_state_dict(model.state_dict())
    known = summarise(bare, loss_fn, (Pair(X), Y), p, u, method=method, dtype=dtype, ggn=True)
    batches = [(make(x), y) for x, y in zip(X.split([3, 4]), Y.split([3, 4]), strict=True)]
    for data in ((make(X), Y), batches):
        found = summarise(model, loss_fn, data, p, u, method=method, dtype=dtype, ggn=True)
        for name in ("loss", "g", "H", "third", "ggn"):
            one, two = getattr(found, name), getattr(known, name)
            assert one.dtype == (dtype or torch.float32)
            assert (one - two).abs().max() <= 1e-5 * two.abs().max(), name


def test_nothing_is_written_into_what_was_given(make):
    given = make(X)
    for changed in (cast(given, DOUBLE), select(given, 7, torch.tensor([2]))):
        assert type(changed) is type(given)
        assert changed.x is not X
        assert all(t.dtype == DOUBLE or len(t) == 1 for t in tensors(changed))
    assert given.x is X
    assert all(t is X for t in tensors(given))
    assert cast(given, DOUBLE).x.dtype == DOUBLE


def test_a_dataclass_is_made_anew_from_its_fields():
    found = select(Record(X), 7, torch.tensor([2, 3]))
    assert (found.count, found.name) == (2, "record")


def test_what_holds_no_tensor_or_cannot_be_made_anew_is_kept():
    @dataclasses.dataclass
    class Needy:
        x: Tensor
        scale: dataclasses.InitVar[float]

    needy, empty = Needy(X, 2.0), Frozen("nothing")
    assert map_tensors(torch.neg, needy) is needy
    assert map_tensors(torch.neg, empty) is empty
    assert map_tensors(torch.neg, Record) is Record


def test_mappings_of_other_kinds():
    default = defaultdict(list, x=X)
    found = cast(default, DOUBLE)
    assert (type(found), found["y"]) == (defaultdict, [])
    found = cast(MappingProxyType({"x": X}), DOUBLE)
    assert (type(found), found["x"].dtype) == (dict, DOUBLE)
