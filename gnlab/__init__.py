"""gnlab, a lab for the grouped Newton method: one learning rate per group of parameters.

The parameters of a network are split into groups, the loss is measured along the descent
direction of each group (a gradient of size S, a Hessian of size S by S and a third-order term),
and the small model made of these gives every group its own step size. With one group this is
Cauchy's steepest descent; with one group per parameter it is Newton's method; the interesting
part is between.

References:
    P. Wolinski, "Adapting Newton's method to neural networks through a summary of
    higher-order derivatives", arXiv:2312.03885.
"""

from typing import TYPE_CHECKING, Any

from gnlab import rates
from gnlab.cubic import Certificate, CubicSolution, Status, solve_cubic
from gnlab.errors import InputError
from gnlab.optimizers import GroupedNewton, StepInfo
from gnlab.partitions import Partition, Rung, ladder, levels, partition
from gnlab.problems import Problem, problem
from gnlab.runs.run import Run
from gnlab.runs.settings import Settings
from gnlab.runs.what_if import what_if
from gnlab.summaries import Summary, derivative_tensor, summarise

if TYPE_CHECKING:
    from gnlab.lab.notebook import Lab

__version__ = "0.1.0"

__all__ = [
    "Certificate",
    "CubicSolution",
    "GroupedNewton",
    "InputError",
    "Lab",
    "Partition",
    "Problem",
    "Run",
    "Rung",
    "Settings",
    "Status",
    "StepInfo",
    "Summary",
    "__version__",
    "derivative_tensor",
    "ladder",
    "levels",
    "partition",
    "problem",
    "rates",
    "solve_cubic",
    "summarise",
    "what_if",
]


def __getattr__(name: str) -> Any:
    """Look up ``Lab`` on first use, so that the engine loads no UI library."""
    if name == "Lab":
        from gnlab.lab.notebook import Lab  # noqa: PLC0415  (so late for that reason)

        return Lab
    raise AttributeError(f"module 'gnlab' has no attribute {name!r}")
