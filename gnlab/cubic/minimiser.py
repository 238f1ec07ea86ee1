"""A minimiser, and the measurements that prove it to be one.

Legend: S groups; Z those without a cubic term, N the others; y = Dη.
"""

from dataclasses import dataclass

import numpy as np

from gnlab.cubic.dense import diagonal_of, is_definite
from gnlab.cubic.estimate import EPS, Elimination, Estimate
from gnlab.cubic.fixed import to_float
from gnlab.cubic.model import Model
from gnlab.cubic.refine import Root, rows_hold
from gnlab.cubic.solution import RESIDUAL_TOLERANCE
from gnlab.cubic.system import System
from gnlab.cubic.units import Array


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


def holds(system: System, root: Root) -> bool:
    """Whether the rows that no norm of Dη has in it hold."""
    return rows_hold(system, root.x, root.bits, root.residual, RESIDUAL_TOLERANCE)


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
    if not (residual <= RESIDUAL_TOLERANCE and holds(system, root)):
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
