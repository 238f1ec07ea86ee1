"""From a float64 estimate to a certified minimiser, or to the knowledge that there is none yet.

A root of the optimality conditions is the minimiser exactly if H̄ + ρD² ≥ 0. A Cholesky factor of
the equilibrated matrix proves that whatever D's decades are, unless the matrix is nearly
singular: ``valley.py``. Two null directions or more, or anything that does not settle, is left to
exact arithmetic; where that would take too long, to ``pole.py``.

Legend: S groups; Z those without a cubic term, N the others; y = Dη.
"""

from collections.abc import Iterator

import numpy as np

from gnlab.cubic.estimate import EPS, FAR, Elimination, Estimate
from gnlab.cubic.fixed import to_float
from gnlab.cubic.minimiser import Minimiser, holds, measured, positive
from gnlab.cubic.model import Model
from gnlab.cubic.refine import Root, refine
from gnlab.cubic.system import System, equilibrated
from gnlab.cubic.units import moved
from gnlab.cubic.valley import certify_near_pole

# The part of ρ₀, or of its distance to ρ, within which κ_min and the next κ are not told apart.
NEXT = 1e-6
# Wider parts of that distance, for where rounding is more: they leave ρ > ρ₀ without a doubt.
WIDER = (1e-3, 0.5)
# The relative error at which κ_min needs no refinement.
KNOWN = 1e-13


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
        return newton(system, root) if positive(system, 0.0) and holds(system, root) else None
    if rho <= 0:
        return None
    if not positive(system, rho):
        return certify_near_pole(model, elimination, system, root, found)
    rho = system.model_rho(rho)
    rho0 = least_radius(model, elimination, found, rho)
    if rho0 is None or rho0 > rho:
        return certify_near_pole(model, elimination, system, root, found)
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
    if found.is_flat(rho, FAR):
        return _flat(model, elimination, found, rho)
    v = found.valley()
    system = equilibrated(model, elimination.H, v, abs(rho0))
    if rho0 <= 0 and positive(system, 0.0):
        return rho0
    valley = refine(system, *system.scaled(v, rho0), valley=True)
    if valley is None:  # of many null vectors, none can be told from the others
        flat = found.is_flat(rho, WIDER[0])
        return _flat(model, elimination, found, rho) if flat else None
    refined = to_float(valley.rho, valley.bits)
    # The lowest eigenvalue, and not another one: just above ρ₀ the model must be definite.
    distances = margins(refined, moved(rho, -system.rho_exponent))
    if not any(positive(system, refined + distance) for distance in distances):
        return None
    return system.model_rho(refined)


def _flat(model: Model, elimination: Elimination, found: Estimate, rho: float) -> float | None:
    """−κ_min where that is rounding, if the model is definite far below ρ."""
    system = equilibrated(model, elimination.H, found.step, rho)
    rho = moved(rho, -system.rho_exponent)
    return -found.kappa_min if any(positive(system, p * rho) for p in (FAR, *WIDER)) else None


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
