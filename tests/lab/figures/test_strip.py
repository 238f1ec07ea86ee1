"""The header's numbers fit their places."""

import math

import pytest

from gnlab.lab.figures.strip import _loss


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (0.123456, "0.1235"), (2.3, "2.3"), (3.5764e-9, "3.6·10⁻⁹"), (1e-300, "1·10⁻³⁰⁰"),
        (123_456.0, "1.2·10⁵"), (math.nan, "nan"), (0.0, "0"),
    ],
)  # fmt: skip
def test_a_loss_leaves_room_for_what_stands_beside_it(loss, text):
    assert _loss(loss) == text
    assert len(text) <= 9
