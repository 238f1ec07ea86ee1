"""A page without a browser: the raw websocket of a Bokeh session, which draws by waiting.

It asks for the page, opens the socket with the token that the page carries, pulls the document,
says that it is ready, and acknowledges each frame a little later, as a browser does. It reads of a
message no more than it needs, so that many fit into one process.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

DRAWING = 0.02
"""Seconds that a browser takes to draw a frame."""
PATIENCE = 300.0
"""Seconds for the server to build a page; a fault then, not a figure."""
_TOKEN = re.compile(r'"token":"([^"]+)"')
_KEPT = ("ColumnDataSource", "Slider")
_READY = {
    "kind": "MessageSent",
    "msg_type": "bokeh_event",
    "msg_data": {"type": "event", "name": "document_ready", "values": {"type": "map"}},
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """One frame, drawn. ``at`` is in seconds since the epoch."""

    at: float
    step: int
    applied: int
    state: str


def head(columns: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a frame says of itself; the one place here that knows how a frame is packed.

    Args:
        columns: The columns of the frame's source, as they came.

    Returns:
        The frame's version, step, applied and state.
    """
    return {name: columns[name][0] for name in ("version", "step", "applied", "state")}


class Client:
    """One open page. Make it with ``await Client.open(...)``."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        """Take over a socket; ``open`` does the rest.

        Args:
            socket: The websocket, open.
        """
        self.frames: list[Drawn] = []
        self.models: dict[tuple[str, str], str] = {}
        self.values: dict[tuple[str, str], Any] = {}
        self.ended = False
        self._socket = socket
        self._waiting: list[tuple[int, asyncio.Future[float]]] = []
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, address: str, query: str) -> "Client":
        """Ask for a page and pull its document, as a browser does; it is not ready yet.

        Args:
            address: Where the lab is served.
            query: The link's query, without "?".

        Returns:
            The page, its messages being read.
        """
        page = HTTPRequest(f"{address}?{query}", request_timeout=PATIENCE)
        html = (await AsyncHTTPClient().fetch(page)).body.decode()
        token = _TOKEN.search(html)
        if token is None:
            raise RuntimeError("the server sent a page without a session's token")
        place = urlsplit(address).netloc
        request = HTTPRequest(f"ws://{place}/ws", headers={"Origin": f"http://{place}"})
        socket = await websocket_connect(
            request, subprotocols=["bokeh", token[1]], max_message_size=2**27
        )
        # As browsers do: else the three parts of a message wait for the server's TCP to answer.
        if socket.protocol is not None:
            socket.protocol.stream.set_nodelay(True)
        made = cls(socket)
        async with asyncio.timeout(PATIENCE):
            await made._await("ACK")
            made._send("PULL-DOC-REQ", {})
            made._learn(json.loads(await made._await("PULL-DOC-REPLY")))
        made._reading = asyncio.create_task(made._read())
        return made

    @classmethod
    async def enter(cls, address: str, query: str) -> "Client":
        """Open a page whose run plays, and wait until its first step is drawn.

        Args:
            address: Where the lab is served.
            query: The link's query, without "?" and "play".

        Returns:
            The page.

        Raises:
            RuntimeError: If the server closes the page, or the run makes no step.
        """
        made = await cls.open(address, f"{query}&play=true")
        made.ready()
        end = time.monotonic() + PATIENCE
        while not any(frame.step > 0 for frame in made.frames):
            if made.ended or time.monotonic() > end:
                raise RuntimeError(f"no step of a playing page was drawn: {made.frames[-1:]}")
            await asyncio.sleep(0.02)
        return made

    def ready(self) -> None:
        """Say that the document is ready."""
        self._patch(_READY)

    def set(self, kind: str, name: str, attribute: str, value: object) -> None:
        """Change an attribute of a model, as a widget in a browser does.

        Args:
            kind: The model's class.
            name: Its name.
            attribute: The attribute.
            value: The new value, as Bokeh writes it.
        """
        model = self.models[kind, name]
        self.values[model, attribute] = value
        self._patch(
            {"kind": "ModelChanged", "model": {"id": model}, "attr": attribute, "new": value}
        )

    def get(self, kind: str, name: str, attribute: str) -> Any:
        """The attribute of a model, as far as it was said; None if it was not.

        Args:
            kind: The model's class.
            name: Its name.
            attribute: The attribute.

        Returns:
            The value.
        """
        return self.values.get((self.models[kind, name], attribute))

    async def answered(self, applied: int, patience: float) -> float | None:
        """Wait for a drawn frame in which the run has taken more than so many commands.

        Args:
            applied: The number of the last command taken before.
            patience: Seconds to wait.

        Returns:
            When the frame was drawn, in seconds since the epoch; None if none came.
        """
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((applied, answer))
        done, _ = await asyncio.wait([answer], timeout=patience)
        self._waiting = [(number, each) for number, each in self._waiting if each is not answer]
        return answer.result() if done else None

    async def close(self) -> None:
        """Leave the page."""
        self.ended = True
        self._socket.close()
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=5.0)

    async def _read(self) -> None:
        """Read messages until the socket is closed."""
        while True:
            try:
                kind, content = await self._message()
            except EOFError:
                self.ended = True
                return
            if kind == "PATCH-DOC":
                for event in json.loads(content)["events"]:
                    self._take(event)

    async def _await(self, wanted: str) -> str:
        """Drop messages up to one of this type, and return its content."""
        while True:
            kind, content = await self._message()
            if kind == wanted:
                return content

    async def _message(self) -> tuple[str, str]:
        """The next message's type and content; its arrays are received and dropped."""
        header = json.loads(await self._fragment())
        await self._fragment()
        content = await self._fragment()
        for _ in range(2 * header.get("num_buffers", 0)):
            await self._fragment()
        return header["msgtype"], content

    async def _fragment(self) -> Any:
        fragment = await self._socket.read_message()
        if fragment is None:
            raise EOFError
        return fragment

    def _take(self, event: Mapping[str, Any]) -> None:
        """Take notice of one change of the document."""
        if "attr" not in event:
            return
        model = event["model"]["id"]
        if model == self.models["ColumnDataSource", "frame"]:
            data = event["data"] if event["kind"] == "ColumnDataChanged" else event["new"]
            frame = head(dict(data["entries"]))
            asyncio.get_running_loop().call_later(DRAWING, self._draw, frame)
        elif event["kind"] == "ModelChanged":
            self.values[model, event["attr"]] = event["new"]

    def _draw(self, frame: Mapping[str, Any]) -> None:
        """Count a frame as drawn and acknowledge it."""
        now = time.time()
        self.frames.append(Drawn(now, frame["step"], frame["applied"], frame["state"]))
        for number, answer in self._waiting:
            if frame["applied"] > number and not answer.done():
                answer.set_result(now)
        columns = [["version", [frame["version"]]], ["drawn_at", [1000 * now]]]
        self.set("ColumnDataSource", "ack", "data", {"type": "map", "entries": columns})

    def _learn(self, document: object) -> None:
        """Note the models that have names, and what is said of them."""
        for model in _objects(document):
            kind, attributes = model["name"], model["attributes"]
            if kind in _KEPT and "name" in attributes:
                self.models[kind, attributes["name"]] = model["id"]
                self.values |= {(model["id"], name): value for name, value in attributes.items()}

    def _patch(self, event: Mapping[str, object]) -> None:
        self._send("PATCH-DOC", {"events": [event]})

    def _send(self, kind: str, content: Mapping[str, object]) -> None:
        header = {"msgid": str(time.monotonic_ns()), "msgtype": kind}
        try:
            # Written one after the other without a pause: no other message can come between.
            for part in (header, {}, content):
                self._socket.write_message(json.dumps(part))
        except WebSocketClosedError:
            self.ended = True


def _objects(within: object) -> Iterator[Mapping[str, Any]]:
    """Every model in a document's JSON."""
    if isinstance(within, dict):
        if within.get("type") == "object" and "attributes" in within:
            yield within
        for value in within.values():
            yield from _objects(value)
    elif isinstance(within, list):
        for value in within:
            yield from _objects(value)
