"""Jets through the greatest and the least: of entries along dimensions, of two values.

Which entry is taken the values fix; equal ones share the derivative, as torch's backward pass has
it. None of it adds curvature.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, sum_of
from gnlab.summaries.rules.calls import Call, Rule, dims_of, value_of
from gnlab.summaries.rules.joins import spread


def along(call: Call, curvature: Curvature) -> Jet:
    """Y = the greatest or the least entry of x along dimensions."""
    x, out = call.only(), call.out
    dims = dims_of(x.value, call.named("input", "dim", "keepdim").get("dim"))
    over = [d + 1 for d in dims]
    if not over:  # of a single number
        return x.jet
    kept = [1 if d in dims else n for d, n in enumerate(x.value.shape)]
    at = x.value == out.reshape(kept)
    share = at.to(out.dtype) / at.sum(dims, keepdim=True)
    return x.jet.linear(lambda v: (v * share).sum(over).reshape(len(v), *out.shape))


def of_two(call: Call, curvature: Curvature) -> Jet:
    """Y = the larger or the smaller of a and b, element by element."""
    given = call.named("input", "other")
    a, b = given["input"], given["other"]
    jets = [_taken(one, two, call.out) for one, two in ((a, b), (b, a))]
    return sum_of(jets, call.out.shape)


def _taken(one: Any, two: Any, out: Tensor) -> Jet | None:
    """What an argument's jet adds to the result's: all, half or nothing of each entry."""
    jet = spread(one, out.shape)
    if jet is None:
        return None
    own, other = value_of(one), value_of(two)
    share = (own == out).to(out.dtype) * torch.where(own == other, 0.5, 1.0).to(out.dtype)
    return jet.scaled(share)


RULES: Mapping[str, Rule] = {"amax": along, "amin": along, "maximum": of_two, "minimum": of_two}
"""The rules by the operation's plain name."""
