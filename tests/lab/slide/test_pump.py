"""One frame under way at a time, the latest choice next, and nothing after the page is closed."""

import asyncio
import logging
import queue
import threading
from concurrent.futures import Executor, Future

import pytest

from gnlab.lab.slide.frame import Frame
from gnlab.lab.slide.page import Slide
from gnlab.lab.slide.pump import Pump


class ByHand(Executor):
    """Makes a frame when it is told to."""

    def __init__(self):
        self.waiting = queue.SimpleQueue()

    def submit(self, work, *arguments):
        done = Future()
        self.waiting.put((done, work, arguments))
        return done

    def make(self):
        done, work, arguments = self.waiting.get_nowait()
        try:
            result = work(*arguments)
        except ArithmeticError as error:
            done.set_exception(error)
        else:
            done.set_result(result)


@pytest.fixture
def place():
    return ByHand()


@pytest.fixture
def shown():
    return []


@pytest.fixture
def links():
    return []


@pytest.fixture
def failed():
    return []


@pytest.fixture
def pump(shown, links, failed):
    made = Pump(
        lambda act: act(), lambda frame: shown.append(frame.scene), links.append, failed.append
    )
    yield made
    made.close()


def frames(*names):
    return iter([Frame(name, f"?{name}", {}) for name in names])


def drawn(pump):
    pump.ack.data = dict(pump.frame.data)


def test_a_frame_is_made_when_the_one_before_is_drawn(pump, place, shown, links):
    pump.ask(frames("a", "b"), place)
    place.make()
    assert shown == ["a"]
    assert pump.frame.data == {"number": [1], "link": ["?a"]}
    assert place.waiting.empty()
    assert links == []
    drawn(pump)
    assert links == ["?a"]
    place.make()
    assert shown == ["a", "b"]
    drawn(pump)
    place.make()
    assert shown == ["a", "b"]
    assert place.waiting.empty()


def test_the_latest_choice_is_next_and_the_frame_being_made_is_shown(pump, place, shown):
    pump.ask(frames("old", "older"), place)
    for name in ("skipped", "new"):
        pump.ask(frames(name), place)
    place.make()
    assert shown == ["old"]
    drawn(pump)
    place.make()
    assert shown == ["old", "new"]


def test_what_cannot_be_made_is_said_in_one_line(pump, place, shown, failed, caplog):
    def broken():
        raise ZeroDivisionError("on purpose")
        yield

    pump.ask(broken(), place)
    with caplog.at_level(logging.CRITICAL):
        place.make()
    assert failed == ["This cannot be shown: on purpose"]
    pump.ask(frames("next"), place)
    place.make()
    assert shown == ["next"]


def test_nothing_is_shown_after_the_page_is_closed(pump, place, shown):
    pump.ask(frames("a", "b"), place)
    pump.close()
    place.make()
    pump.close()
    pump.ask(frames("c"), place)
    assert shown == []
    assert place.waiting.empty()


def test_a_page_says_what_of_its_link_was_wrong_and_keeps_what_was_right():
    page = Slide("?scene=rosenbrock&damping=x&theme=dark", post=lambda act: act())
    assert "damping must be a number from 0" in page.message._text.text
    assert page.layout.css_classes == ["gn-dark", "gn-page"]
    assert list(page._scenes) == ["rosenbrock"]
    page.close()


def test_a_control_changes_its_choice():
    page = Slide("", post=lambda act: None)
    controls = page._controls
    controls.widget("size").value = 3
    assert page.choices.size == 16
    assert controls.widget("coupling").end == 4
    controls.widget("condition").value = 2.0
    controls.widget("coupling").value = 3
    controls.widget("rotation").value = 11
    assert "size=16&condition=100&coupling=3&rotation=11" in page.choices.query()
    controls.widget("size").value = 0
    assert (page.choices.size, controls.widget("coupling").value) == (2, 1)
    assert "size=2&condition=100&coupling=6" in page.choices.query()
    controls.widget("size").value = 3
    assert controls.widget("coupling").value == 3
    controls.scenes.active = 1
    controls.widget("damping").value = controls.widget("damping").start
    assert page.choices.damping == 0
    controls.widget("theme").value = "dark"
    assert "scene=rosenbrock&theme=dark" in page.choices.query()
    page.close()


def test_the_address_has_what_is_shown_once_it_is_what_was_chosen():
    links = []
    page = Slide("", post=lambda act: None, linked=links.append)
    earlier = page.choices.query()
    page._controls.widget("rotation").value = 50
    page._drawn(earlier)
    assert links == []
    page._drawn(page.choices.query())
    page._drawn(page.choices.query())
    assert links == [page.choices.query()]
    page.close()


def test_on_a_loop_the_document_is_left_to_the_loops_thread():
    """A document's list of what is to be done next is no place for two threads."""
    posted = []

    def post(act):
        posted.append(threading.current_thread())
        act()

    async def shown():
        one = Pump(post, lambda _: None, lambda _: None, lambda _: None)
        one.ask(iter([Frame("quadratic", "?a=1", {})]))
        while one.frame.data["number"] == [0]:
            await asyncio.sleep(0.001)
        one.close()

    asyncio.run(asyncio.wait_for(shown(), 60))
    assert set(posted) == {threading.current_thread()}


def test_a_frame_that_was_never_acknowledged_holds_up_nothing(monkeypatch):
    monkeypatch.setattr("gnlab.lab.slide.pump.LOST", -1.0)
    sent = []

    async def shown():
        one = Pump(lambda act: act(), sent.append, lambda _: None, lambda _: None)
        for count in (1, 2):
            one.ask(iter([Frame("quadratic", f"?a={count}", {})]))
            while len(sent) < count:
                await asyncio.sleep(0.001)
        one.close()

    asyncio.run(asyncio.wait_for(shown(), 60))
    assert len(sent) == 2
