"""Jets with a row for each colour through what keeps units apart: shapes, poolings.

Legend: q colours of groups that own units.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import torch

from gnlab.summaries.jets.axis import Axis
from gnlab.summaries.jets.coloured import Coloured
from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, Operand
from gnlab.summaries.rules.calls import Call, Rule

Place = Callable[[Call, Axis], "Axis | None"]
"""Where a call's result has its units, given where its argument has; None if they are mixed."""


def keeping(rule: Rule, place: Place) -> Rule:
    """A linear operation's rule that takes rows of colours as they are where it can.

    Args:
        rule: The rule for rows of groups.
        place: Where the result has its units.

    Returns:
        The rule.
    """

    def apply(call: Call, curvature: Curvature) -> "Jet | list[Jet]":
        x = call.given[0]
        jet = x.jet
        coloured = jet.coloured
        if coloured is None:
            return rule(call, curvature)
        # Of a single sample a shape does not show what is in front of the units.
        whole = call if call.whole is None else call.whole
        axis = place(whole, coloured.axis) if len(call.given) == 1 else None
        if axis is None:
            x.carried = jet.expanded()
            return rule(call, curvature)
        rows = _through(rule, call, x, coloured.jet, curvature)
        own = Coloured(coloured.colouring, rows, axis)
        if not jet.ranks:
            return dataclasses.replace(nothing(rows.values.shape[1:], rows.values), coloured=own)
        plain = Jet(jet.ranks, jet.bent, jet.values)
        return dataclasses.replace(_through(rule, call, x, plain, curvature), coloured=own)

    return apply


def nothing(shape: Sequence[int], like: torch.Tensor) -> Jet:
    """The jet of what no group has reached.

    Args:
        shape: The value's shape.
        like: A tensor of its dtype and device.

    Returns:
        The jet.
    """
    return Jet((), (), like.new_empty(0, *shape))


def _through(rule: Rule, call: Call, x: Operand, jet: Jet, curvature: Curvature) -> Jet:
    """The jet that a rule makes if an operand has another one."""
    carried = x.carried
    x.carried = jet
    try:
        made = rule(call, curvature)
    finally:
        x.carried = carried
    assert isinstance(made, Jet)
    return made


def reshaped(call: Call, axis: Axis) -> Axis | None:
    """The same entries in the same order: as many in front of the units, and parts behind."""
    own, shape = call.given[0].value.shape, call.out.shape
    before, count = math.prod(own[: axis.dim]), own[axis.dim] // axis.times
    for d, n in enumerate(shape):
        if math.prod(shape[:d]) == before and n and n % count == 0:
            return Axis(d, n // count)
    return None


def pooled(call: Call, axis: Axis) -> Axis | None:
    """Channels [N, C, ...] on their own."""
    return axis if axis == Axis(1, 1) else None


PLACES: Mapping[str, Place] = {
    **dict.fromkeys(
        ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "contiguous", "clone"),
        reshaped,
    ),
    **dict.fromkeys(
        [f"{what}pool{d}d" for what in ("avg_", "adaptive_avg_", "max_") for d in (1, 2, 3)], pooled
    ),
}  # fmt: skip
"""Where an operation's result has its units, by the operation's plain name."""
