"""A root whose ρ is next to ρ₀ = −κ_min: on which side of the valley it is.

The model is nearly singular there, along one null vector v. It and its ρ₀ are refined as the root
was, and ρ − ρ₀, far below one rounding of ρ, is known to many digits.

Legend: S groups; v the null vector of H̄ + ρ₀D², p bits.
"""

import math

import numpy as np

from gnlab.cubic.estimate import EPS, Elimination, Estimate
from gnlab.cubic.fixed import to_fixed, to_float
from gnlab.cubic.minimiser import Minimiser, measured
from gnlab.cubic.model import Model
from gnlab.cubic.reduction import lowest
from gnlab.cubic.refine import Root, refine
from gnlab.cubic.system import System
from gnlab.cubic.units import size_of

# Below this second eigenvalue of the equilibrated matrix, over its size, another null vector is
# feared: a decomposition knows it to some roundings.
APART = 128 * EPS
# The part of ρ within which ρ₀ is next to it.
NEAR = 1e-3
# ρ and ρ₀ are known to p bits but for a few; a difference in those is none.
SAME = 56
# ... but a root whose residual was small enough may know its ρ only to about this part.
SETTLED = 2.0**-64


def null_direction(system: System, root: Root) -> Root | None:
    """The one direction along which H̄ + ρD² is nearly singular, and its ρ₀, to the root's bits."""
    rho = to_float(root.rho, root.bits)
    matrix = system.damped(rho)
    mu, vector = lowest(matrix)
    weight = float(np.sum((system.d * vector) ** 2))
    if (mu.size > 1 and mu[1] < APART * size_of(matrix.ravel())) or weight == 0:
        return None
    rho0 = rho - float(mu[0]) / weight
    valley = refine(system, vector, rho0, valley=True, bits=root.bits)
    if valley is None:
        return None
    # Two κ within this of ρ would bend the plane of their vectors by no more than it times d².
    distance = abs(to_float(valley.rho, valley.bits) - rho)
    alone = mu.size < 2 or 2 * distance * float(np.max(system.d)) ** 2 < mu[1]
    return valley if alone or distance <= NEAR * rho else None


def slope_along(system: System, valley: Root) -> float | None:
    """ḡᵀv; 0 only if ḡ is 0 wherever v is not; None if it drowns in the rounding of v."""
    bits, v = valley.bits, valley.floats()
    seen = np.abs(v) > np.ldexp(float(np.abs(v).max()), SAME - bits)
    if not system.g[seen].any():
        return 0.0
    size = -math.frexp(float(np.abs(system.g).max()))[1]
    slope = to_float(int(valley.x.dot(to_fixed(system.g, size, bits))), 2 * bits)
    known = abs(slope) > np.ldexp(float(np.linalg.norm(v)), SAME - bits)
    return float(np.ldexp(slope, -size)) if known else None


def settled(system: System, root: Root, valley: Root) -> Root | None:
    """The root, with ρ as well known as ρ₀ where the two are too close to tell which is larger."""
    rho = to_float(root.rho, root.bits)
    if abs(rho_above(root, valley)) > SETTLED * rho:
        return root
    again = refine(system, root.floats(), rho, valley=False, bits=valley.bits)
    return again if again is not None and again.bits <= valley.bits else None


def rho_above(root: Root, valley: Root) -> float:
    """ρ − ρ₀."""
    return to_float((root.rho << (valley.bits - root.bits)) - valley.rho, valley.bits)


def certify_near_pole(
    model: Model, elimination: Elimination, system: System, root: Root, found: Estimate
) -> Minimiser | None:
    """Certify a root whose ρ lies within rounding of ρ₀.

    The conditions have a root on each side of the valley; the minimiser's has ρ ≥ ρ₀. Without a
    component of b both are minimisers, and the sign is chosen so that the largest entry of Dη
    along the valley is positive.
    """
    valley = null_direction(system, root)
    nearer = settled(system, root, valley) if valley is not None else None
    slope = slope_along(system, valley) if valley is not None else None
    if valley is None or nearer is None or slope is None:
        return None
    root, v, bits = nearer, valley.floats(), valley.bits
    along = system.d * v
    favoured = slope or float(along[np.argmax(np.abs(along))])
    for _ in range(2):
        gap = rho_above(root, valley)
        tie = abs(gap) <= np.ldexp(1.0, SAME - bits)
        x = root.floats()
        part = float(along @ (system.d * x))
        if part * favoured >= 0 if tie else gap > 0:
            if tie:  # along v, (ρ − ρ₀)Dη = b
                gap = slope / part if part else 0.0
            kappa_min = -system.model_rho(to_float(valley.rho, bits))
            gap = system.model_rho(gap)
            return measured(model, elimination, system, root, found, kappa_min, gap)
        mirrored = x - 2 * part / float(along @ along) * v
        rho = to_float(root.rho, root.bits)
        again = refine(system, mirrored, rho, valley=False, bits=root.bits)
        if again is None or again.bits > bits:
            return None
        root = again
    return None
