"""The machine and the versions that a measurement was made with."""

import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Environment:
    """What a number needs beside it to mean something."""

    cpu: str
    cores: int
    memory_gib: float
    gpu: str | None
    system: str
    python: str
    torch: str
    bokeh: str
    panel: str
    threads: int
    commit: str
    date: str


def environment() -> dict[str, object]:
    """Return the record of this machine, now, as a plain dictionary for JSON."""
    return asdict(
        Environment(
            cpu=_cpu_model(),
            cores=len(os.sched_getaffinity(0))
            if platform.system() == "Linux"
            else os.cpu_count() or 1,
            memory_gib=round(_memory_bytes() / 2**30, 1),
            gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            python=platform.python_version(),
            torch=torch.__version__,
            bokeh=_version("bokeh"),
            panel=_version("panel"),
            threads=torch.get_num_threads(),
            commit=_commit(),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    )


def _version(package: str) -> str:
    """A package's version; the summaries are measured without the lab's packages too."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):  # not a POSIX system
        return 0


def _commit() -> str:
    """The commit of the tree, marked where the tree is not that commit's."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
