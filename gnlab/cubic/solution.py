"""What a cubic solve gives back: step sizes, what became of the solve, and the proof.

Legend: S groups; K = D⁻¹ŜD⁻¹ and b the model in its invariant variables, κ the eigenvalues of K,
c = λ_int/2, r = ‖Dη‖ the radius, r₀ = max(0, −κ_min/c) the least radius of a minimiser.
"""

import enum
from dataclasses import dataclass

from torch import Tensor

RESIDUAL_TOLERANCE = 1e-8
EIGENVALUE_TOLERANCE = 1e-9
RADIUS_TOLERANCE = 1e-12
RADIUS_ERROR_TOLERANCE = 1e-8


class Status(enum.Enum):
    """What became of a solve; the text says what happened, why, and what to do."""

    solved = "the step sizes minimise the cubic model and the certificate proves it."
    hard_case = (
        "the gradient has no component along the most negative curvature; the step sizes minimise "
        "the model, but so does their mirror image along that curvature, and a rule chose the "
        "sign. At a saddle this is expected; a little noise in the direction ends it."
    )
    unbounded = (
        "the model falls without limit, so no step sizes minimise it: along groups whose third "
        "derivative is zero (all groups when damping is 0) the curvature is negative, or zero "
        "while the gradient is not. Use a positive damping, a coarser partition or a larger "
        "summary batch; until then keep the previous step sizes."
    )
    singular = (
        "the data do not determine the step sizes: H is so close to singular, or the scales so "
        "far apart, that no minimiser could be certified. Use a coarser partition, a larger "
        "summary batch, more damping, or a summary in float64; keep the previous step sizes."
    )
    nonfinite = (
        "H, g or d holds a NaN or an infinity: the loss or its derivatives overflowed. Lower the "
        "learning rate or go back to the last good step, and look at the data for NaN."
    )

    @property
    def advice(self) -> str:
        """What happened, likely causes, what to do."""
        return self.value

    @property
    def ok(self) -> bool:
        """Whether the step sizes minimise the model."""
        return self in (Status.solved, Status.hard_case)

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The optimality conditions of a solution, measured in the invariant variables.

    A point that meets them is a global minimiser of the model, whatever way it was found. They
    are measured in extended precision on the solution before its last rounding to float64: with D
    over many decades, that rounding alone moves the residual by more than the gradient. Where that
    is far from so, float64 measures them, and a bound of its own rounding is part of the residual.

    Attributes:
        residual: ‖(K + c r)Dη − b‖ / ‖b‖ (at a saddle, where b = 0, relative to c r²).
        eigenvalue_min: The smallest eigenvalue of K + c r I.
        scale: max |κ|, the size of K, against which ``eigenvalue_min`` is judged.
        radius: r, the radius that regularises.
        radius_min: r₀, from a κ_min accurate to ten digits, and to all where it is near r (one that
            is no more than the curvatures' rounding is only known to be far below r); if two
            κ lie within a millionth of r − r₀ of each other it may be that of either. With
            more than 128 groups, where several directions share κ_min, r is above it by its doubt.
        radius_error: |‖Dη‖ − r| / r.
    """

    residual: float
    eigenvalue_min: float
    scale: float
    radius: float
    radius_min: float
    radius_error: float

    @property
    def holds(self) -> bool:
        """Whether every condition is met."""
        return (
            self.residual <= RESIDUAL_TOLERANCE
            and self.eigenvalue_min >= -EIGENVALUE_TOLERANCE * self.scale
            and self.radius >= self.radius_min * (1 - RADIUS_TOLERANCE)
            and self.radius_error <= RADIUS_ERROR_TOLERANCE
        )


@dataclass(frozen=True, slots=True, eq=False)
class CubicSolution:
    """The minimiser of the cubic model; all in float64 on the CPU.

    Attributes:
        step_sizes: η, one learning rate per group; zero unless ``status.ok``, [S].
        radius: r = ‖Dη‖.
        radius_min: r₀ = max(0, −κ_min/c), the least radius at which H̄ is made semi-definite.
        regulariser: R = (λ_int/2) r D², the diagonal that was added to H̄, [S].
        status: What became of the solve.
        decrease: −T(η) ≥ 0, what the model promises.
        certificate: The proof, in the invariant variables.
        eigenvalue_min: κ_min, the smallest eigenvalue of K (0 when no group has a cubic term).
    """

    step_sizes: Tensor
    radius: float
    radius_min: float
    regulariser: Tensor
    status: Status
    decrease: float
    certificate: Certificate
    eigenvalue_min: float
