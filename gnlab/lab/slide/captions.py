"""What the slide says: each picture's title and its one sentence, the tables' heads, the verdicts.

Legend: S groups, κ condition number, λ_int the strength of the cubic term.
"""

from collections.abc import Sequence

from gnlab.cubic import Status
from gnlab.lab.slide.frame import reaches, told_apart
from gnlab.lab.slide.side_by_side import TOO_LONG
from gnlab.partitions import Rung

CARDS: dict[str, dict[str, tuple[str, str]]] = {
    "quadratic": {
        "quadratic-cauchy": (
            "One group: Cauchy",
            "Rings are equal heights, the circle is the start and the star the minimum; with one "
            "step size for both coordinates every step is at right angles to the last.",
        ),
        "quadratic-newton": (
            "Two groups: Newton",
            "The same start with a step size for each coordinate, found from how the two interact: "
            "one step, however the valley lies, if the slope along neither coordinate is zero.",
        ),
        "quadratic-curves": (
            "How far there is still to go",
            "Height above the minimum after each step, at the foot what has arrived; a straight "
            "line is a constant factor, the dashed one the slowest that Cauchy's method can be.",
        ),
        "quadratic-factors": (
            "The factor of one step, at each level",
            "Lower is faster: the large dot is the chosen start, the small ones are 20 random "
            "ones, and no step is ever above its level's stroke.",
        ),
        "quadratic-table": (
            "In numbers",
            "The factor is the geometric mean of (f⁺ − f*) / (f − f*) over the later half of the "
            "steps; the error is the distance to the minimum, that of the start being 1.",
        ),
    },
    "rosenbrock": {
        "rosenbrock-cauchy": (
            "One group: Cauchy",
            "One step size for both coordinates, and so small steps along the bent valley: what is "
            "in the square is enlarged below, and a click anywhere starts there.",
        ),
        "rosenbrock-newton": (
            "Two groups: Newton",
            "A step size for each coordinate: along the valley in a few steps; without the cubic "
            "term they can leave the picture, or not exist where the surface bends down.",
        ),
        "rosenbrock-curves": (
            "Height above the minimum",
            "A curve that bends down faster and faster is Newton's: near the minimum every step "
            "doubles the number of right digits, unless the cubic term is strong.",
        ),
        "rosenbrock-close": ("The last steps", "What is in the square, enlarged."),
        "rosenbrock-table": (
            "In numbers",
            "Steps made, the height and the distance from the minimum (1, 1) after the last one, "
            "and what ended the path if it was neither the minimum nor the number of steps.",
        ),
    },
    "network": {
        "network-curves": (
            "Loss of all points",
            "Each curve is one level's run from the same network on the same points; one of many "
            "groups that lies flat has steps so long that the safeguard cuts them: give it more "
            "λ_int.",
        ),
        "network-table": (
            "In numbers",
            "The loss of the points that are drawn, and the share of others, not trained on, that "
            "the network tells apart rightly.",
        ),
    },
}
"""Title and caption by the card's name, for each scene."""

MAP = (
    "Colour is what the network would say there, fading where it cannot tell; dots are the points.",
    "The same start and points with more step sizes: look where the border bends first.",
    "Each map is one level finer than the one before it.",
    "Many step sizes follow the points closely, and need more damping to be safe.",
    "Newton: a group for each weight, and all interactions of any two of them are measured.",
)
"""The sentence below each decision map, coarse to fine."""

COLUMNS = {
    "quadratic": (
        "level", "factor", "largest", "bound", "error after one step",
    ),
    "rosenbrock": ("level", "steps", "f", "distance", "ended by"),
    "network": ("level", "loss", "right", "ended by"),
}  # fmt: skip
"""The heads of the tables."""

VALLEY = (
    "Above the curve y = x² + 1/200 the surface bends down somewhere (H is indefinite): there only "
    "the cubic term gives two groups a step, and at x = 0 it has no part along x."
)


def level(groups: int, most: int) -> str:
    """A level's name in a table.

    Args:
        groups: S.
        most: P.

    Returns:
        The name; the ends have one of their own.
    """
    ends = {1: ", Cauchy", most: ", Newton"}
    return f"S = {groups}{ends.get(groups, '')}"


def short(rung: Rung) -> str:
    """A network's level in the title of its map."""
    kind = rung.level.partition(":")[0]
    named = {
        "all": "Cauchy", "role": "by role", "chunk": "chunks", "layer": "layers",
        "part": "layer parts", "tensor": "tensors", "block": "blocks", "unit": "units",
        "row": "row parts", "element": "Newton",
    }  # fmt: skip
    return f"S = {rung.num_groups}, {named.get(kind, kind)}"


def verdict(
    rate: float, largest: float, bound: float, left: float, start: str, early: Sequence[int] = ()
) -> str:
    """What the quadratic shows, in some sentences.

    Args:
        rate: Cauchy's factor.
        largest: Its largest factor.
        bound: What it never exceeds.
        left: What is left of the error after Newton's first step.
        start: Which start was chosen, one of ``state.STARTS``.
        early: S of the levels between the ends that arrive in one step from Cauchy's worst start.

    Returns:
        The text.
    """
    own, greatest, most = told_apart(bound, rate, largest)
    theory = f"its bound ((κ − 1)/(κ + 1))² = {most}"
    if start in ("worst", "own"):
        cauchy = f"Cauchy's factor {own} is {theory}: this is its worst start."
    elif reaches(rate, bound):
        cauchy = f"Cauchy's factor {own} is at {theory}, which none of its steps has exceeded."
    else:
        cauchy = f"Cauchy's factor {own} is below {theory}"
        cauchy += f", and none of its steps has exceeded it (largest {greatest})."
    if left > 1e-8:
        return (
            f"{cauchy} Newton is not there after one step: along some coordinate the slope is zero "
            "at this start, and a group without slope cannot move."
        )
    between = ""
    if start == "worst" and early:
        between = (
            f" So {'are' if len(early) > 1 else 'is'} {_listed(early)}, but from this start alone: "
            "none of the groups has a part of both v_min and v_max."
        )
    return f"{cauchy} Newton is there after one step.{between}"


BETWEEN = {
    "shared": " All levels begin at one point: Cauchy's worst start, with a hundredth of each "
    "other level's.",
    "own": " The levels between begin at their own worst starts, where their factors are their "
    "bounds.",
}
"""What is said of where the levels between the ends begin, for some of ``state.STARTS``."""


def descent(done: float, steps: int, *, seen: bool) -> str:
    """The sentence below Cauchy's picture of the quadratic.

    Args:
        done: How much of the way to the minimum is made.
        steps: In how many steps.
        seen: Whether its turns are large enough to be seen.

    Returns:
        The sentence.
    """
    _, caption = CARDS["quadratic"]["quadratic-cauchy"]
    if seen:
        return caption
    share = f"{100 * done:.3g}" if done >= 0.1 else f"{100 * done:.2g}"
    return f"{caption[:-1]}, too fine to see here: {steps} steps make {share} %."


def close(steps: int, times: float, turned: float | None) -> tuple[str, str]:
    """The title and the sentence of the picture of Cauchy's last steps in the valley.

    Args:
        steps: How many steps it shows.
        times: How many times as large.
        turned: The cosine of the angle between a step and the next, the median; None if there are
            too few.

    Returns:
        The title and the sentence.
    """
    last = f"last {steps} steps" if steps > 1 else "last step" if steps else "start"
    title = f"The {last}, {float(f'{times:.2g}'):g} times as large"
    if turned is None:
        return title, CARDS["rosenbrock"]["rosenbrock-close"][1]
    if turned < _SMOOTH:
        return title, (
            "What is in the square, enlarged: each step turns sharply from the one before, across "
            "the valley and along it in turn."
        )
    return title, (
        "What is in the square, enlarged: the steps hardly turn, as they are too short to reach "
        "over the valley's floor, or are still on their way down to it."
    )


_SMOOTH = 0.5
"""From this cosine on a path does not zigzag."""


def stopped(status: Status, damping: float) -> str:
    """What ended a path in the valley.

    Args:
        status: What became of the last solve.
        damping: λ_int.

    Returns:
        The text.
    """
    if status is Status.unbounded and damping > 0:
        return (
            "A path has no next step: the surface bends down there, and along x there is no cubic "
            "term at x = 0 (the third derivative is 2400 x). Start beside x = 0."
        )
    if status is Status.unbounded:
        return (
            "A path has no next step: the surface bends down there, and with λ_int = 0 nothing "
            "holds the step. Move λ_int away from 0."
        )
    return f"A path has no next step: {status.advice}"


def ended(what: str, levels: Sequence[int], damping: float) -> str:
    """What ended the runs of some levels, and what to do.

    Args:
        what: What ended them, as ``Fellow.ended``.
        levels: S of each, coarse to fine.
        damping: λ_int.

    Returns:
        The text.
    """
    which = _listed(levels)
    if what != Status.unbounded.name:
        why, remedy = _ENDS.get(what, _ENDS[Status.nonfinite.name])
    elif damping > 0:
        why = "the loss bends down, along a group without third derivative"
        remedy = "Choose coarser groups or another seed."
    else:
        why = "the loss bends down, and with λ_int = 0 nothing holds the step"
        remedy = "Move λ_int away from 0."
    return f"No next step for {which}: {why}. {remedy}"


def _listed(levels: Sequence[int]) -> str:
    """Some levels in a sentence."""
    *most, last = (str(count) for count in levels)
    return f"S = {', '.join(most)} and {last}" if most else f"S = {last}"


_SAFER = "Give more λ_int, or choose coarser groups."
_ENDS = {
    Status.singular.name: ("the points do not determine so many step sizes", _SAFER),
    Status.nonfinite.name: ("the last one led to what is no number", _SAFER),
    TOO_LONG: ("the steps were far too long", "Give more λ_int, which keeps them short."),
}  # fmt: skip
"""Why a run ended, and the remedy, by what ended it."""


def progress(step: int, steps: int) -> str:
    """How far the runs are."""
    done = "Drag the steps back and forth to see the way." if step >= steps else "Training."
    return f"Step {step} of {steps}. {done}"
