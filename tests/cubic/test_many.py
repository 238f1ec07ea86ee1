"""Ten thousand random models: each bounded one certified, each unbounded one named."""

import numpy as np
import pytest

from gnlab.cubic import Status, solve_cubic


def assert_optimal(case, solution):
    """(H̄ + ρD²)η = ḡ and K + ρ ≥ 0 of the step as it was returned, in extended precision.

    Each entry of η is rounded to float64, which alone moves an entry of the residual by ε times
    the terms that it is the sum of.
    """
    H, g, d, eta = (
        np.asarray(values, dtype=np.longdouble)
        for values in (case.H, case.g, case.d, solution.step_sizes.numpy())
    )
    d = d if case.damping > 0 else np.sqrt(np.abs(np.diag(H)))  # the groups' units, then
    radius = np.sqrt(np.sum((d * eta) ** 2))
    rho = case.damping / 2 * radius
    fault = np.abs(g - H @ eta - rho * d * d * eta)
    terms = np.abs(g) + np.abs(H) @ np.abs(eta) + rho * d * d * np.abs(eta)
    if case.kind == "near zeros of D":  # there a step is known to a rounding of ‖Dη‖, all in all
        terms += (solution.certificate.scale + rho) * radius * d
    size = np.sqrt(np.sum((g[d > 0] / d[d > 0]) ** 2)) or rho * radius
    assert (fault <= 1e-8 * size * d + 4 * np.finfo(float).eps * terms).all(), case
    if case.damping > 0 and (case.d > 0).all():
        kappa = np.linalg.eigvalsh(case.H / case.d[:, None] / case.d)
        assert kappa[0] + rho >= -1e-9 * np.abs(kappa).max(), case


@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_models_are_certified_or_named_unbounded(draw, seed):
    rng = np.random.default_rng(seed)
    for _ in range(1000):
        case = draw(rng)
        solution = solve_cubic(case.H, case.g, case.d, case.damping)
        if not case.bounded:
            assert solution.status is Status.unbounded, case
            assert not solution.step_sizes.any()
            continue
        proof = solution.certificate
        assert solution.status.ok, case
        assert proof.residual <= 1e-8, case
        assert proof.eigenvalue_min >= -1e-9 * proof.scale, case
        assert proof.radius >= proof.radius_min * (1 - 1e-12), case
        assert proof.radius_error <= 1e-8, case
        assert solution.decrease >= 0, case
        assert_optimal(case, solution)
