"""What is one choice for all threads comes back, whoever leaves last."""

import contextlib
import threading

import pytest
import torch

from gnlab.guards.switches import Switches
from gnlab.partitions.products import taken_apart


def chosen():
    backends = torch.backends
    return (
        backends.cudnn.enabled,
        torch._C._get_mkldnn_enabled(),
        backends.mha.get_fastpath_enabled(),
    )


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_of_overlapping_contexts_the_last_puts_it_back(first_leaves_first):
    before = chosen()
    assert any(before)
    one, two = contextlib.ExitStack(), contextlib.ExitStack()
    one.enter_context(taken_apart())
    two.enter_context(taken_apart())
    leaving = (one, two) if first_leaves_first else (two, one)
    assert chosen() == (False, False, False)
    leaving[0].close()
    assert chosen() == (False, False, False)
    leaving[1].close()
    assert chosen() == before


def test_many_threads_leave_it_as_it_was():
    value = {"is": 1}
    switched = Switches(((lambda: value["is"]), lambda new: value.update({"is": new}), 0))
    seen, together = [], threading.Barrier(4)

    def go_in():
        together.wait(60)
        for _ in range(200):
            with switched():
                seen.append(value["is"])

    threads = [threading.Thread(target=go_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {0}
    assert value == {"is": 1}


def test_a_choice_that_cannot_be_made_leaves_the_others_as_they_were():
    value = {"is": 1}

    def refuse(_):
        raise RuntimeError("no such backend")

    switched = Switches(
        ((lambda: value["is"]), lambda new: value.update({"is": new}), 0), (lambda: 1, refuse, 0)
    )
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no such backend"), switched():
            pass
        assert value == {"is": 1}
