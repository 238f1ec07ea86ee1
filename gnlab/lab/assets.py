"""The style sheets and scripts that the page is made of, read once from the package."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources

from bokeh.document import Document
from bokeh.models import InlineStyleSheet
from panel.io.resources import LOCAL_DIST

_sheets: ContextVar[dict[str, InlineStyleSheet] | None] = ContextVar("sheets", default=None)
"""The style sheets of the document that is being built; None outside of ``one_document``."""


@cache
def text(name: str) -> str:
    """The text of a style sheet or script of this package.

    Args:
        name: The file's name.

    Returns:
        Its text.
    """
    return resources.files("gnlab.lab").joinpath(name).read_text(encoding="utf-8")


@contextmanager
def one_document() -> Iterator[None]:
    """A context in which what is built is one document's, and shares its style sheets.

    A page has some sixty parts with a style sheet: each a model with the whole text of its own
    would be half of what the server builds and sends.

    Yields:
        Nothing.
    """
    token = _sheets.set({})
    try:
        yield
    finally:
        _sheets.reset(token)


def css(name: str) -> InlineStyleSheet:
    """A style sheet of this package as a Bokeh model, which belongs to one document.

    Args:
        name: The file's name without its ending.

    Returns:
        The style sheet: within ``one_document`` always the same, elsewhere a new one.
    """
    shared = _sheets.get()
    if shared is None:
        return InlineStyleSheet(css=text(f"{name}.css"))
    if name not in shared:
        shared[name] = InlineStyleSheet(css=text(f"{name}.css"))
    return shared[name]


def served_beside(doc: Document) -> Document:
    """Have a served document take Panel's style sheets from the server that it comes from.

    Panel says where they are as it writes the page. Of a page that was long on its way, that
    session has expired, and the websocket has another made, which would ask a network for them.

    Args:
        doc: The session's document, before anything of it is built.

    Returns:
        The same.
    """
    doc.template_variables.setdefault("dist_url", LOCAL_DIST)
    return doc
