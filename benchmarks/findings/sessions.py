"""A class on one server: thirty pages that play, with the engine in a process, and in a thread.

Real server, raw websocket clients in another process; on a machine with two cores the clients take
their share of them too, and the result says how much. A page here downloads no scripts and paints
nothing. A control that is not answered counts with the time it was waited for.
"""

import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from benchmarks.environment import ROOT
from benchmarks.findings.classroom import NEWCOMERS, PATIENCE
from benchmarks.findings.journal import Journal, scratch
from benchmarks.findings.probe import between
from benchmarks.findings.sides import Effort, Measured, Side, compare
from benchmarks.lab import server

THREAD_SECONDS = 60.0
"""The other way is watched no longer than this: it only has to be seen."""


def measure(effort: Effort) -> dict[str, object]:
    """Measure both, once.

    Args:
        effort: How much.

    Returns:
        The finding.
    """
    brief = min(effort.class_seconds, THREAD_SECONDS)
    found = compare(
        Side("one engine process", lambda: _class(effort, effort.class_seconds)),
        Side("the engine in a thread", lambda: _class(effort, brief, "--in-thread")),
        1,
    )
    seconds = {"seconds": effort.class_seconds, "seconds_of_thread": brief}
    of = {"pages": effort.pages, "preset": effort.preset, "newcomers": NEWCOMERS}
    return {**found, **seconds, **of}


def _class(effort: Effort, seconds: float, *switches: str) -> Measured:
    """Serve the lab to a class."""
    with scratch() as journal:
        command = ("benchmarks.findings.serving", "--journal", str(journal.path), *switches)
        with server(command) as address:
            _watch(address, effort, seconds, journal)
        return {**_seen(journal), **_stalls(journal), **_clients(journal)}


def _watch(address: str, effort: Effort, seconds: float, journal: Journal) -> None:
    """Let the class be in a process of its own, so that the server's work is not counted twice."""
    command = [sys.executable, "-m", "benchmarks.findings.classroom", "--address", address]
    command += ["--preset", effort.preset, "--pages", str(effort.pages)]
    command += ["--seconds", str(seconds), "--journal", str(journal.path)]
    subprocess.run(command, cwd=ROOT, check=True)


def _seen(journal: Journal) -> Measured:
    """What the pages have seen in the stretch."""
    (whole,), pages = journal.read("class"), journal.read("page")
    seconds = whole["end"] - whole["start"]
    within = [sum(at < whole["end"] for at in page["at"]) for page in pages]
    steps = [
        page["step"][frames - 1] - page["step"][0] if frames else 0
        for page, frames in zip(pages, within, strict=True)
    ]
    waits = [wait for page in pages for wait in page["waits"]]
    return {
        "control to effect (ms)": [1000 * PATIENCE if wait is None else wait for wait in waits],
        "controls": [len(waits)],
        "controls without an answer": [sum(wait is None for wait in waits)],
        "steps per second, all pages": [sum(steps) / seconds],
        "slowest page's steps over the median's": [min(steps) / max(median(steps), 1)],
        "frames per second of each page": [frames / seconds for frames in within],
        "pages that had stopped": [sum(page["stopped"] for page in pages)],
    }


def _stalls(journal: Journal) -> Measured:
    """How long the loop and the others stood still, above all while a page was built."""
    (whole,), (late,) = journal.read("class"), journal.read("lateness")
    windows = [(new["start"], new["first_frame"]) for new in journal.read("newcomer")]
    pages = [page["at"] for page in journal.read("page")]

    def lateness(start: float, end: float) -> list[float]:
        return between(late["at"], late["milliseconds"], start, end)

    building = [max(lateness(*window), default=0.0) for window in windows]
    gaps = [max(_longest(frames, *window) for frames in pages) for window in windows]
    return {
        "loop lateness (ms)": lateness(whole["start"], whole["end"]),
        "page asked for to first frame (ms)": [1000 * (end - start) for start, end in windows],
        "longest standstill of the loop while a page is built (ms)": [max(building)],
        "longest wait of another page for a frame meanwhile (ms)": [max(gaps)],
    }


def _longest(frames: Sequence[float], start: float, end: float) -> float:
    """The longest time between two frames of one page that touches a stretch, in milliseconds."""
    touching = [
        after - before for before, after in pairwise(frames) if after > start and before < end
    ]
    return 1000 * max(touching, default=0.0)


def _clients(journal: Journal) -> Measured:
    """What the clients themselves took, so that their part in the figures is known."""
    (whole,) = journal.read("class")
    return {
        "the clients' own loop lateness (ms)": whole["lateness"],
        "the clients' share of a core (%)": [100 * whole["share_of_a_core"]],
    }
