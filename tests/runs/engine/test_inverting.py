"""H̄⁻¹ between single groups, found on a thread of its own (more in test_looked.py)."""

import subprocess
import sys

PROGRAM = """
import time
from types import SimpleNamespace

import torch

from gnlab.runs import Settings
from gnlab.runs.engine import inverting

def slow(H, precision):
    time.sleep(1)
    print("inverted")

inverting.inverse = slow
run = SimpleNamespace(measured=SimpleNamespace(H=torch.eye(3)), settings=Settings("moons"))
looked = inverting.Inverting()
assert looked.of(run, object(), still=True) is None
assert not looked.arrived(print)
"""


def test_a_program_ends_after_the_decomposition_it_is_within():
    # Within one of LAPACK's it would end with a fault of memory.
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "inverted\n", "")
