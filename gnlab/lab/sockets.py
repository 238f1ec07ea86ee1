"""The pages' websockets: each message of the server leaves at once, and in one piece.

Bokeh writes one message as three or more websocket frames. With Nagle's algorithm each waits for
the browser's answer to the one before; without it each is a packet of its own, which wakes the
browser's network process every time. So the socket never waits (TCP_NODELAY), and is corked while
one message is written to it.

Bokeh's keep-alive takes the session from a websocket whose page has gone, while the page's messages
may still wait to be read: each of them, and the websocket's end, would be a traceback. So it is
told nothing: the end comes anyway, once they are read.

Panel writes messages of its own beside Bokeh's, and drops what it was writing as a session ends:
that it could not be written would be a traceback too. It is taken notice of here.
"""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Any

from bokeh.protocol.message import Message
from bokeh.server.views.ws import WSHandler
from panel.io import document
from tornado.websocket import WebSocketClosedError

_opened, _sent, _pinged = WSHandler.open, WSHandler.send_message, WSHandler.ping
_dispatched = document.dispatch_tornado
_CORK = getattr(socket, "TCP_CORK", None)  # Linux's own


def send_at_once() -> None:
    """Let every websocket that a page opens from now on send its messages at once and whole.

    It is set on Bokeh's own class, because ``panel serve`` makes its server before any code of
    ours runs.
    """
    WSHandler.open = _open
    WSHandler.send_message = _send_message
    WSHandler.ping = _ping
    document.dispatch_tornado = _dispatch_tornado


def _open(self: WSHandler, *args: Any, **kwargs: Any) -> Any:
    """Set TCP_NODELAY, then open as Bokeh does."""
    self.set_nodelay(True)
    return _opened(self, *args, **kwargs)


async def _send_message(self: WSHandler, message: Message[Any]) -> None:
    """Send as Bokeh does, and let the kernel wait for the whole message."""
    _cork(self, True)
    try:
        await _sent(self, message)
    finally:
        _cork(self, False)


def _ping(self: WSHandler, data: str | bytes = b"") -> None:
    """Ask a page for a sign of life; one that has gone is nobody to ask."""
    with contextlib.suppress(WebSocketClosedError):
        _pinged(self, data)


def _dispatch_tornado(*args: Any, **kwargs: Any) -> "Sequence[asyncio.Future[None]]":
    """Begin to write as Panel does; how it ends is looked at, also where Panel no longer does."""
    writing = _dispatched(*args, **kwargs)
    for one in writing:
        one.add_done_callback(lambda done: done.cancelled() or done.exception())
    return writing


def _cork(handler: WSHandler, on: bool) -> None:
    """Have the kernel collect what is written, or send what it has collected."""
    connection = handler.ws_connection
    if _CORK is None or connection is None or connection.stream.closed():
        return
    connection.stream.socket.setsockopt(socket.IPPROTO_TCP, _CORK, int(on))
