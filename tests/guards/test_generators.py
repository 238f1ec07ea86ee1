"""Python's and NumPy's global generators come back, of whichever kind, with all that they keep."""

import random

import numpy as np
import pytest
import torch
from torch import nn

import gnlab
from gnlab.guards import generators


@pytest.fixture(params=[np.random.MT19937, np.random.PCG64, np.random.Philox, np.random.SFC64])
def kind(request):
    """The kind of NumPy's global generator."""
    before = np.random.get_bit_generator()
    np.random.set_bit_generator(request.param(3))
    with generators.kept():
        yield
    np.random.set_bit_generator(before)


def drawn():
    """Of normal numbers two are made at once, and the second is kept."""
    return [random.random(), random.gauss(), *np.random.random(3), np.random.standard_normal()]


DRAWS = {
    "random": random.random,
    "gauss": random.gauss,
    "numpy": np.random.random,
    "numpy's kept normal number": np.random.standard_normal,
}


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_is_seen_and_taken_back(name):
    drawn()
    state = generators.state()
    expected = drawn()
    generators.set_state(state)
    assert generators.is_state(state)
    DRAWS[name]()
    assert not generators.is_state(state)
    with generators.kept():
        drawn()
    assert not generators.is_state(state)
    generators.set_state(state)
    assert generators.is_state(state)
    assert drawn() == expected


@pytest.mark.usefixtures("kind")
def test_all_follows_from_a_seed_whatever_was_drawn_before():
    found = []
    for draws in (0, 1, 2):
        for _ in range(draws):
            drawn()
        generators.seed(2**62 + 5)
        found.append(drawn())
    assert found[0] == found[1] == found[2]
    generators.seed(2**62 + 6)
    assert not set(drawn()) & set(found[0])


def test_it_comes_back_after_an_error():
    state = generators.state()
    with pytest.raises(IndexError), generators.kept():
        random.choice([drawn()][random.getrandbits(3) + 1 :])
    assert generators.is_state(state)


def test_a_ladders_look_at_the_model_leaves_no_trace():
    class Drawing(nn.Linear):
        def forward(self, x):
            return super().forward(x) * random.random() * np.random.random()

    before = generators.state()
    gnlab.ladder(Drawing(3, 2), torch.ones(5, 3))
    assert generators.is_state(before)
