"""The best scaling: for each group the number that makes κ(A^½HA^½) smallest.

In t = log a both log λ_max and −log λ_min of A^½HA^½ are convex, so log κ is, and every local
minimum is global. ∂log λ_i/∂t_s is the mass ‖I_s v_i‖² of the eigenvector in group s. Where
eigenvalues meet, log κ has a corner; so what is minimised is a smooth convex function above it,

    F_p(t) = (1/p) log Σ_i λ_i^p + (1/p) log Σ_i λ_i^(−p)  ≤  log κ + (2/p) log P,

by Newton's method, for p that grows until rounding is in the way. Its minimum is within
(2/p) log P of the least log κ, and where the extremes are simple it is the same point.

Legend: P coordinates, S groups, p the power.

References:
    A. Sezginer, M. L. Overton (1990), The largest singular value of e^X A e^(−X) is convex on
    convex sets of commuting matrices; Boyd, El Ghaoui, Feron, Balakrishnan (1994), Linear Matrix
    Inequalities in System and Control Theory, Sec. 3.1 (least condition number by scaling).
"""

from dataclasses import dataclass

import numpy as np

from gnlab.rates.checks import Array, Groups, check_definite, check_groups

_FIRST, _GROWTH, _LAST = 4.0, 4.0, 1e9
_NEWTON, _PATIENCE = 100, 3
_SHORTEST, _FARTHEST = 1e-9, 3.0
_ROUNDING = 16 * np.finfo(np.float64).eps
# Eigenvalues whose logarithms are no farther apart than this, divided by p, count as one.
_NEAR = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """The best scaling of a Hessian.

    Attributes:
        scaling: A's numbers, their geometric mean 1, [S].
        condition: κ(A^½HA^½).
        excess: How far log κ may be above the least one: (2/p) log P.
        slope: The largest |Σ_i σ_i ‖I_s v_i‖² − Σ_i τ_i ‖I_s v_i‖²| over the groups, with the
            weights σ of the eigenvectors of λ_max and τ of λ_min: zero, to rounding, at the best
            scaling. Where both are simple it is |‖I_s v_max‖² − ‖I_s v_min‖²|.
        lowest: The eigenvectors of λ_min, [P, k]; several where it is multiple.
        highest: Those of λ_max, [P, l].
    """

    scaling: Array
    condition: float
    excess: float
    slope: float
    lowest: Array
    highest: Array


def optimum(H: Array, owner: Groups) -> Optimum:
    """Make the condition number of A^½HA^½ as small as it gets with a number for each group.

    Args:
        H: The Hessian, [P, P].
        owner: The group of each coordinate, [P].

    Returns:
        The best scaling, how good it is, and the eigenvectors at both ends.

    Raises:
        InputError: If H is not symmetric and positive definite, or the groups are none.
    """
    H, owner = check_definite(H), check_groups(owner, len(H))
    H = H / np.exp2(np.frexp(np.abs(H).max())[1])
    logs, power = _least(H, owner)
    values, vectors = _spectrum(H, owner, logs)
    slope, _ = _derivatives(values, vectors, owner, power)
    near = np.exp(_NEAR / power)
    return Optimum(
        np.exp(logs), float(values[-1] / values[0]), 2 * float(np.log(len(H))) / power,
        float(np.abs(slope).max()),
        vectors[:, values < near * values[0]], vectors[:, values * near > values[-1]],
    )  # fmt: skip


def _spectrum(H: Array, owner: Groups, logs: Array) -> tuple[Array, Array]:
    """Eigenvalues, ascending, and eigenvectors of A^½HA^½ for A = exp(logs)."""
    root = np.exp(logs / 2)[owner]
    values, vectors = np.linalg.eigh(root[:, None] * H * root)
    return np.maximum(values, np.finfo(np.float64).tiny), vectors


def _least(H: Array, owner: Groups) -> tuple[Array, float]:
    """The logarithms of the best scaling, their mean 0, and the power they were found with."""
    logs = -np.log(np.bincount(owner, np.diagonal(H)) / np.bincount(owner))
    logs -= logs.mean()
    power, last = _FIRST, np.inf
    while power < last:
        logs, condition = _newton(H, owner, logs, power)
        # Rounding of λ_min, times the power, is what F_p is uncertain by.
        last = min(_LAST, max(_FIRST, 1e-2 / (np.finfo(np.float64).eps * condition)))
        power = min(power * _GROWTH, last)
    return _newton(H, owner, logs, last)[0], last


def _newton(H: Array, owner: Groups, logs: Array, power: float) -> tuple[Array, float]:
    """The minimum of F_p, from somewhere, and κ there."""
    spectrum, best, least, waits = _spectrum(H, owner, logs), logs, np.inf, 0
    for _ in range(_NEWTON):
        slope, bent = _derivatives(*spectrum, owner, power)
        # Nothing sees the mean of the logarithms, nor a group that has no part in the extremes:
        # there they stay where they are.
        bent += 1 / len(bent) + np.eye(len(bent)) * (1e-10 + 1e-12 * np.trace(bent))
        way = -np.linalg.solve(bent, slope)
        way *= min(1.0, _FARTHEST / max(np.abs(way).max(), 1e-300))
        value, gain = _smooth(spectrum[0], power), float(-slope @ way)
        # What rounding of λ_min hides is told by the slope alone.
        hidden = _ROUNDING * float(spectrum[0][-1] / spectrum[0][0])
        steepest = float(np.abs(slope).max())
        waits = 0 if steepest < least / 2 or gain > hidden else waits + 1
        best, least = (logs, steepest) if steepest < least else (best, least)
        if waits == _PATIENCE:
            break
        length = 1.0
        while length > _SHORTEST:
            spectrum = _spectrum(H, owner, logs + length * way)
            if _smooth(spectrum[0], power) <= value - 1e-4 * length * gain + hidden:
                break
            length /= 2
        logs = logs + length * way
    return best - best.mean(), float(spectrum[0][-1] / spectrum[0][0])


def _smooth(values: Array, power: float) -> float:
    """F_p."""
    logs = np.log(values)
    high, low = power * (logs - logs[-1]), power * (logs[0] - logs)
    ends = logs[-1] - logs[0]
    return float(ends + (np.log(np.exp(high).sum()) + np.log(np.exp(low).sum())) / power)


def _derivatives(values: Array, vectors: Array, owner: Groups, power: float) -> tuple[Array, Array]:
    """∇F_p [S] and ∇²F_p [S, S] in the logarithms of the scaling.

    With ℓ = log λ and the weights σ_i = λ_i^p / Σ λ_j^p the slope of the first half of F_p is
    Σ_i σ_i m_i, where m_is = ‖I_s v_i‖², and its Hessian

        Σ_ij k_ij (v_iᵀI_s v_j)(v_iᵀI_r v_j) − p slope_s slope_r,
        k_ij = (σ_i − σ_j) / (2 tanh((ℓ_i − ℓ_j)/2)),  k_ii = p σ_i.

    The second half is the same with −p.
    """
    logs, count = np.log(values), int(owner.max()) + 1
    apart = logs[:, None] - logs
    same = np.abs(apart) * power < 1e-6
    inner = np.array([vectors[owner == s].T @ vectors[owner == s] for s in range(count)])
    masses = np.diagonal(inner, axis1=1, axis2=2)
    slope, bent = np.zeros(count), np.zeros((count, count))
    for sign in (1.0, -1.0):
        raised = sign * power * logs
        weights = np.exp(raised - raised.max())
        weights /= weights.sum()
        between = sign * power * (weights[:, None] + weights) / 2
        np.divide(weights[:, None] - weights, 2 * np.tanh(apart / 2), out=between, where=~same)
        part = sign * masses @ weights
        slope += part
        flat = inner.reshape(count, -1)
        bent += sign * (flat * between.ravel()) @ flat.T - power * np.outer(part, part)
    return slope, bent
