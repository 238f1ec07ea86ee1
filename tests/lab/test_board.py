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
    return {model.id: model for model in Document.from_json(sheet["document"]).models}


def test_every_figure_has_one_place():
    html = board.cards() + board.place("strip") + board.place("phases")
    assert sorted(re.findall('data-plot="([^"]+)"', html)) == sorted(frames.build())


def test_the_roots_are_the_plots_in_order(sheet):
    roots = [root["id"] for root in sheet["document"]["roots"]]
    assert roots == list(sheet["plots"].values())


def test_everything_that_changes_is_in_the_document(sheet, models):
    for kind in ("plots", "sources", "tickers", "mappers"):
        assert set(sheet[kind].values()) <= set(models)
    for name, plot in frames.build().items():
        for source, model in plot.sources.items():
            assert models[sheet["sources"][f"{name}|{source}"]].column_names == model.column_names
        assert {f"{name}|{ticker}" for ticker in plot.tickers} <= set(sheet["tickers"])
        assert (name in sheet["mappers"]) == (plot.mapper is not None)


def test_it_is_in_the_light_theme_and_knows_what_another_one_changes(sheet, models):
    for id_, name, colour in sheet["colours"]:
        assert hasattr(palettes.DARK, colour)
        shown, light = getattr(models[id_], name), getattr(palettes.LIGHT, colour)
        assert (shown.value if hasattr(shown, "value") else shown) in (light, list(light))
    painted = {name for _, name, _ in sheet["colours"]}
    assert {"background_fill_color", "palette", "line_color", "major_label_text_color"} <= painted
