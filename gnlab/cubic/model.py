"""The cubic model in normal form: checked, and scaled by powers of two.

T(η) = −ḡᵀη + ½ηᵀH̄η + (λ_int/6)‖Dη‖³ keeps its meaning when a group is reparametrised
(H̄_st → a_s a_t H̄_st, ḡ → aḡ, D → aD, η → η/a) and when the loss is scaled. So the scales are taken
out first, as exact powers of two: problems that differ by powers of two become the same
problem, bit for bit, and no later decision can depend on a unit.

Legend: S groups, s and t two of them; Z the groups without a cubic term, N the others.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gnlab.cubic.dense import CPU
from gnlab.cubic.units import Array, Exponents, Mask, exponent, finite, reference, rescaled
from gnlab.errors import InputError

ASYMMETRY_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A cubic model in normal form: in the units given, η = step · 2^step_exponents.

    Attributes:
        H: H̄ with entries of at most 1, symmetric, [S, S].
        g: ḡ with entries of at most 1, [S].
        d: D, in [1/2, 1) on N and 0 on Z, [S].
        cubic: N, the groups with a cubic term, [S].
        c: λ_int/2 in the scaled units, 0 if every group is in Z.
        given: H̄ and ḡ as they were given, before scaling, and λ_int/2.
        units: The binary exponent of each group's unit, [S].
        curvature_exponent: K in the units given is 2^this times K here.
        slope_exponent: b in the units given is 2^this times b here.
        count: How many groups are in N.
        exact: Whether scaling lost no bit of H, g or c to underflow or overflow.
        device: Where large matrices are factored.
    """

    H: Array
    g: Array
    d: Array
    cubic: Mask
    c: float
    given: tuple[Array, Array, float]
    units: Exponents
    curvature_exponent: int
    slope_exponent: int
    count: int
    exact: bool
    device: torch.device = CPU

    @property
    def radius_exponent(self) -> int:
        """The radius r in the units given is 2^this times r here."""
        return self.slope_exponent - self.curvature_exponent

    @property
    def step_exponents(self) -> Exponents:
        """The binary exponent of each step size's unit, [S]."""
        return self.radius_exponent - self.units


def as_array(values: Tensor | ArrayLike) -> Array:
    """The values in float64 on the CPU; every narrower float converts exactly.

    Args:
        values: A tensor on any device, or anything numpy makes an array of.

    Returns:
        A new float64 array.

    Raises:
        InputError: If it is no dense rectangular array of real numbers.
    """
    if isinstance(values, Tensor) and values.layout is not torch.strided:
        raise InputError(
            f"solve_cubic needs dense arrays; got a tensor of layout {values.layout}; "
            "give its .to_dense()."
        )
    try:
        if isinstance(values, Tensor) and not values.is_complex():
            values = values.detach().to(device="cpu", dtype=torch.float64).numpy()
        if np.iscomplexobj(values):
            raise TypeError
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        got = " ".join(f"{values!r:.200}".split())
        raise InputError(
            f"solve_cubic needs real numbers in rectangular arrays; got {got:.80}."
        ) from None


def as_damping(value: float) -> float:
    """The damping as a float.

    Args:
        value: λ_int as given.

    Returns:
        The same number.

    Raises:
        InputError: If it is no finite number of at least 0.
    """
    try:
        damping = math.nan if isinstance(value, (str, bool)) else float(value)
    except (TypeError, ValueError, OverflowError):
        damping = math.nan
    if not (math.isfinite(damping) and damping >= 0):
        raise InputError(f"damping must be a finite number ≥ 0; got {value!r}.")
    return damping


def checked(H: Array, g: Array, d: Array) -> Array:
    """H̄ without its rounding's asymmetry; raise if what was given is no cubic model.

    Args:
        H: H̄.
        g: ḡ.
        d: D.

    Returns:
        H̄, symmetric to the last bit if it is finite, [S, S].

    Raises:
        InputError: For wrong shapes, no groups, a negative d, or an H that is not symmetric
            beyond rounding.
    """
    if g.ndim != 1 or H.shape != (g.size, g.size) or d.shape != g.shape:
        raise InputError(
            "solve_cubic needs H of shape [S, S] and g, d of shape [S] for S groups; got "
            f"H {list(H.shape)}, g {list(g.shape)}, d {list(d.shape)}."
        )
    if g.size == 0:
        raise InputError("solve_cubic needs at least one group (S ≥ 1); got S = 0.")
    if not d.min() >= 0 and (d < 0).any():  # it may be a NaN
        s = int(np.flatnonzero(d < 0)[0])
        raise InputError(f"d must be ≥ 0 (it is |D^(3)_sss|^(1/3)); got d[{s}] = {d[s]:g}.")
    if np.count_nonzero(H == H.T) == H.size or not finite(H):
        return H
    rows = np.sqrt(np.abs(H).max(axis=1))
    excess = np.abs(H / 2 - H.T / 2) - ASYMMETRY_TOLERANCE / 2 * rows[:, None] * rows
    if excess.max() > 0:
        s, t = (int(i) for i in np.unravel_index(int(excess.argmax()), H.shape))
        raise InputError(
            f"H must be symmetric up to rounding; got H[{s}, {t}] = {H[s, t]:g} and "
            f"H[{t}, {s}] = {H[t, s]:g}. Give the Hessian summary itself, or (H + Hᵀ)/2."
        )
    return H / 2 + H.T / 2


def normalise(H: Array, g: Array, d: Array, damping: float, device: torch.device = CPU) -> Model:
    """Bring a finite, checked, symmetric model to normal form.

    A group's unit is the power of two next to its d, or next to the square root of its own
    curvature, over that of the others, where it has no cubic term; both follow the group when it
    is rescaled, and each other when the loss is.

    Args:
        H: H̄, [S, S].
        g: ḡ, [S].
        d: D, [S].
        damping: λ_int.
        device: Where large matrices are to be factored.

    Returns:
        The model; its arrays are new.
    """
    d = d if damping > 0 else np.zeros_like(d)
    cubic = d > 0
    count, unit = int(np.count_nonzero(cubic)), exponent(d)
    if count < d.size:
        begin = reference(H, g, unit, cubic, damping)
        unit = np.where(cubic, unit, (exponent(H.diagonal()) - begin) // 2)
    H_scaled, curvature, g_scaled, slope, d_scaled, exact = rescaled(H, g, d, unit)
    mantissa, power = math.frexp(damping / 2)
    if slope == 0 and not g.any():  # the unit of a slope is then that at which λ_int/2 is near 1
        slope = 2 * curvature - power
    power += slope - 2 * curvature
    return Model(
        H=H_scaled,
        g=g_scaled,
        d=d_scaled,
        cubic=cubic,
        c=math.ldexp(mantissa, max(-900, min(900, power))) if count else 0.0,
        given=(H, g, damping / 2),
        units=unit,
        curvature_exponent=curvature,
        slope_exponent=slope,
        count=count,
        exact=exact and abs(power) < 900,
        device=device,
    )
