import pytest

from gnlab.lab.slide import state
from gnlab.lab.slide.state import Choices, from_query


def test_a_link_restores_every_choice():
    choices = Choices()
    for name, value in {
        "scene": "network", "theme": "dark", "seed": 7, "size": 16, "condition": 251.0,
        "coupling": 2, "rotation": 77, "start": "random", "steps": 11, "damping": 0.0,
        "start_x": 0.25, "start_y": -0.5, "valley_steps": 3, "data": "spirals",
        "finest": "tensor", "network_damping": 100.0, "network_steps": 5,
    }.items():  # fmt: skip
        assert choices.choose(name, value) == ""
        assert getattr(Choices(), name) != value, name
    restored, remarks = from_query(choices.query())
    assert not remarks
    for name in state.ALL:
        assert getattr(restored, name) == getattr(choices, name), name
        assert getattr(choices.copy(), name) == getattr(choices, name), name


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("scene=cubic", "one of quadratic, rosenbrock, network"),
        ("theme=mauve", "one of light, dark"),
        ("size=3", "one of 2, 4, 8, 16, 32, 64"),
        ("condition=0.5", "a number from 1 to 10000"),
        ("condition=inf", "a number from 1 to 10000"),
        ("coupling=9", "a whole number from 0 to 6"),
        ("rotation=91", "a whole number from 0 to 90"),
        ("steps=1000000", "a whole number from 1 to 200"),
        ("start_x=3", "a number from -2 to 2"),
        ("damping=-1", "a number from 0 to 1e+06"),
        ("network_steps=-1", "a whole number from 0 to 200"),
        ("scene=", "one of quadratic, rosenbrock, network"),
        ("data=mnist", "one of moons, spirals, circles"),
        ("seed=half", "a whole number from 0"),
        ("finest=" + "a" * 1000, "one of tensor, unit, element"),
    ],
)
def test_a_link_out_of_bounds_gives_one_line_and_the_default(query, said):
    choices, remarks = from_query(query)
    name = query.partition("=")[0]
    assert len(remarks) == 1
    assert said in remarks[0]
    assert remarks[0].startswith(name)
    assert len(remarks[0]) < 250
    assert getattr(choices, name) == getattr(Choices(), name)


def test_a_link_with_names_the_slide_does_not_know_is_a_link_all_the_same():
    choices, remarks = from_query("?utm_source=x&size=4&size=8&__class__=1")
    assert not remarks
    assert choices.size == 8


def test_all_with_all_stays_it_where_there_are_more_coordinates():
    choices = Choices()
    for size in state.SIZES:
        choices.size = size
        assert choices.coupled() == 6
        assert "coupling=6" in choices.query()


def test_runs_are_what_was_chosen_again_after_a_stay_with_fewer_coordinates():
    choices = Choices(size=16, coupling=3)
    assert "coupling=3" in choices.query()
    choices.size = 8
    assert "coupling=6" in choices.query()
    choices.size = 32
    assert "coupling=3" in choices.query()


@pytest.mark.parametrize(
    ("query", "coupling"),
    [
        ("size=2&coupling=1", 6),
        ("size=4&coupling=6", 6),
        ("size=8&coupling=3", 6),
        ("size=8&coupling=2", 2),
        ("size=64&coupling=6", 6),
    ],
)
def test_what_couples_all_of_a_link_couples_all(query, coupling):
    choices, remarks = from_query(query)
    assert not remarks
    assert choices.coupling == coupling


def test_a_link_from_before_opens_the_start_that_it_was_made_with():
    choices, remarks = from_query("?size=8&coupling=1&start=worst")
    assert not remarks
    assert (choices.start, choices.coupling) == ("worst", 1)


def test_every_choice_is_documented_and_every_number_bounded():
    for name in state.ALL:
        parameter = Choices.param[name]
        assert parameter.doc, name
        if isinstance(parameter.default, (int, float)) and name != "size":
            assert None not in parameter.bounds, name
