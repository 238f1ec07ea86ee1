"""The real lab, served with one thing done the other way.

    python -m benchmarks.findings.serving --port N --journal FILE [--delayed] [--unpinned] ...

What a switch turns off is turned off in this process only, and the journal says what was really
so: the option on each websocket, the cores of each process, how late the event loop was.
"""

import argparse
import asyncio
import logging
import multiprocessing
import os
import socket
import sys
from collections.abc import Sequence

import torch
from bokeh.server.server import Server
from bokeh.server.views.ws import WSHandler

from benchmarks.findings.journal import Journal
from benchmarks.findings.probe import Probe
from benchmarks.findings.texts import div
from gnlab import runs
from gnlab.lab import page, served, sockets
from gnlab.lab.cadence import ALONE
from gnlab.runs.engine import cores, process


def delay(journal: Journal, *, delayed: bool) -> None:
    """Note the option of each websocket, and keep it from being set if asked to.

    Args:
        journal: Where to note it.
        delayed: Whether to leave TCP_NODELAY off.
    """
    kept = WSHandler._async_open

    async def opened(self: WSHandler, token: str) -> None:
        at = self.ws_connection.stream.socket
        journal.add("nodelay", on=at.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0)
        await kept(self, token)

    WSHandler._async_open = opened
    if delayed:
        WSHandler.set_nodelay = lambda _self, _value: None


def uncork() -> None:
    """Let the parts of a message leave one by one."""
    sockets._CORK = None


def unpin() -> None:
    """Pin nothing, as on a system where a program cannot choose its cores."""
    cores.split = process.split = lambda: (set(), set())


def engine_in_thread() -> None:
    """Let the engine be a thread of the server's process, one torch thread for each operation."""
    torch.set_num_threads(1)
    runs.ProcessEngine = runs.ThreadEngine


def add_number() -> None:
    """Give the page one more number that changes with every frame, in a Div."""
    build, heard = page.Page._build, page.Page._heard

    def built(self: page.Page) -> None:
        build(self)
        text, self.say_number = div()
        self.root.children[1].children.insert(1, text)

    def told(self: page.Page, snapshot: runs.Snapshot) -> None:
        heard(self, snapshot)
        self.say_number(f"step {snapshot.step}")

    page.Page._build, page.Page._heard = built, told


def watch(server: Server, journal: Journal) -> Probe:
    """Note the cores of each process and watch how late the event loop is.

    Args:
        server: The server, listening.
        journal: Where to note the cores.

    Returns:
        The probe.
    """
    loop = server.io_loop.asyncio_loop
    if sys.platform == "linux":
        _note_cores(loop, journal)
    probe = Probe(loop)
    probe.start()
    return probe


def _note_cores(loop: asyncio.AbstractEventLoop, journal: Journal) -> None:
    """Note them now and then: the engine's process chooses its own some time after it began."""
    engines = multiprocessing.active_children()
    journal.add(
        "cores",
        server=sorted(os.sched_getaffinity(0)),
        engine=[sorted(os.sched_getaffinity(engine.pid)) for engine in engines],
    )
    loop.call_later(5.0, _note_cores, loop, journal)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until terminated, then write down how late the loop was.

    Args:
        arguments: The command line's; None takes those of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", type=Journal, required=True)
    parser.add_argument("--delayed", action="store_true", help="leave TCP_NODELAY off")
    parser.add_argument("--uncorked", action="store_true", help="send messages in parts")
    parser.add_argument("--unpinned", action="store_true", help="pin no process to any core")
    parser.add_argument("--in-thread", action="store_true", help="the engine as a thread")
    parser.add_argument("--div", action="store_true", help="one more number, in a Div")
    parser.add_argument("--frames", type=float, default=ALONE, help="most frames per second")
    given = parser.parse_args(arguments)
    for name in ("gnlab", "bokeh"):
        logging.getLogger(name).setLevel(logging.ERROR)
    delay(given.journal, delayed=given.delayed)
    if given.uncorked:
        uncork()
    if given.unpinned:
        unpin()
    if given.in_thread:
        engine_in_thread()
    if given.div:
        add_number()
    probes: list[Probe] = []
    served.serve(
        port=given.port,
        show=False,
        frames_per_second=given.frames,
        started=lambda server: probes.append(watch(server, given.journal)),
    )
    for probe in probes:
        given.journal.add("lateness", at=probe.at, milliseconds=probe.milliseconds)


if __name__ == "__main__":
    main()
