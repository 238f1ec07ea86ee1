"""Frames before and after a client has said that its document is ready.

A client that never says so gets none: a test or a benchmark that forgets it measures nothing.
"""

import asyncio

from benchmarks.findings.client import Client
from benchmarks.findings.journal import scratch
from benchmarks.findings.sides import Effort, Measured, report
from benchmarks.lab import server


def measure(effort: Effort) -> dict[str, object]:
    """Count both, on a new page in each round.

    Args:
        effort: How much.

    Returns:
        The finding.
    """
    with scratch() as journal:
        command = ("benchmarks.findings.serving", "--journal", str(journal.path))
        with server(command) as address:
            counts = asyncio.run(_rounds(address, effort))
    before = [_named(first) for first, _ in counts]
    after = [_named(second) for _, second in counts]
    found = report("after document_ready", after, "before document_ready", before)
    return {**found, "seconds": effort.seconds, "preset": effort.preset}


async def _rounds(address: str, effort: Effort) -> list[tuple[int, int]]:
    # A first page, so that what a server loads once is loaded.
    await (await Client.enter(address, f"preset={effort.preset}")).close()
    return [await _count(address, effort) for _ in range(effort.rounds)]


async def _count(address: str, effort: Effort) -> tuple[int, int]:
    """The frames of a playing page in a stretch before it is ready, and in one after."""
    client = await Client.open(address, f"preset={effort.preset}&play=true")
    await asyncio.sleep(effort.seconds)
    before = len(client.frames)
    client.ready()
    await asyncio.sleep(effort.seconds)
    after = len(client.frames) - before
    await client.close()
    return before, after


def _named(frames: int) -> Measured:
    return {"frames": [frames]}
