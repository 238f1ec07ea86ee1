"""``gnlab info``: what a report of a fault should say about the machine."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import torch

import gnlab
from gnlab.cli.output import write
from gnlab.problems.images import data_root, found
from gnlab.runs import default_folder

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "xarray", "zarr", "panel", "bokeh")


def info() -> None:
    """Write the versions, the devices and the data found."""
    _table({"gnlab": gnlab.__version__, "python": platform.python_version()} | _versions())
    write("")
    _table(_devices())
    write("")
    _table({"records": str(default_folder()), "data root": str(data_root())})
    _table({t: "found" if f else "absent, downloaded when first used" for t, f in found().items()})


def _table(rows: Mapping[str, str]) -> None:
    for name, value in rows.items():
        write(f"{name:12s}{value}")


def _versions() -> dict[str, str]:
    """The installed versions of the packages that the results or the page depend on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _devices() -> dict[str, str]:
    """The devices that a run can be put on."""
    devices = {"cpu": f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads"}
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = properties.total_memory / 2**30
        devices[f"cuda:{index}"] = f"{properties.name}, {memory:.0f} GiB"
    if not torch.cuda.is_available():
        devices["cuda"] = "none"
    return devices
