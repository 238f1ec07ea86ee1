"""The style sheets and scripts that the page is made of, read once from the package."""

from functools import cache
from importlib import resources

from bokeh.models import InlineStyleSheet


@cache
def text(name: str) -> str:
    """The text of a style sheet or script of this package.

    Args:
        name: The file's name.

    Returns:
        Its text.
    """
    return resources.files("gnlab.lab").joinpath(name).read_text(encoding="utf-8")


def css(name: str) -> InlineStyleSheet:
    """A style sheet of this package as a Bokeh model, a new one for each document.

    Args:
        name: The file's name without its ending.

    Returns:
        The style sheet.
    """
    return InlineStyleSheet(css=text(f"{name}.css"))
