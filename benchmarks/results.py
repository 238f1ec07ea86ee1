"""Where results are kept: one JSON file per benchmark, written after every finished case.

A benchmark that was stopped goes on where it was: a case that is in the file is not measured again.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.environment import ROOT, environment

FOLDER = ROOT / "benchmarks" / "results"


class Results:
    """The finished cases of one benchmark, by name, each with its environment."""

    def __init__(self, path: Path) -> None:
        """Open a results file, or start one.

        Args:
            path: The JSON file.
        """
        self.path = path
        self.cases: dict[str, dict[str, object]] = {}
        if path.exists():
            self.cases = json.loads(path.read_text(encoding="utf-8"))["cases"]

    def __contains__(self, case: str) -> bool:
        return case in self.cases

    def add(self, case: str, measured: Mapping[str, object]) -> None:
        """Store one finished case at once; an interruption leaves the old file or the new one.

        Args:
            case: The name of the case.
            measured: What was measured; numbers, strings and lists of them.
        """
        self.cases[case] = {**measured, "environment": environment()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"cases": self.cases}, indent=1, sort_keys=True, ensure_ascii=False)
        part = self.path.with_suffix(".part")
        part.write_text(text + "\n", encoding="utf-8")
        os.replace(part, self.path)


def write(text: str) -> None:
    """Write one line of progress to the standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
