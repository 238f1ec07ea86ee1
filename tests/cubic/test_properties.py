"""What must hold for every model: invariance, optimality, limits."""

from itertools import pairwise

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gnlab.cubic import solve_cubic

examples = settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
seeds = st.integers(0, 2**32 - 1)


def model_value(case, eta):
    radius = np.linalg.norm(case.d * eta)
    return -case.g @ eta + eta @ case.H @ eta / 2 + case.damping / 6 * radius**3


def drawn(draw, seed, largest=12):
    rng = np.random.default_rng(seed)
    return draw(rng, largest), rng


def plain(seed):
    """A model without anything special about it, and the generator to go on with."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 12))
    H, g = rng.standard_normal((size, size)), rng.standard_normal(size)
    return rng, H + H.T, g, rng.uniform(0.1, 1, size)


def solve(case):
    return solve_cubic(case.H, case.g, case.d, case.damping)


@examples
@given(seed=seeds)
def test_group_scales_that_are_powers_of_two_change_no_bit(draw, seed):
    case, rng = drawn(draw, seed)
    a = np.exp2(rng.integers(-20, 21, case.g.size))
    before = solve(case)
    after = solve_cubic(case.H * a[:, None] * a, case.g * a, case.d * a, case.damping)
    assert after.status is before.status
    assert np.array_equal(after.step_sizes.numpy() * a, before.step_sizes.numpy())
    assert (after.radius, after.decrease) == (before.radius, before.decrease)


@examples
@given(seed=seeds, scale=st.integers(-60, 60))
@example(seed=2048, scale=1)  # two groups that are one, without a cubic term
def test_a_scaled_loss_changes_no_bit(draw, seed, scale):
    # L → αL: H̄, ḡ and the cubic coefficient λ_int d³ all scale by α.
    case, _ = drawn(draw, seed)
    alpha = 2.0**scale
    before = solve(case)
    after = solve_cubic(case.H * alpha, case.g * alpha, case.d, case.damping * alpha)
    assert after.status is before.status
    assert np.array_equal(after.step_sizes.numpy(), before.step_sizes.numpy())
    assert after.radius == before.radius


@examples
@given(seed=seeds)
def test_any_group_scales_change_rounding_only(draw, seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 12))
    H, g = rng.standard_normal((size, size)), rng.standard_normal(size)
    H, d, a = H + H.T, 10 ** rng.uniform(-1, 1, size), 10 ** rng.uniform(-6, 6, size)
    before = solve_cubic(H, g, d)
    after = solve_cubic(H * a[:, None] * a, g * a, d * a)
    assert after.status is before.status
    np.testing.assert_allclose(after.radius, before.radius, rtol=1e-9)
    error = np.linalg.norm(d * (after.step_sizes.numpy() * a - before.step_sizes.numpy()))
    assert error <= 1e-9 * before.radius


@examples
@given(seed=seeds)
def test_the_order_of_the_groups_does_not_matter(seed):
    rng, H, g, d = plain(seed)
    order = rng.permutation(g.size)
    before = solve_cubic(H, g, d)
    after = solve_cubic(H[np.ix_(order, order)], g[order], d[order])
    np.testing.assert_allclose(after.step_sizes, before.step_sizes[order], rtol=1e-12, atol=1e-14)


@examples
@given(seed=seeds)
def test_no_point_near_or_far_is_lower(seed):
    rng, H, g, d = plain(seed)
    damping = 10 ** rng.uniform(-2, 2)
    solution = solve_cubic(H, g, d, damping)
    eta = solution.step_sizes.numpy()

    def value(x):
        return -g @ x + x @ H @ x / 2 + damping / 6 * np.linalg.norm(d * x) ** 3

    lowest = value(eta)
    np.testing.assert_allclose(solution.decrease, -lowest, rtol=1e-9, atol=1e-12)
    assert solution.decrease >= 0
    for reach in (1e-3, 0.1, 1.0, 10.0):
        for _ in range(20):
            step = rng.standard_normal(g.size) * reach * np.linalg.norm(eta)
            assert value(eta + step) >= lowest - 1e-12 * abs(lowest)


@examples
@given(seed=seeds)
@example(seed=300)  # R undoes H all but for a ten-thousandth
def test_equation_2_holds(draw, seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 12))
    H, g, d = rng.standard_normal((size, size)), rng.standard_normal(size), rng.uniform(0, 1, size)
    H = H + H.T
    solution = solve_cubic(H, g, d)
    eta, R = solution.step_sizes.numpy(), np.diag(solution.regulariser.numpy())
    # Each of H η and R η is rounded, and they can cancel.
    size_of_terms = (np.linalg.norm(H, 2) + np.linalg.norm(R, 2)) * np.linalg.norm(eta)
    assert np.linalg.norm((H + R) @ eta - g) <= 1e-14 * size_of_terms
    np.testing.assert_allclose(np.linalg.norm(d * eta), solution.radius, rtol=1e-13)
    assert solution.radius >= solution.radius_min * (1 - 1e-14)
    assert np.linalg.eigvalsh(H + R)[0] >= -1e-12 * np.linalg.norm(H + R, 2)


@examples
@given(seed=seeds)
def test_more_damping_never_lengthens_the_step(draw, seed):
    case, _ = drawn(draw, seed)
    if not (case.bounded and case.damping > 0):
        return
    radii = [
        solve_cubic(case.H, case.g, case.d, case.damping * factor).radius
        for factor in (1.0, 1.5, 10.0, 1e3)
    ]
    assert all(b <= a * (1 + 1e-12) for a, b in pairwise(radii))


@examples
@given(seed=seeds)
def test_vanishing_damping_is_newton_where_H_is_definite(draw, seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 12))
    J, g, d = rng.standard_normal((size, size)), rng.standard_normal(size), rng.uniform(0, 1, size)
    H = J @ J.T + np.eye(size)
    newton = solve_cubic(H, g, d, damping=0.0).step_sizes
    np.testing.assert_allclose(newton, np.linalg.solve(H, g), rtol=1e-9, atol=1e-12)
    nearly = solve_cubic(H, g, d, damping=1e-13).step_sizes
    np.testing.assert_allclose(nearly, newton, rtol=1e-9, atol=1e-12)
