"""Moving parameters: by groups, there and exactly back, and beyond a dtype's range."""

import pytest
import torch
from torch import nn

from gnlab.optimizers.motion import move, moved
from gnlab.partitions import partition


@pytest.fixture
def layer():
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    named = dict(model.named_parameters())
    return model, named, {name: torch.randn_like(p) for name, p in named.items()}


@pytest.mark.parametrize("level", ["all", "tensor", "unit", "element"])
def test_each_element_moves_by_its_groups_size(level, layer):
    model, named, u = layer
    p = partition(model, level)
    sizes = torch.rand(p.num_groups, dtype=torch.float64)
    each = p.expand(sizes)
    expected = {name: q.detach() - u[name] * each[name].float() for name, q in named.items()}
    move(named, u, p, sizes)
    for name, q in named.items():
        torch.testing.assert_close(q.detach(), expected[name], rtol=1e-6, atol=1e-7)


def test_parameters_are_exactly_back_also_after_an_error(layer):
    model, named, u = layer
    before = {name: p.detach().clone() for name, p in named.items()}
    p = partition(model, "tensor")

    def fail() -> None:
        with moved(named, u, p, torch.tensor([1e-3, 7.0], dtype=torch.float64)):
            assert all(not torch.equal(q, before[name]) for name, q in named.items())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert all(torch.equal(q, before[name]) for name, q in named.items())


@pytest.mark.parametrize("level", ["tensor", "element"])
def test_a_size_beyond_the_parameters_range_is_infinite_and_no_error(level, layer):
    model, named, u = layer
    p = partition(model, level)
    move(named, u, p, torch.full([p.num_groups], 1e300, dtype=torch.float64))
    assert not any(q.isfinite().any() for q in named.values())
