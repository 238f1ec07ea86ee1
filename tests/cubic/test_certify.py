"""The proof that a refined root is the minimiser, without exact arithmetic."""

import numpy as np
import pytest

from gnlab.cubic import Status, solve, solve_cubic


@pytest.fixture
def no_last_resort(monkeypatch):
    """Exact arithmetic takes hundreds of times as long: a test that must do without it."""

    def never(*_):
        raise AssertionError("left to exact arithmetic")

    monkeypatch.setattr(solve, "solve_exactly", never)


def with_root(rng, kappa, Q, d, rho):
    """A model whose minimiser, of a direction of chance, is at a given ρ.

    Args:
        rng: The random numbers.
        kappa: K's eigenvalues.
        Q: Their vectors.
        d: D.
        rho: c r at the minimiser, with λ_int = 1.

    Returns:
        H, g and Dη.
    """
    y, K = rng.standard_normal(len(kappa)), Q * kappa @ Q.T
    y *= 2 * rho / np.linalg.norm(y)
    H = K * d * d[:, None]
    return (H + H.T) / 2, d * (K @ y + rho * y), y


def barely_indefinite(seed, size, least, rho=2e-3):
    """A summary near convergence: curvatures over six decades, next to none of them negative.

    Args:
        seed: Of the random numbers.
        size: The number of groups.
        least: The lowest eigenvalue of K.
        rho: c r at the minimiser, with λ_int = 1.

    Returns:
        H, g, d and the step that minimises.
    """
    rng = np.random.default_rng(seed)
    kappa = np.append(least, np.logspace(-2.5, 3.5, size - 1))
    Q, _ = np.linalg.qr(rng.standard_normal((size, size)))
    d = 10.0 ** rng.uniform(-9.3, -5.4, size)
    H, g, y = with_root(rng, kappa, Q, d, rho)
    return H, g, d, y / d


@pytest.mark.parametrize("least", [-1e-7, -1e-5, -1e-4])
@pytest.mark.parametrize("size", [12, 36, 102])
def test_a_lowest_curvature_far_below_the_largest_is_no_matter_far_from_the_pole(
    no_last_resort, size, least
):
    for seed in range(3):
        H, g, d, step = barely_indefinite(seed, size, least)
        solution = solve_cubic(H, g, d, 1.0)
        assert solution.status is Status.solved
        assert solution.certificate.holds
        # Rounding H moves κ by some 1e-16 of the largest.
        assert solution.eigenvalue_min == pytest.approx(least, abs=1e-10)
        moved = np.linalg.norm(d * (solution.step_sizes.numpy() - step))
        assert moved <= 1e-6 * np.linalg.norm(d * step)


def stiff_in_few(seed, size, gap, largest=2e4):
    """A few groups have all the large curvature, and the direction that bends down is in them.

    Args:
        seed: Of the random numbers.
        size: The number of groups.
        gap: ρ − ρ₀ at the minimiser, with λ_int = 1 and ρ₀ = 1e-3.
        largest: The largest curvature.

    Returns:
        H, g, d and the step that minimises.
    """
    rng = np.random.default_rng(seed)
    lead = np.zeros((size, 2))
    lead[:4, 0], lead[:2, 1] = 1 / 2, (np.sqrt(1 / 2), -np.sqrt(1 / 2))
    rest = rng.standard_normal((size, size - 2))
    rest -= lead @ (lead.T @ rest)
    Q = np.column_stack([lead, np.linalg.qr(rest)[0]])
    kappa = np.append([largest, -1e-3], np.logspace(-8, -1, size - 2))
    d = 10.0 ** rng.uniform(-11, -6, size)
    H, g, y = with_root(rng, kappa, Q, d, 1e-3 + gap)
    return H, g, d, y / d


@pytest.mark.parametrize("gap", [1e-2, 1e-3, 1e-5, 1e-6])
@pytest.mark.parametrize("size", [12, 102, 300])
def test_rounding_of_a_large_curvature_leaves_no_doubt_of_a_root_that_is_above_it(
    no_last_resort, size, gap
):
    """ρ₀ was asked for to a part of ρ − ρ₀ that a factor of the matrix cannot tell: singular."""
    for seed in range(3):
        H, g, d, step = stiff_in_few(seed, size, gap)
        solution = solve_cubic(H, g, d, 1.0)
        assert solution.status is Status.solved
        assert solution.eigenvalue_min == pytest.approx(-1e-3, abs=1e-9)
        moved = np.linalg.norm(d * (solution.step_sizes.numpy() - step))
        # Rounding H moves κ_min by some 1e-12, and the step along it by that over the gap.
        assert moved <= max(1e-6, 1e-10 / gap) * np.linalg.norm(d * step)


@pytest.mark.parametrize("size", [30, 160, 300])
@pytest.mark.parametrize("gap", [1e-8, 1e-9, 1e-11])
def test_the_next_curvature_may_be_a_rounding_of_the_largest_above_the_lowest(
    no_last_resort, size, gap
):
    """Next to the pole with κ₂ − κ_min at 1e-9 of the largest: two null vectors were feared."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        kappa = np.append([-1e-3, -8e-4], np.logspace(-5, 5, size - 2))
        Q, _ = np.linalg.qr(rng.standard_normal((size, size)))
        d = 10.0 ** rng.uniform(-9, -5, size)
        H, g, _ = with_root(rng, kappa, Q, d, 1e-3 + gap)
        solution = solve_cubic(H, g, d, 1.0)
        assert solution.status.ok
        assert solution.certificate.holds
        # Rounding K moves κ_min by some 1e-11.
        assert solution.eigenvalue_min == pytest.approx(-1e-3, abs=1e-9)
        assert 0 <= solution.certificate.eigenvalue_min <= gap + 1e-9


@pytest.mark.parametrize("size", [30, 160, 300])
def test_many_null_vectors_at_the_rounding_of_a_large_curvature(no_last_resort, size):
    """ρ is 1e-9 of the largest curvature, half of all others are zero but for rounding."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        kappa = np.append(np.zeros(size // 2), np.logspace(-6, 5, size - size // 2))
        Q, _ = np.linalg.qr(rng.standard_normal((size, size)))
        d = 10.0 ** rng.uniform(-5, -3, size)
        H, g, y = with_root(rng, kappa, Q, d, 1e-4)
        solution = solve_cubic(H, g, d, 1.0)
        assert solution.status is Status.solved
        assert solution.certificate.radius_min <= 1e-3 * solution.radius
        assert np.linalg.norm(d * solution.step_sizes.numpy() - y) <= 1e-6 * np.linalg.norm(y)
