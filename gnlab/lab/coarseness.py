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
        self._places: tuple[runs.Level, ...] = ()
        self._beside: runs.Level | None = None
        self._own: Any = None
        made = widgets.slider("coarseness", "Level", 0, 1, 0, kind="gn-hero")
        self.levels = widgets.renamed(made)
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
        own = snapshot.level
        if [level.name for level in snapshot.levels] != [level.name for level in self._levels]:
            self._beside = None  # another model
        self._levels = snapshot.levels
        if own is not None and own.name not in [level.name for level in self._levels]:
            self._beside, self._own = own, snapshot.settings.partition
        elif self._beside is not None and self._beside.S in [level.S for level in self._levels]:
            self._beside = None  # the rung has its place again
        self._lay(with_beside(self._levels, self._beside))
        html = widgets.rungs(self._places, _name(snapshot.settings.partition))
        if self.ends.text != html:
            self.ends.text = html

    def _lay(self, places: tuple[runs.Level, ...]) -> None:
        """Give the slider other places; it stays at its level."""
        if places == self._places:
            return
        at = int(self.levels.value)
        stood = self._places[at].name if at < len(self._places) else ""
        self._places = places
        names = [widgets.rung(level) for level in places]
        self.levels.update(end=max(len(names) - 1, 1), format=widgets.named(names))
        self._settle(stood)

    def stand(self, settings: runs.Settings) -> None:
        """Put the slider where the run is.

        Args:
            settings: The run's.
        """
        self._settle(_name(settings.partition))
        grouped = settings.optimizer == "grouped-newton"
        self.levels.disabled = not grouped or len(self._levels) < 2
        self.ask.disabled = self.every.disabled = not grouped

    def _coarsened(self, place: float) -> None:
        """Take another level, in the middle of training; for one too large the next that is not.

        A quick hand skips places: who drags beyond the finest level wants that one, wherever the
        slider was seen last.
        """
        if not self._places:
            return
        wanted = self._places[min(int(place), len(self._places) - 1)]
        level = next((one for one in self._places[int(place) :: -1] if not one.refusal), wanted)
        if level.name:
            self._choices.partition = level.name
        chosen = self._own if level == self._beside else level.name
        self._actions.send(runs.Change({"partition": chosen}))
        if level != wanted:
            self._settle(level.name)
            self._actions.say(f"{wanted.label}: {wanted.refusal}. Taken instead: {level.label}.")

    def _settle(self, name: str) -> None:
        """Put the slider at a level."""
        with self._quiet():
            for place, level in enumerate(self._places):
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


def with_beside(
    levels: tuple[runs.Level, ...], beside: runs.Level | None
) -> tuple[runs.Level, ...]:
    """The slider's places: the ladder, and a level that is no rung of it.

    Args:
        levels: The ladder, coarse to fine.
        beside: The other level, None if there is none.

    Returns:
        The levels, coarse to fine. The other one stands between its neighbours by S, or in the
        place of the rung that has as many groups.
    """
    if beside is None:
        return levels
    coarser = [level for level in levels if level.S < beside.S]
    return (*coarser, beside, *(level for level in levels if level.S > beside.S))


def _name(partition: object) -> str:
    """A level's name; a person's own groups have none."""
    return partition if isinstance(partition, str) else ""
