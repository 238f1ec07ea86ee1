import numpy as np
import pytest

from gnlab.runs.records.stays import Stays
from tests.runs.records.test_history import record

LEVELS = {"all": ("all",), "tensor": ("a", "b"), "many": tuple(map(str, range(20_000)))}


def made(*stays):
    """Stays of some steps each, one after the other."""
    found, step = Stays(), 0
    for level, steps in stays:
        for _ in range(steps):
            step += 1
            found.append(record(step, groups=LEVELS[level], size=step, level=level))
    return found


def steps_of(stay, until=np.inf):
    return stay.rows(until)[:, 0].tolist()


def test_a_way_back_goes_on_where_it_was():
    stays = made(("tensor", 3), ("all", 2), ("tensor", 2))
    stays.truncate(2)
    assert len(stays.stays) == 1
    stays.append(record(3, size=3))
    assert steps_of(stays.at(3)) == [1, 2, 3]
    assert stays.at(3).since == 1


def test_two_stays_at_the_same_partition_are_apart():
    stays = made(("tensor", 3), ("all", 2), ("tensor", 2))
    assert [stays.at(step).since for step in range(1, 8)] == [1, 1, 1, 4, 4, 6, 6]
    assert steps_of(stays.at(7)) == [6, 7]
    assert steps_of(stays.at(5), until=4) == [4]


def test_nothing_is_left_of_a_start():
    stays = made(("tensor", 3))
    stays.truncate(0)
    assert (stays.at(0).since, stays.at(0).groups) == (0, ())
    stays.append(record(1, groups=("all",), size=1, level="all"))
    assert [stay.partition for stay in stays.stays] == ["all"]


def test_a_stay_without_step_sizes_is_one_all_the_same():
    stays = made(("tensor", 2))
    stays.append(record(3, groups=("all",), level="all"))
    assert stays.at(3).groups == ("all",)
    assert stays.at(3).rows(3).shape == (0, 2)


@pytest.mark.parametrize("changes", [10, 100])
def test_the_oldest_are_forgotten_where_they_are_too_much(changes):
    stays = made(*[(level, 1) for _ in range(changes) for level in ("many", "all")])
    kept = sum(stay.sizes.size for stay in stays.stays[:-1])
    assert 2**19 < kept <= 2**20
    assert stays.stays[-1].groups == ("all",)
    assert steps_of(stays.at(2 * changes)) == [2 * changes]
    assert stays.at(1).groups == ()
