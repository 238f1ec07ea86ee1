"""A run watched as a page does: when each step was published, and how long nothing new was."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.browser import beside_the_engine
from benchmarks.results import write
from gnlab.runs import Change, Engine, Play, ProcessEngine, Snapshot

_PATIENCE = 120.0  # seconds in which a step is to be seen
_OFTEN = 0.0005  # seconds between two looks
_LONG, _FEWEST = 10.0, 3  # seconds of a stay, after which so many steps are enough


@dataclass(frozen=True, slots=True)
class Gap:
    """The time between two publications.

    Attributes:
        seconds: How long it is.
        made: The steps that were made in it.
        waited: The seconds of it in which the engine waited for a core.
    """

    seconds: float
    made: int
    waited: float = 0.0

    @property
    def step(self) -> float:
        """The seconds of a step in it."""
        return max(0.0, self.seconds - self.waited) / self.made

    def missed(self, step: float) -> float:
        """The steps that could have been made besides, of so many seconds each."""
        return max(0.0, self.step / step - 1) * self.made


@dataclass(frozen=True, slots=True)
class Stay:
    """What was seen at one level.

    Attributes:
        level: The level's name.
        before: The level before it.
        change: From the last publication before it to the first step at the level, in pieces.
        rest: The publications that followed.
        halts: How often the run paused by itself and was told to go on.
    """

    level: str
    before: str
    change: tuple[Gap, ...]
    rest: tuple[Gap, ...]
    halts: int = 0


class Watch:
    """Looks at one run as a page does, and keeps when each step was published.

    Args:
        engine: The engine.
        run_id: The run, which plays.
    """

    def __init__(self, engine: Engine, run_id: str) -> None:
        self._engine, self._run_id = engine, run_id
        self.latest = engine.snapshot(run_id)
        self.halts = 0
        self._waited = _waited(engine)

    def next(self) -> tuple[Snapshot, Gap]:
        """Wait for the next publication of a step, and tell how long it took.

        Returns:
            The snapshot, and the time since the one before.

        Raises:
            RuntimeError: If none comes.
        """
        assert self.latest is not None
        before, version, begun = self.latest, self.latest.version, time.monotonic()
        while time.monotonic() - begun < _PATIENCE:
            found = self._engine.snapshot(self._run_id, version)
            if found is None:
                time.sleep(_OFTEN)
                continue
            version = found.version
            if found.state != "playing" and before.step:
                # A step without an answer: a person reads why, and plays on.
                write(f"paused by itself: {found.message}")
                self.halts += 1
                before = self.latest = found
                self._engine.send(self._run_id, Play())
            elif found.step > before.step:
                self.latest, waited, self._waited = found, self._waited, _waited(self._engine)
                gap = found.time - before.time
                return found, Gap(gap, found.step - before.step, self._waited - waited)
        raise RuntimeError(f"no step in {_PATIENCE:.0f} s")

    def move(self, level: str, stay: int) -> Stay:
        """Move the slider.

        Args:
            level: Where to.
            stay: How many steps to stay there after the first; fewer of steps that take long.

        Returns:
            What was seen.
        """
        assert self.latest is not None
        assert self.latest.record is not None
        before = self.latest.record.partition
        number = self._engine.send(self._run_id, Change({"partition": level}))
        change, rest, halts = [], [], self.halts
        found, gap = self.next()
        change.append(gap)
        while found.applied < number or found.record is None or found.record.partition != level:
            found, gap = self.next()
            change.append(gap)
        first, begun = found.step, found.time
        fewest = min(stay, _FEWEST)
        while found.step < first + (fewest if found.time > begun + _LONG else stay):
            found, gap = self.next()
            rest.append(gap)
        return Stay(level, before, tuple(change), tuple(rest), self.halts - halts)


@contextmanager
def engine_beside() -> Iterator[ProcessEngine]:
    """A context with a new engine that records, from whose cores this process keeps off.

    Yields:
        ProcessEngine: The engine, in its own process, as beside the server.
    """
    with tempfile.TemporaryDirectory() as records:
        engine = ProcessEngine(record_dir=records)
        try:
            with beside_the_engine(apart=True):
                yield engine
        finally:
            engine.close()


def _waited(engine: Engine) -> float:
    """The seconds that an engine's process has waited for a core so far, if Linux counts them."""
    if not isinstance(engine, ProcessEngine):
        return 0.0
    with suppress(OSError):
        return int(Path(f"/proc/{engine.pid}/schedstat").read_text("ascii").split()[1]) / 1e9
    return 0.0
