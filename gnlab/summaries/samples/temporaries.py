"""What the rules of operations take for themselves meanwhile, beside the jets of their results.

As multiples of jets. Those of normalisations and softmax are a little more than the most that was
counted in networks of many kinds; the others are what their terms add up to, and a call may be off.
"""

from collections.abc import Mapping

from gnlab.summaries.rules import CURVED, Call

_MULTIPLES: Mapping[str, float] = {
    "standardised": 2.5,  # centred, and a term for each of two derivatives
    "softmax": 3.0,  # centred, times p, its squares, products and cubes
    "log_softmax": 2.25, "cross_entropy": 2.25,  # centred, weighted, their products
    "mul": 1.25, "div": 2.0,  # the terms of the result, before they are one
    # δ drawn back, copies of a factor for every group, three terms of the result
    **dict.fromkeys(("matmul", "mv", "einsum", "outer", "dot", "tensordot"), 2.0),
}  # fmt: skip
"""In jets of the largest argument or result."""
_OTHERS = 1.0  # in jets of the result


def temporary_bytes(call: Call, rows: int) -> float:
    """The bytes that a call's rule takes meanwhile.

    Args:
        call: The call.
        rows: The rows of its results' jets.

    Returns:
        An estimate from above; of what is linear in a single value it is nothing.
    """
    if call.name not in CURVED:
        return 0.0
    multiple = _MULTIPLES.get(call.name)
    if multiple is None:
        return _OTHERS * rows * call.out.nbytes
    return multiple * rows * max(o.value.nbytes for o in [*call.results, *call.given])
