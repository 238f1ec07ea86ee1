"""Where the summary batches come from: one interface for loaders, lists and functions."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gnlab.errors import InputError

Batch = Any
"""One (inputs, targets) pair, as the model and the loss take it."""

Source = Iterable[Batch] | Callable[[int], Batch]
"""A loader or list, gone through again and again, or a function of the number already drawn."""


class Stream:
    """An endless stream of batches that remembers its position.

    A function of the number of batches already drawn resumes exactly wherever it is; an iterable
    is resumed by skipping, which is exact if it yields the same order again.

    Args:
        source: The batches.

    Raises:
        InputError: If the source is neither iterable nor callable.
    """

    def __init__(self, source: Source) -> None:
        if not callable(source) and not isinstance(source, Iterable):
            raise InputError(
                "summary_batches must be an iterable of (inputs, targets) or a function "
                f"of the number already drawn; got {type(source).__name__}."
            )
        self._source = source
        self._iterator: Iterator[Batch] | None = None
        self._in_pass = 0
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

    def position(self) -> dict[str, int]:
        """The position, for a checkpoint."""
        return {"drawn": self.drawn, "in_pass": self._in_pass}

    def seek(self, position: dict[str, int]) -> None:
        """Go to a position that ``position`` returned.

        Args:
            position: The position.
        """
        self.drawn, self._in_pass, self._iterator = position["drawn"], 0, None
        if not callable(self._source):
            for _ in range(position["in_pass"]):
                self._next_of_pass()

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
