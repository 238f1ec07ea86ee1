"""A minimiser on the pole, or next to it, where several null directions meet.

Along two lowest curvatures that agree, no refinement settles: which direction of their plane the
step takes is undetermined, or decided by digits that float64 does not have. Every one of them is a
minimiser to within a rounding, and that is what is proved here, in exact arithmetic on the float64
step itself: that it meets the optimality conditions, at a ρ that is above −κ_min by more than what
a decomposition may be wrong about it. It is for more groups than ``exact.py`` can take.

Legend: S groups, all with a cubic term; x the step in the scaled units, ρ there; p bits.
"""

import math

import numpy as np

from gnlab.cubic.certify import Minimiser, measured, positive
from gnlab.cubic.estimate import EPS, Elimination, Estimate
from gnlab.cubic.fixed import length, to_fixed, to_float
from gnlab.cubic.model import Model
from gnlab.cubic.refine import Residual, Root
from gnlab.cubic.system import equilibrated
from gnlab.cubic.units import finite

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
    rho0, cubic = -found.kappa_min, model.count == model.g.size
    if not (cubic and model.exact and finite(found.step) and found.step.any() and rho0 > 0):
        return None
    # The error of a decomposition: see ``plainly.py``, which trusts it as far.
    doubt = max(8.0, math.sqrt(model.g.size)) * EPS * found.kappa_scale
    gap = max(found.rho - rho0, 0.0)
    if doubt > _KNOWN * rho0 or gap > _CLEAR * rho0:
        return None
    system = equilibrated(model, elimination.H, found.step, rho0)
    x, rho = system.scaled(found.step, max(found.rho, rho0 + doubt))
    # Of all eigenvalues the lowest, and not another one, is −ρ₀: definite just above it.
    if system.c is None or not positive(system, rho * (1 + _CLEAR)):
        return None
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
