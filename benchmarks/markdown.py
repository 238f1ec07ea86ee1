"""Tables in Markdown, and how numbers are written in them."""

from collections.abc import Mapping, Sequence

from benchmarks.results import Results


def rows(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table; every column but the first is aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def digits(value: float) -> str:
    """Three digits; of a larger number all before the point."""
    return f"{value:.0f}" if value == round(value) or value >= 100 else f"{value:.3g}"


def seconds(value: float) -> str:
    """A time in milliseconds below one second."""
    return f"{value:.3g} s" if value >= 1 else f"{1e3 * value:.3g} ms"


def where(results: Results) -> str:
    """One line: the machines on which the cases were measured."""
    machines = sorted({_machine(case["environment"]) for case in results.cases.values()})
    return "\n\nMeasured on " + "; ".join(machines) + "."


def _machine(at: Mapping[str, object]) -> str:
    gpu = f", {at['gpu']}" if at["gpu"] else ""
    return (
        f"{at['cpu']}, {at['cores']} cores{gpu}, torch {at['torch']} on {at['threads']} of them, "
        f"{str(at['date'])[:10]}"
    )
