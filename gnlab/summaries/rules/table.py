"""Every operation that the fast pass knows, by its plain name in torch.

An operation is known either by its rule, which makes jets and curvature, or by a formula in
operations that have a rule (``formulas.py``).
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from gnlab.summaries.rules import (
    drawn,
    elementwise,
    layers,
    losses,
    normalisation,
    products,
    shapes,
    special,
)
from gnlab.summaries.rules.apart import PLACES, keeping
from gnlab.summaries.rules.calls import Rule
from gnlab.summaries.rules.pointwise import pointwise

_ELEMENTWISE: Mapping[str, elementwise.Rule] = {**elementwise.RULES, **special.RULES}

RULES: Mapping[str, Rule] = {
    **shapes.RULES,
    **{name: keeping(shapes.RULES[name], place) for name, place in PLACES.items()},
    **{name: pointwise(function) for name, function in _ELEMENTWISE.items()},
    "mul": products.mul, "div": products.quotient,
    "matmul": products.matmul, "einsum": products.einsum,
    "outer": products.outer, "dot": products.outer, "tensordot": products.outer,
    "mv": products.matmul,
    "linear": layers.linear, "conv1d": layers.convolution, "conv2d": layers.convolution,
    "conv3d": layers.convolution,
    **dict.fromkeys([f"conv_transpose{d}d" for d in (1, 2, 3)], layers.transposed),
    "embedding": layers.embedding,
    "softmax": losses.softmax, "log_softmax": losses.log_softmax,
    "cross_entropy": losses.cross_entropy,
    "standardised": normalisation.standardised,
    "drawn back": drawn.back, "drawn on": drawn.on,
}  # fmt: skip
"""The rules."""

_KEEPING = dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), shapes.with_indices)
"""How to call those of which more than the result is kept."""

CURVED = frozenset(RULES) - frozenset(shapes.RULES) - elementwise.STRAIGHT - {
    "embedding", "drawn back", "drawn on",
}  # fmt: skip
"""Those that need their result's adjoint."""

LAYERS = frozenset({"linear", *(f"conv{way}{d}d" for d in (1, 2, 3) for way in ("", "_transpose"))})
"""Those that say their parameters' slopes themselves."""

APART = LAYERS | frozenset(PLACES) | frozenset(_ELEMENTWISE)
"""Those that know jets with a row for each colour."""

KINDS: Mapping[str, str] = {
    **dict.fromkeys(_ELEMENTWISE, "activation"),
    **dict.fromkeys(
        ("mul", "div", "matmul", "einsum", "outer", "dot", "tensordot", "mv", *LAYERS), "product"
    ),
    **dict.fromkeys(("softmax", "log_softmax", "cross_entropy"), "softmax"),
    "standardised": "normalisation",
}
"""What kind of operation each curved one is."""


def called(
    name: str, func: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
) -> tuple[Any, Tensor | None]:
    """Call an operation.

    Args:
        name: Its plain name.
        func: The operation.
        args: Its arguments.
        options: Its keyword arguments.

    Returns:
        What it returns, and what is kept of it for the rule.
    """
    if name in _KEEPING:
        return _KEEPING[name](func, args, options)
    return func(*args, **options), None
