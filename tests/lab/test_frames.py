import dataclasses

import numpy as np
import pytest

from gnlab.lab import frames, palettes
from gnlab.lab.figures import base
from gnlab.lab.figures.strip import Meter
from gnlab.lab.frames import Painter, View

ANATOMY = ("anatomy-gauss-newton", "anatomy-activations", "anatomy-products")


@pytest.fixture(scope="module")
def plots():
    return frames.build()


def test_every_update_fits_the_sources_its_figure_was_built_with(plots, snapshot, history):
    for shown in (snapshot(), snapshot(record=None, summary=None, history=history(0))):
        for name, update in Painter().updates(shown, View(), Meter()).items():
            for source, data in update.data.items():
                assert len({len(column) for column in data.values()}) == 1, (name, source)
                assert set(data) == set(plots[name].sources[source].data), (name, source)


def test_a_frame_leaves_out_what_has_not_changed(snapshot):
    painter = Painter()
    first = painter.frame(snapshot(), View(), Meter())
    assert "hessian|cells" in first.data
    again = painter.frame(snapshot(record=snapshot().record), View(), Meter())
    assert not any(key.startswith(("hessian|names", "rates|", "loss|")) for key in again.data)
    painter.forget()
    assert painter.frame(snapshot(), View(), Meter()).data.keys() == first.data.keys()


def test_a_change_of_the_partition_changes_the_shape(record, snapshot, H):
    painter = Painter()
    painter.frame(snapshot(), View(), Meter())
    coarse = record(
        H=H[:2, :2], H_parts=np.stack([H[:2, :2]] * 3),
        group=("weights", "biases"), role=("weights", "biases"), d=np.ones(2),
        step_size=np.ones(2), step_size_solved=np.ones(2), regulariser=np.ones(2),
    )  # fmt: skip
    frame = painter.frame(snapshot(record=coarse, summary=coarse), View(), Meter())
    for name in ("hessian", *ANATOMY):
        assert frame.data[f"{name}|cells"]["image"][0].shape == (2, 2)


def test_a_locked_scale_stays(record, snapshot, H):
    painter = Painter()
    before = painter.frame(snapshot(), View(), Meter()).data["hessian|bar"]["text"]
    louder = record(H=1e6 * H)
    locked = painter.frame(snapshot(summary=louder), View(lock=True), Meter())
    assert "hessian|bar" not in locked.data
    free = painter.frame(snapshot(summary=record(H=1e6 * H)), View(), Meter())
    assert free.data["hessian|bar"]["text"] != before


def test_scale_free_view_and_notes(snapshot):
    shown = Painter().updates(snapshot(), View(scale="scale-free"), Meter())
    raw = shown["hessian"].data["cells"]["raw"][0]
    assert np.abs(np.diag(raw)) == pytest.approx(np.ones(4))
    assert "negative eigenvalue" in shown["hessian"].data["note"]["text"][0]
    assert "condition number" in shown["inverse"].data["note"]["text"][0]


def test_a_broken_summary_is_shown_and_not_raised(record, snapshot):
    broken = record(H=np.full((4, 4), np.nan), d=np.full(4, np.nan), step_size=np.full(4, np.nan))
    frame = Painter().frame(snapshot(record=broken, summary=broken), View(), Meter())
    assert np.isnan(frame.data["hessian|cells"]["image"][0]).all()


def test_the_header_tells_what_runs(snapshot):
    texts = (
        Painter()
        .updates(
            dataclasses.replace(snapshot(), state="playing", steps_per_second=123.4),
            View(),
            Meter(17.6, 41.2),
        )["strip"]
        .data["values"]["text"]
    )
    assert texts == ["playing", "3", "0.50", "1.25", "123", "18", "41 ms", "cpu", "digits-mlp"]


def test_the_parts_are_sent_as_rarely_as_the_figures_over_time(snapshot):
    often = Painter().updates(snapshot(), View(), Meter(), courses=False)
    assert not {*ANATOMY, "shares"} & often.keys()


def test_a_theme_colours_everything_that_is_tagged(plots):
    for theme in palettes.THEMES.values():
        for plot in plots.values():
            base.paint(plot.figure, theme)
            lines = [grid.grid_line_color for grid in plot.figure.grid]
            assert set(lines) == {theme.line}
    mapper = plots["hessian"].figure.renderers[0].glyph.color_mapper
    assert tuple(mapper.palette) == palettes.DARK.diverging
    assert mapper.nan_color == palettes.DARK.nan not in mapper.palette
