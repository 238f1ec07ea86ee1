"""The slide's controls: a hand on a slider is never pulled back."""

from gnlab.lab.slide.controls import Controls
from gnlab.lab.slide.state import Choices


def test_a_value_with_more_digits_is_taken_and_not_sent_back():
    """What a browser makes of 1.91: sent back as 1.91, it would come when the hand is at 2."""
    choices, told = Choices(), []
    controls = Controls(choices, lambda: told.append(choices.start_y))
    slider = controls.widget("start_y")
    slider.value = 1.9100000000000001 + 2e-16
    given = slider.value
    slider.value = 1.2599999999999998
    assert told == [1.91, 1.26]
    assert given != 1.91
    assert slider.value == 1.2599999999999998


def test_widgets_follow_what_was_chosen_elsewhere():
    choices = Choices()
    controls = Controls(choices, lambda: None)
    choices.start_y, choices.steps, choices.size, choices.damping = 0.25, 7, 16, 10.0
    controls.follow()
    shown = [controls.widget(name).value for name in ("start_y", "steps", "size", "damping")]
    assert shown == [0.25, 7, 3, 1.0]


def test_the_coupling_that_was_chosen_comes_back_with_the_coordinates():
    choices = Choices()
    controls = Controls(choices, lambda: None)
    size, coupling = controls.widget("size"), controls.widget("coupling")
    for place, most in ((3, 4), (0, 1), (5, 6)):
        size.value = place
        assert (coupling.end, coupling.value) == (most, most)
    coupling.value = 2
    size.value = 0
    assert coupling.value == 1
    size.value = 3
    assert (coupling.value, choices.coupling) == (2, 2)
    coupling.value = coupling.end
    size.value = 5
    assert coupling.value == 6
