"""H̄'s parts, and their shares over time."""

import dataclasses

import numpy as np
import pytest

from gnlab.lab.figures import anatomy
from gnlab.lab.figures.strip import Meter
from gnlab.lab.frames import Painter, View

ANATOMY = ("anatomy-gauss-newton", "anatomy-activations", "anatomy-products")


@pytest.mark.parametrize("scale", ["raw", "scale-free"])
@pytest.mark.parametrize("order", ["tensor", "blocks"])
def test_the_parts_add_up_to_the_matrix_shown_on_one_scale(scale, order, snapshot):
    shown = Painter().updates(snapshot(), View(order=order, scale=scale), Meter())
    cells = [shown[name].data["cells"] for name in ANATOMY]
    whole = shown["hessian"].data
    total = np.sum([one["raw"][0] for one in cells], axis=0)
    assert total == pytest.approx(whole["cells"]["raw"][0], rel=1e-5, abs=1e-6)
    assert all(shown[name].data["names"] == whole["names"] for name in ANATOMY)
    first, *others = [shown[name].data["bar"] for name in ANATOMY]
    assert all(bar["text"] == first["text"] for bar in others)
    # The same number has the same colour in all three: what is larger is never paler.
    raw, image = (np.ravel([one[key][0] for one in cells]) for key in ("raw", "image"))
    assert (np.diff(image[np.argsort(raw)]) >= 0).all()


def test_each_part_says_whether_it_can_make_the_matrix_indefinite(record):
    assert anatomy.notes(record()) == [
        "Gauss–Newton · positive semidefinite",
        "activations · 2 negative eigenvalues",
        "products · one negative eigenvalue",
    ]
    flat = np.array([[1.0, 1 + 1e-7], [1 + 1e-7, 1.0]])  # its zero eigenvalue is rounded below
    rounded = np.stack([flat, np.diag([1.0, 0.0]), np.zeros((2, 2))])
    assert anatomy.notes(record(H_parts=rounded)) == [
        "Gauss–Newton · positive semidefinite",
        "activations · positive semidefinite",
        "products · zero",
    ]


def test_parts_that_are_not_told_apart_are_said_to_be_so_in_a_line(record, snapshot):
    plain = record(H_parts=None)
    shown = Painter().updates(snapshot(record=plain, summary=plain), View(), Meter())
    for name in ANATOMY:
        assert shown[name].data["cells"]["image"] == []
        assert shown[name].data["note"]["text"] == [anatomy.UNKNOWN]
    assert shown["hessian"].data["cells"]["image"][0].shape == (4, 4)
    before = Painter().updates(snapshot(record=None, summary=None), View(), Meter())
    assert "Press Play" in before[ANATOMY[0]].data["note"]["text"][0]


def test_the_shares_over_time_go_below_zero_only_where_one_does(history):
    update = anatomy.update_shares(history())
    assert update.data["lines"]["step"].tolist() == [1, 2, 3, 4, 5]
    assert update.data["lines"]["activations"] == pytest.approx(np.full(5, -0.2))
    assert update.y == (-0.55, 1.05)
    above = dataclasses.replace(history(), share=np.abs(history().share))
    assert anatomy.update_shares(above).y == (-0.12, 1.05)
