"""The choices of the slide: what is on it, and its place in the link.

Legend: κ condition number, P coordinates, λ_int damping.
"""

from collections.abc import Mapping

import param

from gnlab.lab import link, palettes, state

SCENES = {"quadratic": "Quadratic", "rosenbrock": "Rosenbrock", "network": "Network"}
SIZES = (2, 4, 8, 16, 32, 64)
CONDITION = (1.0, 1e4)
DAMPING = (0.0, state.DAMPING[1])
STARTS = {
    "shared": "near Cauchy's worst",
    "worst": "Cauchy's worst",
    "random": "random",
    "own": "each level's own worst",
}
DATA = ("moons", "spirals", "circles")
FINEST = {"tensor": "tensor", "unit": "unit", "element": "element (Newton)"}

COMMON = ("scene", "theme", "seed")
SCENE = {
    "quadratic": ("size", "condition", "coupling", "rotation", "start", "steps"),
    "rosenbrock": ("damping", "start_x", "start_y", "valley_steps"),
    "network": ("data", "finest", "network_damping", "network_steps"),
}
"""The choices of each scene."""
ALL = (*COMMON, *(name for names in SCENE.values() for name in names))


def reach(size: int) -> int:
    """The coupling of all coordinates with all: they are coupled in runs of 2^coupling."""
    return (size - 1).bit_length()


ALL_WITH_ALL = reach(SIZES[-1])
"""The coupling of all coordinates with all, however many they are."""


class Choices(link.Linked):
    """What a person has chosen on one slide."""

    scene = param.Selector(default="quadratic", objects=list(SCENES), doc="What the slide shows.")
    theme = param.Selector(default="light", objects=list(palettes.THEMES), doc="The colours.")
    seed = param.Integer(
        default=0, bounds=(0, 2**31 - 1), doc="Which random start, of a quadratic or a network."
    )
    size = param.Selector(
        default=2, objects=list(SIZES), doc="P, the number of the quadratic's coordinates."
    )
    condition = param.Number(
        default=10.0, bounds=CONDITION, doc="κ, the quadratic's largest eigenvalue / its smallest."
    )
    coupling = param.Integer(
        default=ALL_WITH_ALL, bounds=(0, ALL_WITH_ALL),
        doc="Coordinates are coupled in runs of 2 to this power; 0 couples none.",
    )  # fmt: skip
    rotation = param.Integer(
        default=30, bounds=(0, 90),
        doc="The angle between the quadratic's axes and the coordinates', in degrees.",
    )  # fmt: skip
    start = param.Selector(
        default="shared", objects=list(STARTS),
        doc="Where the quadratic begins: all levels next to where Cauchy's method is slowest, all "
        "there, all anywhere, or each where it is slowest itself.",
    )  # fmt: skip
    steps = param.Integer(default=30, bounds=(1, 200), doc="Steps on the quadratic.")
    damping = param.Number(
        default=0.1, bounds=DAMPING, doc="λ_int in the valley (no unit); 0 turns it off."
    )
    start_x = param.Number(default=-1.2, bounds=(-2.0, 2.0), doc="Where the valley begins, x.")
    start_y = param.Number(default=1.0, bounds=(-1.0, 3.0), doc="Where the valley begins, y.")
    valley_steps = param.Integer(default=60, bounds=(1, 200), doc="Steps in the valley.")
    data = param.Selector(
        default="moons", objects=list(DATA), doc="The points that the network learns to tell apart."
    )
    finest = param.Selector(
        default="element", objects=list(FINEST),
        doc='The finest level of the network, "element" is Newton\'s; on the spirals that is slow.',
    )  # fmt: skip
    network_damping = param.Number(
        default=31.6, bounds=DAMPING, doc="λ_int of the network (no unit); 0 turns it off."
    )
    network_steps = param.Integer(default=40, bounds=(0, 200), doc="Steps of the network.")

    def copy(self) -> "Choices":
        """The choices as they are now."""
        return Choices(**{name: getattr(self, name) for name in ALL})

    def coupled(self) -> int:
        """The coupling as a link has it: what couples all coordinates is called so.

        The choice itself stays what it was: runs of 8 are all of 8 coordinates, and runs of 8
        again where there are more.
        """
        return ALL_WITH_ALL if self.coupling >= reach(self.size) else self.coupling

    def query(self) -> str:
        """The link's query with every choice, "?" included."""
        return link.query(
            {name: getattr(self, name) for name in ALL} | {"coupling": self.coupled()}
        )


def from_query(query: str | Mapping[str, str]) -> tuple[Choices, list[str]]:
    """The choices that a link makes.

    Args:
        query: The link's query, or its names and values.

    Returns:
        The choices, and one line for each value that was not valid and was left out.
    """
    choices = Choices()
    remarks = choices.take(link.given(query), ALL)
    choices.coupling = choices.coupled()
    return choices, remarks
