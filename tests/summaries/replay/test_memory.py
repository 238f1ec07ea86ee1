"""No two pieces that are needed at the same time share a byte."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from gnlab.summaries.replay.memory import Lifetime, layout

LIVES = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 20), st.integers(0, 20)), max_size=30
).map(lambda given: [Lifetime(i, n, a, a + b) for i, (n, a, b) in enumerate(given)])


@given(LIVES)
def test_what_is_needed_together_lies_apart(lives):
    places, whole = layout(lives)
    for one, two in combinations(lives, 2):
        if one.first <= two.last and two.first <= one.last:
            a, b = places[one.piece], places[two.piece]
            assert a + one.size <= b or b + two.size <= a
    assert all(places[life.piece] + life.size <= whole for life in lives)


@given(LIVES)
def test_every_piece_lies_on_a_cache_line(lives):
    places, _ = layout(lives)
    assert all(place % 64 == 0 for place in places.values())


def test_what_is_let_go_is_used_again():
    chain = [Lifetime(i, 1000, i, i + 1) for i in range(100)]
    _, whole = layout(chain)
    assert whole == 2 * 1024


def test_a_gap_between_two_is_found():
    lives = [
        Lifetime(0, 64, 0, 9),
        Lifetime(1, 64, 0, 1),
        Lifetime(2, 64, 0, 9),
        Lifetime(3, 64, 2, 9),
    ]
    places, whole = layout(lives)
    assert places[3] == places[1]
    assert whole == 3 * 64
