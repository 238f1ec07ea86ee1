"""The zoom: a double click in a matrix shows its place nearer, one beside it all of it again."""

from collections.abc import Callable
from typing import Any

from bokeh.models import ColumnDataSource

from gnlab import runs
from gnlab.lab import excerpt
from gnlab.lab.cuts import WHOLE


class Zoom:
    """Which part of the matrices is shown, and what the engine is asked for because of it.

    Args:
        redraw: Called when another part is to be shown.
        send: Called with what the engine is asked for.

    Attributes:
        source: In what the browser tells where a person has clicked.
        window: The part.
    """

    def __init__(self, redraw: Callable[[], None], send: Callable[[runs.Command], None]) -> None:
        self.source = ColumnDataSource(data={"x": [], "y": [], "count": []}, name="zoom")
        self.source.on_change("data", self._clicked)
        self.window = WHOLE
        self._redraw, self._send = redraw, send
        self._looked = runs.Look()

    def follow(self, snapshot: runs.Snapshot, order: str) -> None:
        """Ask for single groups, if others are looked at than before.

        Args:
            snapshot: The run now.
            order: The order in which the groups are shown.
        """
        wanted = excerpt.look(snapshot.summary, order, self.window)
        if wanted != self._looked and snapshot.state != "stopped":  # else nobody is there to ask
            self._looked = wanted
            self._send(wanted)

    def _clicked(self, _attribute: str, _old: Any, new: Any) -> None:
        if len(new["x"]) != 1:
            return
        x, y = float(new["x"][0]), float(new["y"][0])
        inside = 0 <= x <= 1 and 0 <= y <= 1
        self.window = self.window.nearer(1 - y, x) if inside else WHOLE
        self._redraw()
