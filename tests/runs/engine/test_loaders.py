"""What the end of a program waits for, and what it does not."""

import threading

import pytest

from gnlab.problems import downloads
from gnlab.runs import Settings
from gnlab.runs.engine import loaders

SETTINGS = Settings("moons")


@pytest.fixture
def gate():
    opened = threading.Event()
    yield opened
    opened.set()


@pytest.fixture
def held(gate, monkeypatch):
    """Loaders, and the threads that have begun to load, which the gate lets through."""
    begun = []

    def load(settings):
        begun.append(threading.get_ident())
        gate.wait(60)

    monkeypatch.setattr(loaders, "_loaded", load)
    return loaders.Loaders(), begun


def begin(some, begun, count, until):
    for _ in range(count):
        some.load(SETTINGS, lambda: True, lambda answer: None)
    until(lambda: len(begun), lambda n: n == min(count, loaders._AT_ONCE))


def test_what_is_loading_is_waited_for_however_long_it_takes(held, gate, until):
    some, begun = held
    begin(some, begun, 1, until)
    waits = threading.Thread(target=some.wait)
    waits.start()
    waits.join(0.3)
    assert waits.is_alive()
    gate.set()
    waits.join(60)
    assert not waits.is_alive()


def test_neither_a_download_nor_what_waits_for_it_is_waited_for(held, until, monkeypatch):
    some, begun = held
    begin(some, begun, loaders._AT_ONCE + 1, until)
    until(lambda: len(some._queued), lambda n: n == 1)
    monkeypatch.setattr(downloads, "_under_way", set(begun))
    some.wait()
