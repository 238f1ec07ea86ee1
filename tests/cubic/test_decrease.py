"""The promised decrease against fractions of integers."""

from fractions import Fraction

import numpy as np
import pytest

from gnlab.cubic import decrease as room
from gnlab.cubic.decrease import decrease


def known(H, g, x):
    H, g, x = ([Fraction(float(v)) for v in values.reshape(-1)] for values in (H, g, x))
    n = len(x)
    bent = sum(x[i] * H[i * n + j] * x[j] for i in range(n) for j in range(n))
    return sum(a * b for a, b in zip(g, x, strict=True)) - bent / 2


def problem(rng, n, lowest):
    Q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    H = (Q * np.append(np.geomspace(1e-3, 1, n - 1), lowest)) @ Q.T
    return (H + H.T) / 2, rng.standard_normal(n)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
@pytest.mark.parametrize("lowest", [1.0, 1e-8, 1e-15, -1e-15])
def test_it_is_right_to_the_last_digits_where_terms_cancel(n, lowest):
    rng = np.random.default_rng(n)
    for _ in range(20):
        H, g = problem(rng, n, lowest)
        x = np.linalg.lstsq(H, g, rcond=None)[0] * (1 + 1e-9 * rng.standard_normal(n))
        exact = known(H, g, x)
        assert abs(Fraction(decrease(H, g, x)) - exact) <= Fraction(1e-9) * abs(exact)


@pytest.mark.parametrize("n", [1, 3, 7])
def test_exact_products_round_once(n):
    rng = np.random.default_rng(n)
    for _ in range(20):
        H, g = problem(rng, n, 1e-12)
        x = 10.0 ** rng.uniform(-40, 40, n) * rng.choice([-1, 1], n)
        H, g = H / x / x[:, None], g / x
        exact = known(H, g, x)
        assert abs(Fraction(room._exactly(H, g, x)) - exact) <= Fraction(2.0**-52) * abs(exact)


def test_what_is_no_number_stays_none_and_nothing_is_nothing():
    assert np.isnan(decrease(np.array([[np.nan]]), np.ones(1), np.ones(1)))
    assert decrease(np.eye(2), np.ones(2), np.zeros(2)) == 0.0
    assert decrease(np.zeros((0, 0)), np.zeros(0), np.zeros(0)) == 0.0


@pytest.mark.parametrize("size", [np.inf, 1e200])
def test_what_is_too_large_for_a_number_is_none_without_a_warning(size):
    H, x = np.array([[size, 0.0], [0.0, -size]]), np.full(2, 1e120)
    assert not np.isfinite(decrease(H, np.full(2, size), x))  # a warning is an error here


def test_terms_that_cancel_altogether():
    assert decrease(np.array([[2.0]]), np.ones(1), np.ones(1)) == 0.0


def test_sums_that_do_not_cancel_are_taken_as_they_are(monkeypatch):
    monkeypatch.setattr(room, "_exactly", lambda *_: pytest.fail("exact products"))
    assert decrease(np.diag([1.0, 4.0]), np.array([1.0, 2.0]), np.array([1.0, 0.5])) == 1.0
