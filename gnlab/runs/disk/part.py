"""A part of a record on disk: one zarr group that grows along ``step``.

The arrays are written as the zarr version 3 format says, plain and without compression: appending
costs two small files per variable, a tenth of what a general library takes, and each file is
replaced whole, so a killed program leaves no half of one. ``step`` is written last: what it holds
is there in every variable. A chunk in which nothing was measured has no file.

Legend: S groups, T steps, K kinds of operation.
"""

import json
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnlab.runs.disk.chunks import Matrices
from gnlab.runs.disk.columns import GROUPED, SCALARS, STATUSES, STEP, Column
from gnlab.runs.disk.thinning import Thinning
from gnlab.runs.records import bundles
from gnlab.runs.records.record import KINDS, Record

MATRIX_BYTES = 2**30
"""After this many bytes of H̄ and its parts in one group only every second chunk is written, after
half as many more every fourth, and so on; the other variables are written at every step."""

_CHUNK_BYTES = 2**20
_MATRIX_CHUNK_BYTES = 2**14  # small: it is written whole, also where few of its steps have an H̄
_CHUNK_ROWS = 1024


class Part:
    """One group of the store, being written.

    Args:
        folder: The group's folder, which must not exist.
        groups: The groups' names.
        roles: The groups' roles.
        grouped: Whether the variables of the method are written (not for adam and sgd).
        attributes: What the group says about itself.
        matrix_bytes: Bytes of H̄ and its parts after which only every second chunk is written.

    Raises:
        OSError: If it cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        groups: tuple[str, ...],
        roles: tuple[str, ...],
        grouped: bool,
        attributes: dict[str, Any],
        matrix_bytes: int = MATRIX_BYTES,
    ) -> None:
        self._folder, self._roles = folder, roles
        self._columns = (*SCALARS, *(GROUPED if grouped else ()))
        self._tails: dict[str, NDArray[np.generic]] = {}
        self._rows = 0
        rows = _chunk_rows(2, roles)
        each = sum(8 * math.prod(c.shape(roles)) for c in self._columns if c.axes == 2)
        thinning = Thinning(rows, max(1, matrix_bytes // (rows * max(1, each))))
        self._matrices = {
            column.name: Matrices(folder / column.name, column.shape(roles), thinning)
            for column in self._columns
            if column.axes == 2
        }
        write_group(folder, attributes)
        bundled = bundles.named(groups, roles)[0] if grouped and bundles.are_bundled(roles) else ()
        self._unnamed = [
            ("group", groups, "names of the groups", "group"),
            ("role", roles, "roles of the groups", "group"),
            *([("bundle", bundled, "groups of each row of H", "bundle")] if bundled else []),
            *([("kind", KINDS, "kinds of operation", "kind")] if grouped else []),
        ]

    def append(self, records: list[Record]) -> Iterator[None]:
        """Write some more steps, a variable at a time, and of large ones a piece.

        Args:
            records: Their records.

        Yields:
            Nothing, after each of them; until the last is written none of the steps is there.

        Raises:
            OSError: If they cannot be written.
        """
        while self._unnamed:  # made with the first steps: a file at a time
            _write_names(self._folder, *self._unnamed[0])
            del self._unnamed[0]
            yield
        rows, tails = self._rows + len(records), {}
        for column in (*self._columns, STEP):
            (self._folder / column.name).mkdir(exist_ok=True)
            if column.name in self._matrices:
                if column.kinds:  # H̄'s parts go the way of H̄
                    self._matrices[column.name].follow(self._matrices["H"])
                new = [getattr(record, column.name) for record in records]
                yield from self._matrices[column.name].write(new, self._rows)
            else:
                values = column.values(records, self._roles)
                tails[column.name] = self._write(column, values)
            self._describe(column, rows)
            if column is not STEP:
                yield
        # Only now, so that what Ctrl-C has broken off can be written again from its beginning.
        self._rows, self._tails = rows, tails
        for matrices in self._matrices.values():
            matrices.settle()

    def _write(self, column: Column, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Write a variable's new values into its chunks; the last of them, which may be begun."""
        rows = _chunk_rows(column.axes, self._roles)
        offset = self._rows % rows
        if offset:
            values = np.concatenate([self._tails[column.name][:offset], values])
        for first in range(0, len(values), rows):
            chunk = values[first : first + rows]
            whole = np.full((rows, *chunk.shape[1:]), _fill(column), dtype=chunk.dtype)
            whole[: len(chunk)] = chunk
            key = ["c", str((self._rows - offset + first) // rows), *["0"] * (chunk.ndim - 1)]
            if whole.dtype.kind != "f" or not np.isnan(whole).all():
                _replace(self._folder / column.name / ".".join(key), whole.tobytes())
        return whole

    def _describe(self, column: Column, rows: int) -> None:
        """Write a variable's metadata, with its present length."""
        kind = {"status": "int8", "step": "int64"}.get(column.name, "float64")
        shape = column.shape(self._roles)
        attributes: dict[str, Any] = {"long_name": column.long_name, "units": column.units}
        if column.name == "status":
            attributes["flag_values"] = list(range(len(STATUSES)))
            attributes["flag_meanings"] = " ".join(name or "none" for name in STATUSES)
        description = _array(
            kind,
            [rows, *shape],
            [_chunk_rows(column.axes, self._roles), *shape],
            column.dimensions(self._roles),
            attributes,
        )
        _replace(self._folder / column.name / "zarr.json", description)


def _chunk_rows(axes: int, roles: tuple[str, ...]) -> int:
    """Steps per chunk of a variable with so many axes."""
    most = _MATRIX_CHUNK_BYTES if axes == 2 else _CHUNK_BYTES
    row: int = 8 * (len(bundles.begins(roles)) if axes == 2 else len(roles)) ** axes
    return max(1, min(_CHUNK_ROWS, most // row))


def write_group(folder: Path, attributes: dict[str, Any]) -> None:
    """Make a zarr group.

    Args:
        folder: Its folder.
        attributes: What the group says about itself.

    Raises:
        OSError: If it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    description = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    _replace(folder / "zarr.json", json.dumps(description).encode())


def is_group(description: Path) -> bool:
    """Whether a file is the metadata of a zarr group.

    Args:
        description: The file.

    Returns:
        Whether it is.

    Raises:
        OSError: If it cannot be read.
    """
    try:
        about = json.loads(description.read_bytes())
    except ValueError:
        return False
    return isinstance(about, dict) and isinstance(about.get("attributes"), dict)


def _array(
    kind: str,
    shape: list[int],
    chunk: list[int],
    dimensions: tuple[str, ...],
    attributes: dict[str, Any],
) -> bytes:
    """The metadata of an array."""
    codec: dict[str, Any] = {"name": "bytes", "configuration": {"endian": "little"}}
    description = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": kind,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": {"float64": "NaN", "string": ""}.get(kind, 0),
        "codecs": [{"name": "vlen-utf8"} if kind == "string" else codec],
        "attributes": attributes,
        "dimension_names": list(dimensions),
        "storage_transformers": [],
    }
    return json.dumps(description).encode()


def _write_names(
    part: Path, variable: str, names: tuple[str, ...], long_name: str, dimension: str
) -> None:
    """Write an array of names: their number, then each one's length in bytes and its bytes."""
    encoded = [name.encode() for name in names]
    content = struct.pack("<I", len(names))
    content += b"".join(struct.pack("<I", len(name)) + name for name in encoded)
    folder = part / variable
    folder.mkdir(exist_ok=True)
    _replace(folder / "c.0", content)
    size = [len(names)]
    attributes = {"long_name": long_name}
    _replace(folder / "zarr.json", _array("string", size, size, (dimension,), attributes))


def _fill(column: Column) -> float:
    return 0 if column.name in {"status", "step"} else np.nan


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is the old one or the new one at any moment."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    os.replace(partial, path)
