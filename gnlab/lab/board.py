"""The board: the cards and every figure of the page, the same for all and built once.

A page's figures are data for a browser, nothing that the server would ever read: they are built
once per process as a document of their own, and each page gets its text. So a new page costs the
server its controls only, and what happens in a figure never becomes a message to the server.
"""

import json
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
    "anatomy": (("anatomy-gauss-newton", "anatomy-activations", "anatomy-products", "shares"),),
    "what-if": (("what-if", "what-if-cost"), ("what-if-predicted", "what-if-measured")),
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
        JSON: by the plot's name, its Bokeh "document" and the ids of what changes in it, see
        ``_changing``.
    """
    plots = ", ".join(f'"{plot.name}": {_one(plot)}' for plot in frames.build().values())
    return f"{{{plots}}}"


def _one(plot: Plot) -> str:
    """One plot's part of the sheet. A document each: what is in sight can be drawn first."""
    paint(plot.figure, palettes.LIGHT)
    document = Document()
    document.add_root(plot.figure)
    # Bokeh's own encoder knows Bokeh's values; what is put beside it is plain.
    whole = serialize_json(document.to_json(deferred=False))
    return f'{{"document": {whole}, {json.dumps(_changing(plot))[1:]}'


def _changing(plot: Plot) -> dict[str, Any]:
    """The ids of what changes in a plot.

    Args:
        plot: The plot.

    Returns:
        The "figure"; its "sources" and "tickers" by the source's name; its colour "mapper", if
        any; whether it "zooms"; and "colours": a model, a property's name and the theme's colour
        that it takes.
    """
    return {
        "figure": plot.figure.id,
        "sources": {name: source.id for name, source in plot.sources.items()},
        "tickers": {name: ticker.id for name, ticker in plot.tickers.items()},
        "zooms": plot.zooms,
        "mapper": None if plot.mapper is None else plot.mapper.id,
        "colours": [
            [model.id, name, colour]
            for model in plot.figure.references()
            for name, colour in tags(model).items()
        ],
    }
