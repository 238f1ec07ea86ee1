"""A first solution in float64: eliminate the groups without a cubic term, then one eigenproblem.

Groups in Z (D_s = 0) are eliminated by the Schur complement Ŝ = H̄_NN − H̄_NZ H̄_ZZ⁻¹ H̄_ZN; the
model is bounded below exactly if nothing on Z lets it fall: no negative curvature, and no flat
direction with a slope. On N, K = D⁻¹ŜD⁻¹ is decomposed once.

Legend: S groups; Z those without a cubic term, N the others; K = QκQᵀ, b̂ = QᵀD⁻¹ĝ.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gnlab.cubic.dense import eigh
from gnlab.cubic.model import Model
from gnlab.cubic.reduction import is_worth_it, reduce, solve_by_the_pole, solve_reduced
from gnlab.cubic.secular import solve_secular
from gnlab.cubic.units import Array, Mask

EPS = float(np.finfo(np.float64).eps)
# A flat direction's slope, relative to the sizes of its terms, below which it is rounding.
SLOPE_TOLERANCE = 64 * EPS
# Two lowest eigenvalues closer than this, relative to max |κ|, are one to a refinement.
TWINS = 1e-12
# The part of ρ below which −κ_min is far from it.
FAR = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Elimination:
    """The groups of Z, eliminated.

    Attributes:
        H: H̄ with unit curvature added along harmless null vectors of H̄_ZZ: it leaves Ŝ as it is and
            singles out the minimum-norm solution, [S, S].
        slope: ĝ = ḡ_N − H̄_NZ H̄_ZZ⁻¹ ḡ_Z, [N].
        from_slope: H̄_ZZ⁻¹ ḡ_Z, the step on Z while N stands still, [Z].
        coupling: H̄_ZZ⁻¹ H̄_ZN: Z follows a step y on N by −coupling y, [Z, N].
        d: D on N, [N].
        K: D⁻¹ŜD⁻¹, [N, N].
        b: D⁻¹ĝ, [N].
    """

    H: Array
    slope: Array
    from_slope: Array
    coupling: Array
    d: Array
    K: Array
    b: Array

    def extend(self, on_cubic: Array, cubic: Mask, still: bool) -> Array:
        """A vector on all groups from its part on N, where Z minimises.

        Args:
            on_cubic: The part on N, [N].
            cubic: Which groups are in N, [S] bool.
            still: Whether to leave ḡ out (for null vectors).

        Returns:
            The vector, [S].
        """
        if on_cubic.size == cubic.size:
            return on_cubic
        whole = np.empty(cubic.size)
        whole[cubic] = on_cubic
        whole[~cubic] = (0.0 if still else self.from_slope) - self.coupling @ on_cubic
        return whole


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A minimiser in float64, not yet certified.

    Attributes:
        step: η, [S].
        rho: ρ = c‖Dη‖.
        kappa_min: The smallest eigenvalue of K.
        kappa_scale: max |κ|.
        valley: () -> v with K Dv = κ_min Dv, extended to Z, [S]; most solves do without.
        inverse: ρ -> what multiplies by (K + ρ)⁻¹, for ρ > −κ_min.
        agree: Whether ρ is −κ_min, to rounding, and the next eigenvalue is κ_min, nearly.
    """

    step: Array
    rho: float
    kappa_min: float
    kappa_scale: float
    valley: Callable[[], Array]
    inverse: Callable[[float], Callable[[Array], Array] | None]
    agree: bool = False

    def is_flat(self, rho: float, part: float) -> bool:
        """Whether κ_min is zero but for rounding, and far above −ρ.

        So is that of a matrix without negative curvatures that has no full rank. It has no digits
        to be found; that the model is definite far below ρ is what can be proved, and is enough.

        Args:
            rho: ρ of a root, in the model's units.
            part: The part of ρ that is near zero.

        Returns:
            Whether it is so.
        """
        rounding = self.step.size * EPS * self.kappa_scale
        return self.kappa_min < rounding and -self.kappa_min <= min(rounding, part * rho)


def eliminate(model: Model) -> Elimination | None:
    """Eliminate the groups of Z, or find that the model is unbounded.

    Decisions are made on H̄_ZZ scaled to a unit diagonal, so no group's unit matters. An eigenvalue
    there that may be rounding is a null vector's: harmless if it meets neither ḡ nor H̄.

    Args:
        model: The model in normal form.

    Returns:
        The elimination, or None if inf T = −∞.
    """
    if model.count == model.g.size:
        H, g, d = model.H, model.g, model.d
        none = np.empty((0, d.size))
        return Elimination(H, g, none[:, 0], none, d, unscaled(H, d), g / d)
    N, Z = np.flatnonzero(model.cubic), np.flatnonzero(~model.cubic)
    own = np.diag(model.H)[Z]
    dead = own == 0
    if (own < 0).any() or np.any(model.H[Z[dead]]) or np.any(model.g[Z[dead]]):
        return None
    own = np.where(dead, 1.0, own)
    root = np.sqrt(own)
    # The root of a product: of a loss that is doubled it is doubled, while its factors are rounded.
    C = model.H[np.ix_(Z, Z)] / np.sqrt(own[:, None] * own) + np.diag(dead.astype(float))
    mu, V = eigh(C, model.device) if Z.size else (np.ones(0), np.ones((0, 0)))
    slope, cross = model.g[Z] / root, model.H[np.ix_(Z, N)] / root[:, None]
    null = np.abs(mu) <= rounding(mu)
    sides = np.column_stack([slope, cross])
    along, size = np.abs(V[:, null].T @ sides), np.linalg.norm(sides, axis=0)
    if np.any(mu[~null] < 0) or np.any(along > SLOPE_TOLERANCE * Z.size * size):
        return None
    H = model.H.copy()
    flat = (V[:, null] * root[:, None]) @ (V[:, null] * root[:, None]).T
    H[np.ix_(Z, Z)] += flat + np.diag(np.where(dead, 1.0, 0.0))
    half = V[:, ~null] / np.sqrt(mu[~null])
    inner, outer = half.T @ slope, half.T @ cross
    d, slope = model.d[N], model.g[N] - outer.T @ inner
    return Elimination(
        H=H,
        slope=slope,
        from_slope=half @ inner / root,
        coupling=half @ outer / root[:, None],
        d=d,
        K=unscaled(model.H[np.ix_(N, N)] - outer.T @ outer, d),
        b=slope / d,
    )


def rounding(mu: Array) -> float:
    """How far a zero among the eigenvalues of a matrix with a unit diagonal may be computed from 0.

    The entries' own rounding moves it by a few ε for each row, a decomposition by a part of the
    largest eigenvalue, which is n where all groups agree. There it was up to n/20 ε of that.

    Args:
        mu: The eigenvalues, ascending, [n].

    Returns:
        A bound.
    """
    largest = float(mu[-1]) if mu.size else 0.0
    return EPS * mu.size * max(4.0, largest / 8)


def unscaled(schur: Array, d: Array) -> Array:
    """K = D⁻¹ŜD⁻¹, [N, N]."""
    K = schur / d[:, None]
    K /= d
    return K


def estimate(model: Model, elimination: Elimination, *, careful: bool = True) -> Estimate:
    """Solve the model in float64, with one eigen-decomposition.

    Args:
        model: The model in normal form.
        elimination: Its groups of Z, eliminated.
        careful: Whether digits of small eigenvalues are worth the time, see ``dense.eigh``.

    Returns:
        The minimiser, as good as float64 gives it.
    """
    cubic, d = model.cubic, elimination.d
    if not model.count:
        step = elimination.from_slope
        return Estimate(step, 0.0, 0.0, 0.0, lambda: np.zeros_like(step), lambda _: None)
    kappa, Q = eigh(elimination.K, model.device, careful=careful)
    x, y = solve_secular(kappa, elimination.b @ Q, model.c)
    lowest, highest = float(kappa[0]), float(kappa[-1])
    scale = max(abs(lowest), abs(highest))
    return Estimate(
        step=elimination.extend(Q @ y / d, cubic, still=False),
        rho=max(0.0, -lowest) + x,
        kappa_min=lowest,
        kappa_scale=scale,
        valley=lambda: elimination.extend(Q[:, 0] / d, cubic, still=True),
        inverse=lambda rho: lambda v: Q @ ((v @ Q) / (kappa + rho)),
        agree=kappa.size > 1
        and float(kappa[1]) - lowest <= TWINS * scale
        and x <= -4 * EPS * lowest,
    )


def estimate_by_half(model: Model, elimination: Elimination) -> Estimate | None:
    """Solve the model in float64, with half an eigen-decomposition.

    Args:
        model: The model in normal form.
        elimination: Its groups of Z, eliminated.

    Returns:
        The minimiser, as good as float64 gives it; None where the half is not faster or does not
        suffice.
    """
    cubic, d = model.cubic, elimination.d
    if model.device.type != "cpu" or not is_worth_it(elimination.K):
        return None
    T = reduce(elimination.K)
    kappa_min, kappa_max = T.ends()
    given = T, elimination.b, model.c, kappa_min, kappa_max
    found = solve_reduced(*given) or solve_by_the_pole(*given)
    if found is None:
        return None
    return Estimate(
        step=elimination.extend(found[1] / d, cubic, still=False),
        rho=found[0],
        kappa_min=kappa_min,
        kappa_scale=max(abs(kappa_min), abs(kappa_max)),
        valley=lambda: elimination.extend(T.turned(T.lowest()[1], "N") / d, cubic, still=True),
        inverse=T.inverse,
    )
