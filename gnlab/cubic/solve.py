"""The solve: from (H̄, ḡ, D) to certified step sizes.

Step 2 of an update (arXiv:2312.03885, eq. 2): η minimises T(η) = −ḡᵀη + ½ηᵀH̄η + (λ_int/6)‖Dη‖³.

Legend: S groups.
"""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gnlab.cubic.certify import certify
from gnlab.cubic.dense import CPU, LARGE, is_graded
from gnlab.cubic.estimate import (
    Elimination,
    Estimate,
    eliminate,
    estimate,
    estimate_by_half,
)
from gnlab.cubic.exact import LARGEST, solve_exactly
from gnlab.cubic.minimiser import Minimiser
from gnlab.cubic.model import Model, as_array, as_damping, checked, normalise
from gnlab.cubic.plainly import certify_plainly
from gnlab.cubic.pole import certify_on_pole
from gnlab.cubic.solution import Certificate, CubicSolution, Status
from gnlab.cubic.threads import one_thread
from gnlab.cubic.units import Array, Mask, finite, moved, scaled, size_of_any

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
    device = H.device if isinstance(H, Tensor) else CPU
    H, g, d = as_array(H), as_array(g), as_array(d)
    damping = as_damping(damping)
    if damping / 2 == 0:  # half of the least of all numbers is 0, and λ_int/2 is what counts
        damping = 0.0
    H = checked(H, g, d)
    if not (finite(H) and finite(g) and finite(d)):
        return failed(g.size, Status.nonfinite)
    live = moving(H, g, d, damping)
    some = 0 < np.count_nonzero(live) < g.size
    if some:
        H, g, d = H[np.ix_(live, live)], g[live], d[live]
    # Beyond float64's range numbers become 0 or infinity, and the certificate refuses them.
    with np.errstate(all="ignore"), one_thread(g.size):
        solution = solve(normalise(H, g, d, damping, device), d, damping)
    return among(solution, live) if some else solution


def moving(H: Array, g: Array, d: Array, damping: float) -> Mask:
    """The groups that have any effect; the others, along which u is zero, have no part in a solve.

    Args:
        H: H̄, [S, S].
        g: ḡ, [S].
        d: D, [S].
        damping: λ_int.

    Returns:
        Whether each group has an effect, [S].
    """
    cubic: Mask = d != 0
    if damping > 0 and np.count_nonzero(cubic) == d.size:
        return cubic
    effect: Mask = (g != 0) | H.any(axis=1)
    return effect | cubic if damping > 0 else effect


def among(solution: CubicSolution, live: Mask) -> CubicSolution:
    """A solution with the groups that were left out, which do not move.

    Args:
        solution: The solution of the other groups, S of them.
        live: Which groups it is of, [T].

    Returns:
        The solution with T groups.
    """
    places = torch.from_numpy(live)

    def spread(values: Tensor) -> Tensor:
        return values.new_zeros(live.size).masked_scatter_(places, values)

    return dataclasses.replace(
        solution,
        step_sizes=spread(solution.step_sizes),
        regulariser=spread(solution.regulariser),
    )


def solve(model: Model, d: Array, damping: float) -> CubicSolution:
    """Solve a checked model, by the cheapest way whose answer can be certified.

    Args:
        model: The model in normal form.
        d: D in the units given, [S].
        damping: λ_int.

    Returns:
        The solution in the units given.
    """
    elimination = eliminate(model)
    if elimination is None:
        return failed(d.size, Status.unbounded)
    found = certified(model, elimination)
    if found is None:
        return failed(d.size, Status.singular)
    return conclude(model, found, d, damping)


def certified(model: Model, elimination: Elimination) -> Minimiser | None:
    """A certified minimiser, by the cheapest way to one; None if there is none.

    Args:
        model: The model in normal form.
        elimination: Its groups of Z, eliminated.

    Returns:
        The minimiser.
    """
    for start in estimates(model, elimination):
        if start.agree and model.g.size > LARGEST:  # a refinement would try for long, in vain
            found = certify_on_pole(model, elimination, start)
            if found is not None:
                return found
        found = certify_plainly(model, elimination, start) or certify(model, elimination, start)
        if found is not None:
            return found
    return solve_exactly(model, elimination, start) or certify_on_pole(model, elimination, start)


def estimates(model: Model, elimination: Elimination) -> Iterator[Estimate]:
    """Estimates, each by a slower and safer way than the one before.

    A refinement reaches the digits that a fast decomposition of a large matrix has lost, nearly
    always, and those of a small one take no time.

    Args:
        model: The model in normal form.
        elimination: Its groups of Z, eliminated.

    Yields:
        Estimate: At least one.
    """
    first = estimate_by_half(model, elimination)
    if first is not None:
        yield first
    small = model.g.size < LARGE
    yield estimate(model, elimination, careful=small)
    if not small and graded(model, elimination):
        yield estimate(model, elimination)


def graded(model: Model, elimination: Elimination) -> bool:
    """Whether the rows of K are decades apart, so that a careful decomposition is another one."""
    return model.count > 0 and is_graded(np.abs(elimination.K).max(axis=1))


def failed(size: int, status: Status) -> CubicSolution:
    """The solution that moves nothing and says why."""
    zero = torch.zeros(size, dtype=torch.float64, device="cpu")
    return CubicSolution(zero, 0.0, 0.0, zero.clone(), status, 0.0, NO_CERTIFICATE, math.nan)


def conclude(model: Model, found: Minimiser, d: Array, damping: float) -> CubicSolution:
    """The solution in the units given; singular unless its certificate holds.

    Args:
        model: The model in normal form.
        found: Its minimiser.
        d: D in the units given, [S].
        damping: λ_int.

    Returns:
        The solution.
    """
    mantissa, power = math.frexp(damping / 2) if model.count else (1.0, 0)
    step_sizes = scaled(found.step, model.step_exponents)
    radius = size_of_any(d * step_sizes) if model.count else 0.0
    radius_min = moved(max(0.0, -found.kappa_min) / mantissa, model.curvature_exponent - power)
    certificate = Certificate(
        residual=found.residual,
        eigenvalue_min=moved(found.gap, model.curvature_exponent),
        scale=moved(found.kappa_scale, model.curvature_exponent),
        radius=radius,
        radius_min=radius_min,
        radius_error=found.radius_error,
    )
    if not (certificate.holds and finite(step_sizes)):
        return failed(d.size, Status.singular)
    # At a stationary point −T = ½ḡᵀη + (λ_int/12)‖Dη‖³: two terms that are never negative.
    along = max(float(model.g.dot(found.step)), 0.0) / 2
    of_radius, exponent = math.frexp(radius)
    return CubicSolution(
        step_sizes=torch.from_numpy(step_sizes),
        radius=radius,
        radius_min=radius_min,
        regulariser=torch.from_numpy(damping / 2 * radius * d * d),
        status=Status.hard_case if found.hard else Status.solved,
        decrease=moved(along, 2 * model.radius_exponent + model.curvature_exponent)
        + moved(mantissa * of_radius**3 / 6, power + 3 * exponent),
        certificate=certificate,
        eigenvalue_min=moved(found.kappa_min, model.curvature_exponent),
    )
