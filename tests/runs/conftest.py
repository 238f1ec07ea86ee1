import dataclasses
import math
import time

import numpy as np
import pytest
import torch
from torch import nn

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


@pytest.fixture
def parameters():
    """All parameters of a run's model in one vector."""
    return lambda run: torch.cat([p.detach().reshape(-1) for p in run.model.parameters()])


@pytest.fixture
def same():
    """Whether two records are the same, number for number."""
    return same_record


@pytest.fixture
def alike():
    """Whether two records are of the same step, but for the time that it took."""
    return lambda a, b: same_record(
        dataclasses.replace(a, seconds=0), dataclasses.replace(b, seconds=0)
    )


def same_record(a, b):
    return all(same_value(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))


def same_value(a, b):
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


@pytest.fixture
def noisy_problem(own_problem):
    """Makes a regression with dropout, whose steps draw random numbers."""

    def make(inputs=None):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 1))
        return dataclasses.replace(own_problem(model, inputs), name="noisy")

    return make
