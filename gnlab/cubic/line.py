"""The cubic model along a line: what becomes of it when all step sizes grow together.

T(tη) = −t ḡᵀη + ½t² ηᵀH̄η + (λ_int/6) t³‖Dη‖³ for t ≥ 0 and some given η. The three numbers that
it is made of are invariant under a scale of each group, so whatever is decided on them is too.

Legend: S groups, t the factor on η.
"""

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Line:
    """T(tη) = −slope·t + ½·curvature·t² + ⅓·bend·t³, in units of the loss.

    Attributes:
        slope: ḡᵀη.
        curvature: ηᵀH̄η.
        bend: (λ_int/2)‖Dη‖³ ≥ 0.
    """

    slope: float
    curvature: float
    bend: float

    def change(self, t: float) -> float:
        """T(tη): what the model expects to become of the loss.

        Args:
            t: The factor on η.

        Returns:
            The change, negative for a decrease.
        """
        return t * (-self.slope + t * (self.curvature / 2 + t * self.bend / 3))

    @property
    def minimum(self) -> float:
        """The t ≥ 0 up to which T falls: 0 if it does not fall, ∞ if it never rises.

        It solves slope = curvature·t + bend·t². For the minimiser of T itself it is 1.
        """
        a, b, c = self.slope, self.curvature, self.bend
        if not (a > 0 and all(map(math.isfinite, (a, b, c)))):
            return 0.0
        root = math.hypot(b, 2 * math.sqrt(a) * math.sqrt(c))
        if b > 0:
            return 2 * a / (b + root)
        return (root - b) / (2 * c) if c > 0 else math.inf


def along(H: Tensor, g: Tensor, d: Tensor, damping: float, eta: Tensor) -> Line:
    """The cubic model along η.

    Args:
        H: H̄, [S, S].
        g: ḡ, [S].
        d: D, [S].
        damping: λ_int ≥ 0.
        eta: η, float64 on the CPU, [S].

    Returns:
        The model along it; not a number where H, g or d is not.
    """
    H, g, d = (values.detach().double().cpu() for values in (H, g, d))
    length = float((d * eta).norm()) if damping > 0 else 0.0
    return Line(float(g @ eta), float(eta @ H @ eta), damping / 2 * length * length * length)
