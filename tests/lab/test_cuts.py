import numpy as np
import pytest

from gnlab.lab import cuts


@pytest.mark.parametrize("S", [1, 2, 3, 7, 42, 1000])
@pytest.mark.parametrize("place", [0.0, 0.3, 1.0])
def test_a_window_fits_every_size(S, place):
    window = cuts.WHOLE
    for _ in range(12):
        for part in window.cut(S):
            assert 0 <= part.start < part.stop <= S
            assert part.stop - part.start >= min(4, S)
        window = window.nearer(place, 1 - place)


def test_a_cut_says_how_much_it_is_of_how_much():
    names, roles = tuple(f"g{i}" for i in range(1024)), ("weights",) * 1024
    assert cuts.cut(names, roles, "tensor", cuts.WHOLE).note == ""
    near = cuts.cut(names, roles, "tensor", cuts.WHOLE.nearer(0.9, 0.1), "bundles")
    assert near.note == "256 × 256 of 1024 bundles"
    assert near.down.names[-1] == "g1023"
    assert near.across.names[0] == "g0"
    few = cuts.cut(names[:4], roles[:4], "tensor", cuts.WHOLE.nearer(0.9, 0.1))
    assert few.note == ""  # no nearer than all of it


def test_the_entries_are_those_of_the_rows_and_columns_named():
    roles = ("weights", "biases") * 8
    names = tuple(f"g{i}" for i in range(16))
    H = np.arange(2 * 256.0).reshape(2, 16, 16)
    window = cuts.WHOLE.nearer(0.2, 0.7)
    for order in ("tensor", "blocks"):
        found = cuts.cut(names, roles, order, window)
        down, across = (
            [names.index(name) for name in side.names] for side in (found.down, found.across)
        )
        assert (cuts.within(H, roles, order, window) == H[:, down][:, :, across]).all()
        assert found.down.roles == tuple(roles[i] for i in down)
