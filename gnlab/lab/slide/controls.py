"""The slide's controls: a widget for each choice, shown with the scene that it belongs to.

Legend: κ condition number, P coordinates, λ_int damping.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import panel as pn
from bokeh.models import CustomJSTickFormatter, RadioButtonGroup, Slider, Widget

from gnlab.lab import palettes, widgets
from gnlab.lab.assets import css
from gnlab.lab.slide import state
from gnlab.lab.slide.state import Choices
from gnlab.lab.state import DAMPING


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """A widget and the choice that it stands for.

    Attributes:
        widget: The widget.
        shown: A choice's value as the widget's.
        meant: The widget's value as the choice's.
    """

    widget: Widget
    shown: Callable[[Any], Any] = lambda value: value
    meant: Callable[[Any], Any] = lambda value: value


class Controls(pn.viewable.Viewer):
    """The column of controls.

    Args:
        choices: What is chosen; kept in step with the widgets.
        changed: Called when a person has changed a choice.
    """

    def __init__(self, choices: Choices, changed: Callable[[], None]) -> None:
        super().__init__()
        self._choices, self._changed = choices, changed
        self._following = False
        self._couplings: list[str] = []
        self._controls = _made(choices)
        self.scenes = RadioButtonGroup(
            name="scene", labels=list(state.SCENES.values()), margin=0,
            stylesheets=[css("widgets"), css("slide")], sizing_mode="stretch_width",
        )  # fmt: skip
        self.scenes.on_change("active", self._went)
        for name, control in self._controls.items():
            control.widget.on_change("value", self._listener(name, control))
        self._columns = {
            "quadratic": self._column(
                "size", "condition", "coupling", "rotation", "start", "steps"
            ),
            "rosenbrock": self._column("damping", "start_x", "start_y", "valley_steps"),
            "network": self._column("data", "finest", "network_damping", "network_steps"),
        }
        self._seed = pn.Column(self.widget("seed"), sizing_mode="stretch_width", margin=0)
        self.follow()

    def __panel__(self) -> pn.Column:
        return pn.Column(
            self.scenes, *self._columns.values(), self._seed, widgets.rule("View"),
            self.widget("theme"), sizing_mode="stretch_width", margin=0, styles={"gap": "10px"},
        )  # fmt: skip

    def widget(self, name: str) -> Widget:
        """The widget of a choice."""
        return self._controls[name].widget

    def follow(self) -> None:
        """Bring every widget in step with the choices."""
        chosen, before = self._choices, self._following
        self._following = True
        try:
            reach = state.reach(chosen.size)
            names = ["none", *(f"in runs of {2**k}" for k in range(1, reach)), "all with all"]
            coupling = self.widget("coupling")
            if names != self._couplings:
                self._couplings = names
                value = min(chosen.coupling, reach)
                coupling.update(end=reach, value=value, format=widgets.named(names))
            for name, control in self._controls.items():
                value = getattr(chosen, name)
                # One that says so already is left alone, also if its number has more digits: what
                # is set here reaches the browser late, when the hand may be elsewhere.
                if control.widget.value is None or control.meant(control.widget.value) != value:
                    control.widget.value = control.shown(value)
            self.scenes.active = list(state.SCENES).index(chosen.scene)
            for scene, column in self._columns.items():
                column.visible = scene == chosen.scene
            random = {"quadratic": chosen.start == "random", "network": True}
            self._seed.visible = random.get(chosen.scene, False)
        finally:
            self._following = before

    def _column(self, *names: str) -> pn.Column:
        """The controls of a scene."""
        return pn.Column(
            *(self.widget(name) for name in names), sizing_mode="stretch_width", margin=0,
            visible=False, styles={"gap": "10px"},
        )  # fmt: skip

    def _listener(self, name: str, control: Control) -> Callable[[str, Any, Any], None]:
        """What takes over a widget's new value."""

        def listen(_attribute: str, _old: Any, new: Any) -> None:
            if self._following:
                return
            if new is None or self._choices.choose(name, control.meant(new)):
                control.widget.value = control.shown(getattr(self._choices, name))
                return
            self.follow()
            self._changed()

        return listen

    def _went(self, _attribute: str, _old: Any, new: int) -> None:
        """Go to another scene."""
        if not self._following:
            self._choices.scene = list(state.SCENES)[new]
            self.follow()
            self._changed()


def _made(choices: Choices) -> dict[str, Control]:
    """Every control, by the choice's name."""

    def coupled(place: float) -> int:
        """The last place is all with all, and stays it where there are more coordinates."""
        return state.ALL_WITH_ALL if place >= state.reach(choices.size) else int(place)

    return {
        "size": Control(
            _places("size", "Dimension P", [str(size) for size in state.SIZES]),
            state.SIZES.index, lambda place: state.SIZES[int(place)],
        ),
        "condition": _log("condition", "Condition number κ", state.CONDITION),
        "coupling": Control(
            widgets.renamed(widgets.slider("coupling", "Coupling of the coordinates", 0, 1, 0)),
            lambda coupling: min(coupling, state.reach(choices.size)), coupled,
        ),
        "rotation": _whole("rotation", "Rotation", 0, 90, format=_degrees()),
        "start": Control(widgets.select("start", "Start", _options(state.STARTS))),
        "steps": _whole("steps", "Steps", 1, 200),
        "damping": _log("damping", "λ_int, the cubic term", DAMPING, off=True),
        "start_x": _fine("start_x", "Start, x", -2.0, 2.0),
        "start_y": _fine("start_y", "Start, y", -1.0, 3.0),
        "valley_steps": _whole("valley_steps", "Steps", 1, 200),
        "data": Control(widgets.select("data", "Points", widgets.same(state.DATA))),
        "finest": Control(widgets.select("finest", "Finest groups", _options(state.FINEST))),
        "network_damping": _log(
            "network_damping", "λ_int, the cubic term", DAMPING, off=True
        ),
        "network_steps": _whole("network_steps", "Steps", 0, 200),
        "seed": Control(widgets.spinner("seed", "Seed of the start", 1), meant=int),
        "theme": Control(widgets.select("theme", "Theme", widgets.same(palettes.THEMES))),
    }  # fmt: skip


def _degrees() -> CustomJSTickFormatter:
    """Shows a slider's value as an angle."""
    return CustomJSTickFormatter(code="return `${tick}°`")


def _options(named: dict[str, str]) -> list[tuple[str, str]]:
    """Options with a text each."""
    return list(named.items())


def _places(name: str, title: str, texts: Sequence[str]) -> Slider:
    """A slider over named places."""
    return widgets.slider(name, title, 0, len(texts) - 1, 0, format=widgets.named(texts))


def _whole(name: str, title: str, low: int, high: int, **more: Any) -> Control:
    """A slider over whole numbers."""
    return Control(widgets.slider(name, title, low, high, low, **more), meant=int)


def _fine(name: str, title: str, low: float, high: float) -> Control:
    """A slider in hundredths."""
    made = Slider(
        title=title, start=low, end=high, step=0.01, value=low, format="0.00", tooltips=False,
        **widgets.common(name),
    )  # fmt: skip
    return Control(made, meant=lambda value: round(float(value), 2))


def _log(name: str, title: str, bounds: tuple[float, float], *, off: bool = False) -> Control:
    """A slider over powers of ten; its left end may be zero."""
    made = widgets.log_slider(name, title, bounds, off=off)

    def shown(value: float) -> float:
        exponent = math.log10(value) if value > 0 else made.start
        nearest = made.start + made.step * round((exponent - made.start) / made.step)
        return min(max(round(nearest, 6), made.start), made.end)

    def meant(exponent: float) -> float:
        if off and exponent < widgets.OFF + 0.01:
            return 0.0
        return min(max(float(f"{10**exponent:.3g}"), bounds[0]), bounds[1])

    return Control(made, shown, meant)
