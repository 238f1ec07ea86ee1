import numpy as np
import pytest

from gnlab.lab import matrices
from gnlab.runs.records.inverse import Inverse, inverse


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


def test_how_far_an_inverse_can_be_believed_is_said():
    assert "rank 1 of 2 to rounding" in matrices.remark(inverse(np.ones((2, 2))))
    assert "nothing to invert" in matrices.remark(inverse(np.zeros((2, 2))))


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
    found = Inverse(np.eye(2), np.ones(2), 2, 2, 0, condition)
    assert matrices.remark(found) == f"scale-free condition number {text}"


def test_of_bundles_it_is_said_what_is_shown():
    H = np.diag([2.0, -1.0])
    few, many = (matrices.remarks(H, inverse(H), groups) for groups in (2, 5000))
    assert few == ("S = 2 · one negative eigenvalue", matrices.remark(inverse(H)))
    assert many[0] == "S = 5000, summed in 2 bundles · one negative eigenvalue"
    assert many[1] == f"of the sums · {matrices.remark(inverse(H))}"
