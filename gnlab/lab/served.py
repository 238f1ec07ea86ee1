"""The lab as a web page: one server process for the pages, one engine process for the runs."""

import errno
import logging
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import urlencode

import panel as pn
from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.models import CustomJS, Widget
from bokeh.server.server import Server
from bokeh.settings import settings
from panel.io.server import get_server

from gnlab import runs
from gnlab.errors import InputError, check_number
from gnlab.lab import board, connection, palettes, queries
from gnlab.lab.address import Address
from gnlab.lab.assets import served_beside, text
from gnlab.lab.cadence import ALONE
from gnlab.lab.host import MOST_SESSIONS, Host, check_rate
from gnlab.lab.page import Page
from gnlab.lab.slide import Slide
from gnlab.lab.sockets import send_at_once
from gnlab.runs.engine.collector import sparing_what_stays
from gnlab.runs.engine.cores import pin_server

_log = logging.getLogger(__name__)

BODY = (
    "html, body {{ margin: 0; padding: 0; }} "
    ":root {{ --gn-body: {page}; background: var(--gn-body); }} "
)
"""What surrounds the page, also while it is loading; the page itself brings its own background."""


def page(
    host: Host, defaults: Mapping[str, str] | None = None, slide: str = ""
) -> pn.viewable.Viewable:
    """Build the page of the present browser session.

    Args:
        host: The engine, and how many pages use it.
        defaults: Choices for a link that does not name them.
        slide: The address of the slide; "" if it is not served beside the page.

    Returns:
        The page, or the line that says why there is none.
    """
    doc, address = served_beside(pn.state.curdoc), Address()
    doc.title = "gnlab"
    given = {**(defaults or {}), **queries.arguments()}
    branch = given.pop("branch", "")
    try:
        made = Page(
            host, urlencode(given), post=doc.add_next_tick_callback, linked=address.show,
            branch=branch, slide=slide,
        )  # fmt: skip
    except InputError as error:
        return pn.pane.Markdown(f"### gnlab\n\n{error}", margin=40)
    made.hold(address.source)
    doc.on_session_destroyed(lambda _context: made.close())
    doc.js_on_event("document_ready", made.keyboard())
    _surround(made.theme)
    connection.watch(doc, made.session.frame)
    # Not before: a frame set while the page is on its way would be part of it, and never drawn.
    _when_ready(doc, made.start)
    return made.layout


def slide(host: Host | None = None) -> pn.viewable.Viewable:
    """Build the slide of the present browser session.

    Args:
        host: How many pages are open, where the lab is served beside the slide; else None.

    Returns:
        The slide, or the line that says why there is none.
    """
    doc, address = served_beside(pn.state.curdoc), Address()
    doc.title = "gnlab: the slide"
    if host is not None:
        try:
            number = host.admit()
        except InputError as error:
            return pn.pane.Markdown(f"### gnlab\n\n{error}", margin=40)
        doc.on_session_destroyed(lambda _context: host.leave(number))
    made = Slide(
        urlencode(queries.arguments()), post=doc.add_next_tick_callback, linked=address.show,
        lab="" if host is None else "./",
    )  # fmt: skip
    made.hold(address.source)
    doc.on_session_destroyed(lambda _context: made.close())
    _surround(made.theme)
    connection.watch(doc)
    doc.js_on_event("document_ready", CustomJS(code=text("grab.js")))
    _when_ready(doc, made.start)
    return made.layout


def _surround(theme: Widget) -> None:
    """Give what surrounds a page the theme's colour, now and whenever another is chosen."""
    pages = {name: colours.page for name, colours in palettes.THEMES.items()}
    pn.config.raw_css = [*pn.config.raw_css, BODY.format(page=pages[theme.value]), connection.STYLE]
    code = "document.documentElement.style.setProperty('--gn-body', pages[cb_obj.value])"
    theme.js_on_change("value", CustomJS(args={"pages": pages}, code=code))


def _when_ready(doc: Document, act: Callable[[], None]) -> None:
    """Do something on the server's loop once a page is drawn; events may come on other threads."""

    async def soon() -> None:
        act()

    doc.on_event(DocumentReady, lambda _event: doc.add_next_tick_callback(soon))


def server(
    host: Host,
    *,
    port: int = 5006,
    address: str = "localhost",
    show: bool = False,
    defaults: Mapping[str, str] | None = None,
    **options: Any,
) -> Server:
    """Make the server; it serves once its loop runs.

    Args:
        host: The engine, and how many pages use it.
        port: The port; 0 takes a free one.
        address: The interface to listen on; "localhost" keeps others out.
        show: Whether to open a browser.
        defaults: Choices for a link that does not name them.
        **options: What ``panel.io.server.get_server`` takes, such as ``basic_auth``.

    Returns:
        The server.

    Raises:
        InputError: If the port is not valid or is in use.
    """
    board.sheet()  # now, not when the first page is asked for
    pages = {"/": lambda: page(host, defaults, "slide"), "/slide": lambda: slide(host)}
    return _listen(pages, port=port, address=address, show=show, **options)


def _listen(
    pages: Mapping[str, Callable[[], Any]],
    *,
    port: int,
    address: str,
    show: bool,
    **options: Any,
) -> Server:
    """Make a server of some pages, by their paths."""
    check_number("port", port, low=0, high=65535, integer=True)
    if not address:
        raise InputError("address must be a host's name or number, such as localhost; got ''.")
    send_at_once()
    # The models of a page are the same for everybody: a test has looked at them, and while they
    # are looked at again for each page all others wait.
    settings.perform_document_validation = False
    try:
        return get_server(
            dict(pages), port=port, address=address, show=show, title="gnlab",
            websocket_origin=_origins(address, port),
            unused_session_lifetime_milliseconds=4000, check_unused_sessions_milliseconds=1000,
            keep_alive_milliseconds=10_000, **options,
        )  # fmt: skip
    except OSError as error:
        raise InputError(_why(error, address, port)) from error


def serve(
    *,
    port: int = 5006,
    address: str = "localhost",
    show: bool = True,
    preset: str = "digits-mlp",
    play: bool = False,
    most_sessions: int = MOST_SESSIONS,
    frames_per_second: float = ALONE,
    record_dir: str | Path | None = None,
    most_groups: int | None = None,
    started: Callable[[Server], None] | None = None,
) -> None:
    """Serve the lab until interrupted.

    Args:
        port: The port; 0 takes a free one.
        address: The interface to listen on; "localhost" keeps others out.
        show: Whether to open a browser.
        preset: The problem of a page whose link names none.
        play: Whether the run of such a page plays as soon as the page opens.
        most_sessions: The most pages admitted at a time.
        frames_per_second: The most frames per second of a page that is alone.
        record_dir: The folder in which each run records itself; None not to record.
        most_groups: The most groups that a run may have; None: what the device allows.
        started: Called with the server once it listens.

    Raises:
        InputError: If the preset is unknown, the port not valid or in use, the frames per second
            or the groups are out of bounds, or nothing can be written to the folder.
    """
    runs.Settings(preset=preset)
    check_rate(frames_per_second)
    _make(record_dir)
    engine = runs.ProcessEngine(record_dir=record_dir, most_groups=most_groups)
    host = Host(engine, most_sessions, frames_per_second)
    try:
        pin_server()
        defaults = {"preset": preset, "play": str(play).lower()}
        made = server(host, port=port, address=address, show=show, defaults=defaults)
        if record_dir is not None:
            _log.warning("each run records itself in %s", record_dir)
        _run(made, address, started)
    finally:
        host.engine.close()


def _make(record_dir: str | Path | None) -> None:
    """Make the folder of the recordings, if there is to be one."""
    if record_dir is None:
        return
    try:
        Path(record_dir).mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=record_dir):  # a folder that is there may be read only
            pass
    except OSError as error:
        raise InputError(
            f"runs cannot be recorded in {str(record_dir)!r}: {error.strerror}. Choose another "
            "folder with --record, or --no-record."
        ) from error


def serve_slide(
    *,
    port: int = 5006,
    address: str = "localhost",
    show: bool = True,
    started: Callable[[Server], None] | None = None,
) -> None:
    """Serve the slide alone until interrupted.

    Args:
        port: The port; 0 takes a free one.
        address: The interface to listen on; "localhost" keeps others out.
        show: Whether to open a browser.
        started: Called with the server once it listens.

    Raises:
        InputError: If the port is not valid or in use.
    """
    _run(_listen({"/": slide}, port=port, address=address, show=show), address, started)


def _run(made: Server, address: str, started: Callable[[Server], None] | None) -> None:
    """Serve until the program is told to end."""
    # That a page was closed while a message was on its way is no news for who serves it.
    logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)
    made.start()
    _log.warning("gnlab is open at http://%s:%s/ (Ctrl-C ends it)", address, made.port)
    if started is not None:
        started(made)
    signal.signal(
        signal.SIGTERM, lambda *_: made.io_loop.add_callback_from_signal(made.io_loop.stop)
    )
    with sparing_what_stays():
        made.io_loop.start()
    made.stop()


def _origins(address: str, port: int) -> list[str] | None:
    """Which pages may open a websocket: this server's own, under each of its names."""
    if port == 0 or address in ("0.0.0.0", "::", ""):
        return None
    return [f"{name}:{port}" for name in {address, "localhost", "127.0.0.1"}]


def _why(error: OSError, address: str, port: int) -> str:
    """One line about an address or a port that cannot be listened on."""
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return (
            f"--address {address!r} is none of this machine's: {error.strerror}. Use localhost, "
            "0.0.0.0 for every network that it is in, or the address that it has in one of them."
        )
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {address} is in use. Close the program that uses it, or choose "
            f"another: gnlab serve --port {port + 1 if port < 65535 else 5006}."
        )
    return f"cannot listen on {address}:{port}: {error.strerror}. Choose another with --port."
