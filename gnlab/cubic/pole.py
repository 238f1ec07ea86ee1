"""A minimiser on the pole, or next to it, where several null directions meet.

Along two lowest curvatures that agree, no refinement settles: which direction of their plane the
step takes is undetermined, or decided by digits that float64 does not have. Every one of them is a
minimiser to within a rounding, and that is what is proved here, in exact arithmetic on the float64
step itself: that it meets the optimality conditions, at a ρ that is above −κ_min by more than what
a decomposition may be wrong about it. It is for more groups than ``exact.py`` can take.

Legend: S groups; Z those without a cubic term; x the step in the scaled units, ρ there; p bits.
"""

import math

import numpy as np

from gnlab.cubic.estimate import EPS, Elimination, Estimate
from gnlab.cubic.fixed import length, to_fixed, to_float
from gnlab.cubic.minimiser import Minimiser, measured, positive
from gnlab.cubic.model import Model
from gnlab.cubic.refine import Residual, Root
from gnlab.cubic.system import System, equilibrated
from gnlab.cubic.units import finite, moved

# The relative error of κ_min, above which it is not known.
_KNOWN = 1e-10
# ρ this far above ρ₀, relatively, is not next to the pole.
_CLEAR = 1e-6


def certify_on_pole(model: Model, elimination: Elimination, found: Estimate) -> Minimiser | None:
    """Prove that a step next to the pole is the minimiser, to within a rounding of ρ₀.

    Args:
        model: The model in normal form.
        elimination: Its groups of Z, eliminated.
        found: The estimate, by a whole decomposition.

    Returns:
        The minimiser; None if the estimate is not next to the pole, or ḡ is so small that the
        rounding of ρ₀ is more.
    """
    rho0 = -found.kappa_min
    gap = max(found.rho - rho0, 0.0)
    if not (rho0 > 0 and gap <= _CLEAR * rho0 and model.exact and finite(found.step)):
        return None
    system = equilibrated(model, elimination.H, found.step, rho0)
    above = _above(model, system, found)
    if above is None or system.c is None:
        return None
    x, rho = system.scaled(found.step, above)
    bits = system.bits
    measure = Residual(system, system.g, bits)
    fixed_x, fixed_rho = to_fixed(x, 0, bits), int(to_fixed(np.array([rho]), 0, bits)[0])
    # As long as ρ asks for, which is longer by the doubt.
    norm = length((measure.d * fixed_x) >> bits)
    longer = to_float((system.c.divide(fixed_rho) << bits) // max(norm, 1), bits)
    fixed_x = to_fixed(x * longer, 0, bits)
    misfit = measure.misfit(fixed_x, fixed_rho)
    root = Root(fixed_x, fixed_rho, bits, measure(fixed_x, fixed_rho), misfit)
    return measured(model, elimination, system, root, found, -rho0, gap)


def _above(model: Model, system: System, found: Estimate) -> float | None:
    """The least ρ that is known to be above −κ_min, in the model's units; None if in doubt."""
    rho0 = -found.kappa_min
    if model.count == model.g.size:
        # The error of a decomposition: see ``plainly.py``, which trusts it as far. What is left to
        # prove is that it is the lowest eigenvalue's.
        rho = rho0 + max(8.0, math.sqrt(model.g.size)) * EPS * found.kappa_scale
        known = rho <= rho0 * (1 + _KNOWN) and positive(
            system, moved(rho * (1 + _CLEAR), -system.rho_exponent)
        )
        return max(rho, found.rho) if known else None
    # What an elimination of Z has cost in digits, a factor of the whole matrix tells.
    for doubt in (1e-3 * _KNOWN, 1e-2 * _KNOWN, 0.1 * _KNOWN, _KNOWN):
        rho = max(rho0 * (1 + doubt), found.rho)
        if positive(system, moved(rho, -system.rho_exponent)):
            return rho
    return None
