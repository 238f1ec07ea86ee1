"""Neighbouring groups taken together: every group once, few enough, and no curvature lost."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnlab.runs import Run, compose, open_record
from gnlab.runs.disk.recording import Recording
from gnlab.runs.records import bundles


@given(
    st.lists(
        st.tuples(st.sampled_from(["weights", "biases"]), st.integers(1, 3000)),
        min_size=1,
        max_size=9,
    )
)
def test_every_group_is_in_one_bundle_of_neighbours_of_its_role(stretches):
    roles = tuple(itertools.chain.from_iterable([role] * count for role, count in stretches))
    found = bundles.begins(roles)
    assert len(found) == min(len(roles), bundles.MOST) or bundles.are_bundled(roles)
    assert len(found) <= bundles.MOST
    assert list(found) == sorted(set(found))
    ends = (*found[1:], len(roles))
    for first, after in zip(found, ends, strict=True):
        assert len(set(roles[first:after])) == 1
    if bundles.are_bundled(roles):
        assert found[0] == 0
        assert len(found) > bundles.MOST / 4


def test_very_many_stretches_are_cut_through():
    roles = ("weights", "biases") * 1500
    found = bundles.begins(roles)
    assert bundles.MOST / 2 < len(found) <= bundles.MOST
    assert set(np.diff([*found, 3000])) <= {2, 3}
    _, of = bundles.named(tuple(map(str, range(3000))), roles)
    assert set(of) == {"mixed"}


def test_few_groups_are_their_own_bundles():
    groups, roles = ("a", "b"), ("weights", "biases")
    assert bundles.named(groups, roles) == (groups, roles)
    matrix = np.eye(2)
    assert bundles.summed(matrix, roles) is matrix


@pytest.fixture
def four(monkeypatch):
    """At most four rows are kept."""
    monkeypatch.setattr(bundles, "MOST", 4)
    for cached in (bundles.begins, bundles.named):
        cached.cache_clear()
    yield
    for cached in (bundles.begins, bundles.named):
        cached.cache_clear()


@pytest.mark.usefixtures("four")
def test_names_and_sums_of_many():
    groups, roles = tuple("abcdef"), ("weights",) * 5 + ("biases",)
    assert bundles.named(groups, roles) == (
        ("a … b", "c … e", "f"), ("weights", "weights", "biases")
    )  # fmt: skip
    matrix = np.arange(36.0).reshape(6, 6)
    found = bundles.summed(matrix, roles)
    assert found[0, 1] == matrix[:2, 2:5].sum()
    assert found.sum() == matrix.sum()


@pytest.mark.usefixtures("four")
def test_a_run_of_many_groups_keeps_what_a_coarser_partition_would_have(tmp_path):
    run = Run("moons", dtype="float64", period=1, partition="unit")
    record = run.step()
    size = len(record.group)
    assert size == 68
    assert len(record.H) <= 4 < len(record.H_diagonal) == size
    assert len(record.rows[0]) == len(record.H)
    np.testing.assert_allclose(record.H_parts.sum(axis=0), record.H, rtol=1e-9, atol=1e-12)
    down, eta, lr = record.g, record.step_size, record.lr
    foretold = lr * down @ eta - lr**2 * record.bends.sum() / 2
    assert foretold == pytest.approx(record.decrease_predicted, rel=1e-9)
    recording = Recording(tmp_path)
    recording.add(record, run.settings)
    recording.flush()
    (read,) = open_record(tmp_path).parts
    assert read.H.dims == ("step", "bundle", "bundle_")
    assert read.bundle.values.tolist() == list(record.rows[0])
    assert read.bundle_.values.tolist() == list(record.rows[0])
    assert read.g.dims == ("step", "group")
    np.testing.assert_array_equal(read.H.values[0], record.H)
    np.testing.assert_array_equal(read.H_diagonal.values[0], record.H_diagonal)


@pytest.mark.usefixtures("four")
def test_a_summary_that_is_no_number_is_kept_as_it_is():
    H = torch.full((6, 6), math.inf)
    H[0, 0] = -math.inf
    assert np.isnan(compose._summed(H, ("weights",) * 6)[0, 0])


def test_curvature_along_the_step_is_that_of_every_group(monkeypatch):
    """Not that of the bundles, whose groups have other step sizes."""

    def first(most):
        monkeypatch.setattr(bundles, "MOST", most)
        for cached in (bundles.begins, bundles.named):
            cached.cache_clear()
        record = Run("moons", dtype="float64", period=1, partition="unit").step()
        return record, bundles.summed(whole.H if most == 4 else record.H, record.role)

    whole, _ = first(1024)
    bundled, known = first(4)
    first(1024)
    assert len(whole.H) == 68
    eta = whole.step_size
    np.testing.assert_allclose(bundled.bends, whole.H_parts @ eta @ eta, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(bundled.H, known, rtol=1e-12)
    np.testing.assert_array_equal(bundled.H_diagonal, np.diag(whole.H))
