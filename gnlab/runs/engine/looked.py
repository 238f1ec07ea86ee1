"""Looked: the part of H̄ that a person looks at group by group, where the record has bundles."""

from collections.abc import Iterable

from gnlab.runs.compose import compose_detail
from gnlab.runs.course import Course
from gnlab.runs.engine.commands import Command, Look
from gnlab.runs.records.detail import Detail
from gnlab.runs.records.record import Record


class Looked:
    """Finds the part that was last asked for, and keeps it until there is another summary."""

    def __init__(self) -> None:
        self._at = Look()
        self._found: tuple[Record, Detail] | None = None

    def take(self, command: Command) -> bool:
        """Take a command, if it is about what is looked at.

        Args:
            command: The command.

        Returns:
            Whether it is.
        """
        if not isinstance(command, Look):
            return False
        self._at, self._found = command, None
        return True

    def of(self, run: Course, summary: Record | None) -> Detail | None:
        """The part of the latest summary.

        Args:
            run: The run.
            summary: The latest record that has a summary.

        Returns:
            The part; None where nothing is looked at, or the summary's numbers were gone already
            when it was asked for.
        """
        if summary is None or not (self._at.rows and self._at.columns):
            return None
        if self._found is None or self._found[0] is not summary:
            made = compose_detail(summary.step, run.measured, self._at.rows, self._at.columns)
            self._found = None if made is None else (summary, made)
        return None if self._found is None else self._found[1]


def looks_only(commands: Iterable[Command]) -> bool:
    """Whether nothing of the run itself was asked for, so that what it last said still holds.

    Args:
        commands: Some commands.

    Returns:
        Whether all are about what is looked at.
    """
    return all(isinstance(command, Look) for command in commands)
