"""A seat, told what to do by hand."""

import math

import pytest
import torch

from gnlab import InputError
from gnlab.runs import Change, Pace, Play, Reset, Rewind, Run, Settings, Step, TryLevels
from gnlab.runs.engine.commands import Branch
from gnlab.runs.engine.seat import Seat

MOONS = Settings("moons", device="cpu")


@pytest.fixture
def wanted():
    """The settings that a seat asked to be loaded."""
    return []


@pytest.fixture
def seat(wanted):
    made = Seat(MOONS, wanted.append)
    made.take_seat(Run(MOONS))
    return made


def tell(seat, *commands):
    before = seat._applied
    for number, command in enumerate(commands, before + 1):
        seat.inbox.put(number, command)
    seat.read()
    return seat.snapshot()


def test_an_answer_outlives_the_commands_read_with_it(seat):
    seen = tell(seat, Change({"partition": "tensors"}), Pace(2.0), Play())
    assert "Did you mean 'tensor'" in seen.message
    assert (seen.severity, seen.state) == ("error", "playing")
    assert tell(seat, Pace()).message == ""


def test_what_is_sent_during_the_loading_is_carried_out_in_order(seat, wanted):
    tell(seat, Change({"seed": 1}))
    seen = tell(seat, Reset(), Play())
    assert seen.message == "Loading moons …"
    assert not seat.due(0.0)
    seat.take_seat(Run(wanted[-1]))
    assert seat.snapshot().state == "playing"
    tell(seat, Change({"seed": 2}))
    tell(seat, Play(), Rewind(0))
    seat.take_seat(Run(wanted[-1]))
    assert seat.snapshot().state == "paused"


def test_play_is_seen_at_once_also_while_a_run_is_loaded(seat):
    tell(seat, Change({"seed": 1}))
    assert tell(seat, Play()).state == "playing"


def test_a_run_that_could_not_be_loaded_has_stopped_whatever_it_was_told(wanted):
    lost = Seat(MOONS, wanted.append)
    lost.want(MOONS)
    assert tell(lost, Play()).state == "playing"
    lost.refuse("no such data")
    seen = lost.snapshot()
    assert (seen.state, seen.message) == ("stopped", "no such data")
    assert tell(lost, Change({"seed": 5})).state == "playing"
    assert wanted[-1].seed == 5


def test_without_a_run_the_reason_stays_and_no_steps_are_collected(wanted):
    lost = Seat(MOONS, wanted.append)
    lost.want(MOONS.changed(batch_size=5000, partition="chunk:99"))
    lost.refuse("no such batch")
    seen = tell(lost, Step(), Step(3))
    assert (seen.state, seen.severity, seen.message) == ("stopped", "error", "no such batch")
    assert tell(lost, Change({"batch_size": 50})).message == "Loading moons …"
    lost.refuse("no such level")
    assert lost.snapshot().settings.batch_size == 50
    tell(lost, Change({"partition": "tensor"}))
    assert wanted[-1].batch_size == 50
    lost.take_seat(Run(wanted[-1]))
    assert lost.snapshot().state == "paused"


def test_a_branch_leaves_the_run_alone(seat):
    tell(seat, Play())
    assert tell(seat, Branch("copy")).state == "playing"


@pytest.mark.parametrize("error", [AssertionError, AttributeError, NameError, InputError])
def test_any_fault_of_a_model_pauses_its_run(seat, error, caplog):
    def broken(*_):
        raise error("a fault\nof two lines")

    seat.run.model.forward = broken
    tell(seat, Step(3))
    seat.advance()
    seen = seat.snapshot()
    assert (seen.state, seen.step, seen.severity) == ("paused", 0, "error")
    assert "a fault" in seen.message
    del seat.run.model.forward
    tell(seat, Step())
    seat.advance()
    assert seat.snapshot().step == 1


def test_a_step_that_fails_does_not_begin_the_what_if_curve_anew(seat):
    tell(seat, TryLevels(most=4, every=1, now=False), Step(2))
    while seat.due(0.0):
        seat.advance()
    assert seat.snapshot().what_if.trials.step == 2
    with torch.no_grad():
        next(seat.run.model.parameters()).fill_(math.nan)
    tell(seat, Step())
    seat.advance()
    assert seat.run.undone
    assert not seat._asked.under_way
