import itertools

import pytest
import torch

from gnlab.errors import InputError
from gnlab.runs import Settings
from gnlab.runs.checkpoints import Checkpoint, Checkpoints
from gnlab.runs.flat import Flat


def state(step, size=100):
    return Checkpoint(step, step, Settings(), Flat({}), {}, None, None, size, ())


def filled(total, **limits):
    kept = Checkpoints(**limits)
    for step in range(total + 1):
        kept.keep(state(step))
    return kept


def test_the_budget_in_bytes_and_the_count_are_kept():
    assert len(filled(1000, budget=2000, count=50).steps) == 20
    assert len(filled(1000, budget=10**9, count=50).steps) == 50


def test_the_start_and_the_newest_are_always_there():
    for total in (5, 50, 500):
        steps = filled(total, budget=1000, count=50).steps
        assert steps[0] == 0
        assert steps[-2:] == (total - 1, total)


def test_recent_steps_are_dense_and_old_ones_sparse():
    steps = filled(5000, count=100).steps
    assert steps[-50:] == tuple(range(4951, 5001))
    gaps = [b - a for a, b in itertools.pairwise(steps)]
    assert max(gaps) < 2000
    # Spread over the ages evenly: about as many between 100 and 1000 steps ago as before.
    assert sum(100 < 5000 - s < 1000 for s in steps) > 10
    assert sum(5000 - s > 1000 for s in steps) > 5


def test_a_state_larger_than_the_budget_leaves_the_start_and_two():
    kept = Checkpoints(budget=10)
    for step in range(10):
        kept.keep(state(step, size=100))
    assert kept.steps == (0, 8, 9)


def test_keeping_a_step_again_replaces_it():
    kept = filled(5)
    new = state(3)
    kept.keep(new)
    assert kept.steps == (0, 1, 2, 3, 4, 5)
    assert kept.get(3) is new


def test_a_step_that_is_not_kept_is_answered_with_the_range():
    kept = filled(1000, count=20)
    with pytest.raises(InputError, match=r"not kept; 20 steps from 0 to 1000 are, the nearest is"):
        kept.get(next(s for s in range(1001) if s not in kept.steps))
    with pytest.raises(InputError, match="nearest is 1000"):
        kept.get(2000)


def test_dropping_what_is_after_frees_its_bytes():
    kept = filled(10, budget=1100)
    kept.drop_after(4)
    assert kept.steps == (0, 1, 2, 3, 4)
    for step in range(5, 11):
        kept.keep(state(step))
    assert len(kept.steps) == 11


def test_a_copy_goes_its_own_way():
    kept = filled(5)
    other = kept.copy()
    other.drop_after(2)
    assert kept.steps == (0, 1, 2, 3, 4, 5)
    assert other.before(2).step == 1
    assert other.before(0) is None


def test_cloning_copies_every_tensor():
    from gnlab.runs.checkpoints import cloned

    nest = {"a": torch.ones(2), "b": [{"c": torch.zeros(1)}, 3]}
    copy = cloned(nest)
    copy["a"].add_(1)
    copy["b"][0]["c"].add_(1)
    assert nest["a"].tolist() == [1, 1]
    assert nest["b"][0]["c"].item() == 0
