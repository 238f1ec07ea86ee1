"""What the page's parts show."""

from bokeh.models import Button

from gnlab import runs
from gnlab.lab import remedies, views


def test_a_run_that_stopped_offers_what_can_be_done_about_it(snapshot):
    buttons = [Button(label=label) for label in remedies.LABELS]
    message = views.Message(buttons)

    def shown():
        return [button.label for button in buttons if button.visible]

    for level, labels in (
        (runs.Level("role", 2, "S = 2"), list(remedies.LABELS)),
        (runs.Level("all", 1, "S = 1"), [remedies.LABELS[0], remedies.LABELS[2]]),
    ):
        words = f"stopped at {level.name}"
        message.follow(snapshot(level=level, message=words, severity="error"))
        assert words in message._text.text
        assert shown() == labels
        assert message._remedies.visible
    message.follow(snapshot(message="went on"))
    assert not message._remedies.visible
