"""The page's parts as views: each builds its layout once and never again."""

from collections.abc import Callable, Collection
from html import escape
from typing import Any

from bokeh.models import Button, Div, Row

from gnlab import runs
from gnlab.lab.assets import css
from gnlab.lab.remedies import offered

_STRETCH = {"sizing_mode": "stretch_width", "margin": 0}


class Message:
    """One or two lines about what happened, and the remedies that a click applies.

    Args:
        remedies: Buttons shown while the run has stopped.

    Attributes:
        layout: What is to be put into the page.
    """

    def __init__(self, remedies: list[Button]) -> None:
        self._text = text("", name="message")
        self._buttons = remedies
        self._remedies = Row(*remedies, visible=False, margin=0, styles={"gap": "8px"})
        self.layout = Row(
            self._text, self._remedies, visible=False, styles={"gap": "12px"}, **_STRETCH
        )
        self._heard = ("", "")
        self._own = False  # whether what stands there was not said by the run

    def say(
        self,
        words: str,
        severity: str = "info",
        *,
        remedies: Collection[str] = (),
        link: tuple[str, str] | None = None,
    ) -> None:
        """Show a message in place of the present one.

        Args:
            words: The message; "" hides it.
            severity: "info", "warning" or "error".
            remedies: The labels of the remedies to offer.
            link: A link's text and address, opened in a new tab.
        """
        self._own = bool(words) and severity != "error"
        html = escape(words)
        if link is not None:
            html += f' <a href="{escape(link[1])}" target="_blank">{escape(link[0])}</a>'
        self._text.text = f'<div class="message {severity}" role="status">{html}</div>'
        self.layout.visible = bool(words)
        for button in self._buttons:
            button.visible = button.label in remedies
        self._remedies.visible = bool(remedies)

    def follow(self, snapshot: runs.Snapshot) -> None:
        """Say what the run says, when it says something else than before.

        What the page has said gives way to a warning or an error only: not to the word that a run
        is loading, or has been.

        Args:
            snapshot: The run now.
        """
        heard = (snapshot.message, snapshot.severity)
        if heard != self._heard:
            self._heard = heard
            if snapshot.severity != "info" or not self._own:
                stopped = snapshot.severity == "error"
                self.say(*heard, remedies=offered(snapshot) if stopped else ())
                self._own = False

    def acted(self) -> None:
        """Take away what the page has said: the person has read it and gone on.

        An error stays: going on does not mend it.
        """
        if self._own:
            self.say("")


def remedy(label: str, act: Callable[[str], None]) -> Button:
    """A remedy's button.

    Args:
        label: What stands on it.
        act: Called with the label by a click.

    Returns:
        The button.
    """
    made = Button(label=label, stylesheets=[css("widgets")], margin=0)
    made.on_click(lambda: act(label))
    return made


def text(html: str, **options: Any) -> Div:
    """A piece of text that rarely changes."""
    return Div(
        text=html, stylesheets=[css("text")], sizing_mode="stretch_width", margin=0, **options
    )


def roles() -> Div:
    """The one colour grammar: what the hues of the groups mean on every figure."""
    kinds = (("weights", "weights"), ("biases", "biases"), ("other", "other"), ("mixed", "mixed"))
    items = "".join(f'<span class="role {kind}">{name}</span>' for kind, name in kinds)
    return text(f'<div class="roles">{items}</div>')
