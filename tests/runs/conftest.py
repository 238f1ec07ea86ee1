import time

import pytest

from gnlab.runs import ProcessEngine, ThreadEngine

DEADLINE = 60.0


@pytest.fixture(scope="session")
def process_engine():
    engine = ProcessEngine(pinned=False)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def thread_engine():
    engine = ThreadEngine()
    yield engine
    engine.close()


@pytest.fixture(params=["thread", "process"])
def engine(request):
    """Either engine; the runs that a test opens are closed after it."""
    shared = request.getfixturevalue(f"{request.param}_engine")
    opened = Opened(shared)
    yield opened
    opened.close_all()


class Opened:
    """An engine that remembers what was opened, and can wait."""

    def __init__(self, engine):
        self.engine, self.ids = engine, []

    def open(self, settings):
        self.ids.append(self.engine.open(settings))
        return self.ids[-1]

    def branch(self, run_id):
        self.ids.append(self.engine.branch(run_id))
        return self.ids[-1]

    def snapshot(self, run_id, newer_than=-1):
        return self.engine.snapshot(run_id, newer_than)

    def send(self, run_id, command):
        return self.engine.send(run_id, command)

    def close_all(self):
        for run_id in self.ids:
            self.engine.close_run(run_id)

    def ready(self, settings):
        """Open a run and wait until it is loaded."""
        run_id = self.open(settings)
        self.wait(run_id, lambda s: s.levels)
        return run_id

    def do(self, run_id, command):
        """Send a command and wait until it was taken and its steps are made."""
        number = self.send(run_id, command)
        return self.wait(run_id, lambda s: s.applied >= number and s.state != "playing")

    def wait(self, run_id, condition):
        return wait(lambda: self.snapshot(run_id), condition)


@pytest.fixture
def until():
    """Wait until a condition holds of what is looked at."""
    return wait


def wait(look, condition, seconds=DEADLINE):
    """Look again and again until a condition holds; fail after a deadline."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if condition(seen):
            return seen
        if time.monotonic() > end:
            pytest.fail(f"waited in vain; last seen: {seen}")
        time.sleep(0.002)
