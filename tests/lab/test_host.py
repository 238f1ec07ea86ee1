"""What the pages of one server share, also when their engine has ended."""

import pytest

from gnlab.lab.host import Host
from gnlab.lab.page import Page
from gnlab.runs import ThreadEngine


class Mortal(ThreadEngine):
    """An engine that counts as ended as soon as it is told so."""

    def __init__(self, **options):
        super().__init__(**options)
        self.killed = False

    @property
    def alive(self):
        return not self.killed and super().alive


@pytest.fixture
def host():
    made = Host(first := Mortal())
    yield made
    for engine in {first, made.engine}:
        engine.close()


@pytest.fixture
def opened(host):
    """Opens pages, which are closed in the end."""
    pages = []

    def opened(**options):
        pages.append(Page(host, "", post=lambda act: act(), **options))
        return pages[-1]

    yield opened
    for page in pages:
        page.close()


def test_a_page_opened_after_the_engine_has_ended_gets_another(host, opened, until):
    before, first = opened(), host.engine
    first.killed = True
    after = opened()
    assert before.session.engine is first
    assert after.session.engine is host.engine is not first
    until(lambda: host.engine.snapshot(after.session.run_id).levels)
    assert "engine has ended" in first.snapshot(before.session.run_id).message
    assert opened().session.engine is after.session.engine


def test_a_page_whose_engine_has_ended_takes_no_commands_and_makes_no_copies(host, opened):
    page = opened()
    host.engine.killed = True
    page._heard(host.engine.snapshot(page.session.run_id))
    said, wanted = page.message._text.text, page.session._wanted
    assert "reload the page" in said
    page.controls._toggle()
    page.branch()
    assert page.session._wanted == wanted
    assert page.message._text.text == said
    assert not page.message._remedies.visible


def test_copies_end_with_their_engine(host, opened):
    opened().branch()
    (token,) = host._branches
    host.engine.killed = True
    page = opened(branch=token)
    assert "That copy is gone" in page.message._text.text
    assert page.session.engine is host.engine
