"""A journal: facts that one process writes down, a line of JSON each, and another reads."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


class Journal:
    """The facts in one file."""

    def __init__(self, path: str | Path) -> None:
        """Name the file; it is made with the first fact.

        Args:
            path: The file.
        """
        self.path = Path(path)

    def add(self, kind: str, **facts: object) -> None:
        """Write down one fact.

        Args:
            kind: What kind of fact it is.
            **facts: What is to be known.
        """
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, **facts}) + "\n")

    def read(self, kind: str) -> list[dict[str, Any]]:
        """The facts of one kind, oldest first.

        Args:
            kind: The kind.

        Returns:
            The facts.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return [fact for line in lines if (fact := json.loads(line))["kind"] == kind]


@contextmanager
def scratch() -> Iterator[Journal]:
    """A journal that is thrown away afterwards.

    Yields:
        The journal.
    """
    with TemporaryDirectory() as folder:
        yield Journal(Path(folder) / "journal")
