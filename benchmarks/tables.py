"""The tables of the documentation, written from the results files.

    python -m benchmarks.tables

A table stands in a page between the comments ``<!-- table NAME -->`` and ``<!-- end NAME -->``;
it is replaced whole, so no number in it was typed by hand.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks.environment import ROOT
from benchmarks.figures import STYLES, TITLES, curves_of
from benchmarks.levels import element, recording, slider
from benchmarks.markdown import digits, rows, where
from benchmarks.results import FOLDER, Results, write
from benchmarks.summaries.cases import KINDS

PICTURE = "Time of a summary, in gradients, against the number of groups, the depth and the batch"
PAGES = tuple(ROOT / page for page in ("README.md", "docs/performance.md", "docs/rates.md"))


def training(results: Results) -> str:
    """The mean training loss of each epoch, a row for each curve."""
    curves: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for case, measured in results.cases.items():
        preset, optimizer, *rest = case.split("/")
        if rest == ["seed0"]:
            curves[preset][optimizer] = measured["epoch_loss"]
    longest = max(len(losses) for of in curves.values() for losses in of.values())
    body = [
        [TITLES[preset], STYLES[optimizer][0], *_losses(curves[preset][optimizer], longest)]
        for preset in TITLES
        for optimizer in STYLES
        if optimizer in curves[preset]
    ]
    return rows(
        ["problem", "optimizer", *(f"epoch {k + 1}" for k in range(longest))], body
    ) + where(results)


def _losses(losses: Sequence[float], longest: int) -> list[str]:
    shown = [f"{loss:.3f}" if loss < 1 else f"{loss:.2f}" for loss in losses]
    return shown + [""] * (longest - len(shown))


def summaries(results: Results) -> str:
    """Time, work and added memory of one gradient and one summary, by the fast pass and plainly."""
    body = []
    for found in sorted(results.cases.values(), key=_place):
        times = [_time(found, kind) for kind in KINDS]
        body.append([_named(found), str(found["batch"]), *_sizes(found), *times, *_ratios(found)])
    head = ["network", "batch", "P", "S", "gradient", "fast", "plain", "fast, in gradients"]
    head += ["floor", "over the floor", "plain / fast", "MiB added: gradient, fast, plain"]
    return rows(head, body) + where(results)


def accuracy(results: Results) -> str:
    """The largest errors of each network, over its partitions: ḡ / H̄ / D^(3)."""
    kinds = "fast, float64", "fast, float32", "plain, float32", "fast against plain, float32"
    body = []
    for name, found in results.cases.items():
        levels = found["levels"].values()
        worst = [
            " / ".join(
                f"{max(level['errors'][kind][order] for level in levels):.1e}"
                for order in ("g", "H", "third")
            )
            for kind in kinds
        ]
        sizes = sorted(level["groups"] for level in levels)
        body.append([name, ", ".join(map(str, sizes)), *worst])
    return rows(["network", "S of each partition", *kinds], body) + where(results)


def _place(found: Mapping[str, Any]) -> tuple[str, int, int]:
    """Small batches and networks first, those that could not be measured last of all."""
    return found["device"], found["batch"], found.get("parameters", 1 << 62)


def _named(found: Mapping[str, Any]) -> str:
    at = f" at {found['level']}" if "level" in found else ""
    return found["network"] + at + ("" if found["device"] == "cpu" else f" on {found['device']}")


def _sizes(found: Mapping[str, Any]) -> list[str]:
    if "parameters" not in found:
        return ["", ""]
    return [f"{found['parameters']:,}".replace(",", " "), str(found["groups"])]


def _time(found: Mapping[str, Any], kind: str) -> str:
    """A kind's median time, or what was not enough for it."""
    if kind in found["refused"]:
        return f"too much {found['refused'][kind]}"
    if kind not in found.get("median_seconds", {}):
        return ""
    milliseconds = 1e3 * found["median_seconds"][kind]
    return f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{milliseconds:.0f} ms"


def _ratios(found: Mapping[str, Any]) -> list[str]:
    if "floor" not in found:
        return [""] * 5
    fast, floor, memory = found.get("fast_per_gradient"), found["floor"], found["memory"]
    over = None if fast is None else fast / floor
    added = [f"{memory[k]['peak_mib'] - memory[k]['before_mib']:.0f}" for k in KINDS if k in memory]
    ratios = [
        "" if value is None else format(value, digits)
        for value, digits in (
            (fast, ".1f"),
            (floor, ".2f"),
            (over, ".2f"),
            (found.get("plain_per_fast"), ".1f"),
        )
    ]
    return [*ratios, " / ".join(added)]


def growth(results: Results) -> str:
    """The picture of the curves, and their points."""
    body = [
        [
            curve,
            str(found["at"]),
            str(found["groups"]),
            f"{1e3 * found['median_seconds']['gradient']:.2f} ms",
            *(f"{found[key]:.1f}" for key in ("fast_per_gradient", "plain_per_gradient", "floor")),
        ]
        for curve, points in curves_of(results).items()
        for found in points
    ]
    head = ["curve", "at", "S", "gradient", "fast, in gradients", "plain, in gradients", "floor"]
    return f"![{PICTURE}](images/growth.png)\n\n" + rows(head, body) + where(results)


def page(results: Results) -> str:
    """Frames, latencies and the share of the speed without it; the browser anywhere, and apart."""
    body = []
    for preset, found in sorted(results.cases.items(), reverse=True):
        most, bare = found["uncapped_frames_per_second"], found["headless_steps_per_second"]
        without = f"{found['unwatched_steps_per_second']:.0f} / {bare:.0f}"
        body.append(_with_page(preset, found, without, f" / {most:.1f}"))
        body.append(_with_page("the browser apart", found["apart"], without, ""))
    head = ["preset", "first frame", "frames/s, capped / not", "step to pixel, median / p95"]
    head += ["control to pixel, median / p95", "steps/s with page / without / bare", "share"]
    return rows(head, body) + where(results)


def _with_page(name: str, found: Mapping[str, Any], without: str, most: str) -> list[str]:
    pixel, control = found["step_to_pixel"], found["control_to_pixel"]
    return [
        name,
        f"{found['first_frame_ms'] / 1e3:.1f} s",
        f"{found['frames_per_second']:.1f}{most}",
        f"{pixel['median_ms']:.0f} / {pixel['p95_ms']:.0f} ms",
        f"{control['median_ms']:.0f} / {control['p95_ms']:.0f} ms",
        f"{found['steps_per_second']:.0f} / {without}",
        f"{100 * found['share_of_unwatched']:.0f} %",
    ]


def rates(results: Results, places: int = 3) -> str:
    """For each coupling and level: the slowest of the random starts, the worst start, the bound."""
    kinds = "slowest", "from", "bound"
    body = [
        [name, *(" / ".join(f"{v:.{places}f}" for v in cell) for cell in zip(*of, strict=True))]
        for name, of in ((n, [found[k] for k in kinds]) for n, found in results.cases.items())
    ]
    groups = next(iter(results.cases.values()))["groups"]
    return rows(["coupling", *(f"S = {count}" for count in groups)], body) + where(results)


def rates_growing(results: Results) -> str:
    """For each size the most by which a Hessian's rates stay below its bound.

    Of the slowest random start, and of the worst start.
    """
    body = []
    for name, found in sorted(results.cases.items(), key=_coupling_and_size):
        random, worst = (_gaps(found, kind) for kind in ("slowest", "from"))
        body.append([name, *(f"{a:.4f} / {b:.4f}" for a, b in zip(random, worst, strict=True))])
    groups = next(iter(results.cases.values()))["groups"]
    return rows(["coupling", *(f"S = {count}" for count in groups)], body) + where(results)


def _gaps(found: Mapping[str, Any], kind: str) -> list[float]:
    """By level, the largest difference to the bound among the Hessians, no less than 0."""
    apart = [
        [bound - rate for rate, bound in zip(*both, strict=True)]
        for both in zip(found[kind], found["bound"], strict=True)
    ]
    return [max(0.0, *gaps) for gaps in zip(*apart, strict=True)]


def _coupling_and_size(case: tuple[str, Mapping[str, Any]]) -> tuple[str, int]:
    return case[0].partition(",")[0], case[1]["size"]


def findings(results: Results) -> str:
    """Both sides of each finding, a row for each quantity."""
    body = []
    for name, found in results.cases.items():
        here, instead = found["here"], found["instead"]
        body.append([f"**{name}**", f"*{here['is']}*", f"*{instead['is']}*", ""])
        for quantity, figure in here["figures"].items():
            ratio = found["ratios"].get(quantity)
            other = instead["figures"][quantity]
            shown = "" if ratio is None else digits(ratio)
            body.append([quantity, _spread(figure), _spread(other), shown])
    return rows(["", "here", "instead", "instead / here"], body) + where(results)


def _spread(figure: Mapping[str, Any]) -> str:
    """A quantity's median, and its 95th percentile where there is one."""
    shown = [figure[key] for key in ("median", "p95") if figure.get(key) is not None]
    return " / ".join(map(digits, shown)) or "none"


def steps(results: Results) -> str:
    """Steps per second, each with its summary, and the batches."""
    body = [
        [
            preset,
            str(found["groups"]),
            f"{found['batch']} / {found['summary_batch']}",
            digits(float(f"{found['steps_per_second']:.2g}")),
        ]
        for preset, found in results.cases.items()
    ]
    head = ["preset", "S", "batch: gradient / summary", "steps per second"]
    return rows(head, body) + where(results)


TABLES: Mapping[str, Callable[[Results], str]] = {
    "training": training,
    "summaries": summaries,
    "accuracy": accuracy,
    "growth": growth,
    "lab": page,
    "steps": steps,
    "element": element,
    "slider": slider,
    "recording": recording,
    "findings": findings,
    "rates": rates,
    "rates-spectra": partial(rates, places=4),
    "rates-growing": rates_growing,
}


def main() -> None:
    """Replace every table whose results are there."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for name, table in TABLES.items():
            results = Results(FOLDER / f"{name}.json")
            if results.cases:
                text = _replaced(text, name, table(results))
        path.write_text(text, encoding="utf-8")
        write(str(path))


def _replaced(text: str, name: str, table: str) -> str:
    between = rf"(<!-- table {name} -->\n).*?(<!-- end {name} -->)"
    return re.sub(
        between, lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text, flags=re.DOTALL
    )


if __name__ == "__main__":
    main()
