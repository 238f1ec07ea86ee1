import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnlab.lab import matrices

finite = st.floats(-1e6, 1e6, allow_nan=False)


def test_scale_free_does_not_depend_on_the_groups_units():
    H = np.array([[4.0, 1.0], [1.0, -9.0]])
    units = np.array([1e-3, 1e5])
    free = matrices.scale_free(H)
    assert free == pytest.approx(np.array([[1.0, 1 / 6], [1 / 6, -1.0]]))
    assert matrices.scale_free(H * units[:, None] * units) == pytest.approx(free)


def test_scale_free_of_a_zero_diagonal_is_not_a_number():
    free = matrices.scale_free(np.array([[0.0, 1.0], [1.0, 4.0]]))
    assert np.isnan(free[0]).all()
    assert np.isnan(free[:, 0]).all()
    assert free[1, 1] == 1


@given(st.integers(1, 6), st.integers(0, 1000))
def test_inverse_of_a_regular_matrix_over_many_scales(S, seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(S, S))
    units = 10.0 ** rng.uniform(-6, 6, S)
    H = (A @ A.T + np.eye(S)) * units[:, None] * units
    inverted = matrices.inverse(H)
    assert inverted.rank == inverted.groups == S
    product = (inverted.matrix @ H) * units[:, None] / units
    assert product == pytest.approx(np.eye(S), abs=1e-8)


def test_inverse_of_an_indefinite_matrix_keeps_its_signs():
    assert matrices.inverse(np.diag([2.0, -4.0])).matrix == pytest.approx(np.diag([0.5, -0.25]))


def test_singular_matrix_gets_a_pseudo_inverse_and_says_so():
    inverted = matrices.inverse(np.ones((2, 2)))
    assert inverted.rank == 1
    assert inverted.matrix == pytest.approx(np.full((2, 2), 0.25))
    assert "rank 1 of 2 to rounding" in inverted.remark


def test_what_float32_rounds_of_a_summary_is_not_inverted():
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    H = (vectors * np.array([*np.geomspace(1.0, 1e-3, 20), *np.zeros(20)])) @ vectors.T
    noise = 1e-8 * rng.standard_normal((40, 40))
    exact, rounded = matrices.inverse(H), matrices.inverse(H + noise + noise.T)
    assert (exact.rank, rounded.rank) == (20, 40)
    known = matrices.inverse(H + noise + noise.T, np.finfo("float32").eps)
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
    assert matrices.inverse(H * units[:, None] * units).negative == negative


def test_inert_groups_have_no_inverse_and_disturb_no_other():
    inverted = matrices.inverse(np.diag([2.0, 0.0, 4.0]))
    assert np.isnan(inverted.matrix[1]).all()
    assert np.isnan(inverted.matrix[:, 1]).all()
    assert np.diag(inverted.matrix)[[0, 2]] == pytest.approx([0.5, 0.25])
    assert inverted.groups == inverted.rank == 2


@pytest.mark.parametrize("H", [np.zeros((2, 2)), np.full((2, 2), np.nan)])
def test_nothing_to_invert_is_shown_as_nothing(H):
    inverted = matrices.inverse(H)
    assert np.isnan(inverted.matrix).all()
    assert "nothing to invert" in inverted.remark


def test_block_order_puts_weights_biases_and_the_rest_together():
    roles = ("weights", "biases", "other", "weights", "mixed", "biases")
    assert matrices.block_order(roles, "blocks").tolist() == [0, 3, 1, 5, 2, 4]
    assert matrices.block_order(roles, "tensor").tolist() == [0, 1, 2, 3, 4, 5]


def test_block_means_keep_the_mean_and_the_size_within_bounds():
    matrix = np.arange(600.0 * 600).reshape(600, 600)
    means = matrices.block_means(matrix, 256)
    assert means.shape == (256, 256)
    assert matrices.block_means(matrix, 300) == pytest.approx(
        matrix.reshape(300, 2, 300, 2).mean((1, 3))
    )
    assert matrices.block_means(matrix[:5, :5]) is not None
    small = matrix[:5, :5]
    assert matrices.block_means(small) is small


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (1.0, "1"),
        (187.4, "187"),
        (1870.4, "1870"),
        (9_999.7, "1·10⁴"),
        (26_600.0, "2.66·10⁴"),
        (1e300, "1·10³⁰⁰"),
    ],
)
def test_a_condition_number_is_read_without_a_computers_notation(condition, text):
    found = matrices.Inverse(np.eye(2), 2, 2, 0, condition)
    assert found.remark == f"scale-free condition number {text}"


def test_of_bundles_it_is_said_what_is_shown():
    H = np.diag([2.0, -1.0])
    few, many = (matrices.remarks(H, matrices.inverse(H), groups) for groups in (2, 5000))
    assert few == ("S = 2 · one negative eigenvalue", matrices.inverse(H).remark)
    assert many[0] == "S = 5000, summed in 2 bundles · one negative eigenvalue"
    assert many[1] == f"of the sums · {matrices.inverse(H).remark}"
