"""What a loss has to be: a real scalar with a graph behind it."""

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
        raise InputError(
            f"loss_fn must return a scalar tensor; got {type(loss).__name__} "
            "(was it taken out of torch by .item()?)."
        )
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
