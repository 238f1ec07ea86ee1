"""What the pages of one server share, also when their engine has ended."""

import pytest

from gnlab.errors import InputError
from gnlab.lab.host import COPIES, Host
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
    (token,) = host._copies
    host.engine.killed = True
    page = opened(branch=token)
    assert "That copy is gone" in page.message._text.text
    assert page.session.engine is host.engine


def test_a_copy_is_taken_once(host, opened):
    page = opened()
    token, crowded = host.branch(1, page.session.run_id)
    assert not crowded
    assert host.take("something else") is None
    copy = host.take(token)
    assert copy in host.engine._latest
    assert copy != page.session.run_id
    assert host.take(token) is None
    host.leave(1)
    assert copy in host.engine._latest


def test_of_copies_that_nobody_opens_the_oldest_are_closed_and_the_page_says_so(host, opened):
    page, beside = opened(), opened()
    others, _ = host.branch(2, beside.session.run_id)
    for _ in range(COPIES):
        page.branch()
        assert "was let go" not in page.message._text.text
    oldest = list(host.engine._latest)[3]
    for _ in range(2):
        page.branch()
        assert f"The oldest of the {COPIES} that waited was let go" in page.message._text.text
    assert oldest not in host.engine._latest
    assert len(host.engine._latest) == 3 + COPIES
    page.close()
    assert list(host.engine._latest) == [beside.session.run_id, host.take(others)]


def test_no_room_for_a_copy_is_told(host, opened, monkeypatch):
    page = opened()

    def full(_run_id):
        raise InputError("no room left in shared memory for 256 KiB; close runs.")

    monkeypatch.setattr(host.engine, "branch", full)
    page.branch()
    assert "no room left in shared memory" in page.message._text.text
