"""What a page's controls can ask of the page, and nothing else of it."""

from typing import Protocol

from gnlab import runs


class Actions(Protocol):
    """What the controls can ask of their page."""

    def send(self, command: runs.Command) -> None:
        """Send a command to the run."""

    def branch(self) -> None:
        """Open a copy of the run."""

    def say(self, words: str) -> None:
        """Tell the person something."""

    def viewed(self) -> None:
        """The view's choices have changed."""
