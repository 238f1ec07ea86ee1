"""Which of cuDNN's kernels a GPU takes for a convolution.

A jet's convolution has many images and few channels in full float32, of which cuDNN's guess makes
what takes twice or several times as long as the best of its kernels. To try them all takes longer
than a few summaries; so it is done for what is repeated. Torch remembers what it has taken for a
convolution, guessed or tried, and tries nothing for what was guessed before, by a summary or by a
person's own gradient. But it remembers apart what was taken of those kernels that give the same at
each time; so of these the quickest is tried.
"""

import contextlib
from typing import Any

import torch

from gnlab.guards import precision
from gnlab.guards.switches import Switches, attribute

_cudnn: Any = torch.backends.cudnn  # its switches have no types


_guessed = Switches(attribute(_cudnn, "benchmark", False))
_tried = Switches(attribute(_cudnn, "deterministic", True), attribute(_cudnn, "benchmark", True))


def guessed_kernels(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """A context in which a GPU takes kernels by cuDNN's guess; on a CPU nothing is done.

    Args:
        device: Where the computation is.

    Returns:
        The context.
    """
    return _guessed.on(device)


def tried_kernels() -> contextlib.AbstractContextManager[None]:
    """A context, within that of guesses, in which a GPU takes the quickest of steady kernels.

    Who has asked torch for the same numbers at each time is given none by how long they took:
    another time another one may be the quickest.

    Returns:
        The context.
    """
    return contextlib.nullcontext() if _are_the_same_asked_for() else _tried()


def chosen(device: torch.device) -> tuple[str | bool, ...]:
    """What a GPU's kernels are chosen by now; nothing for a CPU.

    Args:
        device: Where the computation is.

    Returns:
        The choices.
    """
    if device.type != "cuda":
        return ()
    return (*precision.chosen(device), _are_the_same_asked_for())


def _are_the_same_asked_for() -> bool:
    """Whether a person wants the same numbers at each time."""
    before = _tried.before  # another thread may be leaving
    own = before[0] if before else _cudnn.deterministic
    return bool(own) or torch.are_deterministic_algorithms_enabled()
