"""What a problem is: a model θ ↦ f(x; θ), a loss L, the data, and settings that are known to work.

The first step of the method's way: a problem gives a loss, everything after it (groups,
directions, summaries) is made from that loss and the model's parameters.

Legend: N samples, C channels, P parameter elements.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gnlab.errors import InputError

_WHOLE = frozenset({torch.int32, torch.int64})
"""Dtypes of inputs that number something: an embedding takes no others."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """How raw inputs become a network's inputs: (raw / scale − mean) / std, per channel.

    Attributes:
        mean: The mean of each channel after division by ``scale``, C of them.
        std: The standard deviation of each channel after division by ``scale``, C of them.
        scale: The raw value that stands for 1 (255 for bytes).
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float = 255.0

    def apply(self, raw: Tensor, dtype: torch.dtype) -> Tensor:
        """Normalise raw images.

        Args:
            raw: Images of any dtype, [N, C, height, width].
            dtype: The dtype of the result; the arithmetic is done in it.

        Returns:
            The network's inputs, of the same shape, on the images' device.
        """
        mean = torch.tensor(self.mean, dtype=dtype, device=raw.device).view(-1, 1, 1)
        std = torch.tensor(self.std, dtype=dtype, device=raw.device).view(-1, 1, 1)
        return raw.to(dtype, copy=True).div_(self.scale).sub_(mean).div_(std)


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Samples as they are stored; a batch of them is decoded when it is asked for.

    Images stay one byte per value, so 50 000 of them take 150 MB and not 600, and a change of
    dtype in the middle of a run costs nothing.

    Attributes:
        inputs: Raw inputs, [N, ...], on the CPU; uint8 for images. Not to be written to.
        targets: Class numbers, int64 [N], or what else the loss takes, [N, ...]. Not to be written
            to.
        normalisation: How images become inputs; None where the inputs are ready as they are.

    Raises:
        InputError: If either is no tensor, or they are not equally many.
    """

    inputs: Tensor
    targets: Tensor
    normalisation: Normalisation | None = None

    def __post_init__(self) -> None:
        for name, given in (("inputs", self.inputs), ("targets", self.targets)):
            if not isinstance(given, Tensor) or not given.dim():
                kind = "a number" if isinstance(given, Tensor) else type(given).__name__
                raise InputError(f"{name} must be a tensor with a row for each sample; got {kind}.")
        if len(self.inputs) != len(self.targets):
            raise InputError(
                "inputs and targets must be equally many, a row of each for every sample; got "
                f"{len(self.inputs)} inputs and {len(self.targets)} targets."
            )

    def __len__(self) -> int:
        """N, the number of samples."""
        return len(self.targets)

    def batch(
        self,
        indices: Tensor,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> tuple[Tensor, Tensor]:
        """The chosen samples, decoded and normalised.

        Args:
            indices: Positions of the samples, int64 [n].
            device: Where the batch shall be.
            dtype: The dtype of the inputs; whole numbers of 32 or 64 bits, such as tokens, stay
                what they are.

        Returns:
            Inputs [n, ...] in ``dtype`` and targets [n, ...], both on ``device``.

        Raises:
            InputError: If no sample is chosen, one that there is not, or not by numbers.
        """
        told = f"there are {len(self)} samples, numbered from 0"
        if not isinstance(indices, Tensor) or indices.dtype not in _WHOLE or indices.dim() != 1:
            got = type(indices).__name__
            if isinstance(indices, Tensor):
                got = f"{indices.dtype} of shape {list(indices.shape)}"
            raise InputError(f"indices must be a tensor of their numbers, {told}; got {got}.")
        if not len(indices):
            raise InputError("a batch needs at least one sample; got an empty list of indices.")
        low, high = int(indices.min()), int(indices.max())
        if not 0 <= low <= high < len(self):
            raise InputError(f"{told}; got number {low if low < 0 else high}.")
        # Raw bytes travel to the device, a quarter of what float32 would be.
        raw = self.inputs[indices].to(device)
        targets = self.targets[indices].to(device)
        if self.normalisation is None:
            return (raw if raw.dtype in _WHOLE else raw.to(dtype)), targets
        return self.normalisation.apply(raw, dtype), targets


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Settings under which a problem is known to train well.

    Attributes:
        lr: λ₁, the global factor on the step sizes.
        damping: λ_int, the strength of the cubic term.
        period: τ, steps from one summary to the next.
        batch_size: B_g, samples in a gradient's batch.
        summary_batch_size: B_s, samples in a summary's batch.
        momentum: μ_g, the share of the past in the direction u.
        step_momentum: μ_η, the share of the past in the step sizes η.
        safeguard: Whether a step is cut back to what the model and the loss agree on.
        direction: The name of the direction.
        partition: The level of the partition.
    """

    lr: float
    damping: float
    period: int
    batch_size: int
    summary_batch_size: int
    momentum: float = 0.9
    step_momentum: float = 0.5
    safeguard: bool = True
    direction: str = "momentum"
    partition: str = "tensor"


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A model at its start, its loss and its data.

    Attributes:
        name: The preset's name.
        title: One line for a person.
        model: The model, freshly initialised for the seed; the problem's only part that a run
            changes.
        loss_fn: (model output, targets) ↦ the loss, a scalar, the mean over the batch.
        train: The training samples.
        validation: The validation samples, or None.
        test: The test samples, or None.
        hyperparameters: Settings that are known to work.
        kind: "classification", or "surface" (a function of the parameters alone).
        classes: The number of classes; None for a surface.
        dtype: The dtype of the model's parameters.

    Raises:
        InputError: If the samples are no ``Data``.
    """

    name: str
    title: str
    model: nn.Module
    loss_fn: Callable[[Tensor, Tensor], Tensor]
    train: Data
    validation: Data | None
    test: Data | None
    hyperparameters: Hyperparameters
    kind: Literal["classification", "surface"]
    classes: int | None
    dtype: torch.dtype

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test"):
            data = getattr(self, name)
            if not isinstance(data, Data) and not (data is None and name != "train"):
                raise InputError(
                    f"{name} must be gnlab.problems.Data(inputs, targets); "
                    f"got {type(data).__name__}."
                )
