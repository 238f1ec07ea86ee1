"""What if: one step from here at every level of the ladder, predicted and measured, as a table.

Legend: S groups, λ the rate that a step is multiplied by.
"""

from typing import TYPE_CHECKING

from gnlab.errors import InputError, check_number, shown
from gnlab.guards import alone
from gnlab.runs.course import Course
from gnlab.runs.curve import Trials
from gnlab.runs.trials import try_levels

if TYPE_CHECKING:
    import xarray as xr

CUBIC = ("with", "without")


def what_if(run: Course, *, most: int = 512, rate: float = 1.0) -> "xr.Dataset":
    """One step from where a run is, at every level of the ladder.

    Along the direction of the coming step and on its summary batch; in a run of Adam or SGD, along
    the gradient of a summary batch and on that. The run is left as it is, and makes no step
    meanwhile.

    Args:
        run: The run.
        most: The largest S that is tried; what cannot be summarised is not.
        rate: λ, what each step is multiplied by.

    Returns:
        By "level", coarse to fine, and "cubic", "with" or "without" the cubic term: the
        "predicted" (ḡᵀη − ½ηᵀH̄η of the step λη) and the "measured" decrease of the loss, NaN where
        there is no step, and the solve's "status". By level: "groups" (S), "label", "known_as"; the
        "seconds" of the summary, the same in "gradients" measured here, its "cost" in gradients by
        arithmetic; of the solve, which is no part of these, "solve_seconds", the same in
        "solve_gradients", and "solve_cost" by arithmetic. The seconds are those of what has been
        made before: what takes little time is done again, and the least time counts. They are
        of a summary made anew; a run that stays at a level repeats it, which is quicker.

    Raises:
        InputError: If it is no run, its model is not what it began with, or ``most`` or ``rate`` is
            out of bounds.
    """
    if not isinstance(run, Course):
        raise InputError(f"run must be a gnlab.Run; got {shown(run)}.")
    check_number("most", most, low=1, integer=True)
    check_number("rate", rate, low=0.0)
    with alone(run.model):  # for all levels: an engine's thread may be stepping
        *_, trials = try_levels(run, run.ladder.rungs, most, rate)
    return _dataset(trials, rate, run.settings.damping)


def _dataset(trials: Trials, rate: float, damping: float) -> "xr.Dataset":
    """The trials as a table."""
    import xarray as xr  # noqa: PLC0415  (half a second that only who asks should pay)

    both = ("level", "cubic")
    loss = {"units": "loss"}
    rungs, gradient = trials.rungs, trials.gradient_seconds
    names = ("time of the summary", "arithmetic of the summary", "time of the solve")
    told = [
        {"units": "gradients", "long_name": name} for name in (*names, "arithmetic of the solve")
    ]
    return xr.Dataset(
        {
            "predicted": (both, trials.predicted, loss),
            "measured": (both, trials.measured, loss),
            "status": (both, [list(pair) for pair in trials.status]),
            "seconds": ("level", trials.seconds, {"units": "s"}),
            "solve_seconds": ("level", trials.solve_seconds, {"units": "s"}),
            "gradients": ("level", trials.seconds / gradient, told[0]),
            "cost": ("level", [rung.cost for rung in rungs], told[1]),
            "solve_gradients": ("level", trials.solve_seconds / gradient, told[2]),
            "solve_cost": ("level", [rung.solve for rung in rungs], told[3]),
        },
        coords={
            "level": [rung.level for rung in rungs],
            "cubic": list(CUBIC),
            "groups": ("level", [rung.num_groups for rung in rungs], {"long_name": "S"}),
            "label": ("level", [rung.label for rung in rungs]),
            "known_as": ("level", [rung.known_as for rung in rungs]),
        },
        attrs={"rate": rate, "damping": damping, "gradient_seconds": gradient},
    )
