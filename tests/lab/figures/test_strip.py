"""The header's numbers in as few letters as they have room for; the room is a browser's matter."""

import math

import pytest

from gnlab.lab import palettes
from gnlab.lab.figures import strip


def texts(snapshot):
    return strip.update(snapshot, strip.Meter(), palettes.LIGHT).data["values"]["text"]


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (0.123456, "0.1235"), (2.3, "2.3"), (3.5764e-9, "3.6·10⁻⁹"), (1e-300, "1·10⁻³⁰⁰"),
        (123_456.0, "1.2·10⁵"), (math.nan, "nan"), (0.0, "0"),
    ],
)  # fmt: skip
def test_a_loss_with_a_power_of_ten_has_two_digits(snapshot, record, loss, text):
    assert texts(snapshot(record=record(loss=loss)))[3] == text


@pytest.mark.parametrize(
    ("epoch", "text"),
    [
        (0.0, "0.00"), (999.99, "999.99"), (999.996, "1000"), (1000.0, "1000"),
        (99_999.4, "99999"), (99_999.6, "1·10⁵"), (123_456.0, "1.2·10⁵"),
    ],
)  # fmt: skip
def test_a_late_epoch_has_no_decimals(snapshot, epoch, text):
    assert texts(snapshot(epoch=epoch))[2] == text


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (0, "0"), (999_999, "999 999"), (1_000_000, "1.000 M"), (1_234_567, "1.235 M"),
        (12_345_678, "12.35 M"), (2_147_483_647, "2147 M"),
    ],
)  # fmt: skip
def test_a_step_is_told_in_millions_from_the_first_on(snapshot, step, text):
    assert texts(snapshot(step=step))[1] == text
