"""A key for a computation, and the tensors that its numbers are in.

Two computations with the same key are the same operations on tensors of the same shapes and
layouts, in memory shared in the same way.
"""

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from torch import Tensor

Key = tuple[Hashable, ...]
_STRIDED = torch.strided

_KINDS = (
    int, float, bool, complex, str, type(None), type(...), torch.dtype, torch.device,
    torch.layout, torch.memory_format,
)  # fmt: skip
PLAIN = frozenset(_KINDS)
"""What is a key itself; to ask whether something is one of many kinds takes long."""


class UnknownError(Exception):
    """Something among what a computation depends on could change unseen."""


class Collected:
    """What is collected of a computation, part by part.

    What may be more or fewer entries begins with its length or its kind, so that no two
    computations have the same entries.

    Args:
        device: Where it is done.

    Attributes:
        kinds: The classes that a tensor may be of; none for any.
        inputs: A tensor in each piece of memory that it reads, in the order in which they are met.
    """

    kinds: frozenset[type] = frozenset()

    def __init__(self, device: torch.device) -> None:
        self.inputs: list[Tensor] = []
        self._device = device
        self._key: list[Hashable] = []
        self._pieces: dict[int, int] = {}
        self._tensors: dict[int, int] = {}

    @property
    def key(self) -> Key:
        """What the computation depends on, apart from the numbers."""
        return tuple(self._key)

    def _tensor(self, tensor: Tensor) -> None:
        """A tensor: which it is, which piece of memory it lies in, and how."""
        kind, dtype = type(tensor), tensor.dtype
        if kind not in self.kinds and self.kinds:
            raise UnknownError(f"a tensor of type {kind.__name__}")
        if tensor.layout is not _STRIDED or dtype.is_complex or tensor.is_neg():
            raise UnknownError("a tensor of an unusual layout")
        if tensor.device != self._device:
            raise UnknownError("a tensor on another device")
        pieces, tensors = self._pieces, self._tensors
        storage = tensor.untyped_storage()  # a sparse tensor has none to be asked for
        number = pieces.setdefault(storage._cdata, len(pieces))
        if number == len(self.inputs):
            self.inputs.append(tensor)
        self._key += (
            number, kind, tensors.setdefault(id(tensor), len(tensors)), dtype,
            tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.requires_grad,
        )  # fmt: skip

    def _any(self, given: Any) -> None:
        """Any argument."""
        kind: Any = type(given)
        if kind in PLAIN:
            self._key += (kind, given)  # 1, 1.0 and True are equal for Python
        elif isinstance(given, Tensor):
            self._key.append("tensor")
            self._tensor(given)
        elif isinstance(given, (tuple, list)):
            self._key += (kind, len(given))
            for value in given:
                self._any(value)
        elif isinstance(given, Mapping):
            self._key += ("mapping", len(given))
            for key, value in given.items():
                self._key.append(key)
                self._any(value)
        elif isinstance(given, _KINDS):
            self._key += (kind, given)
        elif isinstance(given, slice):
            self._key.append("slice")
            for value in (given.start, given.stop, given.step):
                self._any(value)
        else:
            raise UnknownError(f"an argument of type {type(given).__name__}")
