"""A page of four heatmaps and one changing number: in a Div, or as a glyph in a fixed figure.

    python -m benchmarks.findings.texts --port N

The page is asked for with ``?text=div`` or ``?text=glyph``. The next frame is sent as soon as the
browser says that it has drawn the one before.
"""

import argparse
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.layouts import column, row
from bokeh.models import ColumnDataSource, CustomJS, Div, Range1d
from bokeh.plotting import figure
from bokeh.server.server import Server

GROUPS, MAPS = 42, 4
_WIDE = {"sizing_mode": "stretch_width"}
_DRAWN = """
requestAnimationFrame(() => setTimeout(() => {
  (window.drawn ??= []).push(performance.now())
  ack.data = {number: [window.drawn.length]}
}, 0))
"""


def heatmaps() -> tuple[Any, ColumnDataSource]:
    """Build four figures on one source.

    Returns:
        Their layout and the source.
    """
    source = ColumnDataSource(data={f"map {place}": [] for place in range(MAPS)})
    figures = []
    for place in range(MAPS):
        made = figure(height=300, x_range=Range1d(0, 1), y_range=Range1d(0, 1), **_WIDE)
        made.image(f"map {place}", x=0, y=0, dw=1, dh=1, source=source)
        figures.append(made)
    return column(row(*figures[:2], **_WIDE), row(*figures[2:], **_WIDE), **_WIDE), source


def div() -> tuple[Any, Callable[[str], None]]:
    """Build a Div.

    Returns:
        The Div and what changes its text.
    """
    made = Div(text="", **_WIDE)
    return made, lambda text: made.update(text=text)


def glyph() -> tuple[Any, Callable[[str], None]]:
    """Build a figure with fixed ranges and a text in it.

    Returns:
        The figure and what changes its text.
    """
    source = ColumnDataSource(data={"text": [""]})
    made = figure(
        height=30, x_range=Range1d(0, 1), y_range=Range1d(0, 1), toolbar_location=None, **_WIDE
    )
    made.axis.visible = made.grid.visible = False
    made.text(x=0, y=0.5, text="text", text_baseline="middle", source=source)
    return made, lambda text: source.update(data={"text": [text]})


KINDS = {"div": div, "glyph": glyph}


def page(document: Document) -> None:
    """Build the page and begin to send frames when it is ready.

    Args:
        document: The session's document.
    """
    arguments = document.session_context.request.arguments
    text, say = KINDS[arguments["text"][0].decode()]()
    maps, source = heatmaps()
    ack = ColumnDataSource(data={"number": []})
    source.js_on_change("data", CustomJS(args={"ack": ack}, code=_DRAWN))
    numbers, steps = np.random.default_rng(0), itertools.count()

    def send() -> None:
        data = numbers.random((MAPS, GROUPS, GROUPS), dtype=np.float32)
        say(f"step {next(steps)}, loss {data[0, 0, 0]:.4f}")
        source.data = {f"map {place}": [data[place]] for place in range(MAPS)}

    ack.on_change("data", lambda _attribute, _old, _new: send())
    document.on_event(DocumentReady, lambda _event: send())
    document.add_root(column(text, maps, **_WIDE))


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until terminated.

    Args:
        arguments: The command line's; None takes those of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args(arguments)
    server = Server({"/": page}, port=given.port, address="localhost")
    server.start()
    server.io_loop.start()


if __name__ == "__main__":
    main()
