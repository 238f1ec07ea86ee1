"""Time and peak memory of one gradient and of one summary by the plain definition.

    python -m benchmarks.gradients [--preset NAME ...] [--batch 100] [--device cpu]

The two are measured in turn, in pairs in one process, so that a machine that slows down slows both;
the medians are kept. Peak memory is measured in a process of its own for each, since a process
cannot take its own peak back. Inputs are random numbers of the right shape: no data is needed.
"""

import argparse
import ctypes
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

import gnlab
from benchmarks.environment import ROOT
from benchmarks.results import FOLDER, Results, write
from gnlab.problems import networks


@dataclass(frozen=True, slots=True)
class Network:
    """One of the paper's networks, at the partition that the paper uses for it."""

    build: Callable[..., nn.Module]
    inputs: tuple[int, ...]
    partition: str = "tensor"


NETWORKS = {
    "mlp-mnist": Network(networks.mlp, (1, 28, 28)),
    "lenet-cifar10": Network(networks.lenet, (3, 32, 32)),
    "vgg11-cifar10": Network(networks.vgg11, (3, 32, 32)),
    "bigmlp-cifar10": Network(networks.big_mlp, (3, 32, 32)),
    "vbigmlp-cifar10": Network(networks.very_big_mlp, (3, 32, 32), "chunk:5"),
}
KINDS = ("gradient", "summary")


class Case:
    """A network with one random batch, ready to be measured."""

    def __init__(self, name: str, batch: int, device: str) -> None:
        """Build the network and draw the batch.

        Args:
            name: The network's name, a key of NETWORKS.
            batch: The number of samples.
            device: Where to compute.
        """
        network = NETWORKS[name]
        source = torch.Generator().manual_seed(0)
        self.device = torch.device(device)
        self.model = network.build(seed=0, device=device)
        self.inputs = torch.randn((batch, *network.inputs), generator=source).to(device)
        self.targets = torch.randint(10, (batch,), generator=source).to(device)
        self.partition = gnlab.partition(self.model, network.partition)
        self.loss = nn.functional.cross_entropy

    def gradient(self) -> None:
        """One gradient of the loss: forwards and backwards."""
        loss = self.loss(self.model(self.inputs), self.targets)
        torch.autograd.grad(loss, list(self.model.parameters()))

    def summary(self) -> None:
        """One summary along the gradient."""
        batch = (self.inputs, self.targets)
        gnlab.summarise(self.model, self.loss, batch, self.partition, method="autodiff")

    def seconds(self, kind: str) -> float:
        """The time that one gradient or summary takes, the device waited for."""
        self._wait()
        start = time.perf_counter()
        {"gradient": self.gradient, "summary": self.summary}[kind]()
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def times(case: Case, pairs: int, budget: float, label: str) -> dict[str, list[float]]:
    """Time gradients and summaries in turn.

    Args:
        case: What to time; one pair goes ahead unmeasured.
        pairs: The number of pairs to measure.
        budget: Seconds after which no pair is begun, once three are measured.
        label: The name to show.

    Returns:
        The seconds of each, by kind.
    """
    measured: dict[str, list[float]] = {kind: [] for kind in KINDS}
    start = time.perf_counter()
    for kind in KINDS:
        case.seconds(kind)
    for done in tqdm(range(pairs), desc=label, leave=False):
        if done >= 3 and time.perf_counter() - start > budget:
            break
        for kind in KINDS:
            measured[kind].append(case.seconds(kind))
    return measured


def peak(name: str, batch: int, device: str, kind: str) -> dict[str, float]:
    """Measure, in this process, the memory that one gradient or summary adds.

    Args:
        name: The network's name.
        batch: The number of samples.
        device: Where to compute.
        kind: "gradient" or "summary".

    Returns:
        MiB held before (on a CPU the whole process, on a GPU the tensors), and MiB at the peak.
    """
    # The libraries that a first pass loads are no part of what a pass needs.
    Case(name, 2, device).seconds(kind)
    case = Case(name, batch, device)
    if case.device.type == "cuda":
        before = float(torch.cuda.memory_allocated(case.device))
        torch.cuda.reset_peak_memory_stats(case.device)
        case.seconds(kind)
        after = float(torch.cuda.max_memory_allocated(case.device))
    else:
        _forget_peak()
        before = _resident_peak()
        case.seconds(kind)
        after = _resident_peak()
    return {"before_mib": round(before / 2**20, 1), "peak_mib": round(after / 2**20, 1)}


def _forget_peak() -> None:
    """Where the system can, count the peak of resident memory from here on."""
    gc.collect()
    # What the first pass freed would else still be held, and hide what the next one takes.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _resident_peak() -> float:
    """The most memory that this process has held, in bytes."""
    # Linux hands the peak of ``getrusage`` down to the processes one starts: the number would be
    # the parent's. The kernel's own account is of this process alone.
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


def _peak_elsewhere(name: str, batch: int, device: str, kind: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.gradients", "--peak", kind, "--preset", name]
    command += ["--batch", str(batch), "--device", device]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def measure(name: str, arguments: argparse.Namespace) -> dict[str, object]:
    """Measure one network.

    Args:
        name: The network's name.
        arguments: The command line's.

    Returns:
        Median and all times, their ratio, and the peak memory of each.
    """
    case = Case(name, arguments.batch, arguments.device)
    seconds = times(case, arguments.pairs, arguments.budget, name)
    median = {kind: statistics.median(values) for kind, values in seconds.items()}
    ratios = [s / g for g, s in zip(seconds["gradient"], seconds["summary"], strict=True)]
    sizes = {"groups": case.partition.num_groups, "parameters": case.partition.num_parameters}
    del case
    memory = {k: _peak_elsewhere(name, arguments.batch, arguments.device, k) for k in KINDS}
    write(
        f"{name:16s} S = {sizes['groups']:3d}  gradient {median['gradient'] * 1e3:8.1f} ms  "
        f"summary {median['summary'] * 1e3:9.1f} ms  ratio {statistics.median(ratios):6.1f}  "
        f"peak {memory['gradient']['peak_mib']:.0f} / {memory['summary']['peak_mib']:.0f} MiB"
    )
    return {
        **sizes,
        "median_seconds": median,
        "median_ratio": statistics.median(ratios),
        "seconds": seconds,
        "memory": memory,
    }


def main() -> None:
    """Measure the networks that are not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--budget", type=float, default=120.0, help="seconds for each network")
    parser.add_argument("--out", type=Path, default=FOLDER / "gradients.json")
    parser.add_argument("--peak", choices=KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        found = peak(arguments.preset[0], arguments.batch, arguments.device, arguments.peak)
        sys.stdout.write(json.dumps(found))
        return
    results = Results(arguments.out)
    for name in arguments.preset:
        case = f"{name}/{NETWORKS[name].partition}/batch{arguments.batch}/{arguments.device}"
        if case not in results:
            results.add(case, measure(name, arguments))


if __name__ == "__main__":
    main()
