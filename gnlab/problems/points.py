"""Points in the plane: three small classification problems whose decision map can be drawn.

Each set is fixed: the run's seed sets the network's start and the order of the data, as with
images, so that two seeds are two runs on the same data.

Legend: N points.
"""

import functools
import math
from typing import Literal

import torch
from torch import Tensor

from gnlab.problems.problem import Data
from gnlab.problems.streams import Stream, generator

Shape = Literal["moons", "spirals", "circles"]
SHAPES: tuple[Shape, ...] = ("moons", "spirals", "circles")
NOISE: dict[Shape, float] = {"moons": 0.1, "spirals": 0.03, "circles": 0.08}
TRAIN_SIZE = 400
VALIDATION_SIZE = 200
_DATA_SEED = 0


@functools.cache
def point_sets(shape: Shape) -> tuple[Data, Data]:
    """The training and the validation points of a shape.

    Args:
        shape: "moons", "spirals" or "circles".

    Returns:
        400 and 200 points of two equally large classes, coordinates of size 1.
    """
    source = generator(_DATA_SEED, Stream.points, SHAPES.index(shape))
    inputs, targets = draw(shape, TRAIN_SIZE + VALIDATION_SIZE, NOISE[shape], source)
    train, validation = slice(None, TRAIN_SIZE), slice(TRAIN_SIZE, None)
    return Data(inputs[train], targets[train]), Data(inputs[validation], targets[validation])


def draw(shape: Shape, count: int, noise: float, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw points of two classes along two curves.

    Args:
        shape: "moons" (two half circles that reach into each other), "spirals" (two arms of
            one and a half turns) or "circles" (one within the other).
        count: N, the number of points; the classes take turns.
        noise: The standard deviation of what is added to each coordinate.
        source: The generator to draw from.

    Returns:
        Coordinates, float32 [N, 2], and classes 0 or 1, int64 [N].
    """
    targets = torch.arange(count, device="cpu") % 2
    second = targets.bool()
    along = torch.rand(count, generator=source, device="cpu")
    if shape == "moons":
        angle = math.pi * along
        x = torch.where(second, 1 - angle.cos(), angle.cos()) - 0.5
        y = torch.where(second, 0.5 - angle.sin(), angle.sin()) - 0.25
    elif shape == "spirals":
        # The square root spreads the points evenly over the area instead of along the angle.
        radius = 0.1 + 0.9 * along.sqrt()
        angle = 3 * math.pi * radius + math.pi * targets
        x, y = radius * angle.cos(), radius * angle.sin()
    else:
        angle = 2 * math.pi * along
        radius = torch.where(second, 0.45, 1.0)
        x, y = radius * angle.cos(), radius * angle.sin()
    inputs = torch.stack([x, y], dim=1)
    return inputs + noise * torch.randn(inputs.shape, generator=source, device="cpu"), targets
