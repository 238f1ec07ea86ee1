"""What one step of GroupedNewton did, apart from what the next step needs.

Legend: S groups, η step sizes, λ₁ = lr.
"""

from dataclasses import dataclass

from torch import Tensor

from gnlab.cubic import CubicSolution
from gnlab.cubic.decrease import decrease
from gnlab.summaries import Summary


@dataclass(frozen=True, slots=True, eq=False)
class StepInfo:
    """What one step did, for a person to look at; the next step needs none of it.

    Attributes:
        step: The number of finished steps, this one included.
        summary: ḡ, H̄, D on the summary batch; None when none was due.
        solution: The cubic solve's answer; None when none was due.
        step_sizes: η, the applied moving average, float64 [S]; None before the first solve.
        decrease_predicted: λ₁ḡᵀη − ½λ₁²ηᵀH̄η, the decrease of the order-2 model for the step as
            applied, in units of the loss; None when no summary was due.
        updated: Whether the parameters moved.
        taken: The share of the step that the safeguard let through, in [0, 1]; ``step_sizes``
            has it in it.
    """

    step: int
    summary: Summary | None
    solution: CubicSolution | None
    step_sizes: Tensor | None
    decrease_predicted: float | None
    updated: bool
    taken: float = 1.0


def modelled(summary: Summary | None) -> Summary | None:
    """The summary of the model that a step minimises.

    Args:
        summary: What was measured, with a Gauss–Newton summary if a step is solved with that.

    Returns:
        The same, with the Gauss–Newton summary in H̄'s place if there is one.
    """
    return summary if summary is None or summary.ggn is None else summary.gauss_newton()


def predicted_decrease(summary: Summary | None, eta: Tensor | None, lr: float) -> float | None:
    """The decrease of the order-2 model for the step as applied.

    Args:
        summary: ḡ and H̄, if they were measured.
        eta: η, [S], if there is one.
        lr: λ₁.

    Returns:
        λ₁ḡᵀη − ½λ₁²ηᵀH̄η in units of the loss, or None without a summary or η.
    """
    if summary is None or eta is None:
        return None
    H, g = (values.double().cpu().numpy() for values in summary.coefficients()[:2])
    return decrease(H, g, (lr * eta).cpu().numpy())
