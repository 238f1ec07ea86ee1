"""The tables of finer levels: what a step, a solve and a move of the slider take."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.markdown import digits, rows, seconds, where
from benchmarks.results import Results

_SOLVES = {
    "easy": "solve",
    "near": "near the pole",
    "hard": "hard, exactly",
    "twice": "and the lowest twice",
}


_COSTS = {
    "cost": "summary, by arithmetic",
    "gradients": "measured",
    "solve_cost": "solve, by arithmetic",
    "solve_gradients": "measured",
}


def element(results: Results) -> str:
    """A step with a group for every element, the solve by itself, and one step at every level."""
    cases = results.cases.items()
    body = [
        [
            name,
            f"{found['parameters']:,}".replace(",", " "),
            str(found["batch"]),
            *(seconds(found["median_seconds"][key]) for key in ("summary", "solve")),
            seconds(sum(found["median_seconds"].values())),
            f"{found['peak_mib'] - found['before_mib']:.0f}",
        ]
        for name, found in cases
        if found["kind"] == "step"
    ]
    head = ["network", "P = S", "batch", "summary", "solve", "step", "MiB added"]
    table = rows(head, body) + _solves([found for _, found in cases if found["kind"] == "solve"])
    table += _on_both([found for _, found in cases if found["kind"] == "solve on both"])
    curves = [
        [
            name.rpartition("/")[2],
            str(found["levels"]),
            str(found["groups"]),
            *(seconds(found[key]) for key in ("first_seconds", "median_seconds")),
        ]
        for name, found in cases
        if found["kind"] == "what-if"
    ]
    if curves:
        head = ["what if, of", "levels", "S of the finest", "the first time", "then"]
        table += "\n\n" + rows(head, curves)
    return table + _costs(results) + where(results)


def _costs(results: Results) -> str:
    """What a summary and a solve take at each level, counted and measured."""
    body = [
        [
            name.rpartition("/")[2],
            str(size),
            *(digits(found[key][i]) for key in _COSTS),
        ]
        for name, found in results.cases.items()
        if found["kind"] == "costs"
        for i, size in enumerate(found["groups"])
    ]
    head = ["cost in gradients, of", "S", *_COSTS.values()]
    return "\n\n" + rows(head, body) if body else ""


def _solves(found: Sequence[Mapping[str, Any]]) -> str:
    """The times of the solve by itself, a row for each S and a column for each kind of model."""
    times = {(one["groups"], one["model"]): one for one in found}
    body = [
        [
            str(size),
            *(
                seconds(times[size, model]["median_seconds"]) if (size, model) in times else ""
                for model in _SOLVES
            ),
        ]
        for size in sorted({size for size, _ in times})
    ]
    return "\n\n" + rows(["S", *_SOLVES.values()], body) if body else ""


def _on_both(found: Sequence[Mapping[str, Any]]) -> str:
    """The times of the solve on a GPU, and on the cores beside it."""
    body = [
        [str(one["groups"]), *(seconds(one["median_seconds"][key]) for key in ("cuda", "cpu"))]
        for one in sorted(found, key=lambda one: one["groups"])
    ]
    return "\n\n" + rows(["S", "solve on the GPU", "on its machine's cores"], body) if body else ""


def slider(results: Results) -> str:
    """For each level its step, and the gaps in which most steps were missed."""
    body = [
        [
            preset,
            str(level["groups"]),
            *(seconds(level[key] / 1e3) for key in ("anew_ms", "step_ms")),
            *(_gap(level[key]) for key in ("change", "first_stay", "later_stays")),
            str(level["halts"]),
        ]
        for preset, found in results.cases.items()
        for level in found["levels"]
    ]
    head = [
        "preset",
        "S",
        "step anew",
        "step",
        "around a change",
        "the first stay",
        "later stays",
        "paused",
    ]
    return rows(head, body) + where(results)


def recording(results: Results) -> str:
    """For each level the slowest step of a first stay, and what was missed in it."""
    body = [
        [
            preset,
            str(level["groups"]),
            *(seconds(level[key] / 1e3) for key in ("anew_ms", "slowest_ms")),
            str(level["place"]),
            f"{level['missed']:.1f}",
            seconds(level["repeated_ms"] / 1e3),
        ]
        for preset, found in results.cases.items()
        for level in found["levels"]
    ]
    head = ["preset", "S", "step anew", "slowest later", "which", "missed", "the last"]
    return rows(head, body) + where(results)


def _gap(gap: Mapping[str, Any]) -> str:
    """A gap, and the steps missed in it."""
    return f"{seconds(gap['gap_ms'] / 1e3)} / {gap['missed']:.1f}"
