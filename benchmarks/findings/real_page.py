"""The real page in a real browser, with one thing of the server done the other way."""

from typing import Any

from benchmarks.findings.journal import Journal
from benchmarks.findings.sides import Effort, Measured
from benchmarks.lab import server, with_page


def look(journal: Journal, effort: Effort, *switches: str, more: str = "") -> Measured:
    """Serve the lab, open its page, let it play and watch it.

    Args:
        journal: Where the server notes what was really so.
        effort: How long to watch, how many keys to press.
        *switches: What to do the other way, see ``serving``.
        more: Further choices of the link, each after "&".

    Returns:
        Frames and steps per second, and the latencies.
    """
    command = ("benchmarks.findings.serving", "--journal", str(journal.path), *switches)
    with server(command) as address:
        found: dict[str, Any] = with_page(
            address, effort.preset, effort.seconds, effort.presses, more
        )
    return {
        "frames per second": [found["frames_per_second"]],
        "steps per second": [found["steps_per_second"]],
        "step to pixel (ms)": found["step_to_pixel"],
        "control to pixel (ms)": found["control_to_pixel"],
    }
