"""Runs side by side: what the scene says of a curve is what its curves do."""

import numpy as np

from gnlab.lab.slide import captions
from gnlab.lab.slide.side_by_side import SideBySide


def test_steps_that_are_too_long_are_cut_by_the_safeguard_and_the_caption_says_so():
    runs = SideBySide("circles", "unit", 0, 0.1)
    taken = []
    for _ in range(3):
        runs.advance()
        taken.append([fellow.run.record.taken for fellow in runs.fellows])
    # Of the points that the steps are measured on: no curve goes up, and that of the finest groups
    # lies flat.
    assert all(np.diff(fellow.losses).max() <= 1e-12 for fellow in runs.fellows)
    assert np.max(taken, axis=0)[-1] < 0.1
    _, caption = captions.CARDS["network"]["network-curves"]
    assert "goes up" not in caption
    assert "lies flat" in caption
    assert "the safeguard" in caption
