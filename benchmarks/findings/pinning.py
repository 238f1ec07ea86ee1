"""The page with engine and server on cores of their own, and with nothing pinned.

Each stretch with the page is preceded by one of training alone, so that the share of the speed
that the page leaves is of the same minute.
"""

import os
import sys

from benchmarks.alone import unwatched
from benchmarks.findings import real_page
from benchmarks.findings.journal import Journal, scratch
from benchmarks.findings.sides import Effort, Measured, Side, compare


def measure(effort: Effort) -> dict[str, object]:
    """Measure both.

    Args:
        effort: How much.

    Returns:
        The finding.

    Raises:
        RuntimeError: If this machine has one core only, or lets no program choose.
    """
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        raise RuntimeError("pinning needs a Linux machine with two cores or more")
    found = compare(
        Side("engine and server pinned apart", lambda: _look(effort, pinned=True)),
        Side("nothing pinned", lambda: _look(effort, pinned=False)),
        effort.rounds,
    )
    return {**found, "preset": effort.preset}


def _look(effort: Effort, *, pinned: bool) -> Measured:
    alone = unwatched(effort.preset, effort.seconds)
    with scratch() as journal:
        found = real_page.look(journal, effort, *(() if pinned else ("--unpinned",)))
        _check(journal, pinned=pinned)
    share = 100 * found["steps per second"][0] / alone
    return {**found, "share of the speed without a page (%)": [share]}


def _check(journal: Journal, *, pinned: bool) -> None:
    """Raise if the processes did not run where they were to run."""
    fact = journal.read("cores")[-1]
    server, engines = set(fact["server"]), fact["engine"]
    apart = bool(engines) and all(server.isdisjoint(engine) for engine in engines)
    if pinned != apart:
        raise RuntimeError(f"pinned={pinned}, but server on {server}, engine on {engines}")
