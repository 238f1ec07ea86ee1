"""The board: the cards and every figure of the page, the same for all and built once.

A page's figures are data for a browser, nothing that the server would ever read: they are built
once per process as a document of their own, and each page gets its text. So a new page costs the
server its controls only, and what happens in a figure never becomes a message to the server.
"""

import json
from collections.abc import Iterator
from functools import cache
from html import escape
from typing import Any

from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from bokeh.models import Div

from gnlab.lab import frames, palettes
from gnlab.lab.assets import css
from gnlab.lab.captions import CAPTIONS
from gnlab.lab.figures.base import Plot, paint, tags

_CARDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "hessian": (("hessian",),),
    "inverse": (("inverse",),),
    "rates": (("rates",),),
    "rates-history": (("rates-history",),),
    "loss": (("loss",), ("accuracy",)),
    "agreement": (("agreement",),),
    "damping": (("scale", "regulariser"),),
    "trust": (("trust",), ("eigenvalue",)),
}
"""The figures of each card, in rows."""


def places(html: str, **options: Any) -> Div:
    """A part of the page with places for figures.

    Args:
        html: What it shows, with places made by ``place``.
        **options: Further properties of the model.

    Returns:
        The part; the browser draws the figures in it.
    """
    return Div(
        text=html, stylesheets=[css("text"), css("board")], margin=0,
        **{"sizing_mode": "stretch_width", **options},
    )  # fmt: skip


def place(plot: str) -> str:
    """A place for a figure.

    Args:
        plot: The figure's name.

    Returns:
        Its element, as HTML.
    """
    return f'<div class="place" data-plot="{plot}"></div>'


def cards() -> str:
    """All cards in a grid: each a title, its figures, and the sentence that says how to read them.

    Returns:
        The cards, as HTML.
    """
    return f'<div class="grid">{"".join(_card(name) for name in _CARDS)}</div>'


def _card(name: str) -> str:
    """One card, as HTML."""
    title, caption = (escape(line, quote=False) for line in CAPTIONS[name])
    rows = "".join(
        f'<div class="row">{"".join(place(plot) for plot in row)}</div>'
        if len(row) > 1
        else place(row[0])
        for row in _CARDS[name]
    )
    return (
        f'<div class="card gn-{name}"><h2 class="title">{title}</h2>'
        f'{rows}<p class="caption">{caption}</p></div>'
    )


@cache
def sheet() -> str:
    """Every figure of the page, empty, in the light theme.

    Returns:
        JSON with the Bokeh "document", and the ids of what in it changes: "plots" by name, in
        the order of the document's roots; "sources" and "tickers" by "plot|source"; "mappers" by
        plot; and "colours", each a model's id, a property's name and the theme's colour it takes.
    """
    plots = frames.build()
    document = Document()
    for plot in plots.values():
        paint(plot.figure, palettes.LIGHT)
        document.add_root(plot.figure)
    changing = {
        "plots": {plot.name: plot.figure.id for plot in plots.values()},
        "sources": _ids(plots, "sources"),
        "tickers": _ids(plots, "tickers"),
        "mappers": {p.name: p.mapper.id for p in plots.values() if p.mapper is not None},
        "colours": [list(found) for plot in plots.values() for found in _coloured(plot)],
    }
    # Bokeh's own encoder knows Bokeh's values; what is put beside it is plain.
    whole = serialize_json(document.to_json(deferred=False))
    return f'{{"document": {whole}, {json.dumps(changing)[1:]}'


def _ids(plots: dict[str, Plot], kind: str) -> dict[str, str]:
    """The ids of the plots' sources or tickers, by "plot|source"."""
    return {
        f"{plot.name}|{name}": model.id
        for plot in plots.values()
        for name, model in getattr(plot, kind).items()
    }


def _coloured(plot: Plot) -> Iterator[tuple[str, str, str]]:
    """What of a plot takes a colour of the theme."""
    for model in plot.figure.references():
        for name, colour in tags(model).items():
            yield model.id, name, colour
