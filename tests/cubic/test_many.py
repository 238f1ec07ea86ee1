"""Ten thousand random models: each bounded one certified, each unbounded one named."""

import numpy as np
import pytest

from gnlab.cubic import Status, solve_cubic


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
