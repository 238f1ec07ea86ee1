"""The controls tell a person's choice from the echo of what the page itself has set."""

import dataclasses

import pytest
from bokeh.events import ButtonClick

from gnlab import runs
from gnlab.lab import widgets
from gnlab.lab.controls import Controls
from gnlab.lab.state import Choices


class Page:
    def __init__(self):
        self.sent, self.said = [], []

    def send(self, command):
        self.sent.append(command)

    def say(self, words):
        self.said.append(words)

    def branch(self):
        raise AssertionError("no branch was asked for")

    def viewed(self):
        raise AssertionError("the view was not changed")


@pytest.fixture(scope="module")
def snapshot():
    engine = runs.ThreadEngine()
    run_id = engine.open(runs.Settings(preset="moons"))
    number = engine.send(run_id, runs.Step(4))
    while True:
        found = engine.snapshot(run_id)
        if found is not None and found.applied >= number and found.state == "paused":
            break
    engine.close()
    return found


@pytest.fixture
def page():
    return Page()


@pytest.fixture
def controls(page, snapshot):
    made = Controls(Choices(preset="moons"), page)
    made.follow(snapshot, settled=True)
    return made


def test_following_a_run_sends_nothing(page, controls):
    assert controls.rewind.value == 4
    assert page.sent == []


def test_an_echo_of_what_was_set_sends_nothing(page, controls, snapshot):
    # A notebook's browser sends a value back even if it is the present one.
    controls.rewind.trigger("value", 4, 4)
    controls.levels.trigger("value", controls.levels.value, controls.levels.value)
    assert page.sent == []
    # It may come late, when the page has gone on.
    controls.echoes = True
    with controls._quiet():
        controls.rewind.value = 3
    controls.rewind.value = 4
    assert page.sent == []


def test_a_level_that_is_too_large_is_greyed_with_the_reason(page, controls, snapshot):
    large = dataclasses.replace(snapshot.levels[-1], name="huge", refusal="more than 3 <groups>")
    controls.follow(dataclasses.replace(snapshot, levels=(*snapshot.levels, large)), settled=True)
    text = controls.coarseness.ends.text
    assert text.count('class="rung"') == len(snapshot.levels)
    assert text.count('class="rung off"') == 1
    assert "more than 3 &lt;groups&gt;" in text
    assert controls.levels.end == len(snapshot.levels)


def test_a_drag_beyond_the_levels_that_can_be_had_takes_the_finest_of_them(
    page, controls, snapshot
):
    large = dataclasses.replace(snapshot.levels[-1], name="huge", refusal="more than 3 <groups>")
    larger = dataclasses.replace(large, name="larger")
    levels = (*snapshot.levels, large, larger)
    controls.follow(dataclasses.replace(snapshot, levels=levels), settled=True)
    finest = snapshot.levels[-1]
    controls.levels.value = 0
    controls.levels.value = controls.levels.end  # a quick hand: nothing between was seen
    assert controls.levels.value == len(snapshot.levels) - 1
    assert page.sent == [runs.Change({"partition": name}) for name in ("all", finest.name)]
    assert page.said == [f"{large.label}: more than 3 <groups>. Taken instead: {finest.label}."]
    assert controls._choices.partition == finest.name


def test_a_level_is_called_what_the_column_has_room_for(snapshot):
    (tensor,) = (level for level in snapshot.levels if level.name == "tensor")
    assert widgets.rung(tensor) == tensor.label == "S = 6, one group per tensor"
    long = dataclasses.replace(tensor, label="S = 954, 8 parts of each unit's row")
    assert widgets.rung(long) == "S = 954"
    assert widgets.rung(dataclasses.replace(long, refusal="no")) == "S = 954 (too large here)"


def test_what_a_level_is_known_as_is_said(controls, snapshot):
    assert "the paper&#x27;s canonical partition" in controls.coarseness.ends.text
    coarse = dataclasses.replace(snapshot.settings, partition="all")
    controls.follow(dataclasses.replace(snapshot, settings=coarse), settled=True)
    assert "Cauchy&#x27;s steepest descent" in controls.coarseness.ends.text


def test_asking_what_if(page, controls):
    controls.coarseness.ask._trigger_event(ButtonClick(controls.coarseness.ask))
    assert page.sent == [runs.TryLevels()]
    page.viewed = lambda: page.said.append("viewed")
    controls.coarseness.every.value = "50"
    assert page.sent[-1] == runs.TryLevels(every=50, now=False)
    assert page.said == ["viewed"]  # the link has it now
    assert "every=50" in controls._choices.query()


def test_a_link_says_how_often_to_ask(page):
    made = Controls(Choices(preset="moons", every=7), page)
    assert made.coarseness.every.value == "7"
    assert ("7", "every 7 steps") in made.coarseness.every.options


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("batch_size", 0, "Batch must be a whole number from 1 to 10000; got 0. It stays"),
        ("summary_batch_size", -5, "Batch of H̄ must be a whole number from 1"),
        ("period", 10_001, "Period τ must be a whole number from 1 to 10000; got 10001"),
        ("seed", -1, "Seed must be a whole number from 0 to 2147483647; got -1"),
        ("seed", None, ""),
    ],
)
def test_a_field_does_not_keep_what_is_not_valid(page, controls, name, given, said):
    field = controls._run[name]
    before = field.value
    field.value = given
    assert field.value == before == getattr(controls._choices, name)
    assert page.sent == []
    assert [line[: len(said)] for line in page.said] == ([said] if said else [])


def test_a_links_pace_is_a_place_of_slow_motion(page):
    page.viewed = lambda: None
    made = Controls(Choices(preset="moons", pace=3.0), page)
    assert made.pace.end == 7
    assert made.pace.value == 3
    assert '"2 steps/s", "3 steps/s", "5 steps/s"' in made.pace.format.code
    made.pace.value = 7
    made.pace.value = 3
    assert page.sent == [runs.Pace(None), runs.Pace(3.0)]


def test_a_persons_choice_is_sent_also_back_to_where_it_was(page, controls):
    controls.levels.value = 0
    controls.levels.value = 1
    controls.levels.value = 0
    chosen = [dict(command.values)["partition"] for command in page.sent]
    assert chosen[0] == chosen[2] == "all"
    assert chosen[1] != "all"
    controls.rewind.value = 2
    assert page.sent[-1] == runs.Rewind(2)


def test_the_safeguard_is_a_switch(page, controls):
    controls._run["safeguard"].value = "false"
    assert page.sent == [runs.Change({"safeguard": False})]
    controls._run["safeguard"].value = "true"
    assert page.sent[1:] == [runs.Change({"safeguard": True})]


def at_level(snapshot, partition, level):
    settings = dataclasses.replace(snapshot.settings, partition=partition)
    return dataclasses.replace(snapshot, settings=settings, level=level)


def test_a_level_off_the_ladder_stands_between_its_neighbours(page, controls, snapshot):
    # Of 1, 2, 4, 6, ... groups.
    beside = runs.Level("chunk:9", 5, "S = 5, 9 chunks by role")
    controls.follow(at_level(snapshot, "chunk:9", beside), settled=True)
    places = [level.S for level in controls.coarseness._places]
    assert places == sorted({*(level.S for level in snapshot.levels), 5})
    here = places.index(5)
    assert controls.levels.value == here
    assert beside.label in controls.levels.format.code
    assert f'title="{beside.label}"' in controls.coarseness.ends.text
    assert page.sent == []
    controls.levels.value = here - 1
    controls.levels.value = here + 1
    controls.levels.value = here
    chosen = [dict(command.values)["partition"] for command in page.sent]
    neighbours = [level.name for level in snapshot.levels if level.S in places[here - 1 : here + 2]]
    assert chosen == [*neighbours, "chunk:9"]
    # It keeps its place when the run has left it: nothing moves under the hand.
    controls.follow(at_level(snapshot, "tensor", None), settled=True)
    assert [level.S for level in controls.coarseness._places] == places
    assert places[controls.levels.value] == 6
    # Another model has other levels.
    other = dataclasses.replace(snapshot, levels=snapshot.levels[:2], level=None)
    controls.follow(other, settled=True)
    assert controls.levels.end == 1


def test_a_level_with_as_many_groups_as_a_rung_stands_there(page, controls, snapshot):
    places = controls.levels.end
    tensor = next(level for level in snapshot.levels if level.name == "tensor")
    beside = runs.Level("block:1", tensor.S, f"S = {tensor.S}, another name")
    controls.follow(at_level(snapshot, "block:1", beside), settled=True)
    assert controls.levels.end == places
    assert snapshot.levels[controls.levels.value] == tensor
    assert beside.label in controls.levels.format.code
    controls.follow(at_level(snapshot, "all", None), settled=True)
    assert beside.label not in controls.levels.format.code
    assert page.sent == []


def test_own_groups_have_a_place_and_can_be_returned_to(page, controls, snapshot):
    own = {"first": ["0.weight"], "rest": ["0.bias"]}
    beside = runs.Level("", 3, "S = 3, own groups")
    controls.follow(at_level(snapshot, own, beside), settled=True)
    here = controls.levels.value
    controls.levels.value = 0
    controls.levels.value = here
    assert dict(page.sent[-1].values)["partition"] == own


@pytest.mark.parametrize("found_at", [634, 1])
def test_after_a_reset_the_handle_leaves_a_step_that_is_no_more(page, controls, snapshot, found_at):
    def at(step, *kept):
        controls.follow(dataclasses.replace(snapshot, step=step, kept_steps=kept), settled=True)
        return controls.rewind.value, controls.rewind.end, controls.rewind.disabled

    assert at(found_at, 0, found_at)[:2] == (found_at, found_at)
    assert at(0, 0) == (0, 1, True)
    assert at(1, 0, 1) == (1, 1, False)
    assert page.sent == []


def test_the_handle_stays_between_two_kept_steps_as_long_as_there_are_two(controls, snapshot):
    def at(step, *kept):
        controls.follow(dataclasses.replace(snapshot, step=step, kept_steps=kept), settled=True)
        return controls.rewind.value

    assert at(10, 0, 5, 10) == 10
    controls.rewind.value = 7
    assert at(5, 0, 5, 10) == 7
    assert at(6, 0, 5, 6) == 6
