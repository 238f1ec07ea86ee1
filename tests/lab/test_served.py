"""A real server in this process, looked at by a real websocket client."""

import asyncio
import gc
import logging
import socket
import threading
from contextlib import contextmanager

import pytest
from bokeh.client import pull_session
from bokeh.core.validation.check import check_integrity
from bokeh.document.events import ModelChangedEvent
from bokeh.models import ImportedStyleSheet, InlineStyleSheet
from bokeh.protocol import Protocol
from panel.io import document
from tornado.websocket import WebSocketClosedError

from gnlab.errors import InputError
from gnlab.lab import page, served
from gnlab.lab.slide import Slide

SOON = 30.0


@contextmanager
def serving(host):
    """Serve on a thread; yields the server."""
    started = threading.Event()
    box = {}

    def body():
        asyncio.set_event_loop(asyncio.new_event_loop())
        box["server"] = served.server(host, port=0)
        box["server"].start()
        started.set()
        box["server"].io_loop.start()

    thread = threading.Thread(target=body)
    thread.start()
    assert started.wait(SOON)
    server = box["server"]
    try:
        yield server
    finally:

        def end():
            server.stop()
            server.io_loop.stop()

        server.io_loop.add_callback(end)
        thread.join()


@pytest.fixture
def server(host):
    with serving(host) as made:
        yield made


def connect(server, path="", **arguments):
    return pull_session(url=f"http://localhost:{server.port}/{path}", arguments=arguments)


def test_no_delay_is_set_on_the_websocket(server):
    session = connect(server)
    sockets = [
        connection._socket.ws_connection.stream.socket for connection in server._tornado._clients
    ]
    assert len(sockets) == 1
    assert sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    session.close()


def test_a_link_is_checked_and_the_page_says_what_was_wrong(server):
    session = connect(server, lr="-3", theme="dark")
    document = session.document
    assert "lr must be a number from" in document.get_model_by_name("message").text
    assert document.get_model_by_name("theme").value == "dark"
    session.close()


def test_a_link_to_a_copy_that_is_gone_says_so(server):
    session = connect(server, branch="abc", theme="dark")
    assert "That copy is gone" in session.document.get_model_by_name("message").text
    session.close()


def test_the_slide_is_served_beside_the_lab_and_counts_as_a_page(server, host, until):
    session = connect(server, "slide", rotation="99", theme="dark")
    until(lambda: host.sessions == 1)
    document = session.document
    assert (
        "rotation must be a whole number from 0 to 90" in document.get_model_by_name("message").text
    )
    assert document.get_model_by_name("theme").value == "dark"
    assert not host.engine._latest
    session.close()
    until(lambda: host.sessions == 0)


@pytest.mark.parametrize("path", ["", "slide"])
def test_a_page_that_was_long_on_its_way_asks_nobody_else_for_style_sheets(server, host, path):
    """Its first session has expired then, and its websocket has another made, as here."""
    for _ in ("its page", "the line that there are too many"):
        session = connect(server, path)
        sheets = [str(one.url) for one in session.document.select({"type": ImportedStyleSheet})]
        assert len(sheets) >= 1
        assert [sheet for sheet in sheets if not sheet.startswith("static/extensions/panel/")] == []
        session.close()
        host.most_sessions = 0


def test_a_page_that_goes_while_its_messages_wait_is_no_error(server, host, until, caplog):
    session = connect(server, "slide")
    until(lambda: host.sessions == 1)
    (connection,) = server._tornado._clients
    handler = connection._socket
    slider = session.document.get_model_by_name("rotation")
    late = ModelChangedEvent(session.document, slider, "value", 50)
    message = Protocol().create("PATCH-DOC", [late])

    async def go():
        handler.ws_connection.stream.close()
        server._tornado._keep_alive()
        # What has come already is still read from a closed stream.
        for fragment in (message.header_json, message.metadata_json, message.content_json):
            await handler.on_message(fragment)

    server.io_loop.add_callback(go)
    until(lambda: host.sessions == 0)
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_what_panel_was_sending_to_a_page_that_goes_is_no_error(server, host, until, caplog):
    session = connect(server, "slide")
    until(lambda: host.sessions == 1)
    (connection,) = server._tornado._clients
    slider = session.document.get_model_by_name("rotation")
    more_than_is_read = "x" * 30_000_000
    late = ModelChangedEvent(session.document, slider, "title", more_than_is_read)
    done = threading.Event()

    async def go():
        sent = document.dispatch_tornado(connection, [late])
        connection._socket.ws_connection.stream.close()
        await asyncio.wait(sent)
        assert any(isinstance(one._exception, WebSocketClosedError) for one in sent)
        del sent  # as Panel does with what it was sending when the session is over
        gc.collect()
        done.set()

    server.io_loop.add_callback(go)
    until(done.is_set)
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_a_closed_page_closes_its_run(server, host, until):
    session = connect(server)
    until(lambda: host.sessions == 1)
    run_id = next(iter(host.engine._latest))
    session.close()
    until(lambda: host.sessions == 0)
    with pytest.raises(InputError, match=r"unknown run 'run-.*it has been closed"):
        host.engine.snapshot(run_id)


def test_a_closed_page_closes_the_copies_that_nobody_opened(server, host, until):
    session = connect(server)
    until(lambda: host.sessions == 1)
    (source,) = host.engine._latest
    tokens = [host.branch(1, source)[0] for _ in range(2)]
    other = connect(server, branch=tokens[0])
    opened = list(host.engine._latest)[1]
    session.close()
    until(lambda: host.sessions == 1)
    until(lambda: list(host.engine._latest) == [opened])
    other.close()
    until(lambda: not host.engine._latest)


# Bokeh does not close the socket of its failed attempt: the collector does, and warns of it.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_port_in_use_is_one_clear_line(host):
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            InputError, match=f"port {port} on localhost is in use.*--port {port + 1}"
        ):
            served.server(host, port=port)
        gc.collect()  # here, where the warning is expected, and not in another test


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("address", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_this_machines_is_named(host, address):
    with pytest.raises(InputError, match=f"^--address '{address}' is none of.*localhost"):
        served.server(host, port=0, address=address)
    gc.collect()  # here, where the warning is expected, and not in another test


@pytest.mark.parametrize("port", [-1, 70_000, 1.5])
def test_an_invalid_port(host, port):
    with pytest.raises(InputError, match="port must be a whole number"):
        served.server(host, port=port)


def test_an_unknown_preset_is_refused_before_anything_starts():
    with pytest.raises(InputError, match="unknown preset 'digit'"):
        served.serve(preset="digit", port=0, show=False)


def test_the_pages_are_sound_so_that_the_server_need_not_look(host):
    made = page.Page(host, "", post=lambda act: act())
    beside = Slide("", post=lambda act: act())
    for root in (made.root, beside.layout.get_root()):
        issues = check_integrity(root.references())
        assert issues.error == []
        # The slide's message has no remedies beside it.
        assert {issue.name for issue in issues.warning} <= {"EMPTY_LAYOUT"}
    made.close()
    beside.close()


def test_a_pages_parts_share_its_style_sheets_and_no_other_pages(host):
    pages = [page.Page(host, "", post=lambda act: act()) for _ in range(2)]
    sheets = [
        [model for model in made.root.references() if isinstance(model, InlineStyleSheet)]
        for made in pages
    ]
    for of in sheets:
        assert len({sheet.css for sheet in of}) == len(of) > 3
    assert not {id(sheet) for sheet in sheets[0]} & {id(sheet) for sheet in sheets[1]}
    for made in pages:
        made.close()


def test_what_cannot_be_served_or_recorded_is_one_line_before_anything_is_begun(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(InputError, match=r"File exists\. Choose another folder with --record"):
        served.serve(record_dir=tmp_path / "file", show=False)
    with pytest.raises(InputError, match="address must be a host's name or number"):
        served.serve(address="", show=False)


@pytest.mark.parametrize("value", ["\u00b2", "\u2461", "9" * 5000, "1e5", "[1", "", "\u0663"])
@pytest.mark.parametrize("path", ["", "slide"])
def test_no_text_in_a_link_keeps_the_page_from_opening(server, path, value):
    session = connect(server, path, seed=value, condition=value, anything=value)
    named = "condition" if path else "seed"
    text = session.document.get_model_by_name("message").text
    # The last is a three, for Python and for whoever writes it so.
    assert (f"{named} must be" in text) == (value != "\u0663")
    assert len(text) < 1000
    session.close()


def test_a_folder_that_is_there_and_read_only_is_told_before_anything_is_begun(
    tmp_path, monkeypatch
):
    def refused(**_options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(served, "TemporaryFile", refused)
    with pytest.raises(InputError, match=r"Read-only file system\. Choose another folder"):
        served.serve(record_dir=tmp_path, show=False)
