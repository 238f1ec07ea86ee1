import numpy as np
import pytest

from gnlab.lab import palettes
from gnlab.lab.figures import damping


def test_third_order_scale_and_regulariser(record):
    rows = damping.scale(record(), "tensor", palettes.LIGHT).data["groups"]
    assert rows["one"][:2] == pytest.approx([2.0, 1.0])
    assert rows["two"][:2] == pytest.approx([0.5, 1.0])
    assert np.isnan(rows["one"][2])
    assert np.isnan(rows["two"][2])
    rows = damping.regulariser(record(), "blocks", palettes.LIGHT).data["groups"]
    assert rows["one"][[0, 2, 3]] == pytest.approx([3.0, 0.75, 6.75])
    assert rows["two"] == pytest.approx([4.0, 9.0, 0.01, 0.04])
