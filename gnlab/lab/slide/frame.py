"""A frame: all that the slide shows next, as plain data; and the colours and numbers in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from bokeh.palettes import interp_palette

from gnlab.lab import palettes, scales
from gnlab.lab.figures.base import Update

_NOTHING = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What a scene shows next.

    Attributes:
        scene: The scene's name.
        link: The choices that it shows, as a link's query.
        updates: The figures' new data, by the figure's name.
        texts: New texts as HTML, by the text's name.
        hidden: The cards that are not shown.
    """

    scene: str
    link: str
    updates: Mapping[str, Update]
    texts: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()


def colours(theme: palettes.Theme, count: int) -> list[str]:
    """A colour for each level, from Cauchy's to Newton's.

    Args:
        theme: The theme.
        count: How many levels.

    Returns:
        The colours, coarse to fine; all can be told apart without colour vision's red and green.
    """
    return list(interp_palette((theme.contrast, theme.mixed, theme.accent), max(count, 2)))


def relief(theme: palettes.Theme) -> list[str]:
    """The colours of a surface: its depths tinted, its heights the card's own."""
    tint = interp_palette((theme.card, theme.accent), 11)[4]
    return list(interp_palette((tint, theme.card), 64))


def number(value: float) -> str:
    """A number as text, in digits or as 3.1·10⁻⁵; what is rounding is 0.

    Args:
        value: The number, not negative.

    Returns:
        The text.
    """
    if value < _NOTHING:
        return "0"
    if 1e-3 <= value < 1e4:
        return f"{value:.4g}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}·{scales.power_of_ten(int(exponent))}"


def chip(colour: str, label: str) -> str:
    """A level's name beside its colour, as HTML."""
    return f'<i class="chip" style="background:{colour}"></i>{escape(label)}'


def said(line: str, progress: tuple[int, int] | None = None) -> str:
    """The line above a scene's cards, as HTML.

    Args:
        line: The line.
        progress: How much is done of how much, None for no bar.

    Returns:
        The line, with a bar after it.
    """
    bar = ""
    if progress is not None:
        done, whole = progress
        bar = f' <progress max="{max(whole, 1)}" value="{done if whole else 1}"></progress>'
    return f'<div class="verdict" role="status">{escape(line)}{bar}</div>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as HTML.

    Args:
        head: The columns' titles.
        rows: Their cells, as HTML; the first of each row names it.

    Returns:
        The table.
    """
    titles = "".join(f"<th>{title}</th>" for title in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for first, *cells in rows
    )
    return f'<table class="numbers"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'
