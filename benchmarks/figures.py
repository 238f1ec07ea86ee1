"""The figures of the documentation, drawn from the results files.

    python -m benchmarks.figures

Bokeh lays them out and the machine's Chromium takes the picture.
"""

import argparse
from collections import defaultdict
from pathlib import Path

from bokeh.embed import file_html
from bokeh.layouts import row
from bokeh.models import FixedTicker, Legend, LegendItem, NumeralTickFormatter, UIElement
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
        "grouped Newton, orthogonalised",
        "#D55E00",
        "square",
        "solid",
    ),
    "adam": ("Adam", "#555555", "triangle", "dashed"),
}


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
    panel.xgrid.grid_line_color = None
    panel.outline_line_color = None
    panel.title.text_font_size = "12pt"
    for axis in (*panel.xaxis, *panel.yaxis):
        axis.axis_label_text_font_size = "11pt"
        axis.axis_label_text_font_style = "normal"
        axis.major_label_text_font_size = "11pt"
    drawn: dict[str, list] = defaultdict(list)
    for optimizer, losses in curves:
        label, colour, marker, dash = STYLES[optimizer]
        epochs = list(range(1, len(losses) + 1))
        line = panel.line(epochs, losses, color=colour, line_width=2.5, line_dash=dash)
        points = panel.scatter(epochs, losses, color=colour, marker=marker, size=9)
        drawn[label] += [line, points]
    labels = [label for label, *_ in STYLES.values() if label in drawn]
    legend = Legend(
        items=[LegendItem(label=label, renderers=drawn[label]) for label in labels],
        location="center",
        orientation="horizontal",
        padding=0,
        spacing=14,
        border_line_color=None,
        label_text_font_size="10pt",
    )
    panel.add_layout(legend, "below")
    return panel


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


def main() -> None:
    """Draw the figures whose results are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=FOLDER / "training.json")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "training.png")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    picture(training(Results(arguments.results)), arguments.out)


if __name__ == "__main__":
    main()
