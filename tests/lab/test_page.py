"""What a page does with a link that is more than choices, and how many pages there may be."""

import asyncio
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import panel
import pytest

from gnlab import runs
from gnlab.errors import InputError
from gnlab.lab.host import Host
from gnlab.lab.page import Page

QUERY = "?preset=moons&theme=dark&order=blocks&scale=scale-free&lock=true&pace=3&every=7&play=true"
PATIENCE = 120.0  # seconds; a machine may be busy, nothing here is a measurement
VIEW = ("theme", "order", "scale", "lock", "pace", "every")


@pytest.fixture
def opened(host):
    """Open pages."""
    pages = []

    def opened(query, **more):
        pages.append(Page(host, query, post=lambda act: act(), **more))
        return pages[-1]

    yield opened
    for page in pages:
        page.close()


def test_no_page_is_told_when_others_are_busy(opened):
    """Panel's busy state is global: a page that mirrors it has a message of each other page."""
    before = list(panel.state.param.watchers["busy"]["value"])
    page = opened("?preset=moons&play=false")
    assert panel.state.param.watchers["busy"]["value"] == before
    assert not panel.state._indicators
    rooms = {type(model).__module__.partition(".")[0] for model in page.root.references()}
    assert rooms <= {"bokeh", "panel", "gnlab"}


def branched(page):
    """The token and the query of a page's copy."""
    page.branch()
    _, _, link = page.message._text.text.partition('href="')
    said = dict(parse_qsl(urlsplit(unescape(link.partition('"')[0])).query))
    return said.pop("branch"), said


def test_a_copy_goes_on_where_the_run_is_with_all_that_was_chosen(opened, host, until, monkeypatch):
    first = opened(QUERY)
    engine = host.engine
    until(lambda: engine.snapshot(first.session.run_id).step > 0)
    token, said = branched(first)
    links, sent = [], []
    send = engine.send
    monkeypatch.setattr(engine, "send", lambda *told: (sent.append(told), send(*told))[1])
    copy = opened(said, branch=token, linked=links.append)
    run_id = copy.session.run_id
    until(lambda: engine.snapshot(run_id).step > 0)
    assert [getattr(copy.choices, name) for name in VIEW] == [
        getattr(first.choices, name) for name in VIEW
    ]
    assert sent == [(run_id, runs.Pace(3.0)), (run_id, runs.TryLevels(every=7, now=False))]
    assert not copy.message.layout.visible

    async def look():
        copy.start()
        async with asyncio.timeout(PATIENCE):
            while not links:
                await asyncio.sleep(0.01)

    asyncio.run(look())
    assert "branch" not in links[-1]
    assert "theme=dark" in links[-1]


def test_the_address_follows_the_choices(opened):
    links = []
    page = opened("", linked=links.append)
    page.controls._view["theme"].value = "dark"
    assert "theme=dark" in links[-1]
    assert page.root.css_classes == ["gn-dark", "gn-page"]


def test_the_what_if_course_without_the_cubic_term_is_a_choice_of_the_view(opened):
    links = []
    page = opened("?cubic=false", linked=links.append)
    assert not page._view().cubic
    page.controls._view["cubic"].value = "true"
    assert page._view().cubic
    assert "cubic=true" in links[-1]


def test_the_page_says_where_its_run_is_recorded(opened, snapshot):
    page = opened("?preset=moons")
    assert not page.recorded.visible
    page._heard(snapshot(folder="/runs/a&b"))
    assert page.recorded.visible
    assert "<code>/runs/a&amp;b</code>" in page.recorded.text
    page._heard(snapshot(folder=""))  # of another start nothing is written yet
    assert not page.recorded.visible


def test_a_copy_that_is_gone_is_a_new_run_and_says_so(opened, host, until):
    first = opened("?preset=moons&seed=3&theme=dark")
    host.engine.send(first.session.run_id, runs.Step(2))
    token, said = branched(first)
    opened(said, branch=token)
    again = opened(said, branch=token)
    assert "That copy is gone" in again.message._text.text
    assert (again.choices.seed, again.choices.theme) == (3, "dark")
    until(lambda: host.engine.snapshot(again.session.run_id).state == "paused")
    assert host.engine.snapshot(again.session.run_id).step == 0


def test_a_copy_whose_page_cannot_be_built_is_closed(opened, host, until, monkeypatch):
    first = opened("?preset=moons")
    token, said = branched(first)
    ((_, copy),) = host._copies.values()
    monkeypatch.setattr(Page, "_build", lambda _page: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        opened(said, branch=token)
    until(lambda: copy not in host.engine._latest)
    assert first.session.run_id in host.engine._latest
    assert host.sessions == 1


def test_a_page_that_raises_leaves_no_run_alive(host, monkeypatch):
    def broken(_self):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(Page, "_wire", broken)
    with pytest.raises(RuntimeError, match="on purpose"):
        Page(host, "", post=lambda act: act())
    assert host.sessions == 0
    assert not host.engine._latest


def test_a_page_that_raises_after_its_run_was_opened_closes_it(host, monkeypatch):
    opened = []

    def broken(self, run_id):
        self.session.open(self.choices.settings())
        opened.append(self.session.run_id)
        raise RuntimeError("on purpose")

    monkeypatch.setattr(Page, "_open", broken)
    with pytest.raises(RuntimeError, match="on purpose"):
        Page(host, "", post=lambda act: act())
    assert opened
    assert not host.engine._latest
    assert host.sessions == 0


def test_no_more_pages_than_admitted(host):
    host.most_sessions = 1
    first = Page(host, "", post=lambda act: act())
    with pytest.raises(InputError, match="admits 1"):
        Page(host, "", post=lambda act: act())
    first.close()
    first.close()
    Page(host, "", post=lambda act: act()).close()
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
