"""H̄'s inverse, or what stands for it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnlab.runs.records.inverse import inverse


@given(st.integers(1, 6), st.integers(0, 1000))
def test_inverse_of_a_regular_matrix_over_many_scales(S, seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(S, S))
    units = 10.0 ** rng.uniform(-6, 6, S)
    H = (A @ A.T + np.eye(S)) * units[:, None] * units
    inverted = inverse(H)
    assert inverted.rank == inverted.groups == S
    product = (inverted.matrix @ H) * units[:, None] / units
    assert product == pytest.approx(np.eye(S), abs=1e-8)


def test_a_part_knows_of_the_whole():
    H = np.diag([2.0, 4.0, -8.0]) + 0.5
    whole = inverse(H)
    part = whole.part((2, 0), (1,))
    np.testing.assert_allclose(part.matrix, np.linalg.inv(H)[[2, 0]][:, [1]])
    np.testing.assert_allclose(part.diagonal, np.diag(np.linalg.inv(H)))
    assert (part.rank, part.groups, part.negative) == (3, 3, 1)
    assert not any(np.shares_memory(a, whole.matrix) for a in (part.matrix, part.diagonal))


def test_inverse_of_an_indefinite_matrix_keeps_its_signs():
    assert inverse(np.diag([2.0, -4.0])).matrix == pytest.approx(np.diag([0.5, -0.25]))


def test_singular_matrix_gets_a_pseudo_inverse():
    inverted = inverse(np.ones((2, 2)))
    assert inverted.rank == 1
    assert inverted.matrix == pytest.approx(np.full((2, 2), 0.25))


def test_what_float32_rounds_of_a_summary_is_not_inverted():
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    H = (vectors * np.array([*np.geomspace(1.0, 1e-3, 20), *np.zeros(20)])) @ vectors.T
    noise = 1e-8 * rng.standard_normal((40, 40))
    exact, rounded = inverse(H), inverse(H + noise + noise.T)
    assert (exact.rank, rounded.rank) == (20, 40)
    known = inverse(H + noise + noise.T, np.finfo("float32").eps)
    assert (known.rank, known.negative) == (20, 0)
    assert known.matrix == pytest.approx(exact.matrix, rel=1e-3, abs=1e-2)
    assert np.abs(rounded.matrix).max() > 1e3 * np.abs(exact.matrix).max()


@given(st.integers(1, 8), st.integers(0, 1000))
def test_the_number_of_negative_eigenvalues_does_not_depend_on_units(S, seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(S, S))
    units = 10.0 ** rng.uniform(-6, 6, S)
    H = A + A.T
    negative = int((np.linalg.eigvalsh(H) < 0).sum())
    assert inverse(H * units[:, None] * units).negative == negative


def test_inert_groups_have_no_inverse_and_disturb_no_other():
    inverted = inverse(np.diag([2.0, 0.0, 4.0]))
    assert np.isnan(inverted.matrix[1]).all()
    assert np.isnan(inverted.matrix[:, 1]).all()
    assert np.diag(inverted.matrix)[[0, 2]] == pytest.approx([0.5, 0.25])
    assert inverted.groups == inverted.rank == 2


@pytest.mark.parametrize("H", [np.zeros((2, 2)), np.full((2, 2), np.nan)])
def test_nothing_to_invert_is_shown_as_nothing(H):
    inverted = inverse(H)
    assert np.isnan(inverted.matrix).all()
    assert np.isnan(inverted.diagonal).all()
    assert inverted.groups == 0
