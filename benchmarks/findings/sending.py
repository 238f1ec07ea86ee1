"""How a message leaves the server: TCP_NODELAY on the websocket and without; corked and in parts.

Bokeh writes a message as five or more small websocket frames. On all sides the cap on frames per
second is lifted and a summary made at every tenth step only, so that neither the cap nor the
training is what limits the frames.
"""

from benchmarks.findings import real_page
from benchmarks.findings.journal import scratch
from benchmarks.findings.sides import Effort, Measured, Side, compare

UNCAPPED = ("--frames", "60")
STEPS = "&period=10"
PARTS = (*UNCAPPED, "--uncorked")


def nodelay(effort: Effort) -> dict[str, object]:
    """Measure messages in parts, with the option on and off.

    Args:
        effort: How much.

    Returns:
        The finding.
    """
    found = compare(
        Side("TCP_NODELAY on", lambda: _look(effort, *PARTS, nodelay=True)),
        Side("TCP_NODELAY off", lambda: _look(effort, *PARTS, "--delayed", nodelay=False)),
        effort.rounds,
    )
    return {**found, **_of(effort)}


def cork(effort: Effort) -> dict[str, object]:
    """Measure whole messages and messages in parts, the option on.

    Args:
        effort: How much.

    Returns:
        The finding.
    """
    found = compare(
        Side("TCP_NODELAY and corked", lambda: _look(effort, *UNCAPPED, nodelay=True)),
        Side("TCP_NODELAY alone", lambda: _look(effort, *PARTS, nodelay=True)),
        effort.rounds,
    )
    return {**found, **_of(effort)}


def _of(effort: Effort) -> dict[str, object]:
    return {"preset": effort.preset + STEPS, "frames_capped_at": float(UNCAPPED[1])}


def _look(effort: Effort, *switches: str, nodelay: bool) -> Measured:
    with scratch() as journal:
        found = real_page.look(journal, effort, *switches, more=STEPS)
        options = {fact["on"] for fact in journal.read("nodelay")}
    if options != {nodelay}:
        raise RuntimeError(f"TCP_NODELAY was to be {nodelay} on every websocket; got {options}")
    return found
