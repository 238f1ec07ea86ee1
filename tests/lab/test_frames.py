import dataclasses

import numpy as np
import pytest

from gnlab.lab import frames, matrices, palettes, scales
from gnlab.lab.figures import (
    agreement,
    anatomy,
    base,
    damping,
    heatmap,
    losses,
    rates,
    rates_history,
    trust,
)
from gnlab.lab.figures.strip import Meter
from gnlab.lab.frames import Painter, View
from gnlab.runs import Settings

LIMITS = scales.Limits(9.0, 0.01)
ANATOMY = ("anatomy-gauss-newton", "anatomy-activations", "anatomy-products")


def columns_are_one_length(update):
    for data in update.data.values():
        assert len({len(column) for column in data.values()}) == 1


@pytest.fixture(scope="module")
def plots():
    return frames.build()


def test_every_update_fits_the_sources_its_figure_was_built_with(plots, snapshot, history):
    for shown in (snapshot(), snapshot(record=None, summary=None, history=history(0))):
        for name, update in Painter().updates(shown, View(), Meter()).items():
            columns_are_one_length(update)
            for source, data in update.data.items():
                assert set(data) == set(plots[name].sources[source].data), (name, source)


def test_heatmap_shows_the_matrix_on_its_scale_and_tells_raw_values(H, groups, roles):
    update = heatmap.update(H, groups, roles, LIMITS, "tensor", palettes.LIGHT)
    image = update.data["cells"]["image"][0]
    assert image.dtype == np.float32
    assert image.shape == (4, 4)
    assert image == pytest.approx(scales.signed(H, LIMITS), rel=1e-6)
    assert update.data["cells"]["raw"][0] == pytest.approx(H, rel=1e-6)
    assert update.data["names"]["name"] == list(groups)


def test_heatmap_in_blocks_is_the_same_matrix_in_another_order(H, groups, roles):
    update = heatmap.update(H, groups, roles, LIMITS, "blocks", palettes.LIGHT)
    place = [0, 2, 1, 3]
    assert update.data["names"]["name"] == [groups[i] for i in place]
    assert update.data["cells"]["raw"][0] == pytest.approx(H[np.ix_(place, place)], rel=1e-6)
    assert update.data["blocks"]["x0"].tolist() == [0.5, 0.0]
    assert (
        update.data["strip"]["color"][:4]
        == [palettes.LIGHT.weights] * 2 + [palettes.LIGHT.biases] * 2
    )


def test_heatmap_keeps_what_is_not_a_number(H, groups, roles):
    broken = H.copy()
    broken[1, 2] = np.nan
    image = heatmap.update(broken, groups, roles, LIMITS, "tensor", palettes.LIGHT)
    assert np.isnan(image.data["cells"]["image"][0][1, 2])
    assert np.isfinite(image.data["cells"]["image"][0]).sum() == 15


@pytest.mark.parametrize("S", [1, 42, 300])
def test_heatmap_of_any_size_thins_its_labels(S):
    names = [f"layers.{i}.weight" for i in range(S)]
    update = heatmap.update(np.eye(S), names, ["weights"] * S, LIMITS, "tensor", palettes.DARK)
    columns_are_one_length(update)
    shown = min(S, 256)
    assert update.data["cells"]["image"][0].shape == (shown, shown)
    assert len(update.data["names"]["name"]) == shown
    assert len(update.data["labels"]["text"]) <= 2 * base.LABELS
    assert max(map(len, update.data["labels"]["text"])) <= 11


def cut(H, window, order="tensor"):
    names = [f"g{i}" for i in range(len(H))]
    roles = ["weights", "biases"] * (len(H) // 2)
    return heatmap.update(
        H, names, roles, LIMITS, order, palettes.LIGHT, "all", window
    ).data  # fmt: skip


def test_a_large_matrix_is_shown_by_block_means_and_refined_by_zooming():
    H = np.random.default_rng(0).standard_normal((1024, 1024))
    whole = cut(H, matrices.WHOLE)
    assert whole["cells"]["raw"][0].shape == (256, 256)
    assert whole["cells"]["raw"][0][3, 5] == pytest.approx(H[12:16, 20:24].mean(), rel=1e-5)
    assert whole["names"]["name"][3] == "g12 … g15"
    # Around the middle of the last cell but one, then nearer.
    near = matrices.WHOLE.nearer(254.5 / 256, 254.5 / 256)
    shown = cut(H, near)
    assert shown["cells"]["raw"][0] == pytest.approx(H[768:, 768:], rel=1e-5)
    assert shown["names"]["name"][-1] == shown["columns"]["name"][-1] == "g1023"
    assert "256 × 256 of 1024 groups" in shown["note"]["text"][0]
    far = near
    for _ in range(8):
        far = far.nearer(0.5, 0.5)
    assert cut(H, far)["cells"]["raw"][0].shape == (4, 4)


def test_rows_and_columns_are_zoomed_apart():
    H = np.arange(64.0).reshape(8, 8)
    window = matrices.Window((0.0, 0.5), (0.5, 1.0))
    shown = cut(H, window)
    assert shown["cells"]["raw"][0] == pytest.approx(H[:4, 4:])
    assert shown["names"]["name"] == ["g0", "g1", "g2", "g3"]
    assert shown["columns"]["name"] == ["g4", "g5", "g6", "g7"]
    for columns in shown.values():
        assert len({len(column) for column in columns.values()}) == 1


@pytest.mark.parametrize("S", [1, 2, 3, 7, 42, 1000])
@pytest.mark.parametrize("place", [0.0, 0.3, 1.0])
def test_a_window_fits_every_size(S, place):
    window = matrices.WHOLE
    for _ in range(12):
        for part in window.cut(S):
            assert 0 <= part.start < part.stop <= S
            assert part.stop - part.start >= min(4, S)
        window = window.nearer(place, 1 - place)


def test_without_a_summary_the_heatmap_says_what_to_do():
    update = heatmap.update(None, (), (), LIMITS, "tensor", palettes.LIGHT)
    assert update.data["cells"]["image"] == []
    assert "Press Play" in update.data["note"]["text"][0]


def test_rates_show_size_and_sign_on_whole_decades(record):
    update = rates.update(record(), "tensor", palettes.LIGHT)
    shown = update.data["groups"]
    assert shown["size"] == pytest.approx([0.5, 0.01, 2.0, 0.03])  # zero stands at the lower end
    assert shown["marker"] == ["circle", "triangle", "circle", "circle"]
    assert shown["solved_at"] == pytest.approx([0.6, 4.0, 2.0, 0.03])
    assert shown["color"][:2] == [palettes.LIGHT.weights, palettes.LIGHT.biases]
    assert update.x == (0.01, 10.0)


def test_rates_of_an_optimizer_without_groups_say_so(snapshot, record):
    shown = snapshot(
        settings=Settings(optimizer="adam"), record=record(step_size=None), summary=None
    )
    update = Painter().updates(shown, View(), Meter())["rates"]
    assert update.data["note"]["text"] == [rates.WITHOUT]


def test_rates_over_time_are_an_image_of_exponents(history, roles):
    update = rates_history.update(history(), roles, "tensor")
    image = update.data["cells"]["image"][0]
    assert image.shape == (4, 5)
    assert (image[0] == -1).all()  # the first group's step size is zero: below the palette
    assert image[2] == pytest.approx(np.log10(2 * np.arange(1, 6)))
    assert update.z == (0.0, 2.0)
    assert update.x == (0.0, 5.0)


def test_rates_over_time_wait_for_the_new_partition(history):
    assert rates_history.update(history(), ("weights",), "tensor").data["cells"]["image"] == []


def test_third_order_scale_and_regulariser(record):
    rows = damping.scale(record(), "tensor", palettes.LIGHT).data["groups"]
    assert rows["one"][:2] == pytest.approx([2.0, 1.0])
    assert rows["two"][:2] == pytest.approx([0.5, 1.0])
    assert np.isnan(rows["one"][2])
    assert np.isnan(rows["two"][2])
    rows = damping.regulariser(record(), "blocks", palettes.LIGHT).data["groups"]
    assert rows["one"][[0, 2, 3]] == pytest.approx([3.0, 0.75, 6.75])
    assert rows["two"] == pytest.approx([4.0, 9.0, 0.01, 0.04])


def test_the_solves_scalars_hold_their_last_value(history):
    lines = trust.update(history()).data["lines"]
    assert lines["radius"] == pytest.approx([1, 1, 1 / 3, 1 / 3, 1 / 5])
    assert np.isnan(lines["radius_min"]).all()  # r₀ = 0 has no place on a logarithmic axis
    kappa = trust.update_eigenvalue(history(), LIMITS).data["lines"]
    assert kappa["value"][0] == -1
    assert kappa["shown"][0] < 0


def test_losses_are_smoothed_without_the_bias_of_the_start(history):
    update = losses.update(history())
    assert update.data["train"]["smooth"][0] == 2.0
    assert losses.smoothed(np.full(9, 3.0)) == pytest.approx(np.full(9, 3.0))
    assert update.data["validation"]["step"].tolist() == [1, 3, 5]
    assert update.y == (0.0, 2.0)


def test_predicted_and_measured_decrease_are_of_the_same_steps(history):
    lines = agreement.update(history(), LIMITS).data["lines"]
    assert lines["step"].tolist() == [1, 3, 5]
    assert lines["measured"] == pytest.approx(-np.asarray(lines["predicted"]))


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


@pytest.mark.parametrize("scale", ["raw", "scale-free"])
@pytest.mark.parametrize("order", ["tensor", "blocks"])
def test_the_parts_add_up_to_the_matrix_shown_on_one_scale(scale, order, snapshot):
    shown = Painter().updates(snapshot(), View(order=order, scale=scale), Meter())
    cells = [shown[name].data["cells"] for name in ANATOMY]
    whole = shown["hessian"].data
    total = np.sum([one["raw"][0] for one in cells], axis=0)
    assert total == pytest.approx(whole["cells"]["raw"][0], rel=1e-5, abs=1e-6)
    assert all(shown[name].data["names"] == whole["names"] for name in ANATOMY)
    first, *others = [shown[name].data["bar"] for name in ANATOMY]
    assert all(bar["text"] == first["text"] for bar in others)
    # The same number has the same colour in all three: what is larger is never paler.
    raw, image = (np.ravel([one[key][0] for one in cells]) for key in ("raw", "image"))
    assert (np.diff(image[np.argsort(raw)]) >= 0).all()


def test_each_part_says_whether_it_can_make_the_matrix_indefinite(record):
    assert anatomy.notes(record()) == [
        "Gauss–Newton · positive semidefinite",
        "activations · 2 negative eigenvalues",
        "products · one negative eigenvalue",
    ]
    flat = np.array([[1.0, 1 + 1e-7], [1 + 1e-7, 1.0]])  # its zero eigenvalue is rounded below
    rounded = np.stack([flat, np.diag([1.0, 0.0]), np.zeros((2, 2))])
    assert anatomy.notes(record(H_parts=rounded)) == [
        "Gauss–Newton · positive semidefinite",
        "activations · positive semidefinite",
        "products · zero",
    ]


def test_parts_that_are_not_told_apart_are_said_to_be_so_in_a_line(record, snapshot):
    plain = record(H_parts=None)
    shown = Painter().updates(snapshot(record=plain, summary=plain), View(), Meter())
    for name in ANATOMY:
        assert shown[name].data["cells"]["image"] == []
        assert shown[name].data["note"]["text"] == [anatomy.UNKNOWN]
    assert shown["hessian"].data["cells"]["image"][0].shape == (4, 4)
    before = Painter().updates(snapshot(record=None, summary=None), View(), Meter())
    assert "Press Play" in before[ANATOMY[0]].data["note"]["text"][0]


def test_the_shares_over_time_go_below_zero_only_where_one_does(history):
    update = anatomy.update_shares(history())
    assert update.data["lines"]["step"].tolist() == [1, 2, 3, 4, 5]
    assert update.data["lines"]["activations"] == pytest.approx(np.full(5, -0.2))
    assert update.y == (-0.55, 1.05)
    above = dataclasses.replace(history(), share=np.abs(history().share))
    assert anatomy.update_shares(above).y == (-0.12, 1.05)


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
