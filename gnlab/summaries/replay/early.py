"""A repetition that is begun before it is known to be one.

To know that a summary is one that was met before, all that it depends on is looked at, for a good
part of the time that a GPU takes for it. So what was repeated last of a model is begun first, with
the tensors that are its inputs if it is the same once more. If it is another, nobody learns what
came out.
"""

import contextlib
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from gnlab.summaries.replay.graph import Repetition

_torch: Any = torch._C  # its functions have no types


class Repeated(Protocol):
    """What is known of a computation that is repeated.

    Attributes:
        busy: Held while the program runs.
        program: What repeats it, if there is such.
    """

    busy: threading.Lock

    @property
    def program(self) -> Repetition | None:
        """What repeats it, if there is such."""
        ...


Known = TypeVar("Known", bound=Repeated)


@dataclass(frozen=True, slots=True, eq=False)
class Occasion:
    """What can be told of a computation at first sight.

    Attributes:
        model: The model.
        changing: The tensors that are others at each time: the direction and the batch.
    """

    model: nn.Module
    changing: Sequence[Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Begun(Generic[Known]):
    """A repetition that was begun, and holds its program.

    Attributes:
        entry: What is known of it.
        inputs: The tensors that it reads.
    """

    entry: Known
    inputs: Sequence[Tensor]

    def is_of(self, entry: Known, inputs: Sequence[Tensor]) -> bool:
        """Whether it is what was to be computed.

        Args:
            entry: What is known of what was to be computed.
            inputs: The tensors that this reads.

        Returns:
            Whether it is.
        """
        same = len(inputs) == len(self.inputs)
        return entry is self.entry and same and all(map(_is, inputs, self.inputs))

    def drop(self) -> None:
        """Let go of the program; nobody wants what comes out."""
        self.entry.busy.release()


def _is(one: Tensor, two: Tensor) -> bool:
    """Whether two tensors are the same numbers in the same memory."""
    return one is two or (
        one.data_ptr() == two.data_ptr()
        and one.dtype is two.dtype
        and one.shape == two.shape
        and one.stride() == two.stride()
    )


class Latest(threading.local, Generic[Known]):
    """What a thread repeated last, and what it has begun now."""

    _occasion: Occasion | None = None
    _begun: Begun[Known] | None = None
    _model: "weakref.ref[nn.Module] | None" = None
    _entry: "weakref.ref[Known] | None" = None
    _roles: "Sequence[int | weakref.ref[Tensor]]" = ()
    """Where each input is found: at which place among those that change, or where it was."""

    @contextlib.contextmanager
    def at(self, occasion: Occasion) -> Iterator[None]:
        """A context in which what was repeated last has been begun, if it may be meant again.

        Args:
            occasion: The occasion.
        """
        self._occasion = occasion
        try:
            self._begun = self._begin(occasion)
            yield
        finally:
            if self._begun is not None:  # something else was meant
                self._begun.drop()
                self._forget()
            self._occasion = self._begun = None

    def take(self, entry: Known, inputs: Sequence[Tensor]) -> Begun[Known] | None:
        """What has been begun, if it is what is to be computed.

        Args:
            entry: What is known of what is to be computed.
            inputs: The tensors that this reads.

        Returns:
            It, to be let go of by who takes it; or None.
        """
        begun = self._begun
        if begun is None:
            return None
        self._begun = None
        if begun.is_of(entry, inputs):
            return begun
        begun.drop()
        self._forget()
        return None

    def remember(self, entry: Known, inputs: Sequence[Tensor]) -> None:
        """Remember a repetition, to be begun early the next time.

        Args:
            entry: What is known of it.
            inputs: What it read.
        """
        if self._occasion is None:
            return
        places = {_memory(tensor): i for i, tensor in enumerate(self._occasion.changing)}
        self._model, self._entry = weakref.ref(self._occasion.model), weakref.ref(entry)
        self._roles = [places.get(_memory(tensor), weakref.ref(tensor)) for tensor in inputs]

    def _forget(self) -> None:
        """Begin nothing until the next repetition."""
        self._model = self._entry = None
        self._roles = ()

    def _begin(self, occasion: Occasion) -> Begun[Known] | None:
        """Begin what was repeated last, if that was of the same model."""
        entry = None if self._entry is None else self._entry()
        if entry is None or self._model is None or self._model() is not occasion.model:
            return None
        inputs = self._inputs(occasion.changing)
        if inputs is None or _is_watched() or not entry.busy.acquire(blocking=False):
            return None
        try:
            if (program := entry.program) is not None:
                program.begin(inputs)
                return Begun(entry, inputs)
        except RuntimeError:  # they are of other shapes
            self._forget()
        entry.busy.release()
        return None

    def _inputs(self, changing: Sequence[Tensor]) -> list[Tensor] | None:
        """What would be read now; None if something is gone."""
        found = []
        for role in self._roles:
            if isinstance(role, int):
                tensor = changing[role] if role < len(changing) else None
            else:
                tensor = role()
            if tensor is None:
                return None
            found.append(tensor)
        return found


def _memory(tensor: Tensor) -> tuple[int, torch.Size]:
    """Where a tensor's numbers are, and how many."""
    return tensor.data_ptr(), tensor.shape


def _is_watched() -> bool:
    """Whether somebody would see, or change, what is done now."""
    return bool(_torch._len_torch_dispatch_stack() or _torch._len_torch_function_stack())
