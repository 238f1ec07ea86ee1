"""What all tests share: no test depends on how fast a machine is, and few on a GPU."""

import os

import pytest
import torch
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from gnlab.problems import Data, Hyperparameters, Problem

settings.register_profile("gnlab", deadline=None)
settings.load_profile("gnlab")


def pytest_configure(config):
    """Give each of several processes one thread: more of them get in each other's way."""
    if config.getoption("numprocesses"):
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_runtest_setup(item):
    """Skip what needs a GPU on a machine without one: the engine itself runs anywhere."""
    if item.get_closest_marker("gpu") is not None and not torch.cuda.is_available():
        pytest.skip("no CUDA device")


def pytest_collection_modifyitems(items):
    """Put the tests with a browser first: they are one piece, and none is larger."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)


def pytest_xdist_make_scheduler(config, log):
    """Keep the tests of a file together, and those of all files with a browser."""
    return Scheduler(config, log) if config.getoption("dist") == "loadfile" else None


class Scheduler(LoadFileScheduling):
    """Gives a worker one file of tests after the other, and all that have a browser as one.

    Two browsers at once, with a server and an engine each, are slow on a small machine. What is
    said here of a file is what its text says: this process collects no tests, it only shares out
    their names.
    """

    def __init__(self, config, log):
        super().__init__(config, log)
        self._root, self._with_browser = config.rootpath, {}

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        if file not in self._with_browser:
            text = (self._root / file).read_text(encoding="utf-8")
            self._with_browser[file] = "pytest.mark.browser" in text
        return "browser" if self._with_browser[file] else file


@pytest.fixture
def own_problem():
    """Makes a regression of three inputs, with a model and inputs of one's own."""
    return regression


def regression(model, inputs=None):
    source = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 3, generator=source) if inputs is None else inputs
    data = Data(inputs, torch.zeros(len(inputs), dtype=torch.int64))
    numbers = Hyperparameters(0.1, 1.0, 2, 10, 10)
    return Problem(
        "own", "", model, lambda out, y: (out[:, 0] - y).square().mean(), data, None, None,
        numbers, "classification", None, torch.float32,
    )  # fmt: skip
