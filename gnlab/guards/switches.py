"""Choices that torch has once for all threads, made for a while and put back."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch

Choice = tuple[Callable[[], Any], Callable[[Any], object], Any]
"""What asks for the choice, what makes it, and what is wanted."""


def attribute(owner: Any, name: str, wanted: Any) -> Choice:
    """The choice that is an attribute.

    Args:
        owner: What has the attribute.
        name: The attribute's name.
        wanted: Its value.

    Returns:
        The choice.
    """
    return functools.partial(getattr, owner, name), functools.partial(setattr, owner, name), wanted


class Switches:
    """A context in which some choices are made, of all threads that are within.

    The last to leave puts back what the first has found: were each to put back what it found, one
    that came in after another and leaves after it would leave the other's choice for good.

    Args:
        *choices: The choices.
    """

    def __init__(self, *choices: Choice) -> None:
        self._choices = choices
        self._lock = threading.Lock()
        self._within = 0
        self._before: list[Any] = []

    @property
    def before(self) -> list[Any]:
        """What was found, in the order of the choices; nothing while nobody is within."""
        return self._before if self._within else []

    def on(self, device: torch.device) -> contextlib.AbstractContextManager[None]:
        """The context on a GPU; on a CPU nothing is done.

        Args:
            device: Where the computation is.

        Returns:
            The context.
        """
        return self() if device.type == "cuda" else contextlib.nullcontext()

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """The context; it may be entered again."""
        with self._lock:
            if not self._within:
                self._before = [asked() for asked, _, _ in self._choices]
            self._within += 1
        try:
            with self._lock:
                self._make([wanted for _, _, wanted in self._choices])
            yield
        finally:
            with self._lock:
                self._within -= 1
                if not self._within:
                    self._make(self._before)

    def _make(self, values: list[Any]) -> None:
        """Make every choice."""
        for (_, make, _), value in zip(self._choices, values, strict=True):
            make(value)
