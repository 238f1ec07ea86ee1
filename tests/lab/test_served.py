"""A real server in this process, looked at by a real websocket client."""

import asyncio
import gc
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from bokeh.client import pull_session

from gnlab import runs
from gnlab.errors import InputError
from gnlab.lab import page, served
from gnlab.lab.host import Host
from gnlab.lab.wire import unpack

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
    """A page whose browser draws a frame only when it is told to; all else is real."""

    def __init__(self, host, query=""):
        self.loop = asyncio.new_event_loop()
        self.page = page.Page(host, query, post=lambda act: act())
        self.frame, self.ack = self.page.session.frame, self.page.session.ack
        self.versions = []
        self.frame.on_change("data", lambda _a, _o, new: self.versions.append(new["version"][0]))
        self.shape = None
        self.frame.on_change("data", self.see)

    def see(self, _attribute, _old, new):
        image = unpack(new).data.get("hessian|cells", {}).get("image")
        if image:
            self.shape = image[0].shape

    def ready(self):
        self.loop.run_until_complete(self._start())

    async def _start(self):
        self.page.start()

    def acknowledge(self):
        self.ack.data = {"version": [self.versions[-1]], "drawn_at": [0.0]}

    def wait(self, condition):
        end = time.monotonic() + SOON
        while not condition():
            assert time.monotonic() < end
            self.idle(0.01)

    def idle(self, seconds):
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def see_until(self, condition):
        """Draw every frame until something is to be seen."""

        def seen():
            if self.versions and self.page.session.unacknowledged:
                self.acknowledge()
            return condition()

        self.wait(seen)

    def key(self, key):
        keys = self.page.controls.keys
        keys.data = {"key": [key], "count": [sum(keys.data["count"]) + 1]}

    def step(self):
        return self.frame.data["step"][0]

    def close(self):
        self.page.close()
        self.idle(0.0)
        self.loop.close()


@pytest.fixture
def client(host):
    made = Client(host)
    yield made
    made.close()


def connect(server, **arguments):
    return pull_session(url=f"http://localhost:{server.port}/", arguments=arguments)


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
    assert "strip|values" in unpack(client.frame.data).data


def test_the_latest_snapshot_wins(client):
    client.ready()
    client.see_until(lambda: client.page.controls.levels.end > 1)
    client.key("play")
    client.see_until(lambda: client.step() > 0)
    client.wait(lambda: client.page.session.unacknowledged)
    first = client.step()
    engine, run_id = client.page.session.engine, client.page.session.run_id
    client.wait(lambda: engine.snapshot(run_id).step > first + 2)  # while this is not drawn
    assert client.step() == first
    client.acknowledge()
    client.wait(lambda: client.step() > first)
    assert client.step() > first + 1


def test_a_control_takes_effect_and_the_frame_says_so(client):
    client.ready()
    client.see_until(lambda: client.page.controls.levels.end > 1)
    client.key("step")
    client.see_until(lambda: client.step() == 1)
    assert client.shape == (8, 8)
    client.page.controls.levels.value = 0
    client.key("step")
    client.see_until(lambda: client.step() == 2)
    assert client.shape == (1, 1)
    assert client.page.choices.partition == "all"


def test_rewinding_goes_back_to_an_earlier_loss(client):
    client.ready()
    for step in (1, 2, 3):
        client.key("step")
        client.see_until(lambda step=step: client.versions and client.step() == step)
    client.key("rewind")
    client.see_until(lambda: client.step() == 2)
    earlier = client.page.session.snapshot.kept_steps[0]
    client.page.controls.rewind.value = earlier
    client.see_until(lambda: client.step() == earlier)
    assert client.page.session.snapshot.history.step.size == earlier


def test_a_stopped_run_offers_remedies_that_work(client):
    client.ready()
    client.see_until(lambda: client.page.controls.levels.end > 1)
    client.key("step")
    client.see_until(lambda: client.step() == 1)
    client.page._cure("Rewind, damping × 10")
    client.page._cure("Rewind, coarser partition")
    client.page._cure("Rewind, λ₁ ÷ 2")
    client.see_until(lambda: client.page.choices.lr == 0.05)
    assert client.step() == 0
    assert client.page.choices.damping == 10
    assert client.page.choices.partition != "tensor"


def test_a_branch_leaves_a_copy_for_another_page(client, host):
    client.ready()
    client.key("step")
    client.see_until(lambda: client.versions and client.step() == 1)
    client.page.branch()
    token = client.page.message._text.text.partition("?branch=")[2].partition('"')[0]
    other = host.take(token)
    assert other is not None
    until(lambda: host.engine.snapshot(other).step == 1)


def test_the_address_follows_the_choices(host):
    links = []
    made = page.Page(host, "", post=lambda act: act(), linked=links.append)
    made.controls._view["theme"].value = "dark"
    assert "theme=dark" in links[-1]
    assert made.layout.css_classes == ["gn-dark", "gn-page"]
    made.close()


def test_a_frame_carries_what_a_benchmark_needs(client):
    before = 1000 * time.time()
    client.ready()
    client.wait(lambda: client.versions)
    data = client.frame.data
    assert data["version"] == [1]
    assert data["step"] == [0]
    assert data["applied"] == [0]
    assert before - 60_000 < data["published_at"][0] < 1000 * time.time() + 1


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


def test_a_closed_page_closes_its_run(server, host):
    session = connect(server)
    until(lambda: host.sessions == 1)
    run_id = next(iter(host.engine._latest))
    session.close()
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
    assert Host(host.engine, frames_per_second=4).rate() == 4
    with pytest.raises(InputError, match="frames_per_second must be"):
        Host(host.engine, frames_per_second=0)


def test_a_branch_is_taken_once(host):
    token = host.offer("run-5")
    assert host.take("something else") is None
    assert host.take(token) == "run-5"
    assert host.take(token) is None


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_port_in_use_is_one_clear_line(host):
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            InputError, match=f"port {port} on localhost is in use.*--port {port + 1}"
        ):
            served.server(host, port=port)
        gc.collect()  # Bokeh leaves the socket of its failed attempt to the collector


@pytest.mark.parametrize("port", [-1, 70_000, 1.5])
def test_an_invalid_port(host, port):
    with pytest.raises(InputError, match="port must be a whole number"):
        served.server(host, port=port)


def test_an_unknown_preset_is_refused_before_anything_starts():
    with pytest.raises(InputError, match="unknown preset 'digit'"):
        served.serve(preset="digit", port=0, show=False)
