"""A notebook's page and its browser: what is said by either arrives, whenever it is said."""

import asyncio
import json
import threading

import pytest

from gnlab.lab.notebook import Lab
from gnlab.lab.page_thread import PAGES


@pytest.fixture
def shown():
    """A lab after its first step, its widget and its page."""
    lab = Lab("moons", seed=3)
    lab.step()

    async def show():
        return lab, lab.widget(), lab.page()

    yield asyncio.run(show())
    lab.close()


@pytest.fixture
def drawn(until):
    """Have a page told that a browser has drawn it, and wait until its slider follows the run."""

    def drawn(page):
        until(lambda: page.session._under_way is not None)
        answer = {"version": [page.session._under_way], "drawn_at": [0.0]}
        PAGES.now(lambda: setattr(page.session.ack, "data", answer))
        until(lambda: page.controls.levels.value > 0)

    return drawn


def test_what_a_person_does_while_the_page_follows_its_run_is_not_lost(
    shown, drawn, until, monkeypatch
):
    """A kernel hears of it on a thread of its own; taken for the run's, it had no effect."""
    lab, widget, page = shown
    levels = page.controls.levels
    following, heard = threading.Event(), threading.Event()
    stand = page.controls.coarseness.stand

    def slow(settings):
        stand(settings)
        following.set()
        heard.wait(0.5)  # it cannot be heard meanwhile: this is where that would be wrong

    def hear():
        content = {
            "event": "jsevent", "kind": "ModelChanged", "model": levels.ref, "attr": "value",
            "new": 0,
        }  # fmt: skip
        widget._sync_model(widget, content, [])
        heard.set()

    drawn(page)
    monkeypatch.setattr(page.controls.coarseness, "stand", slow)
    page.session.redraw()
    page.session._under_way = None
    assert following.wait(60)
    subshell = threading.Thread(target=hear)
    subshell.start()
    subshell.join()
    until(lambda: lab.snapshot.settings.partition == "all")


def test_a_widget_that_no_browser_has_drawn_is_told_nothing_that_would_be_lost(shown, drawn, until):
    lab, _, page = shown
    levels = page.controls.levels
    until(lambda: page.session._number >= 2)  # a frame that is not answered is sent again
    assert (levels.value, levels.end) == (0, 1)
    drawn(page)
    assert levels.value == [level.name for level in lab.snapshot.levels].index("tensor")


def test_a_browser_that_is_reloaded_gets_the_page_as_it_is(shown, drawn):
    _, widget, page = shown
    assert slider(widget).get("value", 0) == 0
    drawn(page)
    assert slider(widget)["value"] == page.controls.levels.value > 0
    assert set(widget.get_state("combine_events")) == {"combine_events"}


def slider(widget):
    """What a browser that asks now is told of the coarseness slider."""

    def found(part):
        if isinstance(part, dict) and part.get("attributes", {}).get("name") == "coarseness":
            yield part["attributes"]
        elif isinstance(part, dict | list):
            for inner in part.values() if isinstance(part, dict) else part:
                yield from found(inner)

    return next(found(json.loads(widget.get_state("render_bundle")["render_bundle"])))
