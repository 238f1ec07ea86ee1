"""Choices: what can be chosen by name, for the lab and the command line."""

from dataclasses import dataclass

from gnlab import directions, problems
from gnlab.optimizers.choices import CURVATURES
from gnlab.partitions.grammar import FORM
from gnlab.runs.settings import OPTIMIZERS


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person can choose by name.

    Attributes:
        presets: Name and one-line title of each problem.
        optimizers: The optimizers' names.
        directions: The directions' names.
        curvatures: What a step can be solved with.
        level: What a level's name looks like, as a regular expression.
    """

    presets: tuple[tuple[str, str], ...]
    optimizers: tuple[str, ...]
    directions: tuple[str, ...]
    curvatures: tuple[str, ...]
    level: str


def choices() -> Choices:
    """What can be chosen by name; builds and loads nothing.

    Returns:
        The choices.
    """
    return Choices(
        presets=tuple((name, problems.describe(name)) for name in problems.NAMES),
        optimizers=OPTIMIZERS,
        directions=directions.NAMES,
        curvatures=CURVATURES,
        level=FORM,
    )
