"""The lab in a notebook: the page's views in a cell, the run on a thread of the kernel.

The pages have a thread of their own, see ``page_thread``; everything of a page is done there. Cells
stay usable while it trains: ``lab.run`` is the run itself, ``lab.play()``, ``lab.pause()`` and
``lab.step(n)`` do what the buttons do.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import panel as pn
from bokeh.core.json_encoder import serialize_json

from gnlab import runs
from gnlab.errors import InputError
from gnlab.lab import palettes
from gnlab.lab.cells import replace_earlier
from gnlab.lab.host import Host
from gnlab.lab.page import Page
from gnlab.lab.page_thread import PAGES

_PATIENCE = 60.0
_CLOSED = "This lab was closed: nothing goes on here, what is shown stays. Run the cell again."
_ELSEWHERE = "The lab was shown again, elsewhere: nothing goes on here, what is shown stays."


class _Shown(Page):
    """A lab's page; a cell whose last line it is shows the lab."""

    def __init__(self, show: Callable[..., Any], *args: Any, **options: Any) -> None:
        self._was_drawn = False
        super().__init__(*args, **options)
        self._show = show
        self.session.ack.on_change("data", self._answered)

    def _heard(self, snapshot: runs.Snapshot) -> None:
        """Follow the run, as soon as there is a browser that follows.

        A frame is sent again until it is drawn. What a widget is told while a notebook has not
        drawn it is lost: the slider stood at another level than the run, and dragged to where it
        stood already it did nothing.
        """
        if self._was_drawn:
            super()._heard(snapshot)

    def _answered(self, _attribute: str, _old: Any, _new: Any) -> None:
        """Bring the widgets in step, once a browser has drawn a frame."""
        if not self._was_drawn:
            self._was_drawn = True
            self.session.redraw()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self._show(include, exclude)


class Lab:
    """A run's page, shown by a cell whose last line it is.

    A cell that is run again closes the labs that it made before. A lab that is neither shown nor
    held by a name ends by itself.

    Args:
        run_or_preset: A run to go on with, or the name of a preset.
        theme: "light" or "dark".
        threads: Threads of torch per operation of a step; None for half of the cores, which leaves
            the others to the page and the browser.
        **settings: Choices by name for a new run, see ``gnlab.runs.Settings``.

    Raises:
        InputError: If it is of something else, a choice or the theme is unknown, the threads are
            out of bounds, or settings are given for a run that has its own.
    """

    def __init__(
        self,
        run_or_preset: runs.Run | str = "digits-mlp",
        *,
        theme: str = "light",
        threads: int | None = None,
        **settings: Any,
    ) -> None:
        if not isinstance(run_or_preset, runs.Run | str):
            raise InputError(
                f"a lab is of a run or of a preset's name; got a {type(run_or_preset).__name__}. "
                "Of a problem of your own make a run: gnlab.Lab(gnlab.Run(problem=...))."
            )
        self._theme = palettes.theme(theme).name
        self._engine = runs.ThreadEngine(threads=threads)
        if isinstance(run_or_preset, runs.Run):
            if settings:
                raise InputError(
                    f"a run has its own settings; got {', '.join(settings)} as well. "
                    "Change them with run.change(...)."
                )
            self._id = self._engine.adopt(run_or_preset)
        else:
            chosen = runs.Settings(**runs.live(run_or_preset)).changed(**settings)
            self._id = self._engine.open(chosen)
        self._page: Page | None = None
        replace_earlier(self.close)

    @property
    def run(self) -> runs.Run:
        """The run itself, once it is loaded; to look at, not to step while it plays.

        Raises:
            InputError: If it cannot be loaded, or is not within a minute.
        """
        end = time.monotonic() + _PATIENCE
        while (run := self._engine.run(self._id)) is None:
            now = self.snapshot
            if now.severity == "error":
                raise InputError(now.message)
            if time.monotonic() > end:
                raise InputError(
                    f"the run was not loaded within {_PATIENCE:g} s ({now.message}); it still is "
                    "being loaded, so ask again later."
                )
            time.sleep(0.01)
        return run

    @property
    def snapshot(self) -> runs.Snapshot:
        """The run as it was last published."""
        return self._engine.snapshot(self._id)

    def play(self) -> None:
        """Step until told otherwise; returns at once."""
        self._engine.send(self._id, runs.Play())

    def pause(self) -> None:
        """Stop after the step being made; returns when the run has stopped.

        Raises:
            InputError: If there is nothing any more that could stop it.
        """
        self._wait(self._engine.send(self._id, runs.Pause()))

    def step(self, count: int = 1) -> runs.Record:
        """Make steps, and return when they are made; interrupted, the run pauses.

        Args:
            count: How many.

        Returns:
            The last step's record.

        Raises:
            InputError: If the count is out of bounds, or the run could not make a step.
        """
        begun = self._engine.snapshot(self._id).step
        goal = self._engine.send(self._id, runs.Step(count))
        try:
            snapshot = self._wait(goal, lambda now: now.state != "playing")
        except KeyboardInterrupt:  # who interrupts the cell wants no more of its steps
            self._engine.send(self._id, runs.Pause())
            raise
        made = snapshot.step - begun
        if snapshot.record is None or (made < count and snapshot.message):
            why = snapshot.message or "the run was stopped."
            raise InputError(f"{max(made, 0)} of {count} steps were made: {why}")
        return snapshot.record

    def close(self) -> None:
        """End the run and its page."""
        if (page := self._page) is not None:
            PAGES.now(lambda: _end(page.close, page, _CLOSED))
        self._engine.close()

    def _wait(
        self, number: int, ready: Callable[[runs.Snapshot], bool] = lambda _: True
    ) -> runs.Snapshot:
        """Wait until a command has been taken and its effect is there."""
        while True:
            now = self._engine.snapshot(self._id)
            if now.applied >= number and ready(now):
                return now
            if not self._engine.alive:
                raise InputError("this lab's engine has ended; make another, gnlab.Lab(...).")
            time.sleep(0.002)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """Show the page in the cell."""
        return self.widget()._repr_mimebundle_(include=include, exclude=exclude)

    def widget(self) -> Any:
        """The page as an ipywidget, which can be nested in others.

        Returns:
            A new widget at every call, with a page of its own, in place of the one before: what
            is drawn in one place cannot be drawn in another.

        Raises:
            InputError: If the packages for notebooks are not installed, no event loop runs here, or
                the lab was closed.
        """
        try:
            from jupyter_bokeh.widgets import BokehModel  # noqa: PLC0415  (comes with the extra)
        except ImportError:
            raise InputError(
                'the lab in a notebook needs more packages: pip install "gnlab[notebook]".'
            ) from None
        _check_loop()
        _ = self.snapshot  # raises where there is none any more
        pn.extension(comms="ipywidgets", inline=True)
        if (before := self._page) is not None:
            PAGES.now(lambda: _end(before.leave, before, _ELSEWHERE))
            self._page = None

        # Bokeh's own widget around the page, not Panel's: that one asks a network for style sheets,
        # and makes the page anew, which cannot be, when it is shown again. With either, as with any
        # widget, a notebook's tab that is closed and opened again needs the browser to reload.
        self._page = page = self._built()
        # Each event goes at once: combined, a frame's acknowledgement waits until the kernel says
        # that it has taken what went before, and the page had two thirds of the frames.
        shown = _on_thread(BokehModel)(page.root)
        PAGES.now(page.start)
        return shown

    def page(self) -> Page:
        """The page, built when it is first asked for; it begins to follow the run at once.

        Returns:
            The page, the same at every call until the lab is shown (again), as it also is by a
            cell whose last line the page is.

        Raises:
            InputError: If no event loop runs here, or the lab was closed.
        """
        if self._page is None:
            _check_loop()
            _ = self.snapshot  # raises where there is none any more
            self._page = self._built()
            PAGES.now(self._page.start)
        return self._page

    def _built(self) -> Page:
        """A page of the lab, which does not follow the run yet."""
        query = urlencode({"theme": self._theme})
        host, show = Host(self._engine), self._repr_mimebundle_
        page = _Shown(show, host, query, post=self._post, run_id=self._id)
        page.controls.echoes = True
        return page

    def _post(self, act: Callable[[], None]) -> None:
        """Do something now; a method, so that a page that is shown keeps its lab alive."""
        act()


def _on_thread(widget: type[Any]) -> type[Any]:
    """Bokeh's widget, of which everything that the browser says or asks is heard by the pages.

    Args:
        widget: ``jupyter_bokeh.widgets.BokehModel``, which comes with the extra.

    Returns:
        The class.
    """

    class OnThread(widget):
        def _sync_model(self, *said: Any) -> None:
            hear = super()._sync_model
            PAGES.now(lambda: hear(*said))

        def get_state(self, *asked: Any, **options: Any) -> dict[str, Any]:
            """What a browser that is reloaded asks for: the page as it is, not as it was made."""
            state = super().get_state(*asked, **options)
            if "render_bundle" in state:
                now = PAGES.now(lambda: serialize_json(self._model_to_traits(self._model)))
                state["render_bundle"] = now
            return state

    return OnThread


def _end(end: Callable[[], None], page: Page, why: str) -> None:
    """End a page that may still be on the screen, and say so there."""
    page.say(why)
    end()


def _check_loop() -> None:
    """Raise unless an event loop runs here, as one does in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise InputError(
            "the lab's page is shown in a notebook's cell, and here no event loop runs that could "
            "show it. In a terminal, gnlab serve shows the lab in a browser."
        ) from None
