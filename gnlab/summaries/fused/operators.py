"""The programs as operators of torch's, and where they can be used.

As operators they are seen by what records a summary, and are captured in a CUDA graph. They are
for CUDA devices with Triton, which comes with torch there, and for single and double precision.

Legend: n elements, k groups with a first derivative, j of them with a second one.
"""

import functools
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

_log = logging.getLogger(__name__)
_DTYPES = frozenset({torch.float32, torch.float64})
_BLOCK, _WIDTH, _WARPS = 1024, 4, 4
_PAIRED = 8  # groups up to which the sums over pairs are made in the same pass
KINDS = frozenset({"tanh"})
"""The functions whose derivatives the program knows."""
_MOST_PAIRS, _MOST_READ = 256, 1 << 27  # of a product: pairs of rows, and numbers read in all
_devices: set[torch.device] = set()


class Bent(NamedTuple):
    """What comes of jets behind an elementwise function.

    Attributes:
        values: Vˢˢ and Vˢ of all groups, [2k, n].
        pure: ⟨δσ‴, (Vˢ)³⟩ + 3⟨δσ″, VˢVˢˢ⟩, [k], in double precision; none without δ.
        pairs: ⟨δσ″, VˢVᵗ⟩, [k, k], likewise; of many groups it is left to a library.
        pulled: δσ″Vˢ, [k, n], for that library.
        whole: What ``pure`` and ``pairs`` are views of.
    """

    values: Tensor
    pure: Tensor
    pairs: Tensor
    pulled: Tensor
    whole: Tensor


def prepare(device: torch.device) -> None:
    """Find out, once for each device, whether the programs run there.

    Triton builds them when they are first used, for which it needs a C compiler.

    Args:
        device: The device.
    """
    if device.type == "cuda" and _runs(device):
        _devices.add(device)


@functools.cache
def _runs(device: torch.device) -> bool:
    """Whether a program runs on a device, and gives what it should."""
    try:
        with torch.cuda.device(device):
            ones = torch.ones(2, 3, device=device)
            known, found = ones @ ones.T, sums(ones, ones)
        return bool(torch.equal(found.to(known), known))
    # Whatever keeps somebody's compiler from its work, there is the other way to compute.
    except Exception as error:  # noqa: BLE001
        _log.debug("no fused programs on %s: %s", device, error)
        return False


def fits(*tensors: Tensor) -> bool:
    """Whether the programs can work on some tensors.

    Args:
        *tensors: The tensors.

    Returns:
        Whether they can.
    """
    like = tensors[0]
    return (
        like.device in _devices
        and like.dtype in _DTYPES
        and like.numel() > 0
        and all(t.dtype == like.dtype and t.device == like.device for t in tensors)
    )


def multiplies(a: Tensor, b: Tensor) -> bool:
    """Whether ``sums`` is the quicker way to a product: for few rows, which libraries neglect.

    Args:
        a: [k, n].
        b: [m, n].

    Returns:
        Whether it is, and can be used.
    """
    pairs = len(a) * len(b)
    return fits(a, b) and 0 < pairs <= _MOST_PAIRS and 2 * pairs * a.shape[1] <= _MOST_READ


def sums(a: Tensor, b: Tensor) -> Tensor:
    """The product of each row of a matrix with each row of another.

    Args:
        a: [k, n].
        b: [m, n].

    Returns:
        The products, [k, m], in double precision.
    """
    found: Tensor = torch.ops.gnlab.sums(a, b)
    return found


def bend(
    kind: str, given: Sequence[Tensor], delta: Tensor | None, rows: Tensor, bent: slice
) -> Bent:
    """Jets behind an elementwise function σ, and what it adds to H̄ and D^(3).

    Args:
        kind: One of ``KINDS``, or "" for any other function.
        given: The function's result, or of any other function σ′, σ″ and σ‴, each [n].
        delta: δ, [n], if the function's curvature counts.
        rows: Vˢˢ and Vˢ of its argument, [j + k, n].
        bent: Which of the k groups have a second derivative.

    Returns:
        What comes of it.
    """
    weights = None if delta is None else delta.contiguous()
    flat = rows if rows.stride(1) == 1 else rows.contiguous()
    j = bent.stop - bent.start
    values, whole, pulled = torch.ops.gnlab.bend(
        kind, [t.contiguous() for t in given], weights, flat, j, bent.start
    )
    return Bent(values, whole[:, 0], whole[:, 1:], pulled, whole)


def _sums(a: Tensor, b: Tensor) -> Tensor:
    """``sums`` on a GPU."""
    from gnlab.summaries.fused import kernels  # noqa: PLC0415  Triton is not everywhere

    a, b = (t if t.stride(1) == 1 else t.contiguous() for t in (a, b))
    (k, n), m = a.shape, len(b)
    width = _WIDTH if n > _WIDTH * _BLOCK else 1
    blocks = -(-n // (width * _BLOCK))
    parts = a.new_empty(blocks, k, m)
    kernels.sums[(blocks * k * m,)](
        a, b, parts, n, k, m, a.stride(0), b.stride(0), width, _BLOCK, num_warps=_WARPS
    )
    return parts.sum(0, dtype=torch.float64)


def _bend(
    kind: str, given: list[Tensor], delta: Tensor | None, rows: Tensor, j: int, place: int
) -> tuple[Tensor, Tensor, Tensor]:
    """``bend`` on a GPU."""
    from gnlab.summaries.fused import kernels  # noqa: PLC0415  Triton is not everywhere

    k, n = len(rows) - j, rows.shape[1]
    pairs = k <= _PAIRED
    blocks = -(-n // _BLOCK)
    values = rows.new_empty(2 * k, n)
    none = rows.new_empty(0)
    parts = none if delta is None else rows.new_empty(blocks, k, 1 + k if pairs else 1)
    pulled = none if delta is None or pairs else rows.new_empty(k, n)
    one, two, three = (rows, rows, rows) if kind else given
    kernels.bend[(blocks * k,)](
        given[0], one, two, three, rows if delta is None else delta, rows, values, pulled, parts,
        n, k, j, place, rows.stride(0), kind, delta is not None, pairs, _BLOCK, num_warps=_WARPS,
    )  # fmt: skip
    if delta is None:
        return values, parts.reshape(0, 1), pulled
    return values, parts.sum(0, dtype=torch.float64), pulled


# Torch declares no types for these.
_library: Any = torch.library.Library("gnlab", "DEF")  # type: ignore[no-untyped-call]
_library.define("sums(Tensor a, Tensor b) -> Tensor")
_library.define(
    "bend(str kind, Tensor[] given, Tensor? delta, Tensor rows, int j, int place)"
    " -> (Tensor, Tensor, Tensor)"
)
_library.impl("sums", _sums, "CUDA")
_library.impl("bend", _bend, "CUDA")
