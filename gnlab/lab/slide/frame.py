"""A frame: all that the slide shows next, as plain data; and the colours and numbers in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from bokeh.palettes import interp_palette

from gnlab.lab import palettes, scales
from gnlab.lab.figures.base import Update

_NOTHING = 1e-15
_EQUAL = 1e-9
"""A factor that is less below its bound, relative to it, is at its bound."""
_MOST_DIGITS = 12
"""With so many, what is not equal is told apart."""


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


def number(value: float, digits: int = 4) -> str:
    """A number as text, in digits or as 3.1·10⁻⁵; what is rounding is 0.

    Args:
        value: The number, not negative.
        digits: How many digits to show, two less before a power of ten; more than four are shown
            also if they are zeros.

    Returns:
        The text.
    """
    if value < _NOTHING:
        return "0"
    if 1e-3 <= value < 1e4:
        return f"{value:.4g}" if digits <= 4 else f"{value:#.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 3}e}".split("e")
    return f"{mantissa}·{scales.power_of_ten(int(exponent))}"


def reaches(factor: float, bound: float) -> bool:
    """Whether a factor is at its bound, up to rounding.

    Args:
        factor: The factor.
        bound: What it does not exceed.

    Returns:
        Whether they are equal.
    """
    return factor >= bound * (1 - _EQUAL) or bound < _NOTHING


def told_apart(bound: float, *factors: float) -> list[str]:
    """Factors and their bound as text, with as many digits as tell each of them from the bound.

    Args:
        bound: What they do not exceed.
        *factors: The factors.

    Returns:
        The factors' texts, then the bound's; that of a factor at its bound is the bound's.
    """
    below = [not reaches(factor, bound) for factor in factors]
    for digits in range(4, _MOST_DIGITS + 1):
        told, most = [number(factor, digits) for factor in factors], number(bound, digits)
        if all(text != most for text, lower in zip(told, below, strict=True) if lower):
            break
    texts = [text if lower else most for text, lower in zip(told, below, strict=True)]
    return [*texts, most]


def titled(title: str) -> str:
    """A card's title as HTML."""
    return f'<h2 class="title">{escape(title)}</h2>'


def captioned(caption: str) -> str:
    """A card's sentence as HTML."""
    return f'<p class="caption">{escape(caption, quote=False)}</p>'


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
