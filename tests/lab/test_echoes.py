"""What a notebook's browser sends back is told from what a person chooses."""

import pytest

from gnlab.lab.echoes import Echoes


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def echoes(now):
    return Echoes(clock=lambda: now[0])


def test_what_was_set_comes_back_once_and_then_a_person_may_choose_it(echoes):
    echoes.set(3)
    assert not echoes.chosen(3, 3, echoes=True)  # its echo
    assert echoes.chosen(3, 5, echoes=True)
    assert echoes.chosen(5, 3, echoes=True)


def test_an_echo_that_comes_when_the_page_has_gone_on_is_no_choice(echoes):
    echoes.set(17)
    echoes.set(64)
    assert not echoes.chosen(64, 17, echoes=True)
    assert not echoes.chosen(64, 17, echoes=True)  # told twice
    assert not echoes.chosen(17, 64, echoes=True)


def test_an_echo_under_way_does_not_undo_what_a_person_did_meanwhile(echoes):
    echoes.set(64)
    assert echoes.chosen(64, 30, echoes=True)
    assert not echoes.chosen(30, 64, echoes=True)


def test_a_change_that_is_told_twice_is_one(echoes):
    assert echoes.chosen(1, 2, echoes=True)
    assert not echoes.chosen(1, 2, echoes=True)
    echoes.set(1)
    assert echoes.chosen(1, 2, echoes=True)  # another


def test_what_never_came_back_is_forgotten(echoes, now):
    echoes.set(3)
    now[0] = 31.0
    assert echoes.chosen(5, 3, echoes=True)


def test_where_the_browser_sends_nothing_back_every_change_is_a_persons(echoes):
    echoes.set(3)
    assert echoes.chosen(5, 3, echoes=False)
    assert not echoes.chosen(3, 3, echoes=False)


def test_what_was_set_before_an_echo_does_not_come_any_more(echoes):
    for value in (1, 2, 3):
        echoes.set(value)
    assert not echoes.chosen(3, 2, echoes=True)
    assert echoes.chosen(3, 1, echoes=True)
