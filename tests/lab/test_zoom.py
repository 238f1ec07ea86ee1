import pytest

from gnlab.lab.cuts import WHOLE
from gnlab.lab.zoom import Zoom
from gnlab.runs import Look


@pytest.fixture
def sent():
    return []


@pytest.fixture
def zoom(sent):
    return Zoom(lambda: sent.append("redraw"), sent.append)


def click(zoom, x, y):
    before = zoom.source.data["count"]
    zoom.source.data = {"x": [x], "y": [y], "count": [1 + (before[0] if before else 0)]}


def test_a_double_click_goes_nearer_and_one_beside_the_matrix_back(zoom, sent):
    click(zoom, 0.8, 0.7)
    assert zoom.window == WHOLE.nearer(1 - 0.7, 0.8)
    click(zoom, 0.5, -0.1)
    assert zoom.window == WHOLE
    assert sent == ["redraw", "redraw"]


def test_single_groups_are_asked_for_once_and_no_more_when_all_is_shown(
    zoom, sent, record, snapshot
):
    groups = tuple(f"g{i}" for i in range(3000))
    many = record(group=groups, role=("weights",) * 3000)
    zoom.follow(snapshot(summary=many), "tensor")
    assert sent == []
    for _ in range(3):
        click(zoom, 0.5, 0.5)
    zoom.follow(snapshot(summary=many), "tensor")
    zoom.follow(snapshot(summary=many), "tensor")
    asked = [one for one in sent if one != "redraw"]
    assert [len(one.rows) for one in asked] == [47]
    zoom.follow(snapshot(summary=record()), "tensor")  # few groups come one by one anyhow
    assert sent[-1] == Look()
    zoom.follow(snapshot(summary=many), "tensor")
    click(zoom, -0.1, 0.5)
    zoom.follow(snapshot(summary=many), "tensor")
    assert sent[-1] == Look()


def test_nobody_is_asked_of_a_run_that_has_stopped(zoom, sent, record, snapshot):
    many = record(group=tuple(f"g{i}" for i in range(3000)), role=("weights",) * 3000)
    for _ in range(3):
        click(zoom, 0.5, 0.5)
    zoom.follow(snapshot(summary=many, state="stopped"), "tensor")
    assert set(sent) == {"redraw"}
