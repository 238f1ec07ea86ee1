"""A real server in this process, looked at by a real websocket client."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from bokeh.client import pull_session
from bokeh.events import DocumentReady

from gnlab import runs
from gnlab.errors import InputError
from gnlab.lab import page, served
from gnlab.lab.host import Host

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
def host():
    engine = runs.ThreadEngine()
    yield Host(engine)
    engine.close()


@pytest.fixture
def server(host):
    with serving(host) as made:
        yield made


class Client:
    """A page without a browser: it acknowledges frames only when it is told to."""

    def __init__(self, server, query=""):
        address = f"http://localhost:{server.port}/"
        arguments = dict(pair.split("=") for pair in query.split("&") if pair)
        self.session = pull_session(url=address, arguments=arguments)
        self.document = self.session.document
        self.frame = self.document.get_model_by_name("frame")
        self.ack = self.document.get_model_by_name("ack")
        self.versions = []
        self.frame.on_change("data", lambda _a, _o, new: self.versions.append(new["version"][0]))

    def ready(self):
        self.document.callbacks.send_event(DocumentReady())

    def acknowledge(self):
        self.ack.data = {"version": [self.versions[-1]], "drawn_at": [0.0]}

    def wait(self, condition):
        end = time.monotonic() + SOON
        while not condition():
            assert time.monotonic() < end
            self.session.force_roundtrip()
            time.sleep(0.005)

    def idle(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.session.force_roundtrip()
            time.sleep(0.005)

    def widget(self, name):
        return self.document.get_model_by_name(name)

    def key(self, key):
        keys = self.document.get_model_by_name("keys")
        keys.data = {"key": [key], "count": [len(keys.data["count"])]}


@pytest.fixture
def client(server):
    made = Client(server)
    yield made
    made.session.close()


def until(condition):
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_at_most_one_frame_is_under_way(client, monkeypatch):
    monkeypatch.setattr("gnlab.lab.session.LOST_AT_FIRST", 1e9)
    client.ready()
    client.wait(lambda: len(client.versions) == 1)
    client.key("play")
    client.idle(1.0)
    assert client.versions == [1]  # it plays, and yet nothing comes: the first was not drawn yet
    client.acknowledge()
    client.wait(lambda: len(client.versions) == 2)
    client.idle(0.3)
    assert client.versions == [1, 2]


def test_the_acknowledgement_of_another_frame_is_no_acknowledgement(client, monkeypatch):
    monkeypatch.setattr("gnlab.lab.session.LOST_AT_FIRST", 1e9)
    client.ready()
    client.wait(lambda: len(client.versions) == 1)
    client.key("play")
    client.ack.data = {"version": [99], "drawn_at": [0.0]}
    client.idle(0.5)
    assert client.versions == [1]


def test_a_lost_frame_is_sent_again_whole(client, monkeypatch):
    monkeypatch.setattr("gnlab.lab.session.LOST_AT_FIRST", 0.2)
    client.ready()
    client.wait(lambda: len(client.versions) >= 2)
    assert "strip|values|text" in client.frame.data


def test_the_latest_snapshot_wins(client):
    client.ready()
    client.wait(lambda: client.versions)
    client.acknowledge()
    client.key("play")
    client.wait(lambda: client.frame.data["step"][0] > 0)
    first = client.frame.data["step"][0]
    client.idle(0.7)  # many steps go by while this frame is not acknowledged
    client.acknowledge()
    client.wait(lambda: client.frame.data["step"][0] > first)
    assert client.frame.data["step"][0] > first + 1


def test_a_control_takes_effect_and_the_frame_says_so(client):
    client.ready()
    client.wait(lambda: client.versions)
    client.wait(lambda: client.widget("coarseness").end == 2 or _acknowledged(client))
    client.widget("coarseness").value = 0
    client.key("step")
    client.wait(lambda: client.frame.data["step"][0] == 1 or _acknowledged(client))
    assert client.frame.data["hessian|cells|image"][0][0].shape == (1, 1)


def _acknowledged(client):
    client.acknowledge()
    return False


def test_a_frame_carries_what_a_benchmark_needs(client):
    before = 1000 * time.time()
    client.ready()
    client.wait(lambda: client.versions)
    data = client.frame.data
    assert data["version"] == [1]
    assert data["step"] == [0]
    assert data["applied"] == [0]
    assert before - 60_000 < data["published_at"][0] < 1000 * time.time() + 1


def test_no_delay_is_set_on_the_websocket(client, server):
    sockets = [
        connection._socket.ws_connection.stream.socket for connection in server._tornado._clients
    ]
    assert len(sockets) == 1
    assert sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_link_is_checked_and_the_page_says_what_was_wrong(server):
    client = Client(server, "lr=-3&theme=dark")
    assert "lr must be a number from" in client.widget("message").text
    assert client.widget("theme").value == "dark"
    client.session.close()


def test_a_closed_page_closes_its_run(server, host):
    client = Client(server)
    until(lambda: host.sessions == 1)
    run_id = next(iter(host.engine._latest))
    client.session.close()
    until(lambda: host.sessions == 0)
    with pytest.raises(InputError, match="unknown run"):
        host.engine.snapshot(run_id)


def test_a_page_that_raises_leaves_no_run_alive(host, monkeypatch):
    def broken(_self):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(page.Page, "_wire", broken)
    with pytest.raises(RuntimeError, match="on purpose"):
        page.Page(host, "", post=lambda act: act())
    assert host.sessions == 0
    assert not host.engine._latest


def test_a_page_that_raises_after_its_run_was_opened_closes_it(host, monkeypatch):
    opened = []

    def broken(self, run_id):
        self.session.open(self.choices.settings())
        opened.append(self.session.run_id)
        raise RuntimeError("on purpose")

    monkeypatch.setattr(page.Page, "_open", broken)
    with pytest.raises(RuntimeError, match="on purpose"):
        page.Page(host, "", post=lambda act: act())
    assert opened
    assert not host.engine._latest
    assert host.sessions == 0


def test_no_more_pages_than_admitted(host):
    host.most_sessions = 1
    first = page.Page(host, "", post=lambda act: act())
    with pytest.raises(InputError, match="admits 1"):
        page.Page(host, "", post=lambda act: act())
    first.close()
    first.close()
    page.Page(host, "", post=lambda act: act()).close()
    assert host.sessions == 0


def test_several_pages_get_fewer_frames_each(host):
    assert host.rate() == 18
    numbers = [host.admit(), host.admit()]
    assert host.rate() == 10
    host.leave(numbers[0])
    assert host.rate() == 18


def test_a_branch_is_taken_once(host):
    token = host.offer("run-5")
    assert host.take("something else") is None
    assert host.take(token) == "run-5"
    assert host.take(token) is None


def test_a_port_in_use_is_one_clear_line(host):
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            InputError, match=f"port {port} on localhost is in use.*--port {port + 1}"
        ):
            served.server(host, port=port)


@pytest.mark.parametrize("port", [-1, 70_000, 1.5])
def test_an_invalid_port(host, port):
    with pytest.raises(InputError, match="port must be a whole number"):
        served.server(host, port=port)


def test_an_unknown_preset_is_refused_before_anything_starts():
    with pytest.raises(InputError, match="unknown preset 'digit'"):
        served.serve(preset="digit", port=0, show=False)
