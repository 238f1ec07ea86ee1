"""A page's session with a browser in slow motion: what is sent, and what comes back."""

import asyncio
import time

import pytest
from bokeh.models import ColumnDataSource

from gnlab.lab import page, session
from gnlab.lab.frames import View
from gnlab.lab.wire import Frame, unpack
from gnlab.runs import Play

SOON = 30.0


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
            if self.versions and self.page.session._under_way is not None:
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


class Engine:
    """An engine whose newest snapshot is what the test says."""

    def __init__(self, newest):
        self.newest = newest

    def send(self, _run_id, _command):
        return self.newest.applied + 1

    def snapshot(self, _run_id, newer_than):
        return self.newest if self.newest.version > newer_than else None


def following(engine):
    """A session that nothing pulls yet, with a run of an engine."""
    one = session.Session(
        engine, ColumnDataSource(), ColumnDataSource(), post=lambda act: act(), view=View,
        heard=lambda _snapshot: None, due=lambda _before, now: now,
    )  # fmt: skip
    one.run_id = "run"
    return one


@pytest.mark.parametrize(("held", "sent"), [(60.0, [1, 3]), (0.0, [1, 2, 3])])
def test_what_answers_nothing_waits_for_the_answer(snapshot, monkeypatch, held, sent):
    monkeypatch.setattr(session, "HELD", held)
    one, seen = following(engine := Engine(snapshot(version=1, applied=0))), []
    monkeypatch.setattr(one, "_send", lambda newest, _now: seen.append(newest.version))
    one._look()
    one.send(Play())
    engine.newest = snapshot(version=2, applied=0)
    one._look()
    engine.newest = snapshot(version=3, applied=1)
    one._look()
    assert seen == sent


@pytest.mark.parametrize(
    ("ago", "asked", "courses"),
    [(90, False, True), (30, False, False), (90, True, False), (150, True, True)],
)
def test_an_answer_leaves_the_figures_over_time_to_a_later_frame(
    snapshot, monkeypatch, ago, asked, courses
):
    monkeypatch.setattr(session, "COURSE", 60.0)
    monkeypatch.setattr(session, "HELD", 60.0)
    engine, seen = Engine(snapshot(version=1, applied=0, state="playing")), []
    one = following(engine)

    def paint(*_, courses):
        seen.append(courses)
        return Frame()

    monkeypatch.setattr(one.painter, "frame", paint)
    one._look()
    one._under_way = None
    one._course_at -= ago
    if asked:
        one.send(Play())
    engine.newest = snapshot(version=2, applied=1, state="playing")
    one._look()
    assert seen == [True, courses]


class Loop:
    """An event loop that is given up, on its own thread, while another thread asks after it."""

    def __init__(self, one):
        self.one, self.called = one, []

    def is_closed(self):
        self.one._loop = None
        return False

    def call_soon_threadsafe(self, function):
        self.called.append(function)


def test_a_command_may_come_while_the_following_is_given_up(snapshot):
    one = following(Engine(snapshot()))
    one._loop = loop = Loop(one)
    one.send(Play())
    assert loop.called == [one._pull]


def test_a_lost_frame_is_sent_again_whole(client, monkeypatch):
    monkeypatch.setattr("gnlab.lab.session.LOST_AT_FIRST", 0.2)
    client.ready()
    client.wait(lambda: len(client.versions) >= 2)
    assert "strip|values" in unpack(client.frame.data).data


@pytest.mark.parametrize(
    ("linked", "todo"), [(lambda _link: None, "Reload the page"), (None, "Run the cell again")]
)
@pytest.mark.parametrize("fault", ["figure", "run"])
def test_a_page_that_no_longer_follows_its_run_says_so(
    client, host, monkeypatch, until, fault, linked, todo
):
    monkeypatch.setattr(client.page, "_linked", linked)
    client.ready()
    client.see_until(lambda: client.versions)
    one, run_id = client.page.session, client.page.session.run_id
    if fault == "run":
        host.engine.close_run(run_id)
    else:
        monkeypatch.setattr(one.painter, "frame", lambda *_, **__: 1 / 0)
    one.redraw()
    message = client.page.message
    client.see_until(lambda: "no longer follows its run" in message._text.text)
    assert {"run": "the run is gone", "figure": "division by zero"}[fault] in message._text.text
    assert todo in message._text.text
    message.acted()
    assert message.layout.visible
    assert (run_id in host.engine._latest) == (fault == "figure")
    client.page.close()
    assert run_id not in host.engine._latest


def test_the_latest_snapshot_wins(client):
    client.ready()
    client.see_until(lambda: client.page.controls.levels.end > 1)
    client.key("play")
    client.see_until(lambda: client.step() > 0)
    client.wait(lambda: client.page.session._under_way is not None)
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


def test_a_link_that_does_not_fit_its_preset_opens_with_the_presets_own(host):
    client = Client(host, "?preset=moons&lr=-1&batch_size=9999&partition=chunk:99&play=true")
    try:
        client.ready()
        client.see_until(lambda: client.versions and client.step() > 2)
        client.see_until(lambda: client.page.session.snapshot.state == "playing")
        assert client.page.choices.batch_size == 400
        assert client.page.choices.partition == "tensor"
        told = client.page.message._text.text
        for words in ("lr must be", "got 9999", "batch_size 400", "chunk:99", "partition tensor"):
            assert words in told
    finally:
        client.close()


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
    client.see_until(lambda: client.page.choices.lr == 0.25)
    assert client.step() == 0
    assert client.page.choices.damping == 10
    assert client.page.choices.partition != "tensor"


def test_a_frame_carries_what_a_benchmark_needs(client):
    before = 1000 * time.time()
    client.ready()
    client.wait(lambda: client.versions)
    data = client.frame.data
    assert [data[name] for name in ("version", "step", "applied")] == [[1], [0], [0]]
    assert before - 60_000 < data["published_at"][0] < 1000 * time.time() + 1
