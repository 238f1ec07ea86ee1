"""Random cubic models whose class, bounded below or not, is known by construction."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

Array = np.ndarray


@dataclass(frozen=True)
class Case:
    kind: str
    H: Array
    g: Array
    d: Array
    damping: float
    bounded: bool


def symmetric(H: Array) -> Array:
    return (H + H.T) / 2


def rotation(rng: np.random.Generator, size: int) -> Array:
    return np.linalg.qr(rng.standard_normal((size, size)))[0]


def spectrum(rng: np.random.Generator, size: int, decades: float, definite: bool) -> Array:
    values = 10 ** rng.uniform(-decades, decades, size)
    return values if definite else values * rng.choice([-1.0, 1.0], size)


def matrix(rng: np.random.Generator, size: int, definite: bool) -> Array:
    """Symmetric, over ±6 decades: in its size, its eigenvalues or its groups' scales."""
    kind = rng.integers(4)
    decades = rng.uniform(0, 6) if kind == 0 else rng.uniform(0, 2)
    Q = rotation(rng, size)
    H = symmetric((Q * spectrum(rng, size, decades, definite)) @ Q.T)
    if kind == 1:
        H = H * 10 ** rng.uniform(-6, 6)
    if kind == 2:
        a = 10 ** rng.uniform(-3, 3, size)
        H = a[:, None] * H * a
    if kind == 3 and not definite:
        H = symmetric(rng.standard_normal((size, size)) * 10 ** rng.uniform(-6, 6, (size, size)))
    return symmetric(H)


def decades(rng: np.random.Generator, size: int) -> Array:
    width = rng.choice([0.0, 1.0, 4.0])
    return 10 ** rng.uniform(-width, width, size)


def gradient(rng: np.random.Generator, size: int) -> Array:
    g = rng.standard_normal(size) * 10 ** rng.uniform(-4, 4)
    if rng.random() < 0.3:
        g[rng.random(size) < 0.5] = 0.0
    if rng.random() < 0.2:
        g *= 10 ** rng.uniform(-4, 4, size)
    return g


def strength(rng: np.random.Generator) -> float:
    return float(10 ** rng.uniform(-4, 3)) if rng.random() < 0.7 else 1.0


def plain(rng: np.random.Generator, size: int) -> Case:
    H = matrix(rng, size, definite=rng.random() < 0.4)
    return Case("plain", H, gradient(rng, size), decades(rng, size), strength(rng), True)


def near_zeros(rng: np.random.Generator, size: int) -> Case:
    H = matrix(rng, size, definite=rng.random() < 0.5)
    d = decades(rng, size)
    d[rng.random(size) < 0.4] *= 10.0 ** -rng.uniform(8, 30)
    return Case("near zeros of D", H, gradient(rng, size), d, strength(rng), True)


def zeros(rng: np.random.Generator, size: int, bounded: bool = True) -> Case:
    """Exact zeros of D: bounded below exactly if H is positive definite there."""
    H, d = matrix(rng, size, definite=False), decades(rng, size)
    Z = rng.random(size) < rng.uniform(0, 1)
    Z[rng.integers(size)] = True
    d[Z] = 0.0
    n = int(Z.sum())
    mu = 10 ** rng.uniform(-3, 3, n)
    if not bounded:
        mu[0] = -mu[0]
    a, Q = 10 ** rng.uniform(-2, 2, n), rotation(rng, n)
    H[np.ix_(Z, Z)] = symmetric(a[:, None] * ((Q * mu) @ Q.T) * a)
    damping = strength(rng)
    if rng.random() < 0.1:  # the other way to have no cubic term
        d, damping = np.where(Z, 10 ** rng.uniform(-4, 4, size), 0.0), 0.0
        H = np.where(Z[:, None] & Z, H, np.diag(1 / decades(rng, size)))
    name = "zeros of D" if bounded else "negative curvature on zeros of D"
    return Case(name, symmetric(H), gradient(rng, size), d, damping, bounded)


def unbounded(rng: np.random.Generator, size: int) -> Case:
    return zeros(rng, size, bounded=False)


def null_vector(rng: np.random.Generator, size: int) -> Case:
    """A null vector of H_ZZ, exact in integers: harmless, or with a slope, or with a coupling."""
    case = zeros(rng, max(size, 3))
    H, g, d = case.H.copy(), case.g.copy(), decades(rng, max(size, 3))
    s, t = rng.permutation(g.size)[:2]
    d[[s, t]] = 0.0
    if not np.any(d):
        d[np.setdiff1d(np.arange(g.size), [s, t])[0]] = 1.0
    others = d > 0
    H[~others] = H[:, ~others] = 0.0
    g[~others] = 0.0
    H[np.ix_([s, t], [s, t])] = [[1.0, 1.0], [1.0, 1.0]]
    H[[s, t]] += np.where(others, rng.integers(-3, 4, g.size), 0)
    H[:, [s, t]] = H[[s, t]].T
    g[[s, t]] = 2.0
    fault = rng.choice(["harmless", "slope", "coupling"])
    if fault == "slope":
        g[t] = 1.0
    if fault == "coupling":
        other = int(np.flatnonzero(others)[0])
        H[s, other] += 1.0
        H[other, s] += 1.0
    return Case(f"null vector, {fault}", H, g, d, strength(rng), fault == "harmless")


def hard(rng: np.random.Generator, size: int) -> Case:
    """b without a component along κ_min, up to rounding (or a tiny one), and too short."""
    size = max(size, 2)
    kappa = np.sort(spectrum(rng, size, rng.choice([0.5, 2.0, 4.0]), definite=False))
    kappa[0] = min(kappa[0], -1.0) * rng.choice([1.0, 1.5])
    twins = int(rng.choice([1, 1, 1, 1, 2, 3]))
    kappa[: min(twins, size)] = kappa[0]
    Q = rotation(rng, size)
    component = rng.choice([0.0, 10 ** rng.uniform(-20, -6)])
    b = rng.standard_normal(size)
    b[: min(twins, size)] = component * rng.standard_normal(min(twins, size))
    damping = strength(rng)
    apart = np.where(kappa > kappa[0], kappa - kappa[0], np.inf)
    rest = float(np.linalg.norm(b / apart))
    radius = -kappa[0] / (damping / 2)
    if rest > 0:  # else b lies in κ_min's eigenspace, up to rounding
        b *= rng.choice([0.5, 0.999, 1e-3, 1e-9]) * radius / rest
    d = decades(rng, size)
    H = symmetric(d[:, None] * ((Q * kappa) @ Q.T) * d)
    return Case("hard", H, d * (Q @ b), d, damping, True)


def exactly_hard(rng: np.random.Generator, size: int) -> Case:
    """Hard in exact arithmetic: the lowest curvature is decoupled and its gradient is 0."""
    size = max(size, 2)
    H = matrix(rng, size, definite=True)
    d = np.exp2(rng.integers(-13, 14, size).astype(float))
    H[0] = H[:, 0] = 0.0
    H[0, 0] = -(d[0] ** 2) * float(rng.integers(1, 5))
    g = gradient(rng, size) * 1e-6
    g[0] = 0.0
    if rng.random() < 0.2:
        g[:] = 0.0
    order = rng.permutation(size)
    return Case("exactly hard", H[np.ix_(order, order)], g[order], d[order], strength(rng), True)


def repeated(rng: np.random.Generator, size: int) -> Case:
    """Curvatures that are a few values, each many times, or all one but for one."""
    values = rng.choice([-3.0, -1.0, 0.0, 1e-6, 0.5, 1.0, 1e3], int(rng.integers(1, 5)))
    kappa, Q = rng.choice(values, size), rotation(rng, size)
    if rng.random() < 0.3:
        kappa[:] = 1.0
        kappa[0] -= rng.choice([2.0, 1.0, 0.5, 0.1])
    d = decades(rng, size)
    H = symmetric(d[:, None] * ((Q * kappa) @ Q.T) * d)
    return Case("repeated curvatures", H, gradient(rng, size), d, strength(rng), True)


FAMILIES: tuple[tuple[float, Callable[[np.random.Generator, int], Case]], ...] = (
    (0.40, plain),
    (0.12, near_zeros),
    (0.15, zeros),
    (0.08, unbounded),
    (0.05, null_vector),
    (0.12, hard),
    (0.08, exactly_hard),
    (0.10, repeated),
)


def random_case(rng: np.random.Generator, largest: int = 64) -> Case:
    """A case of a random family with 1 to ``largest`` groups, small numbers more often."""
    weights = np.array([weight for weight, _ in FAMILIES])
    _, family = FAMILIES[rng.choice(len(FAMILIES), p=weights / weights.sum())]
    if rng.random() < 0.3:
        return family(rng, int(rng.integers(1, largest + 1)))
    return family(rng, min(largest, int(np.exp2(rng.uniform(0, np.log2(largest + 1))))))


@pytest.fixture
def draw() -> Callable[..., Case]:
    """Draw a random case: draw(rng, largest=64)."""
    return random_case
