"""Four heatmaps updated by HoloViews' DynamicMap, and by one Bokeh source replaced whole.

Server time only: from the new numbers to the messages ready to be sent. Both sides have the same
figures, fixed colour limits, and a document whose changes are made into messages as a session of
Bokeh's server does.
"""

import time
from collections.abc import Callable
from functools import partial

import holoviews as hv
import numpy as np
from bokeh.document import Document
from bokeh.document.events import DocumentPatchedEvent
from bokeh.layouts import row
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from bokeh.protocol import Protocol
from holoviews.streams import Pipe

from benchmarks.findings.sides import Effort, Measured, Side, compare

GROUPS, MAPS = 42, 4
LIMITS = (-3.0, 3.0)
_NUMBERS = np.random.default_rng(0)

Update = Callable[[np.ndarray], None]


class Line:
    """Stands for the line to a browser: makes each change of a document into a message."""

    def __init__(self, document: Document) -> None:
        """Listen to a document.

        Args:
            document: The document.
        """
        self.messages, self.bytes = 0, 0
        self._protocol = Protocol()
        document.callbacks.on_change_dispatch_to(self)

    def _document_patched(self, event: DocumentPatchedEvent) -> None:
        """Called by the document, as it calls the server's own sessions."""
        message = self._protocol.create("PATCH-DOC", [event])
        self.messages += 1
        self.bytes += len(message.header_json) + len(message.content_json)
        self.bytes += sum(len(buffer.to_bytes()) for buffer in message.buffers)


def dynamic_map() -> tuple[Document, Update]:
    """Four maps of HoloViews, all fed by one stream.

    Returns:
        The document, and what updates it.
    """
    pipe = Pipe(data=_matrices())

    def image(data: np.ndarray, place: int) -> hv.Image:
        return hv.Image(data[place], bounds=(0, 0, 1, 1))

    maps = [
        hv.DynamicMap(partial(image, place=place), streams=[pipe]).opts(clim=LIMITS)
        for place in range(MAPS)
    ]
    document = Document()
    document.add_root(hv.renderer("bokeh").get_plot(hv.Layout(maps), doc=document).state)
    return document, pipe.send


def one_source() -> tuple[Document, Update]:
    """Four figures of Bokeh on one source.

    Returns:
        The document, and what updates it.
    """
    source = ColumnDataSource(data=_columns(_matrices()))
    figures = []
    for place in range(MAPS):
        made = figure(width=300, height=300)
        made.image(f"map {place}", x=0, y=0, dw=1, dh=1, source=source)
        figures.append(made)
    document = Document()
    document.add_root(row(figures))

    def update(data: np.ndarray) -> None:
        source.data = _columns(data)

    return document, update


def measure(effort: Effort) -> dict[str, object]:
    """Time both.

    Args:
        effort: How much.

    Returns:
        The finding.
    """
    return compare(
        Side("one Bokeh source, replaced whole", _timed(*one_source(), effort.updates)),
        Side("HoloViews DynamicMap on a Pipe", _timed(*dynamic_map(), effort.updates)),
        effort.rounds,
    )


def _timed(document: Document, update: Update, updates: int) -> Callable[[], Measured]:
    """Times some updates of a document, after one that is not timed."""
    line = Line(document)

    def measure_once() -> Measured:
        update(_matrices())
        sent, messages, seconds = line.bytes, line.messages, []
        for _ in range(updates):
            data = _matrices()
            begun = time.perf_counter()
            update(data)
            seconds.append(time.perf_counter() - begun)
        return {
            "server time per update (ms)": [1000 * value for value in seconds],
            "messages per update": [(line.messages - messages) / updates],
            "bytes per update": [(line.bytes - sent) / updates],
        }

    return measure_once


def _matrices() -> np.ndarray:
    return _NUMBERS.standard_normal((MAPS, GROUPS, GROUPS)).astype(np.float32)


def _columns(data: np.ndarray) -> dict[str, list[np.ndarray]]:
    return {f"map {place}": [data[place]] for place in range(MAPS)}
