"""The slide's page: the scene that is shown, its controls, and the pump between them.

A scene is built when it is first looked at, and only its figures' data change from then on.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor

import panel as pn
from bokeh.models import ColumnDataSource, CustomJS, Widget

from gnlab.lab import palettes
from gnlab.lab.assets import css
from gnlab.lab.figures.base import Plot, paint
from gnlab.lab.session import Post
from gnlab.lab.slide import network, pump, quadratic, rosenbrock, state
from gnlab.lab.slide.controls import Controls
from gnlab.lab.slide.frame import Frame, relief
from gnlab.lab.slide.views import NARROW, Scene, show
from gnlab.lab.views import Message
from gnlab.lab.views import text as words

_BUILD: dict[str, Callable[[], dict[str, Plot]]] = {
    "quadratic": quadratic.build, "rosenbrock": rosenbrock.build, "network": network.build,
}  # fmt: skip


class Slide(pn.viewable.Viewer):
    """One open slide.

    Args:
        query: The link's query.
        post: Runs a function where the page's document may be changed, from any thread.
        linked: Called with the query of every new choice, to put it into the address.
        lab: The address of the lab's main page; "" if it is not served beside the slide.
    """

    def __init__(
        self,
        query: str,
        *,
        post: Post,
        linked: Callable[[str], None] | None = None,
        lab: str = "",
    ) -> None:
        super().__init__()
        self.choices, remarks = state.from_query(query)
        self.message = Message([])
        self._linked, self._link = linked, self.choices.query()
        self._pump = pump.Pump(post, self._show, self._drawn, self._failed)
        self._network = network.Network()
        self._scenes: dict[str, Scene] = {}
        self._painted = ""
        self._controls = Controls(self.choices, self._changed)
        self._build(lab)
        if remarks:
            self.message.say(" ".join(remarks), "warning")
        self._look()

    def __panel__(self) -> pn.Row:
        return self.layout

    @property
    def theme(self) -> Widget:
        """In what the theme is chosen."""
        return self._controls.widget("theme")

    def start(self) -> None:
        """Begin to show; the browser must have drawn the page, or be about to."""
        self._pump.ask(*self._frames())

    def hold(self, source: ColumnDataSource) -> None:
        """Have a source in the page's document.

        Args:
            source: What no part of the layout shows.
        """
        # A model belongs to a document only if something in the layout refers to it.
        self._brand.js_on_change("tags", CustomJS(args={"held": source}, code=""))

    def close(self) -> None:
        """Show nothing any more; safe to call more than once."""
        self._pump.close()

    def _build(self, lab: str) -> None:
        """Build what stays: the column of controls and the place of the scenes."""
        beside = f' <a class="beside" href="{lab}">the lab</a>' if lab else ""
        self._brand = words(
            '<div class="brand">gnlab</div><div class="problem">The slide: every level '
            f"from Cauchy to Newton.{beside}</div>"
        )
        side = pn.Column(
            self._brand, self._controls, css_classes=["gn-side"], margin=0, styles={"gap": "12px"}
        )
        self._main = pn.Column(
            self.message.layout, css_classes=["gn-main"], sizing_mode="stretch_width", margin=0,
            styles=NARROW,
        )  # fmt: skip
        self.layout = pn.Row(
            side, self._main, stylesheets=[css("page").css], margin=0, sizing_mode="stretch_width",
            css_classes=self._classes(), styles=NARROW,
        )  # fmt: skip
        self.hold(self._pump.frame)
        self.hold(self._pump.ack)

    def _classes(self) -> list[str]:
        """What style sheets are to know of the page."""
        return [f"gn-{self.choices.theme}", "gn-page"]

    def _frames(self) -> tuple[Iterator[Frame], Executor]:
        """The frames of the present choices, and where they are made."""
        chosen = self.choices.copy()
        if chosen.scene == "network":
            return self._network.frames(chosen), pump.SLOW
        made = {"quadratic": quadratic.frames, "rosenbrock": rosenbrock.frames}[chosen.scene]
        return made(chosen), pump.QUICK

    def _changed(self) -> None:
        """Show what was chosen."""
        self._look()
        self._pump.ask(*self._frames())

    def _look(self) -> None:
        """Show the scene that was chosen, in the theme that was chosen."""
        name = self.choices.scene
        if name not in self._scenes:
            made = self._scenes[name] = Scene(name, _BUILD[name]())
            for end in rosenbrock.ENDS if name == "rosenbrock" else ():
                made.plots[end].figure.on_event("tap", self._tapped)
            self._painted = ""  # not yet in the theme's colours
        for other, scene in self._scenes.items():
            scene.layout.visible = other == name
        if self._painted != self.choices.theme:
            self._paint()
        if self._scenes[name].layout not in self._main:
            self._main.append(self._scenes[name].layout)  # a browser gets it as it stands now

    def _paint(self) -> None:
        """Give every figure the theme's colours."""
        self._painted = self.choices.theme
        theme = palettes.theme(self._painted)
        if self.layout.css_classes != self._classes():
            self.layout.css_classes = self._classes()
        for scene in self._scenes.values():
            for plot in scene.plots.values():
                paint(plot.figure, theme)
                if plot.mapper is not None:
                    plot.mapper.palette = relief(theme)

    def _tapped(self, event) -> None:
        """Start in the valley where a person has clicked."""
        for name, value in (("start_x", event.x), ("start_y", event.y)):
            self.choices.choose(name, round(float(value), 2))
        self._controls.follow()
        self._changed()

    def _show(self, frame: Frame) -> None:
        """Show a frame."""
        scene = self._scenes[frame.scene]
        scene.hide(frame.hidden)
        for name, update in frame.updates.items():
            show(scene.plots[name], update)
        for name, html in frame.texts.items():
            if scene.texts[name].text != html:
                scene.texts[name].text = html

    def _drawn(self, link: str) -> None:
        """Put what is drawn into the address, if it is still what was chosen.

        Not each of a slider's places: a link opens what was seen.
        """
        if self._linked is not None and self._link != link == self.choices.query():
            self._link = link
            self._linked(link)

    def _failed(self, why: str) -> None:
        """Say that there is no picture."""
        self.message.say(why, "error")
