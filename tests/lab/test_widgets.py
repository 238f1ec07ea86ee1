"""The parts of the page's controls that are made as text."""

import pytest

from gnlab import runs
from gnlab.lab import widgets


@pytest.mark.parametrize(
    ("size", "known_as", "said"),
    [
        (354, "Newton's method", "Newton&#x27;s method"),
        (4522, "Newton's method", "Newton&#x27;s method: a step may take many seconds"),
        (1802, "", "Very fine: a step may take many seconds"),
        (6, "one rate per tensor: the paper's canonical partition", "one rate per tensor"),
    ],
)
def test_what_stands_below_the_slider(size, known_as, said):
    level = runs.Level("this", size, f"S = {size}, of this kind", known_as)
    assert f">{said}</div>" in widgets.rungs((level,), "this")
    assert "a step may take" not in widgets.rungs((level,), "another")
