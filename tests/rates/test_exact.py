"""The steps against those in fractions of integers, where some groups own one coordinate."""

from fractions import Fraction

import numpy as np
import pytest

from gnlab.rates import convergence, paths, quadratic, random_start, runs
from gnlab.rates.measure import step


def solved(A, b):
    """The solution of a definite system, by elimination."""
    rows = [[*row, right] for row, right in zip(A, b, strict=True)]
    for i, row in enumerate(rows):
        for j, other in enumerate(rows):
            if j != i and other[i]:
                factor = other[i] / row[i]
                rows[j] = [v - factor * w for v, w in zip(other, row, strict=True)]
    return [row[-1] / row[i] for i, row in enumerate(rows)]


def factors(H, x, owner, steps):
    """f(x_{i+1}) / f(x_i) and how many groups stand still, exactly."""
    H = [[Fraction(v) for v in row] for row in H.tolist()]
    x = [Fraction(v) for v in x.tolist()]

    def product(v):
        return [sum(a * b for a, b in zip(row, v, strict=True)) for row in H]

    def dot(v, w):
        return sum(a * b for a, b in zip(v, w, strict=True))

    found, still = [], []
    for _ in range(steps):
        g = product(x)
        columns = [[v if o == s else 0 for v, o in zip(g, owner, strict=True)] for s in set(owner)]
        columns = [c for c in columns if any(c)]
        still.append(len(set(owner)) - len(columns))
        bent = [product(c) for c in columns]
        eta = solved([[dot(c, b) for b in bent] for c in columns], [dot(c, g) for c in columns])
        moved = [
            v - sum(e * c[i] for e, c in zip(eta, columns, strict=True)) for i, v in enumerate(x)
        ]
        found.append(float(dot(moved, product(moved)) / dot(x, g)))
        x = moved
    return found, still


@pytest.mark.parametrize(
    ("size", "groups", "coupling", "options"),
    [
        (10, 7, "banded", {}), (8, 6, "rotated", {"blocks": 4}), (6, 4, "dense", {}),
        (8, 6, "block", {"blocks": 4}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seed", [0, 1])
def test_a_coordinate_whose_line_was_searched_exactly_stands_still(
    size, groups, coupling, options, seed
):
    problem = quadratic(np.geomspace(1, 100, size), coupling, seed=0, **options)
    owner, start = runs(size, groups), random_start(size, seed)
    known, still = factors(problem.H, start, owner.tolist(), 4)
    assert still[1] > 0
    one, many = convergence(problem, owner, start, 4), paths(problem, owner, start[None], 4)
    np.testing.assert_allclose(one.factors, known, rtol=1e-11)
    np.testing.assert_allclose(many.factors[:, 0], known, rtol=1e-11)


@pytest.mark.parametrize("tiny", [1e-17, 1e-120, 1e-170, 1e-250])
def test_groups_whose_slopes_have_no_square_move_as_others(tiny):
    """Two groups apart from the rest: their rates are their own, however near the minimum."""
    H = np.zeros((6, 6))
    H[:3, :3] = quadratic((1.0, 5.0, 20.0), seed=1).H
    H[3:, 3:] = quadratic((1.0, 3.0, 9.0), seed=2).H
    owner, x = np.array([0, 0, 1, 2, 2, 3]), random_start(6, 0)
    moved = step(H, x * np.repeat([1.0, tiny], 3), owner)
    np.testing.assert_allclose(moved / np.repeat([1.0, tiny], 3), step(H, x, owner), rtol=1e-9)


def test_a_hessian_that_is_singular_to_rounding_has_a_step():
    H = np.array([[1.0, 1.0], [1.0, 1.0]])
    x = np.array([1.0, 2.0])
    moved = step(H, x, np.array([0, 1]))
    assert abs(moved.sum()) < 1e-12
