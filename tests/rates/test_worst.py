"""Each level's worst start: its rate is the bound, or the factor of its pair of eigenvalues."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnlab.errors import InputError
from gnlab.rates import (
    Quadratic,
    convergence,
    doublings,
    kantorovich,
    measure,
    quadratic,
    random_start,
    runs,
    scaled_bound,
    slow_pair,
    worst,
    worst_start,
)

COUPLINGS = {
    "all with all": {"coupling": "dense"},
    "neighbours": {"coupling": "banded"},
    "neighbours, shuffled": {"coupling": "banded", "shuffled": True},
    "blocks": {"coupling": "block", "blocks": 8},
    "blocks, shuffled": {"coupling": "block", "blocks": 8, "shuffled": True},
}


def problem(name, size=64):
    values = np.random.default_rng(0).permutation(np.geomspace(1, 100, size))
    return quadratic(values, seed=0, **COUPLINGS[name])


def equicorrelated(c, copies=1):
    """Ones on the diagonal and c beside it, as blocks of several copies: [3n, 3n], three groups."""
    H = np.kron((1 - c) * np.eye(3) + c, np.eye(copies))
    return Quadratic(H, *np.linalg.eigh(H)), np.repeat(np.arange(3), copies)


@pytest.mark.parametrize("name", COUPLINGS)
@pytest.mark.parametrize("count", [1, 2, 4, 8, 32])
def test_every_step_from_the_worst_start_has_the_factor_of_its_pair(name, count):
    found, owner = problem(name), runs(64, count)
    pair = slow_pair(found.H, owner)
    assert pair.apart <= 1e-9
    # The finer the groups, the sooner rounding leads away.
    steps, sign = (60, 1) if count <= 8 else (12, -1)
    way = convergence(found, owner, pair.start(owner, sign), steps)
    np.testing.assert_allclose(way.factors, pair.factor, rtol=1e-6)
    assert pair.bound == pytest.approx(scaled_bound(found.H, owner), rel=1e-12)
    assert pair.factor <= pair.bound + 1e-12
    if count <= 8:
        assert pair.attained
        np.testing.assert_allclose(way.factors, pair.bound, rtol=1e-6)


@pytest.mark.parametrize("name", ["neighbours", "blocks, shuffled"])
def test_newton_too_is_as_slow_as_the_bound_where_half_of_the_slopes_are_zero(name):
    found, owner = problem(name), np.arange(64)
    way = convergence(found, owner, worst_start(found, 1, owner), 60)
    np.testing.assert_allclose(way.factors, scaled_bound(found.H, owner), rtol=1e-6)
    assert convergence(found, owner, random_start(64, 0), 3).factors[0] == 0


def test_one_group_has_cauchys_worst_start():
    found = problem("all with all", 8)
    np.testing.assert_array_equal(worst_start(found, -1, runs(8, 1)), worst_start(found, -1))
    pair = slow_pair(found.H, runs(8, 1))
    assert pair.attained
    way = convergence(found, runs(8, 1), pair.start(runs(8, 1)), 40)
    np.testing.assert_allclose(way.factors, kantorovich(100.0), rtol=1e-6)


def test_from_the_worst_start_every_step_size_is_the_best_scalings():
    """x − x⁺ = Σ_s η_s I_s g, with η_s = 2 a_s / (λ + μ)."""
    found, owner = problem("all with all", 16), runs(16, 4)
    pair = slow_pair(found.H, owner)
    x = pair.start(owner)
    moved = x - 2 / sum(pair.ends) * pair.scaling[owner] * (found.H @ x)
    way = convergence(found, owner, x, 1)
    along = way.end / np.linalg.norm(way.end) - moved / np.linalg.norm(moved)
    assert np.abs(along).max() < 1e-9
    assert found.height(moved) / found.height(x) == pytest.approx(pair.factor, rel=1e-12)


@given(st.integers(0, 10_000), st.integers(4, 9))
def test_two_groups_always_have_a_start_as_slow_as_the_bound(seed, size):
    rng = np.random.default_rng(seed)
    found = quadratic(np.exp(rng.uniform(-3, 3, size)), "dense", seed=seed)
    owner = rng.permutation(runs(size, 2))
    pair = slow_pair(found.H, owner)
    assert pair.attained
    way = convergence(found, owner, pair.start(owner), 12)
    np.testing.assert_allclose(way.factors, pair.bound, rtol=1e-6)


@pytest.mark.parametrize("c", [-0.4, 0.2, 0.5, 0.9])
def test_where_an_extreme_is_double_no_start_may_be_as_slow_as_the_bound(c):
    """The example of docs/rates.md: three coordinates, each its own group."""
    found, owner = equicorrelated(c)
    pair = slow_pair(found.H, owner)
    assert pair.bound == pytest.approx((3 * c / (2 + c)) ** 2, rel=1e-6)
    assert pair.factor == pytest.approx(2 * c * c / (1 + c), rel=1e-9)
    assert not pair.attained
    way = convergence(found, owner, worst_start(found, 1, owner), 20)
    np.testing.assert_allclose(way.factors, 2 * c * c / (1 + c), rtol=1e-9)


@pytest.mark.parametrize("c", [-0.4, 0.5])
def test_copies_that_share_the_groups_have_the_start_that_one_lacks(c):
    found, owner = equicorrelated(c, copies=2)
    pair = slow_pair(found.H, owner)
    assert pair.attained
    way = convergence(found, owner, worst_start(found, 1, owner), 20)
    np.testing.assert_allclose(way.factors, (3 * c / (2 + c)) ** 2, rtol=1e-6)


def test_a_hessian_that_a_scaling_makes_the_identity_is_solved_in_one_step():
    found = quadratic((1.0, 4.0, 9.0), "none")
    pair = slow_pair(found.H, np.arange(3))
    assert pair.attained
    assert pair.bound == pytest.approx(0, abs=1e-20)
    assert convergence(found, np.arange(3), worst_start(found, -1, np.arange(3)), 3).rate == 0


@pytest.mark.parametrize("unit", [1e-290, 1e290])
def test_the_units_of_f_are_not_seen(unit):
    found, owner = problem("neighbours", 8), runs(8, 4)
    far = Quadratic(unit * found.H, unit * found.eigenvalues, found.eigenvectors)
    assert slow_pair(far.H, owner).factor == pytest.approx(slow_pair(found.H, owner).factor)
    way = convergence(far, owner, worst_start(far, 1, owner), 20)
    np.testing.assert_allclose(way.factors, slow_pair(found.H, owner).factor, rtol=1e-6)


def test_no_start_of_a_table_is_slower_than_the_bound_and_the_last_is_at_it():
    found = problem("all with all", 16)
    table = measure(found, doublings(16)[:3], starts=3, steps=40)
    assert table.start.values[-1] == "worst of the level"
    np.testing.assert_allclose(table.rate[:, -1], table.slow, rtol=1e-6)
    assert (table.largest <= table.bound + 1e-9).all()


def test_what_has_no_worst_start():
    found = quadratic((1.0, 2.0, 5.0))
    with pytest.raises(InputError, match="sign must be 1 or -1"):
        worst_start(found, 2, np.arange(3))
    with pytest.raises(InputError, match="group of each of the 3 coordinates"):
        worst_start(found, 1, np.arange(2))
    with pytest.raises(InputError, match="must be positive definite"):
        slow_pair(np.diag([1.0, 1.0, 0.0]), np.arange(3))


@pytest.mark.parametrize("count", [2, 4, 8, 16])
def test_the_pair_that_is_at_hand_is_the_one_that_is_found_by_search(count, monkeypatch):
    """Of blocks that do not see each other, whose own scales are decades apart."""
    found = quadratic(np.geomspace(1, 50, 16), "block", blocks=4, seed=1)
    scale = np.repeat([1.0, 1e3, 1e-2, 7.0], 4) ** 0.5
    H, owner = scale[:, None] * found.H * scale, runs(16, count)
    ready = worst._ready(H, owner)
    monkeypatch.setattr(worst, "_ready", lambda *_: None)
    searched = slow_pair(H, owner)
    assert searched.bound == pytest.approx(scaled_bound(H, owner), rel=1e-9)
    if count == 4:  # the groups are the blocks: the middle of each one's spectrum is the best
        assert ready.attained
    if ready is not None:
        assert ready.bound == pytest.approx(searched.bound, rel=1e-7)
        root = np.sqrt(ready.scaling)[owner]
        values = np.linalg.eigvalsh(root[:, None] * H * root)
        np.testing.assert_allclose(values[[0, -1]], ready.ends, rtol=1e-9)
