"""Where the summary batches come from: one interface for loaders, lists and functions."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from gnlab.errors import InputError, shown
from gnlab.guards import generators
from gnlab.summaries import generators_of

Batch = Any
"""One (inputs, targets) pair, as the model and the loss take it."""

Source = Iterable[Batch] | Callable[[int], Batch]
"""A loader or list, gone through again and again, or a function of the number already drawn."""


class Stream:
    """An endless stream of batches that remembers its position.

    A function of the number of batches already drawn resumes exactly wherever it is. An iterable
    is resumed by skipping, from torch's random state at the beginning of its pass, so that a
    loader that shuffles has the same order again.

    Args:
        source: The batches.

    Raises:
        InputError: If the source is neither iterable nor a function of one number.
    """

    def __init__(self, source: Source) -> None:
        if not callable(source) and not isinstance(source, Iterable):
            raise InputError(
                "summary_batches must be an iterable of (inputs, targets) or a function "
                f"of the number already drawn; got {type(source).__name__}."
            )
        if callable(source) and not _takes_a_number(source):
            raise InputError(
                "summary_batches is called with the number of batches already drawn, and "
                f"{shown(source)} does not take one argument; give a function of that number, or "
                "a list or loader of (inputs, targets)."
            )
        self._source = source
        self._iterator: Iterator[Batch] | None = None
        self._in_pass = 0
        self._begun: tuple[Tensor, ...] = ()
        self.drawn = 0

    def next(self) -> Batch:
        """Draw the next batch, starting the iterable again at its end.

        Returns:
            The batch; a list of two as a tuple.

        Raises:
            InputError: If the iterable yields nothing, or nothing more the second time.
        """
        batch = self._source(self.drawn) if callable(self._source) else self._next_of_pass()
        self.drawn += 1
        # A list of two pairs, as a DataLoader yields two inputs and two targets, would be taken
        # for two batches further on.
        return tuple(batch) if isinstance(batch, list) and len(batch) == 2 else batch

    def position(self) -> dict[str, Any]:
        """The position, for a checkpoint."""
        begun = self._begun if self._in_pass else _random_states(self._source)
        return {"drawn": self.drawn, "in_pass": self._in_pass, "begun": begun}

    def seek(self, position: dict[str, Any]) -> None:
        """Go to a position that ``position`` returned.

        Args:
            position: The position.
        """
        self.drawn, self._in_pass, self._iterator = position["drawn"], 0, None
        self._begun = ()
        if callable(self._source):
            return
        now = torch.get_rng_state()
        try:
            with generators.kept():  # what a data set draws beside it, flips of images, say
                _put(position.get("begun", ()), self._source)
                for _ in range(position["in_pass"]):
                    self._next_of_pass()
        finally:
            torch.set_rng_state(now)

    def __getstate__(self) -> dict[str, Any]:
        if isinstance(self._source, Iterator):
            raise InputError(
                f"summary_batches are a {type(self._source).__name__}, which cannot be copied; "
                "give a list, a loader or a function of the number already drawn."
            )
        return {"source": self._source, "position": self.position()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._source = state["source"]
        self.seek(state["position"])

    def _next_of_pass(self) -> Batch:
        """The next batch of the iterable, from its start if it is exhausted."""
        assert isinstance(self._source, Iterable)
        for _ in range(2):
            if self._iterator is None:
                self._begun = _random_states(self._source)
                self._iterator, self._in_pass = iter(self._source), 0
            try:
                batch = next(self._iterator)
            except StopIteration:
                self._iterator = None
                continue
            self._in_pass += 1
            return batch
        if self.drawn:
            raise InputError(
                f"summary_batches ended after {self.drawn} batches and cannot be gone through "
                "again; give a list, a loader or a function of the number already drawn."
            )
        raise InputError("summary_batches yielded no batch; give at least one.")


def pair(batch: Batch) -> Batch:
    """A batch as it came, if it is one.

    Args:
        batch: What a stream gave.

    Returns:
        The same.

    Raises:
        InputError: If it is no pair.
    """
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        return batch
    raise InputError(
        f"summary_batches must give pairs (inputs, targets); got {shown(batch)}. "
        "Of one batch alone give a list, [(inputs, targets)]."
    )


def _takes_a_number(function: Callable[..., Any]) -> bool:
    """Whether a function can be called with one number; True for one that does not say."""
    try:
        inspect.signature(function).bind(0)
    except ValueError:  # written in C
        return True
    except TypeError:
        return False
    return True


def _random_states(source: object) -> tuple[Tensor, ...]:
    """What the order of a pass depends on: torch's random state, and those of a loader's own."""
    if callable(source) or isinstance(source, Sequence):
        return ()
    own = (generator.get_state() for generator in generators_of(source))
    return torch.get_rng_state(), *own


def _put(states: Sequence[Tensor], source: object) -> None:
    """Go back to random states of the same source."""
    if states:
        torch.set_rng_state(states[0].cpu())
        for generator, state in zip(generators_of(source), states[1:], strict=True):
            generator.set_state(state.cpu())
