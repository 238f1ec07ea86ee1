"""What float64 proves alone is what exact arithmetic finds; what it cannot, it leaves alone."""

import numpy as np
import pytest

from gnlab.cubic.certify import certify
from gnlab.cubic.estimate import eliminate, estimate
from gnlab.cubic.model import normalise
from gnlab.cubic.plainly import certify_plainly


def proofs(H, g, d, damping):
    """By float64 alone, and with exact residuals."""
    model = normalise(*(np.asarray(values, dtype=np.float64) for values in (H, g, d)), damping)
    elimination = eliminate(model)
    if elimination is None:
        return None, None, model
    start = estimate(model, elimination)
    return certify_plainly(model, elimination, start), certify(model, elimination, start), model


@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_exact_residuals_wherever_it_speaks(draw, seed):
    rng, spoke = np.random.default_rng(100 + seed), 0
    for _ in range(300):
        case = draw(rng)
        plain, exact, model = proofs(case.H, case.g, case.d, case.damping)
        if plain is None:
            continue
        spoke += 1
        assert exact is not None, case
        y, known = model.d * plain.step, model.d * exact.step
        assert np.linalg.norm(y - known) <= 1e-9 * np.linalg.norm(known), case
        assert plain.rho == pytest.approx(exact.rho, rel=1e-9), case
        assert plain.residual <= 1e-10, case
        if exact.kappa_min < 0:
            assert plain.kappa_min == pytest.approx(exact.kappa_min, rel=1e-9), case
        assert not exact.hard, case
    assert spoke >= 30


def test_an_ordinary_problem_needs_no_more():
    rng = np.random.default_rng(0)
    for size in (1, 2, 8, 50):
        A = rng.standard_normal((size, size))
        scale = 10 ** rng.uniform(-2, 2, size)
        H = scale[:, None] * (A + A.T) * scale
        plain, exact, _ = proofs(H, rng.standard_normal(size) * scale, scale, 1.0)
        assert plain is not None
        assert exact is not None
        np.testing.assert_allclose(plain.step, exact.step, rtol=1e-9)


@pytest.mark.parametrize(
    ("H", "g"),
    [
        (np.diag([-1.0, 2.0]), [0.0, 1.0]),  # the hard case
        (np.diag([-1.0, 2.0]), [1e-14, 1.0]),  # next to it
        (np.diag([-1.0, -1.0, 2.0]), [0.0, 0.0, 1.0]),  # two valleys
        (np.diag([-1.0, 2.0]), [0.0, 0.0]),  # a saddle
    ],
)
def test_what_is_delicate_is_left_alone(H, g):
    plain, *_ = proofs(H, g, np.ones(len(g)), 2.0)
    assert plain is None
