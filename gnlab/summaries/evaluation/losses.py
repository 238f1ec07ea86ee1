"""What a loss has to be: a real scalar with a graph behind it."""

import numbers
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from gnlab.errors import InputError


def checked_loss(loss: object) -> Tensor:
    """The loss if it is a real scalar with a graph, else the error that says what it is.

    Args:
        loss: What a loss function has returned.

    Returns:
        The same.

    Raises:
        InputError: If it is no tensor, no scalar, complex, or depends on no parameter.
    """
    if not isinstance(loss, Tensor):
        raise InputError(f"loss_fn must return a scalar tensor; got {_instead(loss)}.")
    if loss.dim():
        raise InputError(
            f"loss_fn must return a scalar, shape []; got shape {list(loss.shape)} "
            "(take its mean or sum)."
        )
    if loss.is_complex():
        raise InputError(
            f"loss_fn must return a real scalar; got {loss.dtype} (take its .real or .abs())."
        )
    if not loss.requires_grad:
        raise InputError(
            "the loss does not depend on any trainable parameter: it has no graph "
            "(is there a .detach(), .item() or torch.no_grad() in the model or the loss?)."
        )
    return loss


def _instead(loss: object) -> str:
    """What came in place of a tensor, and what was probably forgotten."""
    kind = type(loss).__name__
    if loss is None:
        return "None (is there a return in it?)"
    if isinstance(loss, Mapping):
        return f"{kind} with {', '.join(map(repr, loss))[:80]} (return the one that is the loss)"
    if isinstance(loss, Sequence) and not isinstance(loss, str):
        return f"{kind} of {len(loss)} (return the one that is the loss, or their sum)"
    if isinstance(loss, (numbers.Number, np.ndarray)):
        return f"{kind} (was it taken out of torch by .item() or .numpy()?)"
    return kind
