"""What a served page does when its connection to the server is lost, or the server hangs.

A notebook's page has no such connection, and is not watched.
"""

from bokeh.document import Document
from bokeh.models import ColumnDataSource, CustomJS

from gnlab.lab.assets import text

WORDS = (
    "The connection to the server is lost: nothing goes on here, what is shown stays. The address "
    "keeps the choices: reload the page to begin again with them. If it does not open, start the "
    "server first."
)
SILENT = (
    "The server does not answer: what is shown stays, and goes on when it answers again. If it "
    "does not, start the server anew and reload the page: the address keeps the choices."
)
PATIENCE = 6.0
"""Seconds without a frame of a run that plays, and seconds that an answer may take."""
STYLE = (
    ".gnlab-lost { position: sticky; top: 0; z-index: 1000; padding: 9px 14px; color: #fff; "
    'background: #a5231c; font: 13px/1.4 Inter, "Segoe UI", system-ui, sans-serif; } '
    ".gnlab-lost button { margin-left: 12px; padding: 3px 12px; font: inherit; font-weight: 600; "
    "color: inherit; background: none; border: 1px solid; border-radius: 7px; cursor: pointer; } "
)
"""How the line looks, in both themes; it stands in the page's body, which has none."""


def watch(doc: Document, frame: ColumnDataSource | None = None) -> None:
    """Have a page say that its connection is lost, when it is, or that nobody answers.

    Args:
        doc: The page's document.
        frame: The source of the frames of a run, which come while it plays; None for no run.
    """
    doc.js_on_event("connection_lost", CustomJS(args={"words": WORDS}, code=text("lost.js")))
    if frame is not None:
        told = {"words": SILENT, "patience": PATIENCE, "frame": frame}
        doc.js_on_event("document_ready", CustomJS(args=told, code=text("silent.js")))
