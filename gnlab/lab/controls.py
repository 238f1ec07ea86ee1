"""The control column: the transport, the coarseness slider, and every other choice of a run.

Bokeh's own widgets, because they tell the server at once; each has a visible text label. A
widget's change becomes a command to the engine or a change of the view; what the engine says in
its snapshots flows back into the widgets, unless a command of the person's is still on its way.

Legend: λ₁ = lr, λ_int = damping, τ = period, S groups.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import Any

import panel as pn
from bokeh.models import ColumnDataSource, Widget

from gnlab import runs
from gnlab.lab import palettes, state, widgets
from gnlab.lab.actions import Actions
from gnlab.lab.coarseness import Coarseness
from gnlab.lab.echoes import Echoes
from gnlab.lab.state import Choices
from gnlab.lab.views import roles
from gnlab.lab.views import text as words

PACES = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 0.0)
"""Slow motion's places, in steps per second; the last is full speed. A link's own is one more."""
_ORDERS = [("tensor", "by tensor"), ("blocks", "weights, biases")]
_SCALES = [("raw", "raw"), ("scale-free", "scale-free")]
_LOCKS = [("false", "follows"), ("true", "locked")]
_SWITCH = [("true", "on"), ("false", "off")]
_GROUPED = ("direction", "curvature", "damping", "period", "summary_batch_size", "safeguard")
"""What only the grouped Newton method reads."""


class Controls(pn.viewable.Viewer):
    """The column of controls of one page.

    Args:
        choices: What is chosen; kept in step with the widgets.
        actions: What the controls can ask of the page.

    Attributes:
        echoes: Whether the browser sends back what was set here, as it does in a notebook.
    """

    def __init__(self, choices: Choices, actions: Actions) -> None:
        super().__init__()
        self._choices, self._actions = choices, actions
        self.echoes = False
        self._following = False
        self._playing = False
        self._rewind_at = 0.0
        self._here = 0
        self._kept: tuple[int, ...] = ()
        self.keys = ColumnDataSource(data={"key": [], "count": []}, name="keys")
        self.keys.on_change("data", self._key)
        self._make_transport()
        self.coarseness = Coarseness(choices, actions, self._listen, self._quiet)
        self.levels = self.coarseness.levels
        self._make_run_choices()
        self._make_view_choices()

    def layout(self, phases: Any) -> tuple[list[Any], list[Any]]:
        """The column's rows, from top to bottom: what drives the run, then all that is chosen.

        Args:
            phases: The figure of a step's phases, shown under the transport.

        Returns:
            The rows of the two parts, which a narrow window has apart.
        """
        run = self._run
        drive = [
            widgets.row(self.play, self.step, self.substep),
            widgets.row(self.reset, self.branch),
            phases,
            *self.coarseness.rows(),
            self.rewind, self.pace,
        ]  # fmt: skip
        return drive, [
            widgets.rule("Problem and method"),
            widgets.row(run["preset"], run["optimizer"]), self.about,
            widgets.row(run["direction"], run["curvature"]),
            run["lr"], run["damping"],
            widgets.row(run["period"], run["batch_size"], run["summary_batch_size"]),
            widgets.row(run["safeguard"], run["seed"]),
            widgets.rule("View"),
            widgets.row(self._view["order"], self._view["scale"]),
            widgets.row(self._view["lock"], self._view["theme"], self._view["cubic"]),
            roles(),
        ]  # fmt: skip

    def follow(self, snapshot: runs.Snapshot, *, settled: bool) -> None:
        """Bring the widgets in step with the run.

        Args:
            snapshot: The run now.
            settled: Whether the run has every command that was sent; if not, only what a person
                cannot set is followed, so that no slider jumps back under the hand.
        """
        with self._quiet():
            self._follow_transport(snapshot)
            self.coarseness.follow(snapshot)
            if settled:
                self._choices.adopt(snapshot.settings)
                self._follow_choices(snapshot.settings)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Changes made here are the run's, not a person's."""
        before, self._following = self._following, True
        try:
            yield
        finally:
            self._following = before

    def _make_transport(self) -> None:
        """Build play, step, sub-step, reset, branch, rewind and slow motion."""
        self.play = widgets.button("play", "▶ Play", self._toggle, kind="primary")
        self.step = widgets.button("step", "Step", lambda: self._actions.send(runs.Step()))
        self.substep = widgets.button(
            "substep", "Sub-step", lambda: self._actions.send(runs.Substep())
        )
        self.reset = widgets.button("reset", "↺ Reset", lambda: self._actions.send(runs.Reset()))
        self.branch = widgets.button("branch", "Branch", self._actions.branch)
        self.rewind = widgets.slider("rewind", "Rewind to step", 0, 1, 0, disabled=True)
        self._listen(self.rewind, self._rewound)
        self._paces = (*sorted({*PACES, self._choices.pace} - {0.0}), 0.0)
        place = self._paces.index(self._choices.pace)
        paces = [f"{pace:g} steps/s" if pace else "off, full speed" for pace in self._paces]
        self.pace = widgets.slider(
            "pace", "Slow motion", 0, len(paces) - 1, place, format=widgets.named(paces)
        )
        self._listen(self.pace, self._paced)

    def _make_run_choices(self) -> None:
        """Build the widgets of the choices that make the run."""
        offered = runs.choices()
        presets = [name for name, _ in offered.presets]
        made = (
            widgets.select("preset", "Preset", widgets.same(presets)),
            widgets.select("optimizer", "Optimizer", widgets.same(offered.optimizers)),
            widgets.select("direction", "Direction u", widgets.same(offered.directions)),
            widgets.log_slider("lr", "λ₁, factor on all step sizes", state.LR),
            widgets.log_slider("damping", "λ_int, damping", state.DAMPING, off=True),
            widgets.spinner("period", "Period τ", 1),
            widgets.spinner("batch_size", "Batch", 10),
            widgets.spinner("summary_batch_size", "Batch of H̄", 100),
            widgets.select("curvature", "Curvature", widgets.same(offered.curvatures)),
            widgets.select("safeguard", "Safeguard", _SWITCH),
            widgets.spinner("seed", "Seed", 1),
        )
        self._run: dict[str, Any] = {widget.name: widget for widget in made}
        self.about = words("", name="about")
        self._describe(self._choices.preset)
        for name, widget in self._run.items():
            widget.value = widgets.standing(name, widget, getattr(self._choices, name))
            self._listen(widget, lambda value, name=name: self._changed(name, value))

    def _describe(self, preset: str) -> None:
        """Say what the problem is, in one line."""
        line = escape(dict(runs.choices().presets).get(preset, preset))
        html = f'<div class="problem">{line}</div>'
        if self.about.text != html:
            self.about.text = html

    @property
    def theme(self) -> Widget:
        """In what the theme is chosen."""
        return self._view["theme"]

    def _make_view_choices(self) -> None:
        """Build the widgets of the choices that only make the view."""
        made = (
            widgets.select("order", "Order of groups", _ORDERS),
            widgets.select("scale", "Cell values", _SCALES),
            widgets.select("lock", "Colour scale", _LOCKS),
            widgets.select("theme", "Theme", widgets.same(palettes.THEMES)),
            widgets.select("cubic", "Cubic, what if", _SWITCH),
        )
        self._view = {widget.name: widget for widget in made}
        for name, widget in self._view.items():
            widget.value = str(getattr(self._choices, name)).lower()
            self._listen(widget, lambda value, name=name: self._viewed(name, value))

    def _listen(self, widget: Widget, act: Callable[[Any], None]) -> None:
        """Call ``act`` with each value that a person gives the widget."""
        known = Echoes()

        def changed(_attribute: str, old: Any, new: Any) -> None:
            if self._following:
                known.set(new)
            elif known.chosen(old, new, echoes=self.echoes):
                act(new)

        widget.on_change("value", changed)

    def _toggle(self) -> None:
        """Play or pause, whichever the run does not do."""
        self._actions.send(runs.Pause() if self._playing else runs.Play())

    def _rewound(self, step: float) -> None:
        """Go to the last kept step that is not after this one."""
        kept = widgets.last_kept(self._kept, step)
        if kept is not None:
            self._actions.send(runs.Rewind(kept))

    def _paced(self, place: float) -> None:
        """Take another speed."""
        pace = self._paces[int(place)]
        self._choices.pace = pace
        self._actions.send(runs.Pace(pace or None))
        self._actions.viewed()

    def _changed(self, name: str, value: Any) -> None:
        """Take another value of a choice that makes the run."""
        if value is None:  # a field was emptied
            self._restore(name)
            return
        if name in ("lr", "damping"):
            value = 0.0 if value < widgets.OFF + 0.01 else float(f"{10**value:.3g}")
        elif name == "safeguard":
            value = value == "true"
        elif isinstance(value, float):
            value = int(value)
        if refused := self._choices.choose(name, value):
            self._restore(name)
            self._actions.say(refused.replace(name, self._run[name].title, 1))
            return
        change = runs.live(value) if name == "preset" else {name: value}
        self._actions.send(runs.Change(change))

    def _restore(self, name: str) -> None:
        """Let a widget show again what is chosen."""
        widget = self._run[name]
        with self._quiet():
            widget.value = widgets.standing(name, widget, getattr(self._choices, name))

    def _viewed(self, name: str, value: str) -> None:
        """Take another value of a choice that only makes the view."""
        self._choices.choose(name, value == "true" if name in ("lock", "cubic") else value)
        self._actions.viewed()

    def _key(self, _attribute: str, _old: Any, new: Mapping[str, Any]) -> None:
        """Do what a key stands for."""
        for key in new["key"]:
            if key == "play":
                self._toggle()
            elif key == "step":
                self._actions.send(runs.Step())
            elif key == "reset":
                self._actions.send(runs.Reset())
            elif key == "rewind":
                before = [step for step in self._kept if step < self._here]
                self._actions.send(runs.Rewind(before[-1] if before else 0))

    def _follow_transport(self, snapshot: runs.Snapshot) -> None:
        """Follow play or pause and the kept steps."""
        self._playing = snapshot.state == "playing"
        label = "Pause" if self._playing else "▶ Play"
        if self.play.label != label:
            self.play.label = label
        # While it plays, every step may be a kept one: the slider need not move at each.
        now = time.monotonic()
        if self._playing and now - self._rewind_at < 0.5:
            return
        self._rewind_at, self._here = now, snapshot.step
        self._kept = kept = snapshot.kept_steps
        end = max(*kept, snapshot.step, 1) if kept else 1
        if self.rewind.end != end or self.rewind.disabled != (len(kept) < 2):
            self.rewind.update(end=end, disabled=len(kept) < 2)
        # A handle between two kept steps stays where the hand left it, but none beyond the last.
        at, here = self.rewind.value, snapshot.step
        if self._playing or widgets.last_kept(kept, at) != here or at > kept[-1]:
            self.rewind.value = here

    def _follow_choices(self, settings: runs.Settings) -> None:
        """Follow the run's settings."""
        self.coarseness.stand(settings)
        for name, widget in self._run.items():
            value = widgets.standing(name, widget, getattr(settings, name))
            if name == "preset" and value not in [option[0] for option in widget.options]:
                widget.options = [*widget.options, (value, value)]
            # A log slider's own places are coarser than the numbers it stands for.
            near = name in ("lr", "damping") and abs(widget.value - value) < 0.03
            if widget.value != value and not near:
                widget.value = value
        self._describe(settings.preset)
        grouped = settings.optimizer == "grouped-newton"
        for name in _GROUPED:
            self._run[name].disabled = not grouped
