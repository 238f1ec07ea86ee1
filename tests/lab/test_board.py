"""The board: every figure has its place, and its text is all that a browser needs."""

import json
import re

import pytest
from bokeh.document import Document

from gnlab.lab import board, frames, palettes


@pytest.fixture(scope="module")
def sheet():
    return json.loads(board.sheet())


@pytest.fixture(scope="module")
def models(sheet):
    return {
        name: {model.id: model for model in Document.from_json(plot["document"]).models}
        for name, plot in sheet.items()
    }


def test_every_figure_has_one_place(sheet):
    html = board.cards() + board.place("strip") + board.place("phases")
    assert sorted(re.findall('data-plot="([^"]+)"', html)) == sorted(sheet)


def test_everything_that_changes_is_in_the_figures_document(sheet, models):
    for name, plot in frames.build().items():
        known, changing = models[name], sheet[name]
        assert known[changing["figure"]].name == name
        assert changing["sources"].keys() == plot.sources.keys()
        for source, id_ in changing["sources"].items():
            assert known[id_].column_names == plot.sources[source].column_names
        assert changing["tickers"].keys() == plot.tickers.keys()
        assert set(changing["tickers"].values()) <= known.keys()
        assert (changing["mapper"] in known) == (plot.mapper is not None)


def test_it_is_in_the_light_theme_and_knows_what_another_one_changes(sheet, models):
    painted = set()
    for name, plot in sheet.items():
        for id_, prop, colour in plot["colours"]:
            assert hasattr(palettes.DARK, colour)
            shown, light = getattr(models[name][id_], prop), getattr(palettes.LIGHT, colour)
            assert (shown.value if hasattr(shown, "value") else shown) in (light, list(light))
            painted.add(prop)
    assert {"palette", "line_color", "major_label_text_color"} <= painted
