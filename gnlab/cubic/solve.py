"""The solve: from (H̄, ḡ, D) to certified step sizes.

Step 2 of an update (arXiv:2312.03885, eq. 2): η minimises T(η) = −ḡᵀη + ½ηᵀH̄η + (λ_int/6)‖Dη‖³.

Legend: S groups.
"""

import math

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gnlab.cubic.estimate import Elimination, Estimate, eliminate, estimate
from gnlab.cubic.model import Array, Model, as_array, check, normalise, scaled
from gnlab.cubic.solution import Certificate, CubicSolution, Status

NO_CERTIFICATE = Certificate(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)


def solve_cubic(
    H: Tensor | ArrayLike, g: Tensor | ArrayLike, d: Tensor | ArrayLike, damping: float = 1.0
) -> CubicSolution:
    """Find the step sizes that minimise the cubic model, with a proof.

    η = (H̄ + (λ_int/2) ‖Dη‖ D²)⁻¹ ḡ, the solution of largest ‖Dη‖ (eq. 2). Without damping it is
    Newton's step H̄⁻¹ḡ in the subspace of the groups. Groups without any effect (a zero row of H,
    zero g, zero d) get 0.

    Args:
        H: H̄, the Hessian summary, symmetric, [S, S].
        g: ḡ, the gradient summary, [S].
        d: D, |D^(3)_sss|^(1/3), at least 0, [S].
        damping: λ_int ≥ 0, the strength of the cubic term.

    Returns:
        The solution; a numerical failure is its ``status``, never an exception.

    Raises:
        InputError: For wrong shapes, no groups, a negative or non-finite damping, a negative d,
            or an H that is not symmetric.

    References:
        Wolinski, arXiv:2312.03885, eq. 2 and Sec. 4.
    """
    H, g, d = as_array(H), as_array(g), as_array(d)
    damping = float(damping)
    check(H, g, d, damping)
    if not (np.isfinite(H).all() and np.isfinite(g).all() and np.isfinite(d).all()):
        return failed(g.size, Status.nonfinite)
    model = normalise(H, g, d, damping)
    elimination = eliminate(model)
    if elimination is None:
        return failed(g.size, Status.unbounded)
    found = estimate(model, elimination)
    return conclude(model, elimination, found, d, damping)


def failed(size: int, status: Status) -> CubicSolution:
    """The solution that moves nothing and says why."""
    zero = torch.zeros(size, dtype=torch.float64)
    return CubicSolution(zero, 0.0, 0.0, zero.clone(), status, 0.0, NO_CERTIFICATE, math.nan)


def conclude(
    model: Model, elimination: Elimination, found: Estimate, d: Array, damping: float
) -> CubicSolution:
    """The solution in the units given."""
    step, rho = found.step, found.rho
    residual = elimination.H @ step + rho * model.d**2 * step - model.g
    radius = rho / model.c if model.c else 0.0
    radius_min = max(0.0, -found.kappa_min) / model.c if model.c else 0.0
    norm = float(np.linalg.norm(model.d * step))
    unit = model.value_exponent - model.curvature_exponent
    curvature = math.ldexp(1.0, model.curvature_exponent)
    length = math.sqrt(math.ldexp(1.0, unit))
    certificate = Certificate(
        residual=float(np.linalg.norm(residual) / max(float(np.linalg.norm(model.g)), 1e-300)),
        eigenvalue_min=(found.kappa_min + rho) * curvature,
        scale=found.kappa_scale * curvature,
        radius=radius * length,
        radius_min=radius_min * length,
        radius_error=abs(norm - radius) / radius if radius else norm,
    )
    decrease = float(model.g @ step) / 2 + rho * norm**2 / 6 - float(residual @ step) / 2
    return CubicSolution(
        step_sizes=torch.from_numpy(scaled(step, model.exponents)),
        radius=radius * length,
        radius_min=radius_min * length,
        regulariser=torch.from_numpy(damping / 2 * radius * length * d**2),
        status=Status.solved,
        decrease=max(0.0, math.ldexp(decrease, model.value_exponent)),
        certificate=certificate,
        eigenvalue_min=found.kappa_min * curvature,
    )
