"""The tables and figures are made from results alone."""

import pytest

from benchmarks import figures, tables
from benchmarks.results import Results

AT = {"cpu": "a processor", "cores": 2, "gpu": None, "torch": "2", "threads": 2, "date": "2026"}


@pytest.fixture
def results(tmp_path):
    """Makes results from cases, without the record of this machine."""

    def make(**cases):
        made = Results(tmp_path / "none.json")
        made.cases = {name: {**case, "environment": AT} for name, case in cases.items()}
        return made

    return make


def one(**changes):
    memory = {"before_mib": 100.0, "peak_mib": 107.0, "seconds": 1.0}
    return {
        "network": "small",
        "level": "tensor",
        "batch": 100,
        "device": "cpu",
        "groups": 8,
        "parameters": 12345,
        "median_seconds": {"gradient": 0.005, "fast": 0.0123, "plain": 0.15},
        "fast_per_gradient": 2.5,
        "plain_per_fast": 12.0,
        "floor": 1.25,
        "memory": dict.fromkeys(("gradient", "fast", "plain"), memory),
        "refused": {},
        **changes,
    }


def cells(table, row):
    return [cell.strip() for cell in table.splitlines()[2 + row].strip("|").split("|")]


def test_a_measured_summary_is_a_row(results):
    table = tables.summaries(results(a=one()))
    times = ["5.0 ms", "12.3 ms", "150 ms"]
    numbers = ["2.5", "1.25", "2.00", "12.0", "7 / 7 / 7"]
    assert cells(table, 0) == ["small at tensor", "100", "12 345", "8", *times, *numbers]
    assert table.endswith("Measured on a processor, 2 cores, torch 2 on 2 of them, 2026.")


def test_what_was_too_much_is_said(results):
    case = one(refused={"plain": "memory"}, median_seconds={"gradient": 0.1, "fast": 1.0})
    del case["plain_per_fast"], case["memory"]["plain"]
    row = cells(tables.summaries(results(a=case)), 0)
    assert row[6] == "too much memory"
    assert row[-2:] == ["", "7 / 7"]


def test_a_case_without_a_fast_summary_has_its_floor(results):
    case = one(refused={"fast": "memory"}, median_seconds={"gradient": 0.1, "plain": 30.0})
    del case["plain_per_fast"], case["fast_per_gradient"], case["memory"]["fast"]
    row = cells(tables.summaries(results(a=case)), 0)
    assert row[4:] == ["100 ms", "too much memory", "30000 ms", "", "1.25", "", "", "7 / 7"]


def test_a_case_without_a_gradient_stands_last(results):
    refused = dict.fromkeys(("gradient", "fast", "plain"), "memory")
    nothing = {"network": "huge", "batch": 100, "device": "cpu", "refused": refused}
    table = tables.summaries(results(a=nothing, b=one()))
    expected = ["huge", "100", "", "", *["too much memory"] * 3, *[""] * 5]
    assert cells(table, 1) == expected


def test_small_batches_stand_first_and_another_device_is_named(results):
    table = tables.summaries(
        results(a=one(device="cuda"), b=one(batch=1000), c=one(parameters=9), d=one())
    )
    assert [cells(table, row)[:3] for row in range(4)] == [
        ["small at tensor", "100", "9"],
        ["small at tensor", "100", "12 345"],
        ["small at tensor", "1000", "12 345"],
        ["small at tensor on cuda", "100", "12 345"],
    ]


def points(curve, *at):
    ratios = {"fast_per_gradient": 2.0, "plain_per_gradient": 20.0, "floor": 1.5}
    seconds = {"median_seconds": {"gradient": 0.001}}
    return {f"{curve}/{k}/cpu": {"at": k, "groups": 2, **ratios, **seconds} for k in at}


def test_growth_has_its_points_in_order_and_its_picture(results):
    found = results(**points("depth", 16, 2), **points("groups", 4), **points("groups", 32))
    table = tables.growth(found)
    assert table.startswith("![")
    assert "](images/growth.png)\n\n| curve" in table
    rows = [line for line in table.splitlines() if line.startswith(("| groups", "| depth"))]
    assert [row.split("|")[2].strip() for row in rows] == ["4", "32", "2", "16"]
    assert rows[0] == "| groups | 4 | 2 | 1.00 ms | 2.0 | 20.0 | 1.5 |"


def test_the_growth_figure_draws_three_lines_a_panel_on_one_scale(results):
    found = results(**points("groups", 2, 4), **points("batch", 10, 100))
    panels = figures.growth(found).children
    assert [panel.xaxis.axis_label for panel in panels] == ["groups, S", "samples in the batch"]
    assert panels[0].y_range is panels[1].y_range
    drawn = [renderer.data_source.data["y"] for renderer in panels[0].renderers[::2]]
    assert drawn == [[20, 20], [2, 2], [1.5, 1.5]]


def test_an_element_step_and_its_solve(results):
    times = {"summary": 0.5, "solve": 0.75}
    step = {
        "kind": "step", "parameters": 1066, "batch": 100, "median_seconds": times,
        "before_mib": 100.0, "peak_mib": 164.0,
    }  # fmt: skip
    solves = {
        f"solve/{size}/{model}": {
            "kind": "solve", "groups": size, "model": model, "median_seconds": size * times / 1e4
        }
        for size in (50, 8)
        for model, times in (("easy", 1), ("near", 2), ("hard", 3))
        if size == 50 or model != "hard"
    }  # fmt: skip
    table = tables.element(results(small=step, **solves))
    assert cells(table, 0) == ["small", "1 066", "100", "500 ms", "750 ms", "1.25 s", "64"]
    assert "| 8 | 0.8 ms | 1.6 ms |  |  |\n| 50 | 5 ms | 10 ms | 15 ms |  |" in table


def test_a_what_if_curve_is_a_row_of_its_own_table(results):
    curve = {
        "kind": "what-if", "levels": 9, "groups": 212, "first_seconds": 1.5, "median_seconds": 0.75
    }  # fmt: skip
    table = tables.element(results(**{"what-if/digits-mlp": curve}))
    assert "| digits-mlp | 9 | 212 | 1.5 s | 750 ms |" in table


def test_a_levels_cost_is_a_row_with_what_was_counted_beside_what_was_measured(results):
    found = {
        "kind": "costs", "groups": [1, 212], "cost": [1.9, 109.9], "gradients": [7.25, 60.0],
        "solve_cost": [3e-7, 2.836], "solve_gradients": [0.4, 3.5],
    }  # fmt: skip
    table = tables.element(results(**{"costs/digits-mlp": found}))
    assert "| digits-mlp | 1 | 1.9 | 7.25 | 3e-07 | 0.4 |" in table
    assert "| digits-mlp | 212 | 110 | 60 | 2.84 | 3.5 |" in table


def test_a_level_of_the_slider_has_its_gaps_and_what_was_missed_in_them(results):
    level = {
        "groups": 64, "anew_ms": 17.0, "step_ms": 12.25, "halts": 0,
        "change": {"gap_ms": 28.5, "made": 1, "missed": 0.96},
        "first_stay": {"gap_ms": 36.0, "made": 1, "missed": 1.94},
        "later_stays": {"gap_ms": 1250.0, "made": 90, "missed": 0.0},
    }  # fmt: skip
    table = tables.slider(results(**{"digits-mlp": {"levels": [level, level]}}))
    gaps = ["28.5 ms / 1.0", "36 ms / 1.9", "1.25 s / 0.0"]
    assert cells(table, 1) == ["digits-mlp", "64", "17 ms", "12.2 ms", *gaps, "0"]


def test_a_first_stay_has_its_slowest_step_and_which_it_is(results):
    level = {
        "groups": 64, "anew_ms": 42.5, "slowest_ms": 82.52, "place": 6, "missed": 0.94,
        "repeated_ms": 30.9,
    }  # fmt: skip
    table = tables.recording(results(**{"digits-mlp": {"levels": [level]}}))
    assert cells(table, 0) == ["digits-mlp", "64", "42.5 ms", "82.5 ms", "6", "0.9", "30.9 ms"]


def test_growing_sizes_stand_in_order_with_the_largest_gap(results):
    def at(size):
        apart = [[0.9, 0.8], [0.9, 0.85]]
        near = [[0.95, 0.89], [0.95, 0.9]]
        bound = [[0.95, 0.9]] * 2
        return {"size": size, "groups": [2, 4], "bound": bound, "slowest": apart, "from": near}

    table = tables.rates_growing(results(**{f"dense, P = {size}": at(size) for size in (32, 8)}))
    assert cells(table, 0) == ["dense, P = 8", "0.0500 / 0.0000", "0.1000 / 0.0100"]
    assert cells(table, 1)[0] == "dense, P = 32"


def test_a_rate_stands_between_what_chance_finds_and_the_bound(results):
    found = {"groups": [1, 64], "slowest": [0.9598, 0.0], "from": [0.9608, 0.9489]}
    table = tables.rates(results(dense={**found, "bound": [0.9608, 0.9523]}))
    assert cells(table, 0) == ["dense", "0.960 / 0.961 / 0.961", "0.000 / 0.949 / 0.952"]
    finer = tables.TABLES["rates-spectra"](results(dense={**found, "bound": [0.9608, 0.9523]}))
    assert cells(finer, 0) == ["dense", "0.9598 / 0.9608 / 0.9608", "0.0000 / 0.9489 / 0.9523"]


def test_every_table_has_its_place_in_a_page():
    pages = "".join(path.read_text(encoding="utf-8") for path in tables.PAGES)
    for name in tables.TABLES:
        assert pages.count(f"<!-- table {name} -->") == pages.count(f"<!-- end {name} -->") == 1
