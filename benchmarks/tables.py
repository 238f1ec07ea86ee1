"""The tables of the documentation, written from the results files.

    python -m benchmarks.tables

A table stands in a page between the comments ``<!-- table NAME -->`` and ``<!-- end NAME -->``;
it is replaced whole, so no number in it was typed by hand.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.environment import ROOT
from benchmarks.figures import STYLES, TITLES
from benchmarks.results import FOLDER, Results, write

PAGES = (ROOT / "README.md", ROOT / "docs" / "performance.md")


def rows(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table; every column but the first is aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


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
    ) + _where(results)


def _losses(losses: Sequence[float], longest: int) -> list[str]:
    shown = [f"{loss:.3f}" if loss < 1 else f"{loss:.2f}" for loss in losses]
    return shown + [""] * (longest - len(shown))


def gradients(results: Results) -> str:
    """Time and added memory of one gradient and one summary."""
    body = []
    for case, found in sorted(results.cases.items(), key=lambda item: item[1]["parameters"]):
        seconds, memory = found["median_seconds"], found["memory"]
        added = {k: memory[k]["peak_mib"] - memory[k]["before_mib"] for k in memory}
        body.append(
            [
                case.split("/")[0],
                f"{found['parameters']:,}".replace(",", " "),
                str(found["groups"]),
                f"{1e3 * seconds['gradient']:.1f} ms",
                f"{1e3 * seconds['summary']:.0f} ms",
                f"{found['median_ratio']:.1f}",
                f"{added['gradient']:.0f} MiB",
                f"{added['summary']:.0f} MiB",
            ]
        )
    head = ["network", "P", "S", "gradient", "summary", "ratio", "gradient adds", "summary adds"]
    return rows(head, body) + _where(results)


def page(results: Results) -> str:
    """Frames, latencies and the share of headless speed."""
    body = []
    for preset, found in sorted(results.cases.items()):
        pixel, control = found["step_to_pixel"], found["control_to_pixel"]
        body.append(
            [
                preset,
                f"{found['first_frame_ms'] / 1e3:.1f} s",
                f"{found['frames_per_second']:.1f} / {found['uncapped_frames_per_second']:.1f}",
                f"{pixel['median_ms']:.0f} / {pixel['p95_ms']:.0f} ms",
                f"{control['median_ms']:.0f} / {control['p95_ms']:.0f} ms",
                f"{found['steps_per_second']:.0f} / {found['headless_steps_per_second']:.0f}",
                f"{100 * found['share_of_headless']:.0f} %",
            ]
        )
    head = ["preset", "first frame", "frames/s, capped / not", "step to pixel, median / p95"]
    head += ["control to pixel, median / p95", "steps/s with page / without", "share"]
    return rows(head, body) + _where(results)


def findings(results: Results) -> str:
    """Both sides of each finding, a row for each quantity."""
    body = []
    for name, found in results.cases.items():
        here, instead = found["here"], found["instead"]
        body.append([f"**{name}**", f"*{here['is']}*", f"*{instead['is']}*", ""])
        for quantity, figure in here["figures"].items():
            ratio = found["ratios"].get(quantity)
            other = instead["figures"][quantity]
            shown = "" if ratio is None else _digits(ratio)
            body.append([quantity, _spread(figure), _spread(other), shown])
    return rows(["", "here", "instead", "instead / here"], body) + _where(results)


def _spread(figure: Mapping[str, Any]) -> str:
    """A quantity's median, and its 95th percentile where there is one."""
    shown = [figure[key] for key in ("median", "p95") if figure.get(key) is not None]
    return " / ".join(map(_digits, shown)) or "none"


def _digits(value: float) -> str:
    """Three digits; of a larger number all before the point."""
    return f"{value:.0f}" if value == round(value) or value >= 100 else f"{value:.3g}"


def _where(results: Results) -> str:
    """One line: the machines on which the cases were measured."""
    machines = sorted({_machine(case["environment"]) for case in results.cases.values()})
    return "\n\nMeasured on " + "; ".join(machines) + "."


def _machine(at: Mapping[str, object]) -> str:
    gpu = f", {at['gpu']}" if at["gpu"] else ""
    return (
        f"{at['cpu']}, {at['cores']} cores{gpu}, torch {at['torch']} on {at['threads']} of them, "
        f"{str(at['date'])[:10]}"
    )


TABLES: Mapping[str, Callable[[Results], str]] = {
    "training": training,
    "gradients": gradients,
    "lab": page,
    "findings": findings,
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
