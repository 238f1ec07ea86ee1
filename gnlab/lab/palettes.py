"""Colours: one grammar for the whole lab, in a light and a dark theme.

A role has one hue everywhere (weights teal, biases orange, others violet), signed quantities a
diverging palette whose middle is the page's own background, positive ones cividis, and a value
that is not a number a colour that no palette contains. All pairs that have to be told apart
differ in lightness too, so that no colour vision is needed.
"""

from dataclasses import dataclass

import colorcet
from bokeh.palettes import Cividis256

from gnlab.errors import unknown_choice


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one theme, as CSS hex strings.

    Attributes:
        name: "light" or "dark".
        page: The page's background.
        card: The background of a card and of the figures in it.
        line: Hairlines: card borders, grids.
        ink: Text and the first line of a figure.
        soft: Captions, axes, tick labels.
        accent: The control in focus and the second line of a figure.
        contrast: The third line of a figure.
        alarm: Errors.
        warning: Warnings.
        weights: Groups of weights.
        biases: Groups of biases.
        other: Groups of neither.
        mixed: Groups that hold several roles.
        nan: A value that is not a number.
        diverging: Signed quantities, 256 colours, the neutral one in the middle.
        sequential: Positive quantities, 256 colours.
    """

    name: str
    page: str
    card: str
    line: str
    ink: str
    soft: str
    accent: str
    contrast: str
    alarm: str
    warning: str
    weights: str
    biases: str
    other: str
    mixed: str
    nan: str
    diverging: tuple[str, ...]
    sequential: tuple[str, ...]

    def role(self, role: str) -> str:
        """The colour of a group's role; "mixed" for a role it does not know."""
        known = {"weights": self.weights, "biases": self.biases, "other": self.other}
        return known.get(role, self.mixed)


LIGHT = Theme(
    name="light",
    page="#f3f4f7",
    card="#ffffff",
    line="#e1e4ea",
    ink="#1b2130",
    soft="#5d6678",
    accent="#2563c9",
    contrast="#a8680a",
    alarm="#b3261e",
    warning="#8a5a00",
    weights="#0b8a7b",
    biases="#d4571f",
    other="#7d57c1",
    mixed="#6b7386",
    nan="#f0b7d4",
    diverging=tuple(colorcet.palette["CET_CBD1"]),
    sequential=tuple(Cividis256),
)

DARK = Theme(
    name="dark",
    page="#101319",
    card="#191d26",
    line="#2b313e",
    ink="#e9ecf3",
    soft="#9ba5b8",
    accent="#6ea8ff",
    contrast="#e8b04a",
    alarm="#ff8a80",
    warning="#f2c15c",
    weights="#35c4b0",
    biases="#ff8a56",
    other="#b295f2",
    mixed="#98a2b6",
    nan="#8c3a68",
    diverging=tuple(colorcet.palette["bky"]),
    sequential=tuple(Cividis256),
)

THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def theme(name: str) -> Theme:
    """The theme of that name.

    Args:
        name: "light" or "dark".

    Returns:
        Its colours.

    Raises:
        InputError: If there is no theme of that name.
    """
    if not isinstance(name, str) or name not in THEMES:
        raise unknown_choice("theme", name, THEMES)
    return THEMES[name]
