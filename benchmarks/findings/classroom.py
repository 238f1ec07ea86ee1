"""A class of pages in a process of its own: each plays its run and uses a control now and then.

    python -m benchmarks.findings.classroom --address URL --pages 30 --seconds 60 --journal FILE

While the class is watched, newcomers open a page and leave again. What was seen goes into the
journal; ``sessions`` makes figures of it.
"""

import argparse
import asyncio
import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tqdm import tqdm

from benchmarks.findings.client import Client
from benchmarks.findings.journal import Journal
from benchmarks.findings.probe import Probe, between

PATIENCE = 10.0
"""Seconds after which a control counts as unanswered."""
PAUSE = (2.0, 5.0)
"""Seconds between two controls of one page, drawn at random."""
SLIDERS = {"lr": 0.1, "coarseness": 1}
"""The controls that are used, and how far each is moved."""
NEWCOMERS = 3
SETTLING = 5.0
"""Seconds between the last page's first frame and the stretch that is watched."""


@dataclass(slots=True)
class Pupil:
    """One page.

    Attributes:
        client: The page.
        waits: How long each control took, in milliseconds; None was not answered.
        homes: Where each slider stood before it was first moved.
    """

    client: Client
    waits: list[float | None] = field(default_factory=list)
    homes: dict[str, float] = field(default_factory=dict)


class Classroom:
    """All pages of one server."""

    def __init__(self, address: str, preset: str, pages: int, journal: Journal) -> None:
        """Name the server; nothing is opened yet.

        Args:
            address: Where the lab is served.
            preset: The problem that they train.
            pages: How many pages to open.
            journal: Where to note what is seen.
        """
        self.address, self.preset, self.pages, self.journal = address, preset, pages, journal
        self.pupils: list[Pupil] = []

    async def run(self, seconds: float) -> None:
        """Open all pages, watch them, and note what was seen.

        Args:
            seconds: How long to watch.
        """
        for seed in tqdm(range(self.pages), desc="opening", leave=False):
            self.pupils.append(Pupil(await self._enter(seed)))
        await asyncio.sleep(SETTLING)
        probe = Probe(asyncio.get_running_loop())
        probe.start()
        start, cpu = time.time(), time.process_time()
        tasks = [
            *(self._use(pupil, place, start + seconds) for place, pupil in enumerate(self.pupils)),
            self._newcomers(seconds),
            _show(seconds),
        ]
        await asyncio.gather(*tasks)
        share = (time.process_time() - cpu) / (time.time() - start)
        own = between(probe.at, probe.milliseconds, start, start + seconds)
        self.journal.add(
            "class", start=start, end=start + seconds, lateness=own, share_of_a_core=share
        )
        self._note(start)
        await asyncio.gather(*(pupil.client.close() for pupil in self.pupils))

    async def _enter(self, seed: int) -> Client:
        return await Client.enter(self.address, f"preset={self.preset}&seed={seed}")

    async def _use(self, pupil: Pupil, place: int, until: float) -> None:
        """Use the coarseness slider and that of λ₁ in turn."""
        chance = random.Random(place)
        for name in itertools.cycle(SLIDERS):
            await asyncio.sleep(chance.uniform(*PAUSE))
            if time.time() > until or pupil.client.ended:
                return
            pupil.waits.append(await _control(pupil, name))

    async def _newcomers(self, seconds: float) -> None:
        """Have a few pages opened while the class is watched."""
        begun = time.time()
        for number in range(NEWCOMERS):
            due = begun + seconds * (number + 1) / (NEWCOMERS + 1)
            await asyncio.sleep(max(0.0, due - time.time()))
            start = time.time()
            client = await self._enter(self.pages + number)
            first = client.frames[0].at
            self.journal.add("newcomer", start=start, first_frame=first)
            await client.close()

    def _note(self, start: float) -> None:
        """Write down what each page has seen since the stretch began."""
        for pupil in self.pupils:
            frames = [frame for frame in pupil.client.frames if frame.at >= start]
            self.journal.add(
                "page",
                at=[frame.at for frame in frames],
                step=[frame.step for frame in frames],
                stopped=pupil.client.ended or pupil.client.frames[-1].state != "playing",
                waits=pupil.waits,
            )


async def _control(pupil: Pupil, name: str) -> float | None:
    """Move a slider by one place, or back if it was moved; wait for the effect to be drawn.

    Returns:
        Milliseconds; None if it was not answered.
    """
    client, step = pupil.client, SLIDERS[name]
    value = client.get("Slider", name, "value")
    home = pupil.homes.setdefault(name, value)
    applied, sent = client.frames[-1].applied, time.time()
    client.set("Slider", name, "value", home - step if abs(value - home) < step / 2 else home)
    drawn = await client.answered(applied, PATIENCE)
    return None if drawn is None else 1000 * (drawn - sent)


async def _show(seconds: float) -> None:
    """Show how far the stretch is."""
    for _ in tqdm(range(round(seconds)), desc="watching", leave=False):
        await asyncio.sleep(1.0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Watch one class.

    Args:
        arguments: The command line's; None takes those of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", required=True)
    parser.add_argument("--preset", default="digits-mlp")
    parser.add_argument("--pages", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--journal", type=Journal, required=True)
    given = parser.parse_args(arguments)
    room = Classroom(given.address, given.preset, given.pages, given.journal)
    asyncio.run(room.run(given.seconds))


if __name__ == "__main__":
    main()
