"""The figures of the documentation, drawn from the results files.

    python -m benchmarks.figures

Bokeh lays them out and the machine's Chromium takes the picture.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from bokeh.embed import file_html
from bokeh.layouts import row
from bokeh.models import FixedTicker, Legend, LegendItem, NumeralTickFormatter, Range1d, UIElement
from bokeh.plotting import figure
from bokeh.resources import INLINE

from benchmarks.browser import chromium
from benchmarks.environment import ROOT
from benchmarks.results import FOLDER, Results, write

TITLES = {
    "mlp-mnist": "MNIST, the paper's perceptron",
    "lenet-cifar10": "CIFAR-10, LeNet-5",
}
# Okabe and Ito's colours, and a marker each: told apart in grey too.
STYLES = {
    "grouped-newton": ("grouped Newton", "#0072B2", "circle", "solid"),
    "grouped-newton-orthogonal": (
        "orthogonalised",
        "#D55E00",
        "square",
        "solid",
    ),
    "grouped-newton-safeguard": (
        "grouped Newton, safeguard",
        "#56B4E9",
        "circle",
        "dotdash",
    ),
    "grouped-newton-orthogonal-safeguard": (
        "orthogonalised, safeguard",
        "#009E73",
        "diamond",
        "dotdash",
    ),
    "adam": ("Adam", "#555555", "triangle", "dashed"),
}


# What is drawn of a growth curve: key in the results, colour, marker, dash.
WAYS = {
    "plain way": ("plain_per_gradient", "#D55E00", "square", "solid"),
    "fast pass": ("fast_per_gradient", "#0072B2", "circle", "solid"),
    "floor of the fast pass": ("floor", "#555555", "triangle", "dashed"),
}
GROWTH = {"groups": "groups, S", "depth": "layers", "batch": "samples in the batch"}


def training(results: Results) -> UIElement:
    """Lay out the training curves, one panel for each data set.

    Args:
        results: What ``benchmarks.training`` stored.

    Returns:
        The Bokeh layout; several seeds of one curve are drawn as several lines.
    """
    curves: dict[str, list[tuple[str, list[float]]]] = defaultdict(list)
    for case in sorted(results.cases):
        preset, optimizer, *rest = case.split("/")
        if len(rest) == 1:  # not one of another length than usual
            curves[preset].append((optimizer, results.cases[case]["epoch_loss"]))
    return row(
        *(_panel(TITLES[preset], curves[preset]) for preset in TITLES if curves[preset]), spacing=20
    )


def _panel(title: str, curves: list[tuple[str, list[float]]]) -> figure:
    panel = figure(
        title=title,
        width=490,
        height=360,
        y_axis_type="log",
        x_axis_label="epoch",
        y_axis_label="mean training loss of the epoch",
        toolbar_location=None,
        background_fill_color="white",
    )
    longest = max(len(losses) for _, losses in curves)
    panel.xaxis.ticker = FixedTicker(ticks=list(range(1, longest + 1)))
    small = [m * 10.0**e for e in (-3, -2, -1) for m in (1, 2, 3, 5, 7)]
    panel.yaxis.ticker = FixedTicker(ticks=small + [1 + tenth / 10 for tenth in range(10)])
    panel.yaxis.formatter = NumeralTickFormatter(format="0.[00]")
    _plain(panel)
    drawn: dict[str, list] = defaultdict(list)
    for optimizer, losses in curves:
        label, *style = STYLES[optimizer]
        drawn[label] += _line(panel, list(range(1, len(losses) + 1)), losses, *style)
    in_order = {label: drawn[label] for label, *_ in STYLES.values() if label in drawn}
    legend = _legend(in_order, location="center", ncols=2, spacing=4)
    panel.add_layout(legend, "below")
    return panel


def curves_of(results: Results) -> dict[str, list[dict]]:
    """The points of each growth curve that was measured on the CPU, in their order."""
    points: dict[str, list[dict]] = defaultdict(list)
    for case in sorted(results.cases, key=lambda case: results.cases[case]["at"]):
        curve, _, device = case.split("/")
        if device == "cpu":
            points[curve].append(results.cases[case])
    return {curve: points[curve] for curve in GROWTH if points[curve]}


def growth(results: Results) -> UIElement:
    """Lay out the growth curves side by side, on one scale.

    Args:
        results: What ``benchmarks.summaries.growth`` stored.

    Returns:
        The Bokeh layout.
    """
    curves = curves_of(results)
    keys = [key for key, *_ in WAYS.values()]
    values = [found[key] for points in curves.values() for found in points for key in keys]
    span = Range1d(min(values) / 1.3, max(values) * 1.3)
    panels = [_growth_panel(curve, points, span) for curve, points in curves.items()]
    panels[0].yaxis.axis_label = "time, in gradients"
    return row(*panels, spacing=10)


def _growth_panel(curve: str, points: list[dict], span: Range1d) -> figure:
    at = [found["at"] for found in points]
    panel = figure(
        width=320,
        height=360,
        x_axis_type="log",
        y_axis_type="log",
        x_axis_label=GROWTH[curve],
        y_range=span,
        toolbar_location=None,
        background_fill_color="white",
    )
    panel.xaxis.ticker = FixedTicker(ticks=at if len(at) < 7 else at[::2])
    panel.yaxis.ticker = FixedTicker(ticks=[m * 10**e for e in range(5) for m in (1, 3)])
    panel.yaxis.formatter = NumeralTickFormatter(format="0")
    panel.xaxis.formatter = NumeralTickFormatter(format="0")
    _plain(panel)
    drawn = {
        label: _line(panel, at, [found[key] for found in points], *style)
        for label, (key, *style) in WAYS.items()
    }
    if curve == "batch":  # one legend for all, where the curves are low
        legend = _legend(drawn, location="top_right", orientation="vertical", spacing=4)
        panel.add_layout(legend)
    return panel


def _plain(panel: figure) -> None:
    """A panel's frame, grid and letters."""
    panel.xgrid.grid_line_color = None
    panel.outline_line_color = None
    panel.title.text_font_size = "12pt"
    for axis in (*panel.xaxis, *panel.yaxis):
        axis.axis_label_text_font_size = "11pt"
        axis.axis_label_text_font_style = "normal"
        axis.major_label_text_font_size = "11pt"


def _line(panel: figure, x: list, y: list, colour: str, marker: str, dash: str) -> list:
    """One curve with its points."""
    line = panel.line(x, y, color=colour, line_width=2.5, line_dash=dash)
    return [line, panel.scatter(x, y, color=colour, marker=marker, size=9)]


def _legend(drawn: Mapping[str, list], **layout: object) -> Legend:
    """A legend without a frame."""
    return Legend(
        items=[LegendItem(label=label, renderers=lines) for label, lines in drawn.items()],
        padding=0,
        border_line_color=None,
        label_text_font_size="10pt",
        **layout,
    )


def picture(layout: UIElement, path: Path) -> None:
    """Take the picture of a layout, at twice the resolution, on white.

    Args:
        layout: What to draw.
        path: The PNG file to write.
    """
    with chromium() as browser:
        page = browser.new_page(device_scale_factor=2, viewport={"width": 1000, "height": 100})
        page.set_content(file_html(layout, INLINE, title=path.stem))
        page.wait_for_function("Bokeh.documents.length && Bokeh.documents[0].is_idle")
        page.add_style_tag(content="body { margin: 0; background: white; }")
        page.screenshot(path=path, full_page=True)
    write(f"{path}")


FIGURES: Mapping[str, Callable[[Results], UIElement]] = {"training": training, "growth": growth}


def main() -> None:
    """Draw the figures whose results are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", nargs="+", choices=FIGURES, default=list(FIGURES))
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the JSON files")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.figure:
        results = Results(arguments.results / f"{name}.json")
        if results.cases:
            picture(FIGURES[name](results), arguments.out / f"{name}.png")


if __name__ == "__main__":
    main()
