"""From a float64 estimate to a certified minimiser, or to the knowledge that there is none yet.

A root of the optimality conditions is the minimiser exactly if H̄ + ρD² ≥ 0. A Cholesky factor of
the equilibrated matrix proves that whatever D's decades are, unless the matrix is nearly
singular. Then the one null vector v and its ρ₀ = −κ_min are refined as the root was, and ρ − ρ₀,
far below one rounding of ρ, is known to many digits. Two null directions or more, or anything
that does not settle, is left to exact arithmetic.

Legend: S groups; Z those without a cubic term, N the others; y = Dη.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from gnlab.cubic.estimate import EPS, Elimination, Estimate
from gnlab.cubic.extended import Pair
from gnlab.cubic.model import Array, Model
from gnlab.cubic.refine import Root, System, equilibrated, refine_step, refine_valley

# Below this smallest eigenvalue of the equilibrated matrix, more than one null vector is feared.
APART = 1e-7
# ρ and ρ₀ are known to about 1e-30 of their size; a difference below this is none.
SAME = 1e-27


@dataclass(frozen=True, slots=True, eq=False)
class Minimiser:
    """A minimiser and the measurements that prove it, in the model's normal form.

    Attributes:
        step: η, [S].
        rho: ρ = c r.
        kappa_min: The smallest eigenvalue of K.
        kappa_scale: max |κ|.
        gap: The smallest eigenvalue of K + ρI.
        residual: ‖(K + ρ)Dη − b‖ / ‖b‖.
        radius_error: |‖Dη‖ − r| / r.
        hard: Whether b has no component along κ_min and the step needs one.
    """

    step: Array
    rho: float
    kappa_min: float
    kappa_scale: float
    gap: float
    residual: float
    radius_error: float
    hard: bool


@dataclass(frozen=True, slots=True, eq=False)
class Valley:
    """The direction of least curvature.

    Attributes:
        v: The vector, in the system's units, ‖Dv‖ about 1, [S].
        rho0: −κ_min.
    """

    v: Pair
    rho0: Pair


def positive(system: System, rho: float) -> bool:
    """Whether H̄ + ρD² is positive definite beyond all rounding."""
    matrix = system.damped(rho)
    margin = 16 * EPS * system.d.size
    return bool(lapack.dpotrf(matrix - margin * np.eye(system.d.size), lower=1)[1] == 0)


def certify(model: Model, elimination: Elimination, found: Estimate) -> Minimiser | None:
    """Refine an estimate and prove that it is the minimiser.

    Args:
        model: The model in normal form.
        elimination: Its groups of Z, eliminated.
        found: The estimate.

    Returns:
        The certified minimiser, or None if float64 with refinement does not get there.
    """
    if not np.isfinite(found.step).all() or not model.exact:
        return None
    if not np.any(model.cubic):
        return certify_newton(model, elimination, found)
    if found.rho == 0:
        return certify_zero(model, found)
    system = equilibrated(elimination.H, model.g, model.d, model.c, found.rho)
    root = refine_step(system, found.step, found.rho)
    if root is None or root.rho.hi <= 0:
        return None
    rho = float(root.rho.hi)
    if positive(system, rho):
        kappa_min = least_curvature(system, found, rho)
        if kappa_min is None:
            return None
        return measured(model, elimination, system, root, found, kappa_min, kappa_min + rho, False)
    valley = null_direction(system, rho)
    if valley is None:
        return None
    return certify_near_pole(model, elimination, system, root, found, valley)


def certify_newton(model: Model, elimination: Elimination, found: Estimate) -> Minimiser | None:
    """Newton's step in the subspace of the groups: no group has a cubic term."""
    system = equilibrated(elimination.H, model.g, model.d, 0.0, 0.0)
    root = refine_step(system, found.step, 0.0)
    if root is None or not positive(system, 0.0):
        return None
    size = float(np.linalg.norm(system.g))
    residual = float(np.linalg.norm(root.residual)) / size if size else 0.0
    return Minimiser(root.x.hi / system.unit, 0.0, 0.0, 0.0, 0.0, residual, 0.0, False)


def certify_zero(model: Model, found: Estimate) -> Minimiser | None:
    """No gradient and no negative curvature: the step is zero."""
    if np.any(model.g) or found.kappa_min < 0:
        return None
    flat = not np.any(model.H)
    if not flat and not positive(equilibrated(model.H, model.g, model.d, model.c, 0.0), 0.0):
        return None
    kappa_min = found.kappa_min
    return Minimiser(found.step, 0.0, kappa_min, found.kappa_scale, kappa_min, 0.0, 0.0, False)


def least_curvature(system: System, found: Estimate, rho: float) -> float | None:
    """κ_min to all digits if it is negative; None if it stays in doubt.

    Args:
        system: The conditions.
        found: The estimate.
        rho: A ρ at which the model is known to be positive definite.

    Returns:
        κ_min; the estimate's where it is positive, which only needs its sign.
    """
    if found.kappa_min >= 0 and positive(system, 0.0):
        return found.kappa_min
    valley = refine_valley(system, found.valley * system.unit, -found.kappa_min)
    if valley is None:
        return None
    rho0 = float(valley.rho.hi)
    # The lowest eigenvalue, and not another one: just above ρ₀ the model must be definite.
    above = equilibrated(system.H, system.g, system.d, system.c, abs(rho0))
    if rho0 > rho or not positive(above, rho0 + 1e-6 * abs(rho0)):
        return None
    return -rho0


def null_direction(system: System, rho: float) -> Valley | None:
    """The one direction along which H̄ + ρD² is nearly singular, and its ρ₀."""
    mu, vectors = np.linalg.eigh(system.damped(rho))
    if mu.size > 1 and mu[1] < APART:
        return None
    weight = float(np.sum((system.d * vectors[:, 0]) ** 2))
    if weight == 0:
        return None
    root = refine_valley(system, vectors[:, 0], rho - float(mu[0]) / weight)
    if root is None or abs(float(root.rho.hi) - rho) > 1e-3 * rho:
        return None
    return Valley(root.x, root.rho)


def difference(a: Pair, b: Pair) -> float:
    """a − b of two nearby numbers."""
    return float((a.hi - b.hi) + (a.lo - b.lo))


def certify_near_pole(
    model: Model,
    elimination: Elimination,
    system: System,
    root: Root,
    found: Estimate,
    valley: Valley,
) -> Minimiser | None:
    """Certify a root whose ρ lies within rounding of ρ₀.

    The conditions have a root on each side of the valley; the minimiser's has ρ ≥ ρ₀. Without a
    component of b both are minimisers, and the sign is chosen so that the largest entry of Dη
    along the valley is positive.
    """
    v, rho = valley.v.hi, float(root.rho.hi)
    slope = float(system.g @ v)
    along = system.d * v
    size = float(np.linalg.norm(elimination.slope / model.d[model.cubic]))
    hard = abs(slope) <= 8 * EPS * v.size * max(size, float(np.linalg.norm(system.g * v)))
    for _ in range(2):
        gap = difference(root.rho, valley.rho0)
        part = float(along @ (system.d * root.x.hi))
        leading = float(along[np.argmax(np.abs(along))])
        tie = abs(gap) <= SAME * rho
        if gap >= 0 and not tie or tie and part * leading >= 0:
            kappa_min = -float(valley.rho0.hi)
            return measured(model, elimination, system, root, found, kappa_min, gap, hard)
        mirrored = root.x.hi - 2 * part / float(along @ along) * v
        again = refine_step(system, mirrored / system.unit, rho)
        if again is None:
            return None
        root = again
    return None


def measured(
    model: Model,
    elimination: Elimination,
    system: System,
    root: Root,
    found: Estimate,
    kappa_min: float,
    gap: float,
    hard: bool,
) -> Minimiser | None:
    """The minimiser with its residual in the invariant variables; None if b itself is in doubt."""
    cubic, d = model.cubic, model.d[model.cubic]
    fault = root.residual * system.unit
    fault = (fault[cubic] - elimination.coupling.T @ fault[~cubic]) / d
    size = float(np.linalg.norm(elimination.slope / d))
    terms = np.abs(elimination.coupling).T @ np.abs(model.g[~cubic]) / d
    if float(np.linalg.norm(terms)) * EPS > 1e-3 * size:
        return None
    radius = float(root.rho.hi) / model.c
    size = size or float(root.rho.hi) * radius  # at a saddle b is 0; Kη is what it balances
    return Minimiser(
        step=root.x.hi / system.unit,
        rho=float(root.rho.hi),
        kappa_min=kappa_min,
        kappa_scale=found.kappa_scale,
        gap=gap,
        residual=float(np.linalg.norm(fault)) / size,
        radius_error=abs(system.excess(root.x, root.rho)) / (2 * radius**2),
        hard=hard,
    )
