"""A frame on its way to the browser: one text and one array of numbers, whatever it holds.

Bokeh sends every array of a change as two websocket messages of its own. A frame of the main page
has some thirty arrays: packed into one, it arrives as five messages instead of sixty.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What the figures show next.

    Attributes:
        theme: The colours by name, if they are new to the browser.
        spans: For each plot whose axes moved, its name and the limits of x, y and colours.
        data: The new columns of each "plot|source" that changed. A column is an array of
            numbers, a list with one matrix (an image's), or a list of what JSON has.
    """

    theme: Mapping[str, Any] | None = None
    spans: list[list[Any]] = field(default_factory=list)
    data: dict[str, Mapping[str, Any]] = field(default_factory=dict)


def pack(frame: Frame) -> dict[str, list[Any]]:
    """Pack a frame.

    Args:
        frame: The frame.

    Returns:
        Columns of one row for the source that carries it: "text", JSON in which each array is
        replaced by its shape and its place in "numbers", float32.

    Raises:
        ValueError: If a list holds a number that is not finite, which JSON cannot have.
    """
    parts = [np.zeros(1, np.float32)]  # Bokeh cannot send an empty array
    at = 1

    def placed(value: Any) -> Any:
        nonlocal at
        matrix = isinstance(value, list) and len(value) == 1 and isinstance(value[0], np.ndarray)
        array = value[0] if matrix else value
        if not isinstance(array, np.ndarray):
            return value
        place = {"at": at, "shape": array.shape}
        parts.append(np.asarray(array, dtype=np.float32).ravel())
        at += array.size
        return place

    data = {
        source: {name: placed(value) for name, value in columns.items()}
        for source, columns in frame.data.items()
    }
    packed = {"theme": frame.theme, "spans": frame.spans, "data": data}
    text = json.dumps(packed, allow_nan=False)
    return {"text": [text], "numbers": [np.concatenate(parts)]}


def unpack(columns: Mapping[str, Any]) -> Frame:
    """Read a packed frame, as the browser does.

    Args:
        columns: What ``pack`` returned.

    Returns:
        The frame.
    """
    packed, numbers = json.loads(columns["text"][0]), columns["numbers"][0]

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        shape = value["shape"]
        array = numbers[value["at"] :][: int(np.prod(shape))].reshape(shape)
        return array if len(shape) == 1 else [array]

    data = {
        source: {name: read(value) for name, value in columns.items()}
        for source, columns in packed["data"].items()
    }
    return Frame(packed["theme"], packed["spans"], data)
