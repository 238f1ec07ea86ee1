"""Groups without a cubic term beside steps that are many decades longer: their rows hold too."""

import numpy as np
import pytest

from gnlab import solve_cubic
from gnlab.cubic import refine, system

G = np.array([0.634547448, -1.39366756, 0.902807064, 0.411147128])


@pytest.mark.parametrize("scale", [1.0, 2.0**300])
@pytest.mark.parametrize("decades", [6, 12, 14, 20, 30])
def test_a_long_step_leaves_digits_for_newtons_groups(decades, scale):
    d = np.array([1.0, 0.0, 0.0, 10.0**-decades]) * np.cbrt(scale)
    found = solve_cubic(np.diag([1.0, 1.0, 2.0, -3.0]) * scale, G * scale, d, 1.0)
    assert found.status.ok
    np.testing.assert_allclose(found.step_sizes[1:3], G[1:3] / [1.0, 2.0], rtol=1e-12)
    np.testing.assert_allclose(found.step_sizes[3], 6 * 10.0 ** (3 * decades), rtol=1e-5)


@pytest.mark.parametrize("small", [1e-30, 1e-50, 1e-200])
def test_newtons_step_has_its_small_entries(small):
    found = solve_cubic(np.array([[2.0, 0.0], [0.0, 4.0]]), [1.0, small], [0.0, 0.0], 0.0)
    assert found.status.ok
    np.testing.assert_allclose(found.step_sizes, [0.5, small / 4], rtol=1e-12)


def test_a_row_that_does_not_hold_is_seen():
    given = system.System(
        H=np.eye(2), g=np.array([1.0, 1e-30]), d=np.array([1.0, 0.0]), c=None, unit=np.ones(2),
        x_exponent=0, rho_exponent=0, bits=200, device="cpu",
    )  # fmt: skip
    x = refine.to_fixed(np.array([1.0, 1e-30]), 0, 200)
    assert refine.rows_hold(given, x, 200, np.array([0.0, 1e-43]), 1e-11)
    assert not refine.rows_hold(given, x, 200, np.array([0.0, 1e-31]), 1e-11)
