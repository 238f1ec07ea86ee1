"""The optimality conditions in units that suit a root: everything that matters is near 1.

Powers of two scale them, so that nothing is rounded, and D's decades are gone.

Legend: S groups; x the step in the scaled units.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from gnlab.cubic.dense import diagonal_of
from gnlab.cubic.fixed import Factor, factor
from gnlab.cubic.model import Model
from gnlab.cubic.units import Array, moved


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """The optimality conditions in units where ρ, x and the diagonal of H̄ + ρD² are near 1.

    In the model's units η = x 2^(x_exponent)/unit, ρ is 2^(rho_exponent) times ρ here.

    Attributes:
        H: H̄, [S, S].
        g: ḡ, [S].
        d: D, [S].
        c: λ_int/2; None without a cubic term.
        unit: Powers of two, [S].
        x_exponent: See above.
        rho_exponent: See above; even.
        bits: The p to start with.
        device: Where large matrices are factored.
    """

    H: Array
    g: Array
    d: Array
    c: Factor | None
    unit: Array
    x_exponent: int
    rho_exponent: int
    bits: int
    device: torch.device

    def damped(self, rho: float) -> Array:
        """H̄ + ρD² in float64, [S, S]."""
        matrix = self.H.copy()
        diagonal = diagonal_of(matrix)
        diagonal += rho * self.d * self.d
        return matrix

    def scaled(self, step: Array, rho: float) -> tuple[Array, float]:
        """A step of the model's units, [S], and its ρ, in these."""
        x = np.ldexp(step * self.unit, -self.x_exponent)
        return x, moved(rho, -self.rho_exponent)

    def model_step(self, x: Array) -> Array:
        """The step x in the model's units, [S]."""
        return np.ldexp(x, self.x_exponent) / self.unit

    def model_rho(self, rho: float) -> float:
        """A ρ of these units in the model's."""
        return moved(rho, self.rho_exponent)


def equilibrated(model: Model, H: Array, step: Array, rho: float) -> System:
    """The system in units that suit a root near (step, ρ).

    Args:
        model: The model in normal form.
        H: Its H̄, with curvature added along harmless null vectors, [S, S].
        step: About η, [S].
        rho: About ρ.

    Returns:
        The scaled system.
    """
    size = np.abs(H.diagonal())
    size += rho * model.d * model.d
    # The exponent of 0 is 0, that of a unit 1.
    places = np.frexp(size)[1] >> 1
    unit = np.ldexp(1.0, places)
    per_unit = np.ldexp(1.0, -places)  # numbers are multiplied faster than divided
    half = (math.frexp(rho)[1] + 1) // 2 if rho else 0
    largest = float(np.abs(step * unit).max())
    x_exponent = math.frexp(largest)[1] if math.isfinite(largest) else 0
    d = model.d * (per_unit * math.ldexp(1.0, half))
    least = float(d.min() if model.count == d.size else d[d > 0].min(initial=1.0))
    power = model.slope_exponent - 2 * model.curvature_exponent + x_exponent - 3 * half
    scaled = H * per_unit[:, None]
    scaled *= per_unit
    g = np.ldexp(model.g * per_unit, -x_exponent)
    return System(
        H=scaled,
        g=g,
        d=d,
        c=factor(model.given[2], power) if model.c else None,
        unit=unit,
        x_exponent=x_exponent,
        rho_exponent=2 * half,
        bits=max(
            144 - 2 * math.frexp(min(least, 1.0))[1], _bits_for(g if not model.c else g[d == 0])
        ),
        device=model.device,
    )


def _bits_for(slopes: Array) -> int:
    """The bits after the point that even the smallest of some numbers, but 0, is known with."""
    sizes = np.abs(slopes[slopes != 0])
    return 64 - math.frexp(float(sizes.min()))[1] if sizes.size else 0
