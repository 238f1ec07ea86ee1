"""The peak memory of a gradient or of a kind's summaries, on a CPU in a process of its own.

A process cannot take its own peak back; a GPU's can be. The process also finds out, within a limit
of memory and of time, what a machine cannot afford, before the one that takes times would break on
it.
"""

import argparse
import ctypes
import gc
import json
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import torch

from benchmarks.environment import ROOT, environment
from benchmarks.summaries.cases import KINDS, NETWORKS, Case
from benchmarks.summaries.rounds import Effort, get_warm

SHARE = 0.75
"""Of the machine's memory, what a process may use."""
_TOO_LARGE = ("allocate", "bad_alloc", "out of memory")


def peak(name: str, batch: int, device: str, kind: str, limit: float) -> dict[str, float] | str:
    """Measure the memory that gradients or summaries add, on a CPU in a new process.

    All but the plain way are done until one is repeated, or for long enough, as for their times.

    Args:
        name: The network's name.
        batch: The number of samples.
        device: Where to compute.
        kind: Of KINDS.
        limit: Seconds after which a process is ended.

    Returns:
        MiB held before (on a CPU the whole process, on a GPU the tensors), MiB at the peak, and
        the seconds that the first took; or "memory" or "time", whichever was not enough.
    """
    if torch.device(device).type == "cuda":
        try:
            return _measured(name, batch, device, kind)
        except torch.OutOfMemoryError:
            return "memory"
    command = [sys.executable, "-m", "benchmarks.summaries.memory", name, str(batch), device, kind]
    try:
        done = subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return "time"
    except subprocess.CalledProcessError as error:
        if error.returncode == -9 or any(sign in error.stderr for sign in _TOO_LARGE):
            return "memory"
        sys.stderr.write(error.stderr)
        raise
    return json.loads(done.stdout)


def _measured(name: str, batch: int, device: str, kind: str) -> dict[str, float]:
    """The same, in this process."""
    # The libraries that a first pass loads are no part of what a pass needs.
    Case(NETWORKS[name], 2, device).seconds("fast" if kind == "plain" else kind)
    case = Case(NETWORKS[name], batch, device)
    if case.device.type == "cuda":
        before = float(torch.cuda.memory_allocated(case.device))
        torch.cuda.reset_peak_memory_stats(case.device)
        seconds = _all_phases(case, kind)
        after = float(torch.cuda.max_memory_allocated(case.device))
    else:
        forget_peak()
        before = resident_peak()
        seconds = _all_phases(case, kind)
        after = resident_peak()
    mib = {"before_mib": before / 2**20, "peak_mib": after / 2**20}
    return {"seconds": seconds, **{key: round(value, 1) for key, value in mib.items()}}


def _all_phases(case: Case, kind: str) -> float:
    """Do one kind until it is recorded and repeated, if it is; the seconds of the first time."""
    seconds = case.seconds(kind)
    if kind != "plain":
        get_warm(case.seconds, kind, Effort())
    return seconds


def forget_peak() -> None:
    """Where the system can, count the peak of resident memory from here on."""
    gc.collect()
    # What the first pass freed would else still be held, and hide what the next one takes.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def resident_peak() -> float:
    """The most memory that this process has held, in bytes."""
    # Linux hands the peak of ``getrusage`` down to the processes one starts: the number would be
    # the parent's. The kernel's own account is of this process alone.
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


def main() -> None:
    """Measure in this process, which fails where its share of the memory is not enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("batch", type=int)
    parser.add_argument("device")
    parser.add_argument("kind", choices=KINDS)
    arguments = parser.parse_args()
    if arguments.device == "cpu":
        most = int(SHARE * float(environment()["memory_gib"]) * 2**30)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    found = _measured(arguments.network, arguments.batch, arguments.device, arguments.kind)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
