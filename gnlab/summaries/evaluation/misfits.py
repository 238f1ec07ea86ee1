"""What torch says of data and a model that do not fit, said in one line instead.

An error that is none of these is the model's own, and stays as it is.
"""

import re
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from gnlab.errors import InputError
from gnlab.summaries.evaluation.batches import Batch, cast, found_in, lengths, tensors
from gnlab.summaries.evaluation.places import NO_CHECKPOINT

_NO_DERIVATIVE = re.compile(
    r"derivative for|double.backward|3rd\+ order|once_differentiable"
    r"|output_padding is not supported"  # of a transposed convolution, as the second derivative
)
_KERNEL = re.compile(r"derivative for aten::_?(\w+?)((?:_double)?_backward)? is not implemented")
_OFTEN = {None: "even once", "_backward": "twice", "_double_backward": "three times"}
_DTYPES = re.compile(r"dtype|scalar type")

MISFITS = (RuntimeError, TypeError, ValueError, IndexError)
"""What torch raises of them."""


def check_misfit(
    error: Exception, batch: Batch, parameters: list[Tensor], dtype: torch.dtype | None
) -> None:
    """Raise in place of an error if it comes of what does not fit, or has no derivative.

    Args:
        error: What came of a batch.
        batch: The batch.
        parameters: The model's parameters.
        dtype: What was computed in; None for the model's own.

    Raises:
        InputError: If so; the message says what does not fit and what to do.
    """
    if isinstance(error, (InputError, torch.OutOfMemoryError)):
        return
    if isinstance(error, TypeError):
        _check_arrays(batch, error)
        return
    if isinstance(error, RuntimeError):
        _check_derivatives(error)
    _check_lengths(batch, error)
    if isinstance(error, RuntimeError):
        _check_like(cast(batch, dtype), cast(parameters, dtype), error)
        _check_brought(dtype, error)


def _first_line(error: Exception) -> str:
    """An error's text, but for what comes after its first line."""
    return (str(error).splitlines() or [""])[0]


def _check_derivatives(error: Exception) -> None:
    """Raise in place of torch's error if a derivative is missing, or a graph is a checkpoint's."""
    text = _first_line(error)
    if "checkpoint" in str(error):  # torch has words of its own for the older kind
        raise InputError(NO_CHECKPOINT) from error
    if not _NO_DERIVATIVE.search(str(error)):
        return
    kernel = _KERNEL.search(text)
    name, often = "an operation", "often enough"
    if kernel is not None:
        name, often = kernel.group(1), _OFTEN[kernel.group(2)]
    raise InputError(
        f"torch cannot differentiate {name} of the model or the loss {often}; write it in other "
        f"operations, or call it of x.detach() if it shall count as a constant ({text})."
    ) from error


def _check_arrays(batch: Batch, error: Exception) -> None:
    """Raise in place of an error if a batch has NumPy's arrays."""
    array = next(found_in(batch, np.ndarray), None)
    if array is not None and "ndarray" in str(error):
        raise InputError(
            f"the batch has a NumPy array of shape {list(array.shape)} where the model or the loss "
            f"takes a tensor; give it as torch.from_numpy(x) ({_first_line(error)})."
        ) from error


def _check_brought(dtype: torch.dtype | None, error: Exception) -> None:
    """Raise in place of an error of dtypes if all that can be converted was converted."""
    if dtype is not None and _DTYPES.search(str(error)):
        raise InputError(
            f"the model or the loss brings a tensor that is not {dtype}, which dtype= asks for; "
            "a closure's or a global one is not converted: give it in the batch, a buffer or a "
            f"functools.partial, or use it as w.to(output.dtype) ({_first_line(error)})."
        ) from error


def _check_lengths(batch: Batch, error: Exception) -> None:
    """Raise in place of an error if a batch has not as many targets as inputs.

    Args:
        batch: The batch.
        error: What came of it.

    Raises:
        InputError: If none of the targets is as long as any of the inputs.
    """
    inputs, targets = map(lengths, batch)
    if not (inputs and targets) or inputs & targets:
        return
    raise InputError(
        f"the batch has inputs of length {min(inputs)} and targets of length {min(targets)}; give "
        f"as many targets as inputs ({_first_line(error)})."
    ) from error


def _check_like(batch: Batch, parameters: list[Tensor], error: Exception) -> None:
    """Raise in place of an error of devices or dtypes if a batch has others than the model.

    Args:
        batch: The batch, as it was computed with.
        parameters: The model's parameters, likewise.
        error: What came of it.

    Raises:
        InputError: If so.
    """
    text = _first_line(error)
    kinds: dict[str, Callable[[Tensor], object]] = {
        "device": lambda t: t.device,
        "type": lambda t: t.dtype if t.is_floating_point() else None,
    }
    for word, kind in kinds.items():
        there = {kind(p) for p in parameters} - {None}
        other = next((kind(t) for t in tensors(batch) if kind(t) not in {*there, None}), None)
        if word in text and other is not None and there:
            wanted = next(kind(p) for p in parameters if kind(p) is not None)
            raise InputError(
                f"the batch has a tensor of {other}, and the model's parameters are of {wanted}; "
                f"give the batch so, as by x.to({_name(wanted)}), or move the model ({text})."
            ) from error


def _name(kind: object) -> str:
    """A device or a dtype as it is written in Python."""
    return repr(str(kind)) if isinstance(kind, torch.device) else str(kind)
