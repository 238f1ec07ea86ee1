"""Frames that take long to make: one at a time, none of them lost."""

import asyncio
import threading

import pytest
from bokeh.models import ColumnDataSource

from gnlab.lab import session
from gnlab.lab.frames import View
from gnlab.lab.wire import Frame, unpack


class Engine:
    """An engine with one snapshot."""

    def __init__(self, only):
        self.only = only

    def snapshot(self, _run_id, newer_than):
        return self.only if self.only.version > newer_than else None


class Painter:
    """Makes a frame in 0.3 s, of what it has not made before; notices if it shall make two."""

    def __init__(self):
        self.sent, self.made, self.at_once = False, 0, 0
        self.free = threading.Lock()

    def forget(self):
        self.sent = False

    def frame(self, *_, **__):
        if not self.free.acquire(blocking=False):
            self.at_once += 1
            return Frame()
        try:
            data = {} if self.sent else {"strip|values": {"x": [1.0]}}
            self.sent = True
            threading.Event().wait(0.3)
            self.made += 1
            return Frame(data=data)
        finally:
            self.free.release()


@pytest.fixture
def slow(snapshot, monkeypatch):
    """A session, and the frames that reach its browser, which draws each at once."""
    monkeypatch.setattr(session, "AT_ONCE", -1)
    monkeypatch.setattr(session, "LOST_AT_FIRST", 0.1)
    frame, ack = ColumnDataSource(), ColumnDataSource()
    one = session.Session(
        Engine(snapshot()), frame, ack, post=lambda act: act(), view=View,
        heard=lambda _snapshot: None, due=lambda _before, now: now,
    )  # fmt: skip
    one.run_id, one.painter = "run", Painter()
    seen = []

    def drawn(_attribute, _old, new):
        seen.append(sorted(unpack(new).data))
        later = {"version": list(new["version"]), "drawn_at": [0.0]}
        asyncio.get_running_loop().call_soon(setattr, ack, "data", later)

    frame.on_change("data", drawn)
    return one, seen


def follow(one, *between):
    async def run():
        one.start()
        for act in between:
            await asyncio.sleep(0.15)
            act()
        await asyncio.sleep(1.0)
        one._loop, one.closed = None, True

    asyncio.run(run())


def test_a_frame_that_takes_longer_than_the_patience_with_a_page_is_sent_and_not_made_again(slow):
    one, seen = slow
    follow(one)
    assert one.painter.at_once == 0
    assert seen == [["strip|values"]]


def test_a_page_that_is_empty_while_a_frame_is_made_gets_another_whole_one(slow):
    one, seen = slow
    empty = {"version": [session._NOTHING], "drawn_at": [0.0]}
    follow(one, lambda: setattr(one.ack, "data", empty))
    assert one.painter.at_once == 0
    assert seen[-1] == ["strip|values"]
    assert one.painter.made == 2
