"""What is shown of a summary's H̄: bundles, or single groups where one is near."""

import dataclasses

import numpy as np
import pytest

from gnlab.lab import excerpt, matrices
from gnlab.lab.cuts import WHOLE, Window
from gnlab.lab.figures.strip import Meter
from gnlab.lab.frames import Painter, View
from gnlab.runs import Detail, Look
from gnlab.runs.records import bundles
from gnlab.runs.records.inverse import Inverse

S = 3000
ROLES = (("weights",) * 1490 + ("biases",) * 10) * 2
GROUPS = tuple(f"layer{i // 1500}.g{i % 1500}" for i in range(S))
PER_GROUP = "g", "third", "d", "step_size", "step_size_solved", "regulariser"
NEAR = WHOLE.nearer(0.3, 0.8).nearer(0.5, 0.5)


@pytest.fixture(scope="module")
def H():
    raw = np.random.default_rng(0).standard_normal((S, S))
    return raw @ raw.T


@pytest.fixture(scope="module")
def whole(H):
    """What the engine is to have found: numbers of its own, an inverse of so many takes seconds."""
    found = H[::-1, ::-1]
    return Inverse(found, np.diag(found), S, S, 0, 1.0)


@pytest.fixture
def many(record, H):
    """A record of so many groups, and what the engine answers to a look at it."""
    made = record(
        group=GROUPS, role=ROLES, H=bundles.summed(H, ROLES), H_diagonal=np.diag(H),
        H_parts=np.stack([bundles.summed(part, ROLES) for part in (2 * H, -H, 0 * H)]),
        **dict.fromkeys(PER_GROUP, np.ones(S)),
    )  # fmt: skip

    def answer(look):
        found = H[np.ix_(look.rows, look.columns)]
        parts = np.stack([2 * found, -found, 0 * found])
        return Detail(made.step, look.rows, look.columns, found, parts)

    return made, answer


def test_single_groups_are_asked_for_only_where_few_of_many_are_shown(many, record):
    made, _ = many
    assert excerpt.look(None, "tensor", NEAR) == Look()
    assert excerpt.look(record(), "tensor", NEAR) == Look()  # four groups come one by one
    assert excerpt.look(made, "tensor", WHOLE) == Look()
    assert excerpt.look(made, "tensor", WHOLE.nearer(0.3, 0.8)) == Look()  # 750 of them
    assert len(excerpt.look(made, "tensor", NEAR).rows) in (187, 188)


@pytest.mark.parametrize("order", matrices.ORDERS)
@pytest.mark.parametrize("place", [(0.0, 1.0), (0.3, 0.71), (0.97, 0.5)])
def test_the_groups_are_those_of_the_bundles_in_sight(many, order, place):
    made, answer = many
    window = WHOLE.nearer(*place).nearer(0.5, 0.5).nearer(0.5, 0.5)
    look = excerpt.look(made, order, window)
    rows = excerpt.excerpt(made, None, order, window).cut
    single = excerpt.excerpt(made, answer(look), order, window).cut
    assert rows.note.endswith(f"of {len(made.H)} bundles")
    assert single.note == f"{len(look.rows)} × {len(look.columns)} of 3000 groups"
    for several, one in ((rows.down, single.down), (rows.across, single.across)):
        firsts = [name.split(bundles.SEVERAL)[0] for name in several.names]
        lasts = [name.split(bundles.SEVERAL)[-1] for name in several.names]
        # All but the outermost bundles, which may be cut, are there whole and in the same order.
        inner = [name for name in one.names if name in firsts[1:-1]]
        assert inner == firsts[1:-1]
        assert one.names.index(lasts[1]) == one.names.index(firsts[2]) - 1
        assert len(one.names) <= 3 * len(several.names)


def test_an_answer_to_another_look_is_not_shown(many):
    made, answer = many
    look = excerpt.look(made, "tensor", NEAR)
    right = answer(look)
    others = [
        None,
        dataclasses.replace(right, step=made.step - 1),
        answer(excerpt.look(made, "blocks", NEAR)),
        answer(excerpt.look(made, "tensor", NEAR.nearer(0.5, 0.5))),
        answer(excerpt.look(made, "tensor", Window((0.0, 0.05), NEAR.columns))),
    ]
    assert all(excerpt.excerpt(made, one, "tensor", NEAR).detail is None for one in others)
    assert excerpt.excerpt(made, right, "tensor", NEAR).detail is right
    assert excerpt.excerpt(made, right, "tensor", WHOLE).detail is None


def test_nearer_still_is_shown_of_what_is_there_at_once(many, H):
    made, answer = many
    given, window = answer(excerpt.look(made, "tensor", NEAR)), NEAR.nearer(0.4, 0.8)
    look = excerpt.look(made, "tensor", window)
    near = excerpt.excerpt(made, given, "tensor", window)
    np.testing.assert_array_equal(near.H, H[np.ix_(look.rows, look.columns)])
    assert (near.parts[1] == -near.H).all()
    assert near.cut.down.names == tuple(GROUPS[i] for i in look.rows)
    assert near.cut.across.names == tuple(GROUPS[i] for i in look.columns)
    # The scale of its colours is made once for each summary.
    assert excerpt.excerpt(made, given, "tensor", window).detail is near.detail


def test_single_groups_are_divided_by_their_own_curvature(many, H):
    made, answer = many
    look = excerpt.look(made, "tensor", NEAR)
    near = excerpt.excerpt(made, answer(look), "tensor", NEAR)
    whole = matrices.scale_free(H)
    assert near.scale_free(near.H) == pytest.approx(whole[np.ix_(look.rows, look.columns)])


def test_a_page_that_is_near_enough_shows_single_groups(many, snapshot, H):
    made, answer = many
    window = WHOLE.nearer(0.3, 0.8).nearer(0.5, 0.5).nearer(0.5, 0.5)
    look = excerpt.look(made, "tensor", window)
    painter, view = Painter(), View(window=window)
    far = painter.updates(snapshot(record=made, summary=made), view, Meter())
    near = painter.updates(snapshot(record=made, summary=made, detail=answer(look)), view, Meter())
    entries = H[np.ix_(look.rows, look.columns)]
    assert near["hessian"].data["cells"]["raw"][0] == pytest.approx(entries, rel=1e-5)
    assert near["anatomy-gauss-newton"].data["cells"]["raw"][0] == pytest.approx(
        2 * entries, rel=1e-5
    )
    assert near["hessian"].data["names"]["name"] == [GROUPS[i] for i in look.rows]
    assert "of 3000 groups" in near["hessian"].data["note"]["text"][0]
    assert near["anatomy-products"].data["note"]["text"][0].startswith("products · 4")
    assert note(near).endswith("bundles · single groups follow …")
    assert "bundles" in far["hessian"].data["note"]["text"][0]
    # Sums over bundles are larger than their groups' own: each has a scale of its own.
    again = painter.updates(snapshot(record=made, summary=made), view, Meter())
    bars = [one["hessian"].data["bar"]["text"] for one in (far, near, again)]
    assert bars[0] == bars[2] != bars[1]


def note(updates):
    return updates["inverse"].data["note"]["text"][0]


@pytest.mark.parametrize("scale", ["raw", "scale-free"])
def test_the_inverse_is_that_of_single_groups_once_the_engine_has_found_it(
    many, snapshot, whole, scale
):
    made, answer = many
    window = NEAR.nearer(0.4, 0.8)
    look = excerpt.look(made, "tensor", window)
    part = whole.part(look.rows, look.columns)
    found = dataclasses.replace(answer(look), inverse=part)
    painter, view = Painter(), View(window=window, scale=scale)
    seen = painter.updates(snapshot(record=made, summary=made, detail=found), view, Meter())
    shown = whole.matrix if scale == "raw" else matrices.scale_free(whole.matrix)
    cells = seen["inverse"].data["cells"]["raw"][0]
    assert cells == pytest.approx(shown[np.ix_(look.rows, look.columns)], rel=1e-5)
    assert seen["inverse"].data["names"]["name"] == [GROUPS[i] for i in look.rows]
    assert "of 3000 groups · double-click" in note(seen)
    # Nearer still: at once, of the same answer.
    nearer = window.nearer(0.2, 0.3)
    look = excerpt.look(made, "tensor", nearer)
    near = excerpt.excerpt(made, found, "tensor", nearer)
    assert (near.detail.inverse.matrix == whole.matrix[np.ix_(look.rows, look.columns)]).all()


@pytest.mark.parametrize(
    ("state", "most", "said"),
    [
        ("playing", 5000, "bundles · pause for single groups"),
        ("paused", 5000, "bundles · single groups follow …"),
        ("paused", 2999, "bundles · not inverted: over 2999 groups"),
    ],
)
def test_what_the_inverse_of_single_groups_waits_for_is_said(
    many, snapshot, monkeypatch, state, most, said
):
    made, answer = many
    monkeypatch.setattr(excerpt, "MOST", most)
    given, view = answer(excerpt.look(made, "tensor", NEAR)), View(window=NEAR)
    seen = snapshot(record=made, summary=made, detail=given, state=state)
    assert note(Painter().updates(seen, view, Meter())).endswith(said)


def test_columns_apart_from_rows(many):
    made, _ = many
    look = excerpt.look(made, "tensor", Window((0.0, 0.02), (0.98, 1.0)))
    assert look.rows[0] == 0
    assert look.columns[-1] == S - 1
