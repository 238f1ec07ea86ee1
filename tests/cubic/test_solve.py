"""Known answers of the cubic solve."""

import numpy as np

from gnlab.cubic import Status, solve_cubic


def test_one_group_without_damping_is_cauchys_exact_line_search():
    solution = solve_cubic([[4.0]], [2.0], [1.0], damping=0.0)
    assert solution.status is Status.solved
    assert solution.step_sizes.item() == 0.5


def test_an_inert_group_gets_zero():
    H, g, d = np.diag([1.0, 2.0, 0.0]), np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    solution = solve_cubic(H, g, d)
    np.testing.assert_allclose(solution.step_sizes, [np.sqrt(3) - 1, 0.5, 0.0], rtol=1e-14)
