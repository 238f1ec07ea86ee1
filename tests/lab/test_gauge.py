"""What a session measures about itself, on frames whose times are known."""

from math import isnan

import pytest

from gnlab.lab.gauge import Gauge


def test_frames_per_second_and_the_median_age():
    gauge = Gauge()
    assert not gauge.any_drawn
    for published, drawn in ((0.9, 1.0), (1.05, 1.1), (1.1, 1.3)):
        gauge.sent(published)
        gauge.drawn(drawn)
    assert gauge.any_drawn
    assert gauge.meter.frames_per_second == pytest.approx(2 / 0.3)
    assert gauge.meter.latency == pytest.approx(100)


def test_one_frame_has_no_rate():
    gauge = Gauge()
    gauge.sent(0.0)
    gauge.drawn(1.0)
    assert isnan(gauge.meter.latency)


def test_only_the_newest_frames_count():
    gauge = Gauge()
    for i in range(100):
        gauge.sent(i - 1.0 if i < 50 else i - 0.5)
        gauge.drawn(float(i))
    assert gauge.meter.latency == 500
