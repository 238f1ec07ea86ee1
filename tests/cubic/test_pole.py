"""Lowest curvatures that agree, with more groups than exact arithmetic can take."""

from collections import Counter

import numpy as np
import pytest
from scipy.linalg import block_diag

from gnlab.cubic import Status, estimate, exact, reduction, refine, solve_cubic

BEYOND = exact.LARGEST + 1


def twins(size, count, *, seed=0, slope=1.0, spread=0.0, component=0.0, decades=0.0, turned=True):
    """A model whose root lies on the pole, where ``count`` lowest curvatures agree.

    The radius is twice what b gives, so that half of it and more is along the twins.
    """
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((size, size)))[0] if turned else np.eye(size)
    kappa = np.sort(rng.standard_normal(size))
    kappa[:count] = kappa[0] - 0.5 + spread * rng.random(count)
    b = rng.standard_normal(size)
    b[:count] *= component
    radius = 2 * np.linalg.norm(b[count:] / (kappa[count:] - kappa[0]))
    d = 10 ** rng.uniform(-decades, decades, size)
    K = (Q * kappa) @ Q.T
    H = d[:, None] * K * d
    return (H + H.T) / 2, slope * (Q @ b) * d, d, -2 * kappa[0] / radius


def assert_minimal(H, g, d, damping, solution):
    """The optimality conditions in the invariant variables, in float64."""
    assert solution.status.ok, solution.status
    assert solution.certificate.holds
    K, b, y = H / np.outer(d, d), g / d, d * solution.step_sizes.numpy()
    rho = damping / 2 * np.linalg.norm(y)
    assert np.linalg.norm(K @ y + rho * y - b) <= 1e-12 * np.linalg.norm(y)
    assert np.linalg.eigvalsh(K)[0] + rho >= -1e-12
    assert solution.radius == pytest.approx(np.linalg.norm(y), rel=1e-12)


@pytest.mark.parametrize("size", [BEYOND, 300, 600])
@pytest.mark.parametrize("count", [2, 3, 10])
@pytest.mark.parametrize("turned", [True, False])
def test_several_lowest_curvatures_that_agree(size, count, turned):
    model = twins(size, count, turned=turned)
    solution = solve_cubic(*model)
    assert solution.status is Status.hard_case
    assert solution.certificate.residual <= 1e-12
    assert_minimal(*model, solution)


@pytest.mark.parametrize("slope", [1.0, 1e-3, 1e-5, 0.0])
@pytest.mark.parametrize("decades", [0.0, 4.0])
def test_of_slopes_and_scales_of_any_size(slope, decades):
    model = twins(BEYOND, 3, slope=slope, decades=decades)
    solution = solve_cubic(*model)
    assert solution.status is Status.hard_case
    assert_minimal(*model, solution)


@pytest.mark.parametrize("component", [1e-7, 1e-9, 1e-12])
@pytest.mark.parametrize("spread", [0.0, 1e-9, 1e-12])
def test_nearly_so_the_gradient_decides(component, spread):
    model = twins(BEYOND, 3, component=component, spread=spread)
    solution = solve_cubic(*model)
    assert_minimal(*model, solution)
    assert np.dot(model[1], solution.step_sizes.numpy()) > 0


@pytest.mark.parametrize("count", [2, 5])
def test_what_it_promises_is_what_exact_arithmetic_does(count):
    """The same model with groups that nothing pulls and nothing ties to the others."""
    H, g, d, damping = twins(40, count)
    more = BEYOND - 40
    known = solve_cubic(H, g, d, damping)
    H = block_diag(H, 5 * np.eye(more))
    found = solve_cubic(H, np.append(g, np.zeros(more)), np.append(d, np.ones(more)), damping)
    assert known.status is found.status is Status.hard_case
    assert found.decrease == pytest.approx(known.decrease, rel=1e-12)
    assert found.radius == pytest.approx(known.radius, rel=1e-12)


@pytest.mark.parametrize(("size", "flat"), [(BEYOND - 5, 5), (300, 40)])
def test_beside_groups_without_a_cubic_term(size, flat):
    """Z and its coupling are put before a model in such a way that eliminating Z gives it back."""
    H, g, d, damping = twins(size, 3)
    rng = np.random.default_rng(1)
    A, C = rng.standard_normal((flat, flat)), rng.standard_normal((flat, size)) / np.sqrt(size)
    A, slope = A @ A.T / flat + np.eye(flat), rng.standard_normal(flat)
    within = H + C.T @ np.linalg.solve(A, C)
    whole = np.block([[A, C], [C.T, (within + within.T) / 2]])
    sloped = np.append(slope, g + C.T @ np.linalg.solve(A, slope))
    found = solve_cubic((whole + whole.T) / 2, sloped, np.append(np.zeros(flat), d), damping)
    known = solve_cubic(H, g, d, damping)
    assert found.status is known.status is Status.hard_case
    assert found.certificate.holds
    assert found.radius == pytest.approx(known.radius, rel=1e-9)
    extra = slope @ np.linalg.solve(A, slope) / 2
    assert found.decrease == pytest.approx(known.decrease + extra, rel=1e-9)


@pytest.fixture
def work(monkeypatch):
    """Whole decompositions, half ones, and matrices factored for a refinement, counted."""
    done = Counter()
    for owner, name in ((estimate, "eigh"), (reduction, "reduce"), (refine, "solver")):
        function = getattr(owner, name)

        def counted(*args, function=function, name=name, **kwargs):
            done[name] += 1
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)
    monkeypatch.setattr(estimate, "reduce", reduction.reduce)
    return done


@pytest.mark.parametrize("size", [40, 300])
@pytest.mark.parametrize("component", [0.0, 1e-9])
def test_next_to_a_pole_that_is_alone_half_a_decomposition_is_enough(size, component, work):
    model = twins(size, 1, component=component)
    solution = solve_cubic(*model)
    assert_minimal(*model, solution)
    assert (solution.status is Status.hard_case) == (component == 0)
    assert work["eigh"] == 0
    assert work["reduce"] <= 2  # of K, and of the matrix that is nearly singular
    assert work["solver"] <= 5


def test_lowest_curvatures_that_agree_are_not_refined(work):
    model = twins(300, 2)
    assert_minimal(*model, solve_cubic(*model))
    assert work == {"reduce": 1, "eigh": 1}


def test_the_loss_in_other_units_takes_the_same_step():
    H, g, d, damping = twins(BEYOND, 3)
    one, two = solve_cubic(H, g, d, damping), solve_cubic(4 * H, 4 * g, d, 4 * damping)
    assert np.array_equal(one.step_sizes, two.step_sizes)


def test_a_slope_below_the_rounding_of_the_curvature_is_no_proof():
    assert solve_cubic(*twins(BEYOND, 3, slope=1e-9)).status is Status.singular
