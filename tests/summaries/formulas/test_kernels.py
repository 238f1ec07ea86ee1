"""Torch's choice of kernels comes back, whoever leaves last; compiled models run as written."""

import contextlib
import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.formulas.kernels import uncompiled, unfused_attention

cuda = torch.backends.cuda


def chosen():
    return (
        cuda.flash_sdp_enabled(),
        cuda.mem_efficient_sdp_enabled(),
        cuda.cudnn_sdp_enabled(),
        cuda.math_sdp_enabled(),
    )


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_of_overlapping_contexts_the_last_puts_it_back(first_leaves_first):
    before = chosen()
    one, two = contextlib.ExitStack(), contextlib.ExitStack()
    one.enter_context(unfused_attention())
    two.enter_context(unfused_attention())
    leaving = (one, two) if first_leaves_first else (two, one)
    assert chosen() == (False, False, False, True)
    leaving[0].close()
    assert chosen() == (False, False, False, True)
    leaving[1].close()
    assert chosen() == before


class Within(nn.Module):
    """Calls a compiled function in its forward pass."""

    def __init__(self, compiled):
        super().__init__()
        self.layer, self.head, self.compiled = nn.Linear(3, 4), nn.Linear(4, 2), compiled

    def forward(self, x):
        return self.head(self.compiled(self.layer(x)))


@pytest.mark.parametrize("method", ["jets", "autodiff"])
@pytest.mark.parametrize("way", ["wrapped", "in place", "within"])
def test_a_compiled_model_is_summarised_as_it_was_written(way, method):
    torch.manual_seed(0)
    traced = []

    def backend(graph, inputs):
        traced.append(graph)
        return graph.forward

    def bend(h):
        return torch.tanh(h) * h

    plain = Within(bend).double()
    model = copy.deepcopy(plain)
    if way == "wrapped":
        model = torch.compile(model, backend=backend)
    elif way == "in place":
        model.compile(backend=backend)
    else:
        model.compiled = torch.compile(bend, backend=backend)
    x, y = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 1, 1, 0, 1])
    found = summarise(model, F.cross_entropy, (x, y), partition(model), method=method, ggn=True)
    known = summarise(plain, F.cross_entropy, (x, y), partition(plain), method=method, ggn=True)
    assert not traced
    assert found.method == method
    assert found.H.equal(known.H)
    assert found.third.equal(known.third)
    with torch.no_grad():
        torch.testing.assert_close(model(x), plain(x))
    assert traced  # and it is compiled as before afterwards


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_the_last_to_leave_has_things_compiled_again(first_leaves_first):
    traced = []

    def backend(graph, inputs):
        traced.append(graph)
        return graph.forward

    function = torch.compile(lambda x: x.sin() + 1, backend=backend)
    one, two = contextlib.ExitStack(), contextlib.ExitStack()
    one.enter_context(uncompiled())
    two.enter_context(uncompiled())
    for stack in (one, two) if first_leaves_first else (two, one):
        function(torch.ones(2))
        assert not traced
        stack.close()
    function(torch.ones(2))
    assert traced
