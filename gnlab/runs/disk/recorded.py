"""Recorded runs: opening what a run wrote, also while it goes on or after it was killed."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gnlab.errors import InputError, as_path
from gnlab.runs.disk.columns import GROUPED, SCALARS, STATUSES, STEP
from gnlab.runs.disk.recording import STORE

if TYPE_CHECKING:
    import xarray as xr

_ALWAYS = (STEP.name, "status", "loss")
"""Variables that every step of every record has."""


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A run as it was written down.

    Attributes:
        folder: Its folder.
        parts: One dataset per part, in the order in which they were written; a new part begins
            where the groups or a setting changed (but for lr and damping, which are variables), the
            run was rewound (attribute ``rewound_from``), or it was read from a file and went on.
            Values are read from disk when they are looked at.
        attributes: Preset, seed, hyperparameters and versions at the start.
    """

    folder: Path
    parts: "tuple[xr.Dataset, ...]"
    attributes: dict[str, Any]


def open_record(folder: str | Path) -> Recorded:
    """Open the record of a run.

    Args:
        folder: The folder that holds ``run.zarr``.

    Returns:
        The record.

    Raises:
        InputError: If there is none, or it cannot be read.
    """
    folder = as_path("folder", folder)
    store = folder / STORE
    description = store / "zarr.json"
    if not description.is_file():
        raise InputError(
            f"there is no record in {str(folder)!r}: it has no {STORE}. Give the folder that a run "
            "was recorded to; nothing is in it before the run's first step."
        )
    try:
        attributes = json.loads(description.read_bytes())["attributes"]
        numbers = sorted(
            int(path.name.removeprefix("part-")) for path in store.glob("part-*") if _steps(path)
        )
        parts = tuple(_part(store, f"part-{number}") for number in numbers)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the record in {str(folder)!r} is damaged ({error}); restore it from a copy."
        ) from error
    return Recorded(folder, parts, attributes)


def _check(part: Path, steps: int) -> None:
    """Raise if a file of a part is missing or cut off: zarr reads what is missing as a NaN or 0.

    Args:
        part: Its folder.
        steps: How many it has.

    Raises:
        ValueError: Naming the file.
    """
    for name in _ALWAYS:
        if not (part / name / "zarr.json").is_file():
            raise ValueError(f"{part.name} has no {name}")
    for description in part.glob("*/zarr.json"):
        about = json.loads(description.read_bytes())
        if about["data_type"] == "string":
            continue
        shape = about["chunk_grid"]["configuration"]["chunk_shape"]
        size = math.prod(shape) * np.dtype(about["data_type"]).itemsize
        for chunk in description.parent.glob("c.*"):
            if chunk.suffix != ".partial" and chunk.stat().st_size != size:
                raise ValueError(f"{part.name}/{chunk.parent.name}/{chunk.name} is cut off")
    for name in _ALWAYS:
        about = json.loads((part / name / "zarr.json").read_bytes())
        rows = about["chunk_grid"]["configuration"]["chunk_shape"][0]
        for number in range(-(-min(steps, about["shape"][0]) // rows)):
            if not (part / name / f"c.{number}").is_file():
                raise ValueError(f"{part.name}/{name}/c.{number} is missing")


def _part(store: Path, name: str) -> "xr.Dataset":
    """One part, cut to what is there in every variable."""
    import xarray as xr  # noqa: PLC0415  (half a second that only a reader should pay)

    steps = _steps(store / name)
    _check(store / name, steps)
    columns = [c for c in (*SCALARS, *GROUPED) if (store / name / c.name).is_dir()]
    try:
        dataset = _open(store, name, [])
    except ValueError:
        # Caught in the middle of writing: variables of different lengths, opened one by one.
        names = {column.name for column in columns} | {STEP.name}
        singles = [_open(store, name, sorted(names - {one})) for one in sorted(names)]
        dataset = xr.merge(
            [single.isel(step=slice(0, steps)) for single in singles],
            compat="override",
            join="exact",
            combine_attrs="override",
        )
    # A record of an earlier version, and one of adam or sgd, knows no kinds.
    named = [name for name in ("group", "role", "kind", "bundle") if name in dataset]
    dataset = dataset.isel(step=slice(0, steps)).set_coords(named)
    status = dataset["status"]
    codes = status.values.astype(int)
    if len(strange := codes[(codes < 0) | (codes >= len(STATUSES))]):
        raise ValueError(f"{name}/status has the code {strange[0]}")
    said = status.copy(data=np.array(STATUSES)[codes])
    said.attrs = {"long_name": status.attrs["long_name"]}
    rows = "bundle" if "bundle" in named else "group"
    return dataset.assign(status=said).assign_coords(
        {f"{rows}_": (f"{rows}_", dataset[rows].values)}
    )


def _steps(part: Path) -> int:
    """The number of steps that are wholly written."""
    description = part / STEP.name / "zarr.json"
    if not description.exists():
        return 0
    return int(json.loads(description.read_bytes())["shape"][0])


def _open(store: Path, name: str, without: list[str]) -> "xr.Dataset":
    import xarray as xr  # noqa: PLC0415  (as above)

    dataset: xr.Dataset = xr.open_zarr(
        str(store),
        group=name,
        consolidated=False,
        chunks=None,
        decode_times=False,
        drop_variables=without,
    )
    return dataset
