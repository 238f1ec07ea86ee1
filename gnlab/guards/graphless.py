"""A model evaluated without a graph, or with one where it takes gradients itself.

Physics-informed networks do, and losses with a penalty on a slope: without a graph torch has no
gradient for them.
"""

from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")

_MISSING = "does not require grad"


def graphless(evaluate: Callable[[], Result]) -> Result:
    """Evaluate something without a graph if it can be.

    Args:
        evaluate: Evaluates a model or a loss; called twice if it takes gradients itself.

    Returns:
        What it returned, which may have a graph.
    """
    try:
        with torch.no_grad():
            return evaluate()
    except RuntimeError as error:
        if _MISSING not in str(error):
            raise
    with torch.enable_grad():
        return evaluate()
