"""What all figures share: a figure built once, sources whose data are replaced, one look.

A figure module has two functions. ``build`` makes a Bokeh figure with empty sources, once.
``update`` is pure: from a record (or a history) to the sources' new data and the axes' ranges.
Nothing else about a figure ever changes, so nothing is laid out again while a run trains.

Legend: S groups; y of a row is (place + ½) / S, from 0 at the top to 1 at the bottom.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.model import Model
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    CustomJSTickFormatter,
    FixedTicker,
    HoverTool,
    LinearAxis,
    LinearColorMapper,
    LogAxis,
    Range1d,
)
from bokeh.plotting import figure

from gnlab.lab import palettes, scales
from gnlab.lab.assets import text as script
from gnlab.lab.figures.names import short_names

Columns = Mapping[str, Any]
Span = tuple[float, float]

FONT = "Inter, 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, sans-serif"
TEXT = {"text_font": value(FONT), "text_font_size": "10.5px"}
"""The font of text glyphs; without ``value`` Bokeh would take it for a column's name."""
_BORDERS = {
    "min_border_left": 80,
    "min_border_right": 14,
    "min_border_top": 8,
    "min_border_bottom": 46,
}
"""Room for an axis' label and any tick labels, so that they can change and nothing moves."""
BORDERLESS = dict.fromkeys(_BORDERS, 0) | {"min_border": 0}
"""For a figure without axes."""
APART = {"level": "overlay"}
"""For what rarely changes: Bokeh paints this level on a canvas of its own, when it has changed."""
_MARGIN = 8
"""Pixels above a legend, and below it."""
LABELS = 18
"""The most tick labels along an axis of groups."""


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """A figure that was built, and what of it changes.

    Attributes:
        name: The figure's name, also that of its Bokeh model.
        figure: The Bokeh figure.
        sources: Its data sources, by name.
        tickers: The axes whose ticks come from a source with columns "at" and "label", by the
            source's name.
        mapper: The colour mapper whose limits change, if any.
        zooms: Whether a double click asks the page to show the unit square's place nearer.
    """

    name: str
    figure: figure
    sources: Mapping[str, ColumnDataSource]
    tickers: Mapping[str, FixedTicker] = field(default_factory=dict)
    mapper: LinearColorMapper | None = None
    zooms: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What a figure shows next.

    Attributes:
        data: The sources' new columns, by source name; a source left out keeps its data.
        x: The x axis' new limits, None to leave them.
        y: The y axis' new limits, None to leave them.
        z: The colours' new limits, None to leave them.
    """

    data: Mapping[str, Columns]
    x: Span | None = None
    y: Span | None = None
    z: Span | None = None


def source(name: str, *columns: str) -> ColumnDataSource:
    """An empty source of that name with these columns."""
    return ColumnDataSource(data={column: [] for column in columns}, name=name)


def tagged(model: Any, **colours: str) -> Any:
    """Note which of a model's properties take which of the theme's colours.

    Args:
        model: A Bokeh model.
        **colours: The theme's attribute by the model's property.

    Returns:
        The same model.
    """
    model.tags = [*model.tags, *(f"{name}={colour}" for name, colour in colours.items())]
    return model


def tags(model: Model) -> dict[str, str]:
    """The properties of a model that take a colour of the theme, and which one."""
    pairs = [str(tag).partition("=") for tag in model.tags]
    return {name: colour for name, _, colour in pairs if colour}


def paint(root: Model, theme: palettes.Theme) -> None:
    """Give a model and all it holds the colours of a theme.

    Args:
        root: A figure built by a module of this package.
        theme: The theme.
    """
    for model in root.references():
        for name, colour in tags(model).items():
            setattr(model, name, getattr(theme, colour))


def canvas(name: str, *, x_log: bool = False, y_log: bool = False, **options: Any) -> figure:
    """A bare figure: no toolbar, fixed ranges, room for labels that never changes.

    Args:
        name: The Bokeh model's name.
        x_log: Whether x is logarithmic.
        y_log: Whether y is logarithmic.
        **options: Further properties of the figure.

    Returns:
        The figure, with a grid and axes in the theme's colours.
    """
    made = figure(
        name=name,
        x_range=Range1d(0.01, 1) if x_log else Range1d(0, 1),
        y_range=Range1d(0.01, 1) if y_log else Range1d(0, 1),
        x_axis_type="log" if x_log else "linear",
        y_axis_type="log" if y_log else "linear",
        toolbar_location=None,
        tools="",
        output_backend="canvas",
        sizing_mode=options.pop("sizing_mode", "stretch_width"),
        **{**_BORDERS, **options},
    )
    # The card's own background shows through: a fill would leave a line along two edges, where
    # Bokeh's pixels are halved.
    made.update(outline_line_color=None, background_fill_color=None, border_fill_color=None)
    for axis in made.select({"type": LinearAxis}) + made.select({"type": LogAxis}):
        axis.update(
            axis_label_text_font=FONT,
            axis_label_text_font_size="11px",
            axis_label_text_font_style="normal",
            axis_label_standoff=6,
            major_label_text_font=FONT,
            major_label_text_font_size="10.5px",
            major_tick_in=0,
            major_tick_out=4,
            minor_tick_line_color=None,
            **APART,
        )
        tagged(
            axis,
            axis_line_color="line",
            major_tick_line_color="line",
            axis_label_text_color="soft",
            major_label_text_color="soft",
        )
    for grid in made.grid:
        tagged(grid, grid_line_color="line")
    return made


def source_ticks(
    made: figure, sources: Mapping[str, ColumnDataSource], *, x: str = "", y: str = ""
) -> dict[str, FixedTicker]:
    """Let axes and their grids take their ticks, and the ticks' labels, from sources.

    Args:
        made: The figure.
        sources: Its sources; those of ticks have columns "at" and "label".
        x: The name of the source of the x axis' ticks, "" for none.
        y: The name of the y axis'.

    Returns:
        The new tickers by the source's name; their ticks are to be set to the source's "at".
    """
    tickers = {}
    axes = ((x, made.xaxis[0], made.xgrid, made), (y, made.yaxis[0], made.ygrid, None))
    for name, axis, grid, across in axes:
        if name:
            tickers[name] = axis.ticker = grid.ticker = FixedTicker(ticks=[])
            labelled(axis, sources[name], across)
    return tickers


def labelled(axis: Any, labels: ColumnDataSource, across: figure | None = None) -> None:
    """Let an axis or a colour bar take its ticks' labels from a source.

    Args:
        axis: The axis or the colour bar.
        labels: The source, with columns "at" and "label".
        across: The figure, where the labels stand side by side and have to fit its width.
    """
    args = {"labels": labels, "made": across}
    axis.formatter = CustomJSTickFormatter(args=args, code=script("ticks.js"))
    # Axes are painted apart, and do not see by themselves that only a label has changed.
    labels.js_on_change("data", CustomJS(args={"axis": axis}, code="axis.change.emit()"))


def hover(made: figure, renderers: list[Any], tooltips: list[tuple[str, str]], **more: Any) -> None:
    """Add a hover tool that reads values from these renderers."""
    made.add_tools(HoverTool(renderers=renderers, tooltips=tooltips, **more))


def printf(*columns: str) -> dict[str, str]:
    """What makes a hover tool show columns in C's number formats."""
    return {f"@{column}": "printf" for column in columns}


def legend(made: figure, *, many: bool = False) -> None:
    """Put the legend of a figure above its frame, in one row; it names what has data.

    Args:
        made: The figure.
        many: Whether there are so many names that they stand close in the narrowest card.
    """
    box = made.legend[0]
    box.update(
        orientation="horizontal",
        label_text_font=FONT,
        label_text_font_size="11px",
        border_line_color=None,
        background_fill_alpha=0.0,
        # Half a tick's label is above the frame, and Bokeh puts both margins above the legend.
        margin=_MARGIN,
        styles={"translate": f"0 -{_MARGIN}px"},
        padding=0,
        spacing=6 if many else 14,
        glyph_width=13 if many else 18,
        glyph_height=12,
        label_standoff=5,
        click_policy="hide",
    )
    tagged(box, label_text_color="ink")
    made.add_layout(box, "above")
    told = CustomJS(args={"box": box}, code=script("legend.js"))
    for one in {renderer.data_source for item in box.items for renderer in item.renderers}:
        one.js_on_change("data", told)


def rows(names: Sequence[str], order: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Where the groups stand on a vertical axis, and the labels of as many as fit.

    Args:
        names: The groups' names, S of them.
        order: [S] the group shown at each place.

    Returns:
        [S] the y of each place, and the columns "at" and "label" of the axis' ticks.
    """
    count = len(order)
    middle = (np.arange(count) + 0.5) / max(count, 1)
    shown = scales.thin(count, LABELS)
    labels = short_names([names[order[place]] for place in shown])
    return middle, {"at": middle[shown], "label": labels}


def decade_ticks(low: float, high: float, most: int) -> dict[str, Any]:
    """The columns "at" and "label" of a logarithmic axis' ticks."""
    at, label = scales.decade_ticks(low, high, most)
    return {"at": at, "label": label}


def span(steps: np.ndarray) -> Span:
    """The limits of a time axis: from the first step to a round number past the last."""
    if steps.size == 0:
        return 0.0, 10.0
    last = max(float(steps[-1]), 10.0)
    # A fifth of the leading decade: the axis moves rarely, and the newest point is near its end.
    unit = 10.0 ** np.floor(np.log10(last)) / 5
    return 0.0, float(np.ceil(1.02 * last / unit) * unit)


def as_float(values: Any) -> np.ndarray:
    """Values as the float32 array that is sent to a browser; too large a value becomes NaN."""
    with np.errstate(over="ignore"):
        sent = np.asarray(values, dtype=np.float32)
    return np.where(np.isinf(sent), np.float32(np.nan), sent)
