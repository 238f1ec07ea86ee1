"""Level names are read in one way, whoever gives them."""

import re

import pytest
from torch import nn

from gnlab.errors import InputError
from gnlab.lab.state import from_query
from gnlab.partitions import LEVELS, ladder
from gnlab.partitions.grammar import FORM, check_form, is_finer, read
from gnlab.runs import Settings


@pytest.mark.parametrize(
    ("name", "found"),
    [("all", ("all", 0)), ("chunk:3", ("chunk", 3)), ("row:16384", ("row", 16384))],
)
def test_a_name_is_a_kind_and_a_number(name, found):
    assert read(name) == found
    assert re.fullmatch(FORM, name)
    check_form(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("chunk", "needs a number in the place of k, as in 'chunk:2'"),
        ("row:k", "needs a number in the place of k, as in 'row:2'"),
        ("part:0", "needs k from 1 on"),
        ("chunk:007", "unknown level 'chunk:007'"),
        ("block:-1", "unknown level 'block:-1'"),
        ("unit:2", "unknown level 'unit:2'"),
        ("", "unknown level ''"),
        (3, "unknown level 3"),
        (None, "unknown level None"),
    ],
)
def test_what_is_no_level_is_told_at_once(name, said):
    for take in (read, check_form, lambda level: Settings("moons", partition=level)):
        if name is None and take not in (read, check_form):
            continue  # what is left out is the preset's own
        with pytest.raises(InputError, match=re.escape(said)):
            take(name)


def test_every_rung_of_a_wide_layer_has_a_link_that_is_taken():
    for rung in ladder(nn.Linear(40_000, 2)):
        read(rung.level)
        choices, complaint = from_query(f"?partition={rung.level}")
        assert (choices.partition, complaint) == (rung.level, [])


def test_what_is_below_the_tensor():
    below = [name for name in LEVELS if is_finer(name)]
    assert below == ["block:k", "neuron", "unit", "row:k", "element"]
    assert not is_finer({"a": ["b"]})
