import numpy as np
import pytest

from gnlab.lab import cuts, palettes, scales
from gnlab.lab.cuts import WHOLE, Window
from gnlab.lab.figures import base, heatmap

LIMITS = scales.Limits(9.0, 0.01)


def columns_are_one_length(data):
    for columns in data.values():
        assert len({len(column) for column in columns.values()}) == 1


def update(H, names, roles, order="tensor", theme=palettes.LIGHT, note="", window=WHOLE):
    of = tuple(names), tuple(roles), order, window
    return heatmap.update(cuts.within(H, *of[1:]), cuts.cut(*of), LIMITS, order, theme, note)


def test_heatmap_shows_the_matrix_on_its_scale_and_tells_raw_values(H, groups, roles):
    shown = update(H, groups, roles)
    image = shown.data["cells"]["image"][0]
    assert image.dtype == np.float32
    assert image.shape == (4, 4)
    assert image == pytest.approx(scales.signed(H, LIMITS), rel=1e-6)
    assert shown.data["cells"]["raw"][0] == pytest.approx(H, rel=1e-6)
    assert shown.data["names"]["name"] == list(groups)


def test_heatmap_in_blocks_is_the_same_matrix_in_another_order(H, groups, roles):
    shown = update(H, groups, roles, "blocks")
    place = [0, 2, 1, 3]
    assert shown.data["names"]["name"] == [groups[i] for i in place]
    assert shown.data["cells"]["raw"][0] == pytest.approx(H[np.ix_(place, place)], rel=1e-6)
    assert shown.data["blocks"]["x0"].tolist() == [0.5, 0.0]
    assert (
        shown.data["strip"]["color"][:4]
        == [palettes.LIGHT.weights] * 2 + [palettes.LIGHT.biases] * 2
    )


def test_heatmap_keeps_what_is_not_a_number(H, groups, roles):
    broken = H.copy()
    broken[1, 2] = np.nan
    image = update(broken, groups, roles)
    assert np.isnan(image.data["cells"]["image"][0][1, 2])
    assert np.isfinite(image.data["cells"]["image"][0]).sum() == 15


@pytest.mark.parametrize("S", [1, 42, 300])
def test_heatmap_of_any_size_thins_its_labels(S):
    names = [f"layers.{i}.weight" for i in range(S)]
    data = update(np.eye(S), names, ["weights"] * S, theme=palettes.DARK).data
    columns_are_one_length(data)
    shown = min(S, 256)
    assert data["cells"]["image"][0].shape == (shown, shown)
    assert len(data["names"]["name"]) == shown
    assert len(data["labels"]["text"]) <= 2 * base.LABELS
    assert max(map(len, data["labels"]["text"])) <= 11


def seen(H, window):
    names = [f"g{i}" for i in range(len(H))]
    roles = ["weights", "biases"] * (len(H) // 2)
    return update(H, names, roles, window=window).data


def test_rows_that_stand_for_several_groups_are_called_by_the_first_and_the_last():
    names = tuple(f"g{3 * i} … g{3 * i + 2}" for i in range(512))
    roles = ("weights",) * 512
    data = update(np.eye(512), names, roles).data
    assert data["names"]["name"][:2] == ["g0 … g5", "g6 … g11"]


def test_a_large_matrix_is_shown_by_block_means_and_refined_by_zooming():
    H = np.random.default_rng(0).standard_normal((1024, 1024))
    whole = seen(H, WHOLE)
    assert whole["cells"]["raw"][0].shape == (256, 256)
    assert whole["cells"]["raw"][0][3, 5] == pytest.approx(H[12:16, 20:24].mean(), rel=1e-5)
    assert whole["names"]["name"][3] == "g12 … g15"
    # Around the middle of the last cell but one, then nearer.
    near = WHOLE.nearer(254.5 / 256, 254.5 / 256)
    shown = seen(H, near)
    assert shown["cells"]["raw"][0] == pytest.approx(H[768:, 768:], rel=1e-5)
    assert shown["names"]["name"][-1] == shown["columns"]["name"][-1] == "g1023"
    far = near
    for _ in range(8):
        far = far.nearer(0.5, 0.5)
    assert seen(H, far)["cells"]["raw"][0].shape == (4, 4)


def test_rows_and_columns_are_zoomed_apart():
    H = np.arange(64.0).reshape(8, 8)
    window = Window((0.0, 0.5), (0.5, 1.0))
    shown = seen(H, window)
    assert shown["cells"]["raw"][0] == pytest.approx(H[:4, 4:])
    assert shown["names"]["name"] == ["g0", "g1", "g2", "g3"]
    assert shown["columns"]["name"] == ["g4", "g5", "g6", "g7"]
    columns_are_one_length(shown)


def test_without_a_summary_the_heatmap_says_what_to_do():
    empty = heatmap.update(None, None, LIMITS, "tensor", palettes.LIGHT)
    assert empty.data["cells"]["image"] == []
    assert "Press Play" in empty.data["note"]["text"][0]


def test_what_stands_around_the_cells_is_made_once_for_a_partition(H, groups, roles):
    def shown(order="tensor", theme=palettes.LIGHT):
        return update(H, groups, roles, order, theme).data

    first = shown()
    assert shown()["labels"] is first["labels"]
    blocks = shown("blocks")
    assert blocks["names"]["name"] != first["names"]["name"]
    assert len(blocks["blocks"]["x0"]) > len(first["blocks"]["x0"])
    assert shown(theme=palettes.DARK)["strip"]["color"] != first["strip"]["color"]
