"""What the pages of one server or notebook share: the engine, and how many of them there are."""

import contextlib
import itertools
import logging
import secrets
from typing import Any

from gnlab import runs
from gnlab.errors import InputError, check_number
from gnlab.lab.cadence import ALONE, Cadence

_log = logging.getLogger(__name__)

MOST_SESSIONS = 40
COPIES = 8
"""The most copies of a page's run that wait to be opened: each takes as much memory as a run."""


def check_rate(frames_per_second: float) -> float:
    """The frames per second, if they are what a page can be capped at.

    Args:
        frames_per_second: From 0.1 to 120.

    Returns:
        The same.

    Raises:
        InputError: If they are not.
    """
    check_number("frames_per_second", frames_per_second, low=0.1, high=120)
    return frames_per_second


class Host:
    """The engine and the pages that use it.

    Args:
        engine: Where the runs live.
        most_sessions: The most pages admitted at a time.
        frames_per_second: The most frames per second of a page that is alone; more cost the
            training more of its time where cores are few.

    Raises:
        InputError: If the frames per second are out of bounds.
    """

    def __init__(
        self,
        engine: runs.Engine,
        most_sessions: int = MOST_SESSIONS,
        frames_per_second: float = ALONE,
    ) -> None:
        self.engine = engine
        self.most_sessions = most_sessions
        self._cadence = Cadence(check_rate(frames_per_second))
        self._sessions: set[int] = set()
        self._numbers = itertools.count(1)
        self._copies: dict[str, tuple[int, Any]] = {}  # by token: the page's number, the run

    def living(self) -> runs.Engine:
        """The engine for the run of a new page: another, if the present one has ended.

        Pages whose runs ended with it go on saying so.

        Returns:
            The engine.
        """
        if not self.engine.alive:
            _log.warning("the engine has ended; pages that are opened from now on get another")
            self.engine = self.engine.again()
            self._copies.clear()  # they have ended too
        return self.engine

    @property
    def sessions(self) -> int:
        """How many pages are open."""
        return len(self._sessions)

    def admit(self) -> int:
        """Take in a page.

        Returns:
            The page's number, to be given to ``leave``.

        Raises:
            InputError: If there are as many as are admitted.
        """
        if len(self._sessions) >= self.most_sessions:
            raise InputError(
                f"This server has {self.sessions} pages open and admits {self.most_sessions}. "
                "Try again when one has been closed, or start gnlab serve on your own machine."
            )
        number = next(self._numbers)
        self._sessions.add(number)
        return number

    def leave(self, number: int) -> None:
        """A page was closed; saying it twice does no harm.

        The copies that it made and nobody has opened are closed.

        Args:
            number: The page's number.
        """
        self._sessions.discard(number)
        self._let_go(self._waiting(number))

    def rate(self) -> float:
        """The most frames per second of each page now."""
        return self._cadence.most(len(self._sessions))

    def due(self, before: float, now: float) -> float:
        """When a page's next frame is due, now that it sends one.

        Args:
            before: When the one that it sends was due.
            now: The time, in seconds of ``time.monotonic``.

        Returns:
            The time.
        """
        return self._cadence.due(before, now, len(self._sessions))

    def branch(self, number: int, run_id: Any) -> tuple[str, bool]:
        """Copy a page's run for another page, which is about to ask for it.

        Args:
            number: The number of the page whose run it is.
            run_id: The engine's id of the run.

        Returns:
            The token that the other page's link carries, and whether the oldest copy was closed,
            as there were too many that nobody has opened.

        Raises:
            InputError: If there is no such run, or no room for the copy.
        """
        old = self._waiting(number)[: 1 - COPIES]
        self._let_go(old)
        token = secrets.token_urlsafe(9)
        self._copies[token] = number, self.engine.branch(run_id)
        return token, bool(old)

    def take(self, token: str) -> Any:
        """The copy that waits under a token, once.

        Args:
            token: The token.

        Returns:
            The engine's id of the run, None if there is none any more.
        """
        return self._copies.pop(token, (0, None))[1]

    def _waiting(self, number: int) -> list[str]:
        """The tokens of a page's copies that nobody has opened, the oldest first."""
        return [token for token, (page, _) in self._copies.items() if page == number]

    def _let_go(self, tokens: list[str]) -> None:
        """Close copies."""
        for token in tokens:
            with contextlib.suppress(InputError):  # the engine may have been closed before
                self.engine.close_run(self.take(token))
