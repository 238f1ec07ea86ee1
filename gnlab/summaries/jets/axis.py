"""A dimension of a value that is divided into samples, or into the units of a layer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Axis:
    """Where a value is divided.

    Attributes:
        dim: The dimension.
        times: How many entries of it belong to each sample, or unit, side by side.
    """

    dim: int
    times: int
