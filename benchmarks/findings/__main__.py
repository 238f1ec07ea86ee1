"""Measure the findings and store what was found, one by one."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.findings import (
    debounce,
    div_text,
    document_ready,
    dynamic_map,
    pinning,
    sending,
    sessions,
)
from benchmarks.findings.sides import QUICK, Effort
from benchmarks.results import FOLDER, Results, write

FINDINGS: Mapping[str, Callable[[Effort], dict[str, object]]] = {
    "dynamic-map": dynamic_map.measure,
    "document-ready": document_ready.measure,
    "debounce": debounce.measure,
    "div-text": div_text.small,
    "div-text-on-page": div_text.on_page,
    "nodelay": sending.nodelay,
    "cork": sending.cork,
    "pinning": pinning.measure,
    "sessions": sessions.measure,
}


def show(found: Mapping[str, Any]) -> None:
    """Write a finding's figures.

    Args:
        found: The finding.
    """
    here, instead = found["here"], found["instead"]
    write(f"  {'':56s}{here['is']:>32s}{instead['is']:>32s}")
    for name, figure in here["figures"].items():
        other = instead["figures"][name]
        write(f"  {name:56s}{_text(figure):>32s}{_text(other):>32s}")


def _text(figure: Mapping[str, object]) -> str:
    if "p95" in figure:
        return f"{figure['median']} / {figure['p95']} of {figure['count']}"
    return str(figure["median"])


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=FINDINGS, default=list(FINDINGS))
    parser.add_argument("--quick", action="store_true", help="a trial; stored only with --out")
    parser.add_argument("--seconds", type=float, help="how long the class is watched")
    parser.add_argument("--pages", type=int, help="how many pages the class has")
    parser.add_argument("--preset", help="the problem that the lab's pages train")
    parser.add_argument("--rounds", type=int, help="how many times each side is measured")
    parser.add_argument("--again", action="store_true", help="measure what is measured already")
    parser.add_argument("--out", type=Path, help="the results file")
    given = parser.parse_args()
    effort = QUICK if given.quick else Effort()
    asked = {
        "class_seconds": given.seconds,
        "pages": given.pages,
        "rounds": given.rounds,
        "preset": given.preset,
    }
    effort = replace(effort, **{name: value for name, value in asked.items() if value is not None})
    stored = given.out or (None if given.quick else FOLDER / "findings.json")
    results = None if stored is None else Results(stored)
    for name in given.only:
        if results is not None and name in results and not given.again:
            write(f"{name} is in {stored} already; --again measures it anew.")
            continue
        found = FINDINGS[name](effort)
        if results is not None:
            results.add(name, found)
        write(name)
        show(found)


if __name__ == "__main__":
    main()
