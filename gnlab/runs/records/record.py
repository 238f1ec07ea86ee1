"""Records: what one step did, as plain arrays.

Legend: S groups, m rows of H̄ (S, or bundles of many groups: ``bundles.py``), K kinds of operation.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnlab.runs.records import bundles

Array = NDArray[np.float64]

KINDS = ("gauss-newton", "activations", "products")
"""The kinds of operation by which H̄ is taken apart: those of the loss; the model's nonlinear
functions of one value, a softmax in the model among them; the model's products of two values,
which every layer is one of (its weights and its input)."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What one finished step did; immutable. Arrays are float64 on the CPU.

    The fields of the summary are None, and its numbers NaN, when none was made at this step.

    Attributes:
        step: The number of finished steps, this one included: 1 after the first.
        epoch: Passes through the training data, this step included.
        loss: The minibatch's loss before the step.
        val_loss: The validation loss after the step, NaN when it was not measured.
        accuracy: The share of validation samples classified rightly, NaN when not measured.
        partition: The partition's level.
        group: The groups' names, S of them.
        role: The groups' roles.
        g: ḡ, [S].
        H: H̄, [m, m].
        H_diagonal: H̄'s diagonal, [S].
        third: D^(3)_sss, signed, [S].
        d: D, [S].
        step_size: η as applied, [S]; None before the first solve and for adam and sgd.
        step_size_solved: η as solved for at this step, before the positive part, [S].
        radius: ‖Dη‖.
        radius_min: r₀, the least radius at which the cubic model is convex.
        eigenvalue_min: The smallest eigenvalue of K.
        regulariser: The diagonal of R = (λ_int/2)‖Dη‖D², [S].
        damping: λ_int.
        lr: λ₁.
        decrease_predicted: Decrease of the loss on the summary batch by the order-2 model.
        decrease_measured: L(θ) − L(θ′) on the summary batch.
        status: The solve's status ("solved", ...), "" without a solve, "nonfinite" also for a
            step that was undone because the loss or a parameter was not finite.
        seconds: Time the step took.
        direction: The direction's name.
        taken: The share of the step that the safeguard let through, in [0, 1]; it is in
            ``step_size`` already. NaN without a summary, 1 without a safeguard.
        H_parts: H̄'s parts, whose sum is H̄, in the order of ``KINDS``, [K, m, m]; None where the
            summary took the plain way, which would need extra passes to tell them apart.
        bends: ηᵀH_kη of each part along the step sizes as applied, [K]; None without parts.
    """

    step: int
    epoch: float
    loss: float
    val_loss: float
    accuracy: float
    partition: str
    group: tuple[str, ...]
    role: tuple[str, ...]
    g: Array | None
    H: Array | None
    H_diagonal: Array | None
    third: Array | None
    d: Array | None
    step_size: Array | None
    step_size_solved: Array | None
    radius: float
    radius_min: float
    eigenvalue_min: float
    regulariser: Array | None
    damping: float
    lr: float
    decrease_predicted: float
    decrease_measured: float
    status: str
    seconds: float
    direction: str
    taken: float = math.nan
    H_parts: Array | None = None
    bends: Array | None = None

    @property
    def rows(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the rows of H̄ and its parts stand for: names and roles, m each."""
        return bundles.named(self.group, self.role)
