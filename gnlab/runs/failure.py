"""Failure: why a step could not be made, and what a person can do about it."""

import enum

import torch

from gnlab.cubic import Status
from gnlab.optimizers import StepInfo

FAULTS: tuple[type[Exception], ...] = (Exception,)
"""What a model or gnlab itself may raise; one run's fault must not end the others.

All kinds, because a person's own model raises what it likes: an ``assert`` in it or a name that a
notebook's cell has deleted would otherwise end every run of the engine.
"""


class Failure(enum.Enum):
    """Why a step was undone; the value is what happened."""

    loss = "the loss is not finite"
    parameters = "the step made parameters that are not finite"
    data = "the batch holds values that are not finite (NaN or infinity)"
    memory = "the device is out of memory"

    def message(self, step: int, at: int, optimizer: str) -> str:
        """Tell a person.

        Args:
            step: The step that failed.
            at: The step the run is at now.
            optimizer: The optimizer's name.

        Returns:
            What happened, where the run is, and what to do; two sentences.
        """
        undone = f"Step {step} was undone, the run is at step {at}"
        return f"{undone}: {self.value}. {self._remedy(optimizer)}"

    def _remedy(self, optimizer: str) -> str:
        """What a person can do about it."""
        if self is Failure.data:
            return "Remove these samples from the data; the run cannot pass them."
        if self is not Failure.memory:
            return f"Rewind and take {shorter(optimizer)}."
        coarser = optimizer == "grouped-newton"
        return f"Take a smaller batch{' or summary batch, or a coarser partition' * coarser}."


def shorter(optimizer: str) -> str:
    """What makes an optimizer's steps shorter.

    Args:
        optimizer: Its name.

    Returns:
        The settings to take, to stand within a sentence.
    """
    if optimizer == "grouped-newton":
        return "a stronger damping, a coarser partition or a smaller λ₁"
    return "a smaller learning rate, λ₁"


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that a device is out of memory.

    Args:
        error: The error.

    Returns:
        Whether it does; torch has no class of its own for the CPU.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def advice(info: StepInfo | None) -> tuple[str, str]:
    """What to tell of a finished step.

    Args:
        info: What the grouped Newton method did, None for another optimizer.

    Returns:
        Why the run should stop, and a warning; both "" when all is well.
    """
    if info is None or info.solution is None or info.solution.status.ok:
        return "", ""
    status = info.solution.status
    if status is Status.nonfinite:
        return f"Step {info.step}: {status}", ""
    if info.updated:
        # Without the step's number: the line of a page must not change at each of many steps.
        return "", f"{status} The step sizes stay as they were."
    return f"Step {info.step}: {status} There are no step sizes yet, so nothing moved.", ""


def describe(error: Exception) -> str:
    """An error in one line.

    Args:
        error: The error.

    Returns:
        Its kind and the first line of its text.
    """
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
