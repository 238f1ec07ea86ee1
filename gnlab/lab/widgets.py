"""The kinds of widget that the control column is made of; each has a visible text label.

Legend: λ₁ = lr, λ_int = damping.
"""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

from bokeh.models import Button, CustomJS, CustomJSTickFormatter, Div, Row, Select, Slider, Spinner

from gnlab import runs
from gnlab.lab import state
from gnlab.lab.assets import css

OFF = math.log10(state.DAMPING[0]) - 0.1
"""Where a log slider stands for zero: left of its smallest power of ten."""
_WIDTH = 29  # letters of a level that the column has room for
_TEN_TO = "return tick <= off ? '0 (off)' : Number((10 ** tick).toPrecision(2)).toString()"


def row(*widgets: Any) -> Row:
    """Widgets side by side, equally wide."""
    # A grid: in a flexible box Bokeh 3.7 gives a button whose label has changed all the width.
    styles = {
        "display": "grid", "grid-auto-flow": "column", "grid-auto-columns": "minmax(0, 1fr)",
        "gap": "8px",
    }  # fmt: skip
    return Row(*widgets, sizing_mode="stretch_width", margin=0, styles=styles)


def rule(title: str) -> Div:
    """A line with the title of the section below it."""
    text = f'<div class="rule">{title}</div>'
    return Div(text=text, stylesheets=[css("widgets"), css("hero")], sizing_mode="stretch_width")


def common(name: str) -> dict[str, Any]:
    """What all widgets share. No minimal width, so that a row's widgets share it equally."""
    return {
        "name": name, "stylesheets": [css("widgets")], "sizing_mode": "stretch_width",
        "min_width": 10, "margin": 0,
    }  # fmt: skip


def button(name: str, label: str, act: Callable[[], None], kind: str = "default") -> Button:
    """A button."""
    made = Button(label=label, button_type=kind, **common(name))
    made.on_click(act)
    return made


def slider(name: str, title: str, low: int, high: int, value: int, **more: Any) -> Slider:
    """A slider over whole numbers."""
    kind = more.pop("kind", "")
    options = {**common(name), "format": "0", **more}
    if kind:
        options |= {"css_classes": [kind], "stylesheets": [css("widgets"), css("hero")]}
    return Slider(title=title, start=low, end=high, step=1, value=value, tooltips=False, **options)


def named(names: Sequence[str]) -> CustomJSTickFormatter:
    """Shows the name of a slider's place."""
    return CustomJSTickFormatter(code=f"return ({json.dumps(list(names))})[tick] ?? ''")


def renamed(made: Slider) -> Slider:
    """A slider whose places get other names: Bokeh writes them anew only for another value."""
    again = CustomJS(code="cb_obj.properties.title.change.emit()")
    made.js_on_change("format", again)
    return made


def rung(level: runs.Level) -> str:
    """What the coarseness slider calls a level, in the column's width.

    Args:
        level: The level.

    Returns:
        Its label; of a long one, which stands in full below the slider, the number of groups.
    """
    count, _, _ = level.label.partition(",")
    if level.refusal:
        return f"{count} (too large here)"
    return level.label if len(level.label) <= _WIDTH else count


_SLOW = 1500
"""Groups beyond which a person who waits for a step should know why."""


def rungs(levels: Sequence[runs.Level], present: object) -> str:
    """What stands below the coarseness slider: a dot for each level, and the ends' names.

    Args:
        levels: The levels, coarse to fine.
        present: The name of the run's own.

    Returns:
        HTML. A level that is too large is a hollow dot, which says why who points at it.
    """
    dots = "".join(
        f'<span class="rung{" off" if level.refusal else ""}" title="{escape(_told(level))}">'
        "</span>"
        for level in levels
    )
    here = next((level for level in levels if level.name == present), None)
    told = "" if here is None else here.known_as or here.label
    known = told.partition(":")[0]  # what follows has no room here, and stands in the tooltip
    if here is not None and here.S > _SLOW:
        known = f"{here.known_as or 'Very fine'}: a step may take many seconds"
    return (
        f'<div class="rungs">{dots}</div>'
        '<div class="ends"><span>◀ Cauchy</span><span>Newton ▶</span></div>'
        f'<div class="known" title="{escape(told)}">{escape(known)}</div>'
    )


def _told(level: runs.Level) -> str:
    """A level in one line."""
    if level.refusal:
        return f"{level.label}: too large for the lab: {level.refusal}"
    return f"{level.label}. {level.known_as}" if level.known_as else level.label


def log_slider(name: str, title: str, bounds: tuple[float, float], *, off: bool = False) -> Slider:
    """A slider over powers of ten; its left end may be zero."""
    low, high = (math.log10(bound) for bound in bounds)
    start = OFF if off else low
    formatter = CustomJSTickFormatter(args={"off": OFF if off else low - 1}, code=_TEN_TO)
    return Slider(
        title=title, start=start, end=high, step=0.05, value=start, format=formatter,
        tooltips=False,
        **common(name),
    )  # fmt: skip


def standing(name: str, widget: Any, value: Any) -> Any:
    """A choice's value as its widget's: a log slider stands at the exponent, a list at a word."""
    if isinstance(value, bool):
        return str(value).lower()
    if name not in ("lr", "damping"):
        return value
    exponent = math.log10(value) if value > 0 else widget.start
    return min(max(exponent, widget.start), widget.end)


def spinner(name: str, title: str, step: int) -> Spinner:
    """A field for a whole number.

    Without bounds of its own: Bokeh would take the bound for a number beyond it, or leave that
    number in the field and tell nobody. What is valid the choices know.
    """
    return Spinner(title=title, step=step, mode="int", **common(name))


def select(name: str, title: str, options: list[tuple[str, str]]) -> Select:
    """A list of choices."""
    return Select(title=title, options=options, **common(name))


def same(names: Iterable[str]) -> list[tuple[str, str]]:
    """Options that are shown as they are named."""
    return [(name, name) for name in names]


def last_kept(kept: Sequence[int], step: float) -> int | None:
    """The last kept step that is not after ``step``, None if there is none."""
    before = [known for known in kept if known <= step]
    return before[-1] if before else None
