"""The slide's cards: a picture or a table, its title, and the sentence below it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import Div

from gnlab.lab.assets import css
from gnlab.lab.figures.base import Plot, Update
from gnlab.lab.slide import captions
from gnlab.lab.slide.frame import captioned, titled
from gnlab.lab.views import text

NARROW = {"min-width": "0"}
"""A layout may be narrower than the width that a figure has before it is stretched."""


class Card(pn.viewable.Viewer):
    """One card.

    Args:
        name: Its name, also the figure's.
        body: The figure, or the text that takes its place.
        title: What it shows.
        caption: The sentence that says how to read it.
    """

    def __init__(self, name: str, body: object, title: str, caption: str) -> None:
        super().__init__()
        self.title = text(titled(title), name=f"{name}-title")
        self.caption = text(captioned(caption), name=f"{name}-caption")
        self.layout = pn.Column(
            self.title, body, self.caption,
            css_classes=["gn-card", f"gn-{name}"], stylesheets=[css("slide").css],
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def __panel__(self) -> pn.Column:
        return self.layout


class Scene(pn.viewable.Viewer):
    """The cards of one scene, and the line above them.

    Args:
        name: The scene's name.
        plots: Its figures, by name.
    """

    def __init__(self, name: str, plots: dict[str, Plot]) -> None:
        super().__init__()
        self.plots, self._name = plots, name
        self.texts: dict[str, Div] = {}
        self.cards: dict[str, Card] = {}
        for plot in plots.values():
            title, caption = _said(name, plot.name)
            self.cards[plot.name] = Card(plot.name, plot.figure, title, caption)
        table, verdict = f"{name}-table", f"{name}-verdict"
        self.texts[table], self.texts[verdict] = _place(table), _place(verdict)
        self.cards[table] = Card(table, self.texts[table], *captions.CARDS[name][table])
        for card in self.cards.values():
            self.texts |= {card.title.name: card.title, card.caption.name: card.caption}
        self._grid = pn.Column(
            *(card.layout for card in self.cards.values()), stylesheets=[css("slide").css],
            sizing_mode="stretch_width", margin=0, styles=NARROW,
        )  # fmt: skip
        self.hide(frozenset())
        self.layout = pn.Column(
            self.texts[verdict], self._grid, sizing_mode="stretch_width", margin=0, styles=NARROW
        )

    def __panel__(self) -> pn.Column:
        return self.layout

    def hide(self, hidden: frozenset[str]) -> None:
        """Show all cards but these.

        Args:
            hidden: Their names.
        """
        for name, card in self.cards.items():
            card.layout.visible = name not in hidden
        self._grid.css_classes = ["gn-cards", f"gn-{self._name}", f"gn-without-{len(hidden)}"]


def _place(name: str) -> Div:
    """A place for a text that changes."""
    return Div(name=name, stylesheets=[css("slide")], margin=0, sizing_mode="stretch_width")


def _said(scene: str, plot: str) -> tuple[str, str]:
    """A figure's title and caption."""
    if plot.startswith("network-map-"):
        return "", captions.MAP[int(plot.rpartition("-")[2])]
    return captions.CARDS[scene][plot]


def show(plot: Plot, update: Update) -> None:
    """Give a figure its new data, where its document may be changed.

    Args:
        plot: The figure.
        update: What it shows next.
    """
    for name, columns in update.data.items():
        if _same(plot.sources[name].data, columns):
            continue
        plot.sources[name].data = dict(columns)
        if name in plot.tickers:
            plot.tickers[name].ticks = [float(at) for at in columns["at"]]
    limits = ((plot.figure.x_range, update.x), (plot.figure.y_range, update.y))
    for span, new in limits:
        if new is not None and (span.start, span.end) != new:
            span.update(start=new[0], end=new[1])


def _same(shown: Mapping[str, Any], columns: Mapping[str, Any]) -> bool:
    """Whether a source shows these columns already: each message costs the browser a moment."""
    return all(_equal(shown[name], column) for name, column in columns.items())


def _equal(one: Any, other: Any) -> bool:
    """Whether two columns are equal: numbers, texts, or arrays of several sizes."""
    if len(one) != len(other):
        return False
    if any(isinstance(value, np.ndarray) for value in other):
        return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    return np.array_equal(np.asarray(one), np.asarray(other))
