"""The lab's main handle: the slider over the ladder, and what one step would bring at each level.

Legend: S groups.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from bokeh.models import Div, Widget

from gnlab import runs
from gnlab.lab import widgets
from gnlab.lab.actions import Actions
from gnlab.lab.assets import css
from gnlab.lab.state import Choices

EVERY = (10, 50, 200)
"""After how many steps the what-if curve can be found again."""

Quiet = AbstractContextManager[None]
Listen = Callable[[Widget, Callable[[Any], None]], None]
"""Has something done with each value that a person gives a widget."""


class Coarseness:
    """The slider, the ladder below it, and the question what if.

    Args:
        choices: What is chosen.
        actions: What can be asked of the page.
        listen: Has something done with what a person chooses.
        quiet: A context in which nobody listens.

    Attributes:
        levels: The slider.
        ends: What stands below it.
        ask: The button "What if?".
        every: How often the question is asked again.
    """

    def __init__(
        self, choices: Choices, actions: Actions, listen: Listen, quiet: Callable[[], Quiet]
    ) -> None:
        self._choices, self._actions, self._quiet = choices, actions, quiet
        self._levels: tuple[runs.Level, ...] = ()
        self.levels = widgets.slider("coarseness", "Level", 0, 1, 0, kind="gn-hero")
        self.ends = Div(
            text=widgets.rungs((), ""), stylesheets=[css("widgets"), css("hero")],
            sizing_mode="stretch_width",
        )  # fmt: skip
        self.ask = widgets.button("ask", "What if?", lambda: self._ask(now=True))
        offered = sorted({*EVERY, choices.every} - {0})
        places = [("0", "when asked"), *((str(n), f"every {n} steps") for n in offered)]
        self.every = widgets.select("every", "Try every level", places)
        self.every.value = str(choices.every)
        listen(self.levels, self._coarsened)
        listen(self.every, self._asked_again)

    def rows(self) -> list[Any]:
        """The column's rows."""
        return [self.levels, self.ends, widgets.row(self.ask, self.every)]

    def follow(self, snapshot: runs.Snapshot) -> None:
        """Show the run's ladder, and which level it has.

        Args:
            snapshot: The run now.
        """
        if snapshot.levels != self._levels:
            self._levels = snapshot.levels
            names = [widgets.rung(level) for level in self._levels]
            self.levels.update(end=max(len(names) - 1, 1), format=widgets.named(names))
        html = widgets.rungs(self._levels, snapshot.settings.partition)
        if self.ends.text != html:
            self.ends.text = html

    def stand(self, settings: runs.Settings) -> None:
        """Put the slider where the run is.

        Args:
            settings: The run's.
        """
        self._settle(settings.partition)
        grouped = settings.optimizer == "grouped-newton"
        self.levels.disabled = not grouped or len(self._levels) < 2
        self.ask.disabled = self.every.disabled = not grouped

    def _coarsened(self, place: float) -> None:
        """Take another level, in the middle of training; not one that is too large."""
        if not self._levels:
            return
        level = self._levels[min(int(place), len(self._levels) - 1)]
        if level.refusal:
            self._actions.say(f"{level.label}: {level.refusal}.")
            self._settle(self._choices.partition)
            return
        self._choices.partition = level.name
        self._actions.send(runs.Change({"partition": level.name}))

    def _settle(self, name: str) -> None:
        """Put the slider at a level."""
        with self._quiet():
            for place, level in enumerate(self._levels):
                if level.name == name:
                    self.levels.value = place

    def _asked_again(self, value: str) -> None:
        """Take another answer to how often the question is asked."""
        self._choices.every = int(value)
        self._ask(now=False)
        self._actions.viewed()

    def _ask(self, *, now: bool) -> None:
        """Have one step tried at every level, now or from time to time."""
        self._actions.send(runs.TryLevels(every=self._choices.every, now=now))
