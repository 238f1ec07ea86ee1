import threading

from gnlab.runs import Change, Pace, Pause, Play, Reset, Rewind, Step, Substep
from gnlab.runs.engine.inbox import LIMIT, Inbox


def taken(*commands):
    inbox = Inbox()
    for number, command in enumerate(commands, 1):
        inbox.put(number, command)
    return inbox.take()[0]


def test_changes_that_follow_each_other_become_one():
    merged = taken(Change({"lr": 1, "damping": 2}), Change({"lr": 3}), Change({"period": 4}))
    assert merged == [Change({"lr": 3, "damping": 2, "period": 4})]


def test_a_change_that_brings_others_with_it_stays_apart_from_those_before_it():
    # Sent one after the other, the new optimizer and the new preset bring numbers of their own.
    for bringing in ({"optimizer": "adam"}, {"preset": "moons"}):
        commands = [Change({"lr": 1}), Change(bringing)]
        assert taken(*commands) == commands
        assert taken(*reversed(commands)) == [Change({"lr": 1, **bringing})]
    assert taken(Change({"preset": "moons"}), Change({"preset": "circles"})) == [
        Change({"preset": "circles"})
    ]


def test_order_between_kinds_is_kept():
    commands = [Rewind(3), Change({"lr": 1}), Play()]
    assert taken(*commands) == commands
    assert taken(Change({"lr": 1}), Rewind(3), Change({"lr": 2})) == [
        Change({"lr": 1}),
        Rewind(3),
        Change({"lr": 2}),
    ]


def test_the_latest_of_a_kind_wins_and_steps_add_up():
    assert taken(Play(), Pause(), Play(), Pause()) == [Pause()]
    assert taken(Rewind(1), Rewind(7)) == [Rewind(7)]
    assert taken(Pace(1.0), Pace(None)) == [Pace(None)]
    assert taken(Reset(), Reset()) == [Reset()]
    assert taken(Step(2), Step(3)) == [Step(5)]
    assert taken(Substep(), Substep()) == [Substep(), Substep()]


def test_an_inbox_that_nobody_reads_stays_small_and_keeps_the_latest():
    inbox = Inbox()
    for k in range(10_000):
        inbox.put(2 * k, Rewind(k))
        inbox.put(2 * k + 1, Change({"lr": k}))
    commands, number = inbox.take()
    assert len(commands) <= LIMIT
    assert commands[-1] == Change({"lr": 9999})
    assert Rewind(9999) in commands
    assert number == 19_999
    assert inbox.take() == ([], 19_999)


def test_only_what_was_sent_before_a_command_can_be_taken():
    inbox = Inbox()
    for number, command in enumerate((Change({"lr": 1}), Rewind(2), Change({"lr": 3})), 5):
        inbox.put(number, command)
    assert inbox.take(until=4) == ([], 0)
    assert inbox.take(until=6) == ([Change({"lr": 1}), Rewind(2)], 6)
    assert inbox.take(until=6) == ([], 6)
    assert inbox.take() == ([Change({"lr": 3})], 7)


def test_a_number_is_not_told_before_its_command_is_there():
    inbox, seen = Inbox(), []

    class Interrupted(list):
        """As if the engine's thread looked at the very moment of putting in."""

        def append(self, item):
            seen.append(inbox.take())
            super().append(item)

    inbox._waiting = Interrupted()
    inbox.put(1, Play())
    assert seen == [([], 0)]
    assert inbox.take() == ([Play()], 1)


def test_nothing_is_lost_between_threads():
    inbox, total = Inbox(), 0

    def fill():
        for k in range(5000):
            inbox.put(k, Step())

    writers = [threading.Thread(target=fill) for _ in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        total += sum(command.count for command in inbox.take()[0])
    total += sum(command.count for command in inbox.take()[0])
    assert total == 20_000
