"""A proof in float64 alone, where the problem is so well conditioned that it is one.

The residual of the optimality conditions is computed in float64 together with a bound of its own
rounding. If even the two together are far below what the certificate asks for, and a Newton step
for either moves the root by next to nothing, exact arithmetic would only add digits that nobody
asked for. What is not as clear as that is left to ``certify.py``.

Legend: S groups, all with a cubic term; x the step in the scaled units, ρ there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gnlab.cubic.certify import KNOWN
from gnlab.cubic.dense import LARGE, definite_solver
from gnlab.cubic.estimate import EPS, FAR, Elimination, Estimate
from gnlab.cubic.minimiser import Minimiser, positive
from gnlab.cubic.model import Model
from gnlab.cubic.refine import Newton
from gnlab.cubic.system import System, equilibrated
from gnlab.cubic.units import Array, finite, moved, size_of

# Far below the certificate's tolerance, 1e-8, and a solution's, 1e-6.
SMALL = 1e-10
# A ρ this far above ρ₀, relatively, is above it whatever the last digits of κ_min are.
CLEAR = 1e-6
ROUGH = 1e-3  # the relative error of an inverse that is only used for corrections
_STEPS = 4
_SHORT = 128  # sums that are not worth dividing
_PIECE, _PIECES = 16, 64  # the least length of a sum, how many there are of a long one


@dataclass(frozen=True, slots=True, eq=False)
class Misfit:
    """How far a point is from the optimality conditions.

    Attributes:
        residual: ḡ − (H̄ + ρD²)x, [S].
        bound: A bound of its rounding, [S].
        radius: (‖Dx‖² − (ρ/c)²)/‖Dx‖².
        damped: H̄ + ρD², which may be overwritten, [S, S].
    """

    residual: Array
    bound: Array
    radius: float
    damped: Array


def certify_plainly(model: Model, elimination: Elimination, found: Estimate) -> Minimiser | None:
    """Prove in float64 that an estimate is the minimiser.

    Args:
        model: The model in normal form.
        elimination: Its groups of Z, eliminated.
        found: The estimate.

    Returns:
        The certified minimiser, or None if float64 does not suffice for a proof.
    """
    # Dη, in which the proof is measured, is the whole step only if every group has a cubic term.
    if not (model.exact and model.count == model.g.size and found.kappa_scale > 0):
        return None
    if not (finite(found.step) and found.rho > 0):
        return None
    system = equilibrated(model, elimination.H, found.step, found.rho)
    start, rho = system.scaled(found.step, found.rho)
    first = _misfit(system, start, rho, False)
    if size_of(first.bound / system.d) > SMALL * size_of(system.g / system.d):
        return None  # so near the pole that rounding alone is more: nothing was factored yet
    root = _settled(system, start, rho, first, found)
    if root is None:
        return None
    x, rho, misfit = root
    rho = system.model_rho(rho)
    # Definite at ρ₀ or just above it is definite at a larger ρ.
    rho0 = _least(model, elimination, system, found, rho)
    if rho0 is None or not rho > rho0 + CLEAR * abs(rho0):
        return None
    step = system.model_step(x)
    fault = np.ldexp(np.abs(misfit.residual) + misfit.bound, system.x_exponent) * system.unit
    return _measured(model, elimination, found, step, rho, rho0, fault, misfit.radius)


def _measured(
    model: Model,
    elimination: Elimination,
    found: Estimate,
    step: Array,
    rho: float,
    rho0: float,
    fault: Array,
    misfit: float,
) -> Minimiser | None:
    """The minimiser with its residual in the invariant variables, if that is small."""
    size = size_of(elimination.b)
    residual = size_of(fault / model.d)
    radius = size_of(model.d * step)
    # Next to the pole, or at a saddle, more is to be said than float64 knows.
    near = (rho - rho0) * radius <= CLEAR * size
    if residual > SMALL * size or near or abs(misfit) > SMALL:
        return None
    return Minimiser(
        step, rho, -rho0, found.kappa_scale, rho - rho0, residual / size, abs(misfit) / 2, False
    )


def _settled(
    system: System, x: Array, rho: float, first: Misfit | None = None, known: Estimate | None = None
) -> tuple[Array, float, Misfit] | None:
    """Newton's method in float64, until neither the residual nor its rounding moves the root.

    Args:
        system: The conditions.
        x: Where to start, the step or a null vector, [S].
        rho: Its ρ.
        first: The misfit there; None for a null vector, whose misfit is another.
        known: The decomposition; not for a null vector, whose matrix is singular.

    Returns:
        The root, its ρ and its misfit; None if float64 does not get there.
    """
    valley = first is None
    for _ in range(_STEPS):
        misfit = first or _misfit(system, x, rho, valley)
        first = None
        inverse = None if known is None else _inverse(system, known, rho, misfit.damped)
        newton = Newton(system, x, rho, valley, inverse)
        change = newton.step(misfit.residual, misfit.radius)
        doubt = newton.step(misfit.bound, EPS * x.size)
        if change is None or doubt is None or newton.relative(doubt) > SMALL:
            return None
        if newton.relative(change) <= SMALL:
            return x, rho, misfit
        x, rho = x + change[:-1], rho + float(change[-1])
        if not rho > 0:
            return None
    return None


def _inverse(
    system: System, known: Estimate, rho: float, damped: Array
) -> Callable[[Array], Array] | None:
    """(H̄ + ρD²)⁻¹ where float64 knows it to a few digits.

    A matrix that is not large is factored sooner than the decomposition is gone through for each
    vector; of a large one it is D⁻¹Q(κ + ρ)⁻¹QᵀD⁻¹.
    """
    rho = system.model_rho(rho)
    if not ROUGH * (known.kappa_min + rho) > system.d.size * EPS * known.kappa_scale:
        return None
    if len(damped) < LARGE:
        return definite_solver(damped)
    inverse = known.inverse(rho)
    if inverse is None:
        return None
    # In the system's units D is d, and K + ρ has been divided by a power of two.
    power = system.model_rho(1.0)
    return lambda v: power * inverse(v / system.d) / system.d


def _misfit(system: System, x: Array, rho: float, valley: bool) -> Misfit:
    """The misfit of a point; that of a null vector has neither ḡ nor a radius."""
    damped, g = system.damped(rho), np.zeros_like(x) if valley else system.g
    product, roundings = _product(damped, x)
    # The sum of the sizes is rounded itself, by less than its half.
    bound = (roundings + 4) * EPS * (1.5 * (np.abs(damped) @ np.abs(x)) + np.abs(g))
    if valley or system.c is None:
        return Misfit(g - product, bound, 0.0, damped)
    norm, radius = size_of(system.d * x), rho / _number(system)
    misfit = (norm - radius) * (norm + radius) / (norm * norm) if norm else math.inf
    return Misfit(g - product, bound, misfit, damped)


def _product(matrix: Array, x: Array) -> tuple[Array, int]:
    """A matrix times a vector, and how many roundings at most each of its terms goes through.

    A long sum is made of short ones, that a term is rounded with few others: the vector's pieces
    are the columns of a matrix, and the columns of the product are added up two by two.
    """
    n = x.size
    piece = max(_PIECE, -(-n // _PIECES))
    if n <= _SHORT:
        return matrix @ x, n
    apart = np.zeros((n, _PIECES))
    apart[np.arange(n), np.arange(n) // piece] = x
    sums, levels = matrix @ apart, 0
    while sums.shape[1] > 1:
        sums, levels = sums[:, ::2] + sums[:, 1::2], levels + 1
    return sums[:, 0], piece + levels


def _number(system: System) -> float:
    """λ_int/2 in the system's units."""
    assert system.c is not None
    return math.ldexp(system.c.whole, system.c.power)


def _least(
    model: Model, elimination: Elimination, system: System, found: Estimate, rho: float
) -> float | None:
    """−κ_min to ten digits at least, or as estimated where it is not positive; None if in doubt."""
    rho0 = -found.kappa_min
    if found.is_flat(rho, FAR):
        return rho0 if positive(system, moved(FAR * rho, -system.rho_exponent)) else None
    if max(8.0, math.sqrt(model.g.size)) * EPS * found.kappa_scale <= KNOWN * rho0:
        # What is left to prove is that it is the lowest.
        scaled = moved(rho0, -system.rho_exponent)
        return rho0 if positive(system, scaled * (1 + CLEAR)) else None
    if rho0 <= 0:
        return rho0 if positive(system, 0.0) else None
    v = found.valley()
    system = equilibrated(model, elimination.H, v, rho0)
    root = _settled(system, *system.scaled(v, rho0))
    # The lowest eigenvalue, and not another one: just above ρ₀ the model must be definite.
    if root is None or not positive(system, root[1] * (1 + CLEAR)):
        return None
    return system.model_rho(root[1])
