"""A loss in other units has the same minimiser, bit for bit, also where H is singular.

Eight times the loss has twice the d: a power of two that rounds nothing, while another factor's
cube root would be rounded, and where nothing but rounding chooses, another choice be right.
"""

import numpy as np
import pytest

from gnlab.cubic import Status, solve_cubic


def integers(rng, rows, columns):
    return rng.integers(-2, 3, (rows, columns)).astype(float)


def rank_deficient(draw, rng, size):
    """Null vectors, harmless ones more often than not, some or all of them without a cubic term."""
    J = (integers if rng.random() < 0.5 else lambda rng, *shape: rng.standard_normal(shape))(
        rng, int(rng.integers(size)), size
    )
    signs = rng.choice([-1.0, 1.0], len(J)) if rng.random() < 0.3 else np.ones(len(J))
    H = J.T @ (signs[:, None] * J)
    H = (H + H.T) / 2
    g = H @ integers(rng, size, 1)[:, 0] if rng.random() < 0.7 else rng.standard_normal(size)
    d = 10 ** rng.uniform(-2, 2, size)
    d[rng.random(size) < rng.choice([0.0, 0.5, 1.0])] = 0.0
    return H, g * float(rng.random() < 0.8), d, float(rng.choice([0.0, 1e-3, 1.0, 10.0]))


def repeated(draw, rng, size):
    """Groups that are each other's copies, the copies, or both, without a cubic term or with it."""
    case = draw(rng, size)
    groups, copies = case.g.size, 1 + case.g.size // 4
    index = np.append(np.arange(groups), rng.integers(0, groups, copies))
    d = case.d[index]
    d[groups:] *= rng.integers(2)
    d[index[groups:]] *= rng.integers(2)
    return case.H[np.ix_(index, index)], case.g[index], d, case.damping


def special(draw, rng, size):
    """Whatever the families of the thousands of models have: the hard case, null vectors, zeros."""
    case = draw(rng, size)
    return case.H, case.g, case.d, case.damping


@pytest.mark.parametrize("family", [rank_deficient, repeated, special])
@pytest.mark.parametrize("seed", range(2))
def test_eight_times_the_loss_changes_no_bit(draw, family, seed):
    rng = np.random.default_rng(seed)
    for _ in range(150):
        H, g, d, damping = family(draw, rng, int(np.exp2(rng.uniform(1, 5))))
        a = np.exp2(rng.integers(-3, 4, g.size))  # the groups' own units
        before = solve_cubic(H, g, d, damping)
        after = solve_cubic(8 * H * a[:, None] * a, 8 * g * a, 2 * d * a, damping)
        assert after.status is before.status, (H, g, d, damping)
        assert np.array_equal(after.step_sizes.numpy() * a, before.step_sizes.numpy())
        assert (after.radius, after.decrease) == (2 * before.radius, 8 * before.decrease)


@pytest.mark.parametrize("scale", [3, -3, 30])
@pytest.mark.parametrize(
    ("H", "g", "d"),
    [
        (np.ones((2, 2)) / 3, [0.1, 0.1], [0.0, 0.0]),
        (np.ones((3, 3)) / 3, [0.1, 0.1, 0.1], [0.0, 0.0, 0.7]),  # curvature on N
        ([[0.3, 0.1], [0.1, 0.0]], [0.7, 0.0], [0.0, 1.3]),  # only what ties N to Z
        (np.diag([0.3, 0.0]), [0.7, 0.7], [0.0, 1.3]),  # only a slope
        (np.diag([0.3, 0.0]), [0.7, 0.0], [0.0, 1.3]),  # nothing at all
        (np.diag([0.3, -0.7]), [0.0, 0.0], [0.0, 1.3]),  # a saddle
    ],
)
def test_whatever_the_unit_of_a_group_without_a_cubic_term_is_counted_from(H, g, d, scale):
    H, g, d = (np.asarray(values, dtype=np.float64) for values in (H, g, d))
    before = solve_cubic(H, g, d, damping=0.3)
    after = solve_cubic(H * 2.0**scale, g * 2.0**scale, d * 2.0 ** (scale // 3), damping=0.3)
    assert before.status.ok
    assert after.status is before.status
    assert np.array_equal(after.step_sizes.numpy(), before.step_sizes.numpy())


@pytest.mark.parametrize("size", [1, 30, 300])
def test_a_flat_loss_with_a_cubic_term_moves_nothing(size):
    solution = solve_cubic(np.zeros((size, size)), np.zeros(size), np.ones(size))
    assert solution.status is Status.solved
    assert not solution.step_sizes.any()


def decoupled(rng, size):
    """The lowest curvature is that of a group by itself, without a slope; which one."""
    J, d = rng.standard_normal((size, size)), np.exp2(rng.integers(-6, 7, size))
    H, g, s = J.T @ J, rng.standard_normal(size) * 1e-6, int(rng.integers(size))
    H = (H + H.T) / 2
    H[s] = H[:, s] = g[s] = 0.0
    H[s, s] = -(d[s] ** 2) * float(rng.integers(1, 5))
    return H, g, d, s


@pytest.mark.parametrize("loss", [1.0, 2.0, 3.0])
def test_the_hard_case_goes_the_positive_way_whatever_rounding_says(loss):
    # One root of the conditions lies as far below the pole as the other one lies above: nowhere.
    rng = np.random.default_rng(1)
    for _ in range(150):
        H, g, d, s = decoupled(rng, int(rng.integers(2, 25)))
        solution = solve_cubic(H * loss, g * loss, d * np.cbrt(loss))
        assert solution.status is Status.hard_case
        assert solution.step_sizes[s] > 0


@pytest.mark.parametrize("loss", [0.5, 1.0, 2.0, 5.0])
def test_a_saddle_is_left_the_same_way_whatever_rounding_says(loss):
    rng = np.random.default_rng(2)
    for _ in range(150):
        a, d = rng.integers(1, 5, 2) * rng.choice([-1.0, 1.0], 2), 10 ** rng.uniform(-2, 2, 2)
        d *= np.cbrt(loss)
        y = d * solve_cubic(-np.outer(a, a) * loss, np.zeros(2), d).step_sizes.numpy()
        assert y[np.abs(y).argmax()] > 0
