"""Quadratics have the spectrum and the coupling that were asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnlab import rates
from gnlab.errors import InputError
from gnlab.rates import COUPLINGS, quadratic, runs

SPECTRUM = (1.0, 30.0, 2.0, 7.0, 11.0, 3.0)


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_spectrum(coupling, shuffled):
    found = quadratic(SPECTRUM, coupling, shuffled=shuffled, seed=3)
    np.testing.assert_allclose(np.linalg.eigvalsh(found.H), sorted(SPECTRUM), rtol=1e-12)
    np.testing.assert_allclose(found.eigenvalues, sorted(SPECTRUM))
    vectors = found.eigenvectors
    np.testing.assert_allclose(found.H @ vectors, vectors * found.eigenvalues, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(6), atol=1e-12)
    assert found.condition == pytest.approx(30)
    assert (found.H == found.H.T).all()


def test_the_coupling():
    far = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    assert (np.diag(SPECTRUM) == quadratic(SPECTRUM, "none").H).all()
    banded = quadratic(SPECTRUM, "banded").H
    assert np.abs(banded[far > 3]).max() < 1e-14
    assert np.abs(banded[far == 1]).min() > 1e-3
    block = quadratic(SPECTRUM, "block", blocks=2).H
    assert (block[:3, 3:] == 0).all()
    assert np.abs(block[:3, :3]).min() > 1e-3
    assert np.abs(quadratic(SPECTRUM, "dense").H).min() > 1e-3


def test_a_block_has_the_eigenvalues_dealt_to_it():
    block = quadratic(SPECTRUM, "block", blocks=3).H
    for s in range(3):
        own = np.linalg.eigvalsh(block[2 * s : 2 * s + 2, 2 * s : 2 * s + 2])
        np.testing.assert_allclose(own, sorted(SPECTRUM[2 * s : 2 * s + 2]))


@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))
def test_runs_are_as_equal_as_can_be(numbers):
    size, count = numbers
    owner = runs(size, count)
    assert (np.diff(owner) >= 0).all()
    sizes = np.bincount(owner, minlength=count)
    assert sizes.max() - sizes.min() <= 1
    assert sizes.min() >= 1


@pytest.mark.parametrize(
    ("spectrum", "options", "message"),
    [
        ((), {}, "one at least"),
        ((1.0, -1.0), {}, "positive"),
        ((1.0, 2.0), {"coupling": "dens"}, "Did you mean 'dense'"),
        ((1.0, 2.0), {"coupling": "block", "blocks": 3}, "blocks"),
    ],
)
def test_what_is_no_quadratic(spectrum, options, message):
    with pytest.raises(InputError, match=message):
        quadratic(spectrum, **options)


@pytest.mark.parametrize("other", [3, None, np.eye(2)])
def test_what_is_no_quadratic_has_no_rates(other):
    for ask in (
        rates.worst_start,
        lambda q: rates.convergence(q, np.zeros(2, int), np.ones(2), 1),
        lambda q: rates.paths(q, np.zeros(2, int), np.ones((1, 2)), 1),
        lambda q: rates.measure(q, [1]),
    ):
        with pytest.raises(InputError, match=r"problem must be a quadratic, as rates\.quadratic"):
            ask(other)
