"""The main page: a control column, a header, the cards; and the session behind them.

Nothing of the page is built twice. A frame changes figures' sources in the browser; the widgets
follow the run; a person's change goes to the engine as a command.
"""

from collections.abc import Callable
from contextlib import ExitStack
from html import escape
from typing import Any

import panel as pn
from bokeh.models import Column, ColumnDataSource, CustomJS, Row, Widget

from gnlab import runs
from gnlab.errors import InputError
from gnlab.lab import board, captions, remedies, state
from gnlab.lab.assets import css, one_document, text
from gnlab.lab.controls import Controls
from gnlab.lab.frames import View
from gnlab.lab.host import COPIES, Host
from gnlab.lab.session import Post, Session
from gnlab.lab.views import Message, remedy
from gnlab.lab.views import text as words
from gnlab.lab.zoom import Zoom

_FRAME = ("version", "step", "applied", "published_at", "state", "text", "numbers")
_GAP = {"gap": "7px"}
_GONE = (
    "That copy is gone: each opens once, while the page that made it is open. This is a new run "
    "with the link's choices."
)


class Page(pn.viewable.Viewer):
    """One open page: its session, its controls and its figures.

    Args:
        host: The engine, and how many pages use it.
        query: The link's query.
        post: Runs a function where the page's document may be changed.
        linked: Called with the query of every new choice, to put it into the address.
        run_id: A run that the engine already has; None to open one from the choices.
        branch: The token of a run that ``Host.branch`` has kept for this page; "" for none.
        slide: The address of the slide; "" if it is not served beside the page.
    """

    def __init__(
        self,
        host: Host,
        query: str,
        *,
        post: Post,
        linked: Callable[[str], None] | None = None,
        run_id: Any = None,
        branch: str = "",
        slide: str = "",
    ) -> None:
        super().__init__()
        self._beside = f' · <a href="{slide}">the slide</a>' if slide else ""
        self._number = number = host.admit()
        with ExitStack() as undo:
            # First of all: whatever raises from here on, the run and the place are given back.
            undo.callback(host.leave, number)
            self.choices, remarks = state.from_query(query)
            frame = ColumnDataSource(data={name: [] for name in _FRAME}, name="frame")
            ack = ColumnDataSource(data={"version": [], "drawn_at": []}, name="ack")
            engine = host.living() if run_id is None else host.engine
            self.session = Session(
                engine, frame, ack, post=post, view=self._view, heard=self._heard,
                due=host.due, ended=self._ended,
            )  # fmt: skip
            undo.callback(self.session.close)
            self.zoom = Zoom(self.session.redraw, self.session.send)
            self._undo = undo
            if branch and (copy := host.take(branch)) is None:
                remarks.append(_GONE)
            elif branch:
                self.session.show(copy)  # from here on it is closed with the session
            # The address of a copy opens once: the choices take its place.
            self._link = "" if branch else self.choices.query()
            self._host, self._linked = host, linked
            with one_document():
                self._build()
            self._wire()
            self._remarks = remarks
            self.message.say(" ".join(remarks), "warning")
            self._open(run_id)
            self._undo = undo.pop_all()

    def __panel__(self) -> pn.pane.Bokeh:
        return self.layout

    def start(self) -> None:
        """Begin to show the run; needs a running event loop."""
        self.session.start()

    def close(self) -> None:
        """Close the page's run and give its place back; safe to call more than once."""
        self._undo.close()

    def leave(self) -> None:
        """Close the page, and leave its run to others."""
        self.session.run_id = None
        self.close()

    def hold(self, source: ColumnDataSource) -> None:
        """Have a source in the page's document.

        Args:
            source: What no part of the layout shows.
        """
        # A model belongs to a document only if something in the layout refers to it.
        self._parts[0].js_on_change("tags", CustomJS(args={"held": source}, code=""))

    def send(self, command: runs.Command) -> None:
        """Send a command to the run.

        Args:
            command: The command.
        """
        if self.session.engine.alive:  # else there is nobody to take it, and the page says so
            self.message.acted()
            self.session.send(command)

    def branch(self) -> None:
        """Open a copy of the run and say where it is."""
        run_id, now = self.session.run_id, self.session.snapshot
        if run_id is None or not self.session.engine.alive:
            return
        try:
            token, crowded = self._host.branch(self._number, run_id)
        except InputError as error:
            self.say(str(error))
            return
        more = f" The oldest of the {COPIES} that waited was let go." if crowded else ""
        self.message.say(
            f"A copy of this run waits at step {now.step if now else 0}, while this page is "
            f"open.{more}",
            link=("Open it", self.choices.query(branch=token, play=False)),
        )

    def say(self, words: str) -> None:
        """Tell the person something.

        Args:
            words: One line.
        """
        self.message.say(words, "warning")

    def viewed(self) -> None:
        """Show the run under the view's new choices."""
        if self.root.css_classes != self._classes():
            self.root.css_classes = self._classes()
        self.session.redraw()
        self._relink()

    def _classes(self) -> list[str]:
        """What style sheets are to know of the page: its theme, and whether it is in a cell."""
        return [f"gn-{self.choices.theme}", "gn-page" if self._linked else "gn-cell"]

    def _open(self, run_id: Any) -> None:
        """Show the run that the engine has; open one if there is none, and it is no copy's page."""
        if run_id is not None:
            self.session.show(run_id)
        elif self.session.run_id is None:
            self.session.open(self.choices.settings())
        self._begin()

    def _begin(self) -> None:
        """Send what the link asks of the run that is being made, or was copied."""
        if self.choices.pace:
            self.session.send(runs.Pace(self.choices.pace))
        if self.choices.every:
            self.session.send(runs.TryLevels(every=self.choices.every, now=False))
        if self.choices.play:
            self.session.send(runs.Play())

    def _mend(self, snapshot: runs.Snapshot) -> None:
        """Where no run could be made of the link, make one of the preset's own choice."""
        own = {} if snapshot.state != "stopped" else self.choices.put_back(snapshot.message)
        for name, value in own.items():
            self._remarks.append(f"{snapshot.message} Used instead: {name} {value}, the preset's.")
            self.message.say(" ".join(self._remarks), "warning")
            self.session.send(runs.Change(own))
            self._begin()

    def _build(self) -> None:
        """Build the layout, once."""
        self.controls = Controls(self.choices, self)
        self.controls.branch.visible = self._linked is not None
        self._remedies = [remedy(label, self._cure) for label in remedies.LABELS]
        self.message = Message(self._remedies)
        brand = words('<div class="brand">gnlab</div>')
        brand.update(sizing_mode=None, width=82)
        phases = board.places(board.place("phases"))
        strip = board.places(f'<div class="line">{board.place("strip")}</div>')
        cards = board.places(board.cards())
        self._parts = [phases, strip, cards]
        self.recorded = words("", name="recorded", visible=False)
        keys = f'<div class="keys">{captions.KEYS}{self._beside}</div>'
        # Bokeh's own layouts: Panel's wrap each widget in a view of their own, a third of the time.
        drive, chosen = self.controls.layout(phases)
        # A notebook has keys of its own, and no address that a copy could be opened at.
        told = [words(keys, visible=self._linked is not None), self.recorded]
        side = Column(
            _part(drive, order=0), _part([*chosen, *told], order=2),
            css_classes=["gn-side", "gn-parted"], margin=0, styles=_GAP,
        )  # fmt: skip
        main = Column(
            Row(brand, strip, sizing_mode="stretch_width", margin=0),
            self.message.layout,
            cards,
            css_classes=["gn-main"],
            sizing_mode="stretch_width",
            margin=0,
        )
        self.root = Row(
            side, main, stylesheets=[css("page")], margin=0, sizing_mode="stretch_width",
            css_classes=self._classes(),
        )  # fmt: skip
        self.layout = pn.pane.Bokeh(self.root)

    def _wire(self) -> None:
        """Let the browser draw the figures, hand each frame to them and acknowledge it."""
        frame = self.session.frame
        figures = {"sheet": board.sheet(), "parts": self._parts, "zoom": self.zoom.source}
        self._draw = CustomJS(args=figures, code=text("figures.js"))
        grab = CustomJS(code=text("grab.js"))
        arguments = {"frame": frame, "ack": self.session.ack, "draw": self._draw, "grab": grab}
        frame.js_on_change("data", CustomJS(args=arguments, code=text("client.js")))
        reveal = CustomJS(args={"parts": self._parts}, code=text("reveal.js"))
        self.controls.coarseness.ask.js_on_event("button_click", reveal)
        self.hold(frame)
        self.hold(self.controls.keys)

    @property
    def theme(self) -> Widget:
        """In what the theme is chosen."""
        return self.controls.theme

    def keyboard(self) -> CustomJS:
        """What makes the keyboard's shortcuts work, to be run once when the page is ready."""
        controls = {"keys": self.controls.keys, "levels": self.controls.levels}
        return CustomJS(args=controls, code=text("keys.js"))

    def _view(self) -> View:
        """The view's choices now."""
        chosen = self.choices
        return View(
            chosen.order, chosen.scale, chosen.lock, chosen.theme, chosen.cubic, self.zoom.window
        )

    def _heard(self, snapshot: runs.Snapshot) -> None:
        """Bring widgets, message and address in step with a snapshot."""
        self.controls.follow(snapshot, settled=self.session.settled(snapshot))
        self.message.follow(snapshot)
        self.zoom.follow(snapshot, self.choices.order)
        self._tell(snapshot.folder)
        self._mend(snapshot)
        self._relink()

    def _tell(self, folder: str) -> None:
        """Say where the run is recorded, when that is somewhere else than before."""
        html = f'<div class="keys">Recorded in <code>{escape(folder)}</code></div>'
        if self.recorded.visible != bool(folder) or (folder and self.recorded.text != html):
            self.recorded.update(text=html, visible=bool(folder))

    def _ended(self, error: BaseException) -> None:
        """Say that the page stands still, and what to do."""
        again = "Reload the page" if self._linked else "Run the cell again"
        gone = isinstance(error, InputError)  # the engine knows no such run
        why = "the run is gone" if gone else str(error) or type(error).__name__
        self.message.say(f"This page no longer follows its run: {why}. {again}.", "error")

    def _relink(self) -> None:
        """Put every choice into the address, if one has changed."""
        link = self.choices.query()
        if link != self._link and self._linked is not None:
            self._link = link
            self._linked(link)

    def _cure(self, label: str) -> None:
        """Apply a remedy."""
        if self.session.snapshot is not None:
            for command in remedies.commands(label, self.session.snapshot):
                self.send(command)


def _part(rows: list[Any], order: int) -> Column:
    """A part of the column of controls: where the window is narrow, the cards come second."""
    # What page.css says of such a window; within the column it says nothing.
    edges = {"padding": "var(--gn-part, 0)", "border-bottom": "var(--gn-part-edge, none)"}
    within = {"background": "var(--gn-card)", "box-sizing": "border-box", "width": "100%"}
    return Column(*rows, margin=0, styles={**_GAP, **edges, **within, "order": str(order)})
