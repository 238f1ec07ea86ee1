"""Shares: how much of the curvature along a step each kind of operation has.

Legend: K kinds of operation (k, j), H_k the part of H̄ of kind k, η step sizes.
"""

import math

import numpy as np

from gnlab.runs.records.record import Array, Record


def shares(record: Record) -> Array | None:
    """Each kind's share of the curvature along a step: ηᵀH_kη / Σ_j |ηᵀH_jη|.

    The parts' curvatures along the step add up to H̄'s, whatever the groups' units; a kind that
    bends the loss down along the step has a negative share.

    Args:
        record: The step's record.

    Returns:
        The shares in the order of ``KINDS``, whose magnitudes' sum is 1, [K]; None without parts
        or step sizes, and where nothing bends.
    """
    if record.bends is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(np.abs(record.bends).sum())
    return record.bends / total if 0 < total < math.inf else None
