"""The named problems: what ``gnlab train NAME`` and the lab's list offer."""

from pathlib import Path

import torch

from gnlab.errors import InputError, check_choice
from gnlab.problems.catalogue import PRESETS, Options, Preset
from gnlab.problems.problem import Hyperparameters, Problem

NAMES: tuple[str, ...] = tuple(PRESETS)


def problem(
    name: str,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    root: str | Path | None = None,
    progress: bool = True,
) -> Problem:
    """Make a named problem, its model freshly initialised.

    Args:
        name: One of ``NAMES``.
        seed: The seed of the initialisation; the same on every device and in every dtype.
        device: Where the model shall be; batches are sent there when they are drawn.
        dtype: The model's dtype, float32 or float64.
        root: The folder of the image data; None for the environment variable GNLAB_DATA, else
            ~/.cache/gnlab. Absent data are downloaded into it.
        progress: Whether a download shows a progress bar.

    Returns:
        The problem.

    Raises:
        InputError: If the name is unknown, the seed, the dtype or the device cannot be used, or
            the data are damaged, absent and not to be had, or their folder cannot be written.
    """
    preset = _preset(name)
    if dtype not in (torch.float32, torch.float64):
        raise InputError(f"dtype must be torch.float32 or torch.float64; got {dtype}.")
    options = Options(seed, _device(device), dtype, root, progress)
    model, (train, validation, test) = preset.build(options)
    return Problem(
        name=name,
        title=preset.title,
        model=model,
        loss_fn=preset.loss_fn,
        train=train,
        validation=validation,
        test=test,
        hyperparameters=preset.hyperparameters,
        kind="surface" if preset.classes is None else "classification",
        classes=preset.classes,
        dtype=dtype,
    )


def describe(name: str) -> str:
    """A preset's title: one line that says what it is, without building it.

    Args:
        name: One of ``NAMES``.

    Returns:
        The title.

    Raises:
        InputError: If the name is unknown.
    """
    return _preset(name).title


def recommended(name: str) -> Hyperparameters:
    """A preset's settings that are known to work, without building it.

    Args:
        name: One of ``NAMES``.

    Returns:
        The hyperparameters.

    Raises:
        InputError: If the name is unknown.
    """
    return _preset(name).hyperparameters


def live_period(name: str) -> int:
    """The steps from one summary to the next that a preset is looked at with.

    The paper's ten steps keep the cost of the summaries low; a person who looks wants to see every
    step's, where it takes little.

    Args:
        name: One of ``NAMES``.

    Returns:
        One where a summary takes little, else what is recommended.

    Raises:
        InputError: If the name is unknown.
    """
    preset = _preset(name)
    return 1 if preset.live else preset.hyperparameters.period


def _preset(name: str) -> Preset:
    """The preset of a name, or the error that lists the names."""
    check_choice("preset", name, NAMES)
    return PRESETS[name]


def _device(device: torch.device | str) -> torch.device:
    """The device, if it can be used."""
    if not isinstance(device, (torch.device, str, int)):
        raise InputError(f"device must be a torch.device or a name such as 'cpu'; got {device!r}.")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    # Torch has no error of its own for this: it raises RuntimeError for a device that is not there,
    # AssertionError if it was built without its kind, NotImplementedError if it has no kernels.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(
            f"device {str(device)!r} cannot be used here ({reason}); try 'cpu'."
        ) from error
    return chosen
