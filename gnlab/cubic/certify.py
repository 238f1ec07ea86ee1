"""From a float64 estimate to a certified minimiser, or to the knowledge that there is none yet.

A root of the optimality conditions is the minimiser exactly if H̄ + ρD² ≥ 0. A Cholesky factor of
the equilibrated matrix proves that whatever D's decades are, unless the matrix is nearly
singular. Then the one null vector v and its ρ₀ = −κ_min are refined as the root was, and ρ − ρ₀,
far below one rounding of ρ, is known to many digits. Two null directions or more, or anything
that does not settle, is left to exact arithmetic; where that would take too long, to ``pole.py``.

Legend: S groups; Z those without a cubic term, N the others; y = Dη.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gnlab.cubic.dense import diagonal_of, is_definite
from gnlab.cubic.estimate import EPS, FAR, Elimination, Estimate
from gnlab.cubic.fixed import to_fixed, to_float
from gnlab.cubic.model import Model
from gnlab.cubic.reduction import lowest
from gnlab.cubic.refine import Root, refine
from gnlab.cubic.solution import RESIDUAL_TOLERANCE
from gnlab.cubic.system import System, equilibrated
from gnlab.cubic.units import Array, moved

# Below this smallest eigenvalue of the equilibrated matrix, more than one null vector is feared.
APART = 1e-7
# The part of ρ₀, or of its distance to ρ, within which κ_min and the next κ are not told apart.
NEXT = 1e-6
# Wider parts of that distance, for where rounding is more: they leave ρ > ρ₀ without a doubt.
WIDER = (1e-3, 0.5)
# The relative error at which κ_min needs no refinement.
KNOWN = 1e-13
# ρ and ρ₀ are known to p bits but for a few; a difference in those is none.
SAME = 56
# ... but a root whose residual was small enough may know its ρ only to about this part.
SETTLED = 2.0**-64


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


def positive(system: System, rho: float) -> bool:
    """Whether H̄ + ρD² is positive definite beyond all rounding."""
    matrix, push = system.H.copy(), rho * system.d * system.d
    diagonal = diagonal_of(matrix)
    # The rounding of each entry is relative to its row's and column's diagonal, that of the
    # diagonal itself to its two terms, which may cancel. Cholesky's method goes through, or not,
    # whatever units the rows have.
    size = np.abs(diagonal) + np.abs(push)
    diagonal += push - 16 * EPS * push.size * size
    return is_definite(matrix, system.device)


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
    system = equilibrated(model, elimination.H, found.step, found.rho)
    if not found.step.any():
        return certify_zero(model, system, found)
    root = refine(system, *system.scaled(found.step, found.rho), valley=False)
    return proven(model, elimination, system, root, found) if root is not None else None


def proven(
    model: Model, elimination: Elimination, system: System, root: Root, found: Estimate
) -> Minimiser | None:
    """The root of the optimality conditions as a minimiser, or None if that is in doubt."""
    rho = to_float(root.rho, root.bits)
    if not model.count:
        return newton(system, root) if positive(system, 0.0) else None
    if rho <= 0:
        return None
    if not positive(system, rho):
        return certify_near_pole(model, elimination, system, root, found)
    rho = system.model_rho(rho)
    rho0 = least_radius(model, elimination, found, rho)
    if rho0 is None or rho0 > rho:
        return None
    return measured(model, elimination, system, root, found, -rho0, rho - rho0)


def newton(system: System, root: Root) -> Minimiser:
    """Newton's step in the subspace of the groups: no group has a cubic term."""
    size = float(np.linalg.norm(system.g))
    residual = float(np.linalg.norm(root.residual)) / size
    step = system.model_step(root.floats())
    return Minimiser(step, 0.0, 0.0, 0.0, 0.0, residual, 0.0, False)


def certify_zero(model: Model, system: System, found: Estimate) -> Minimiser | None:
    """No gradient and no negative curvature: the step is zero."""
    if model.g.any() or (model.H.any() and not positive(system, 0.0)):
        return None
    kappa_min = found.kappa_min
    return Minimiser(found.step, 0.0, kappa_min, found.kappa_scale, kappa_min, 0.0, 0.0, False)


def least_radius(
    model: Model, elimination: Elimination, found: Estimate, rho: float
) -> float | None:
    """−κ_min: to all digits if it is positive, else as estimated; None if in doubt.

    Args:
        model: The model in normal form.
        elimination: Its groups of Z, eliminated.
        found: The estimate.
        rho: The root's ρ in the model's units.

    Returns:
        −κ_min in the model's units.
    """
    rho0 = -found.kappa_min
    # Without elimination, LAPACK's error is a few roundings of max |κ|.
    if model.count == model.g.size and 8 * EPS * found.kappa_scale <= KNOWN * rho0:
        return rho0
    if found.is_flat(rho):
        system = equilibrated(model, elimination.H, found.step, rho)
        return rho0 if positive(system, moved(FAR * rho, -system.rho_exponent)) else None
    v = found.valley()
    system = equilibrated(model, elimination.H, v, abs(rho0))
    if rho0 <= 0 and positive(system, 0.0):
        return rho0
    valley = refine(system, *system.scaled(v, rho0), valley=True)
    if valley is None:
        return None
    refined = to_float(valley.rho, valley.bits)
    # The lowest eigenvalue, and not another one: just above ρ₀ the model must be definite.
    distances = margins(refined, moved(rho, -system.rho_exponent))
    if not any(positive(system, refined + distance) for distance in distances):
        return None
    return system.model_rho(refined)


def margins(rho0: float, rho: float) -> Iterator[float]:
    """How far above ρ₀ the model is to be proved definite: within it another κ could be lower.

    A proof nearer to ρ₀ than a rounding of the rows' own curvatures cannot be had, and what matters
    of ρ₀ is how far below ρ it is.

    Args:
        rho0: ρ₀ as refined.
        rho: The root's ρ, in the same units.

    Yields:
        float: A distance in these units, the next if that is too near for a proof.
    """
    near = NEXT * abs(rho0)
    yield max(near, NEXT * (rho - rho0))
    for part in WIDER:
        if part * (rho - rho0) > near:
            yield part * (rho - rho0)


def null_direction(system: System, root: Root) -> Root | None:
    """The one direction along which H̄ + ρD² is nearly singular, and its ρ₀, to the root's bits."""
    rho = to_float(root.rho, root.bits)
    mu, vector = lowest(system.damped(rho))
    weight = float(np.sum((system.d * vector) ** 2))
    if (mu.size > 1 and mu[1] < APART) or weight == 0:
        return None
    rho0 = rho - float(mu[0]) / weight
    valley = refine(system, vector, rho0, valley=True, bits=root.bits)
    if valley is None or abs(to_float(valley.rho, valley.bits) - rho) > 1e-3 * rho:
        return None
    return valley


def slope_along(system: System, valley: Root) -> float | None:
    """ḡᵀv; 0 only if ḡ is 0 wherever v is not; None if it drowns in the rounding of v."""
    bits, v = valley.bits, valley.floats()
    seen = np.abs(v) > np.ldexp(float(np.abs(v).max()), SAME - bits)
    if not system.g[seen].any():
        return 0.0
    size = -math.frexp(float(np.abs(system.g).max()))[1]
    slope = to_float(int(valley.x.dot(to_fixed(system.g, size, bits))), 2 * bits)
    known = abs(slope) > np.ldexp(float(np.linalg.norm(v)), SAME - bits)
    return float(np.ldexp(slope, -size)) if known else None


def settled(system: System, root: Root, valley: Root) -> Root | None:
    """The root, with ρ as well known as ρ₀ where the two are too close to tell which is larger."""
    rho = to_float(root.rho, root.bits)
    if abs(rho_above(root, valley)) > SETTLED * rho:
        return root
    again = refine(system, root.floats(), rho, valley=False, bits=valley.bits)
    return again if again is not None and again.bits <= valley.bits else None


def rho_above(root: Root, valley: Root) -> float:
    """ρ − ρ₀."""
    return to_float((root.rho << (valley.bits - root.bits)) - valley.rho, valley.bits)


def certify_near_pole(
    model: Model, elimination: Elimination, system: System, root: Root, found: Estimate
) -> Minimiser | None:
    """Certify a root whose ρ lies within rounding of ρ₀.

    The conditions have a root on each side of the valley; the minimiser's has ρ ≥ ρ₀. Without a
    component of b both are minimisers, and the sign is chosen so that the largest entry of Dη
    along the valley is positive.
    """
    valley = null_direction(system, root)
    nearer = settled(system, root, valley) if valley is not None else None
    slope = slope_along(system, valley) if valley is not None else None
    if valley is None or nearer is None or slope is None:
        return None
    root, v, bits = nearer, valley.floats(), valley.bits
    along = system.d * v
    favoured = slope or float(along[np.argmax(np.abs(along))])
    for _ in range(2):
        gap = rho_above(root, valley)
        tie = abs(gap) <= np.ldexp(1.0, SAME - bits)
        x = root.floats()
        part = float(along @ (system.d * x))
        if part * favoured >= 0 if tie else gap > 0:
            if tie:  # along v, (ρ − ρ₀)Dη = b
                gap = slope / part if part else 0.0
            kappa_min = -system.model_rho(to_float(valley.rho, bits))
            gap = system.model_rho(gap)
            return measured(model, elimination, system, root, found, kappa_min, gap)
        mirrored = x - 2 * part / float(along @ along) * v
        rho = to_float(root.rho, root.bits)
        again = refine(system, mirrored, rho, valley=False, bits=root.bits)
        if again is None or again.bits > bits:
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
) -> Minimiser | None:
    """The minimiser with its residual in the invariant variables; None if b itself is in doubt."""
    cubic, d = model.cubic, elimination.d
    fault = np.ldexp(root.residual, system.x_exponent) * system.unit
    fault = (fault[cubic] - elimination.coupling.T @ fault[~cubic]) / d
    size = float(np.linalg.norm(elimination.b))
    terms = np.abs(elimination.coupling).T @ np.abs(model.g[~cubic]) / d
    if float(np.linalg.norm(terms)) * EPS > 1e-3 * size:
        return None
    rho = system.model_rho(to_float(root.rho, root.bits))
    step = system.model_step(root.floats())
    radius = float(np.linalg.norm(model.d * step))
    residual = float(np.linalg.norm(fault)) / (size or rho * radius)
    if not residual <= RESIDUAL_TOLERANCE:
        return None
    return Minimiser(
        step=step,
        rho=rho,
        kappa_min=kappa_min,
        kappa_scale=found.kappa_scale,
        gap=gap,
        residual=residual,
        radius_error=abs(root.misfit) / 2,
        hard=kappa_min < 0 and gap * radius <= 8 * EPS * step.size * size,
    )
