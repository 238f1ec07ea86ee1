"""What a graph saves is kept as it is, on the thread that asks for it, and as before afterwards."""

import threading

import pytest
import torch
import torch.utils.checkpoint
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from gnlab.guards.saved import saved_as_it_is

TORCHS = torch.utils.checkpoint.CheckpointFunction, saved_tensors_hooks.__enter__


def now():
    return torch.utils.checkpoint.CheckpointFunction, saved_tensors_hooks.__enter__


@pytest.fixture
def packed():
    return []


@pytest.fixture
def hooks(packed):
    return saved_tensors_hooks(lambda x: packed.append(x) or x, lambda x: x)


def squared(x):
    return x * x


@pytest.fixture
def x():
    return torch.tensor(3.0, requires_grad=True)


def test_hooks_are_passed_over_within_and_used_again_afterwards(hooks, packed, x):
    with saved_as_it_is("none here"), saved_as_it_is("none here"):
        with hooks:
            (slope,) = torch.autograd.grad(squared(x), x, create_graph=True)
        assert (slope.item(), packed) == (6.0, [])
    assert now() == TORCHS
    with hooks:
        squared(x)
    assert len(packed) == 2


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_calls_its_layers_once(reentrant, x):
    calls = []

    def layers(x):
        calls.append(1)
        return squared(x)

    def derivatives():
        calls.clear()
        (slope,) = torch.autograd.grad(
            checkpoint(layers, x, use_reentrant=reentrant), x, create_graph=True
        )
        (curvature,) = torch.autograd.grad(slope, x)
        return slope.item(), curvature.item(), len(calls)

    with saved_as_it_is("none here"):
        assert derivatives() == (6.0, 2.0, 1)
    checkpoint(layers, x, use_reentrant=reentrant).backward()
    assert len(calls) == 3  # in the backward pass once more


def test_other_threads_go_on_as_they_do(hooks, packed, x):
    def elsewhere():
        with hooks:
            squared(x)
        checkpoint(squared, x, use_reentrant=True).backward()

    with saved_as_it_is("none here"):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert len(packed) == 2
    assert x.grad.item() == 6.0


def test_hooks_around_the_context_stay_in_use_around_it(hooks, packed, x):
    with hooks:
        with saved_as_it_is("none here"):
            squared(x)
        squared(x)
    squared(x)
    assert len(packed) == 4


def test_hooks_that_come_to_be_used_all_the_same_are_refused(x):
    function = TORCHS[1]
    with saved_as_it_is("none here"), pytest.raises(RuntimeError, match="none here"):
        function(saved_tensors_hooks(squared, squared))


def test_an_error_puts_everything_back(x):
    with pytest.raises(ZeroDivisionError), saved_as_it_is("none here"):
        checkpoint(lambda x: x / (1 // 0), x, use_reentrant=False)
    assert now() == TORCHS
