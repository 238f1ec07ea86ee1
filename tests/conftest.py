"""What all tests share: no test depends on how fast a machine is, and few on a GPU."""

import pytest
import torch
from hypothesis import settings

settings.register_profile("gnlab", deadline=None)
settings.load_profile("gnlab")


def pytest_runtest_setup(item):
    """Skip what needs a GPU on a machine without one: the engine itself runs anywhere."""
    if item.get_closest_marker("gpu") is not None and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
