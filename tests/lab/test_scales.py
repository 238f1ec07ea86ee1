import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gnlab.lab import scales
from gnlab.lab.figures.names import short_name, short_names
from gnlab.lab.scales import Limits

finite = st.floats(-1e6, 1e6, allow_nan=False)


def test_signed_is_odd_keeps_zero_and_nan_and_ends_at_one():
    limits = Limits(100.0, 0.1)
    shown = scales.signed(np.array([-100.0, -1.0, 0.0, 1.0, 100.0, 1e9, np.nan]), limits)
    assert shown[0] == -1
    assert shown[4] == 1
    assert shown[5] == 1
    assert shown[2] == 0
    assert shown[1] == -shown[3] == -math.asinh(10) / math.asinh(1000)
    assert np.isnan(shown[6])


@given(arrays(float, 12, elements=finite))
def test_signed_keeps_order_and_sign(values):
    shown = scales.signed(values, scales.symmetric_limits(values))
    order = np.argsort(values, kind="stable")
    assert (np.diff(shown[order]) >= 0).all()
    assert (np.sign(shown) * np.sign(values) >= 0).all()
    assert np.abs(shown).max() <= 1


def test_epsilon_is_the_lower_quartile_and_is_robust():
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0, np.nan, np.inf])
    assert scales.robust_epsilon(values) == 1.75
    assert scales.robust_epsilon(np.array([1e-30, 1e-30, 1e-30, 1.0])) == 1e-8
    assert scales.robust_epsilon(np.zeros(3)) == 1.0


def test_limits_move_smoothly_and_jump_only_when_far():
    first = scales.symmetric_limits(np.array([-8.0, 2.0]))
    assert first == Limits(8.0, 3.5)
    near = scales.symmetric_limits(np.array([16.0, 16.0]), first)
    assert near.limit == pytest.approx(8.0**0.7 * 16.0**0.3)
    far = scales.symmetric_limits(np.array([1e6, 1e6]), first)
    assert far == Limits(1e6, 1e6)


def test_lock_keeps_the_limits_and_nothing_to_see_changes_nothing():
    first = Limits(8.0, 1.0)
    assert scales.symmetric_limits(np.array([99.0]), first, lock=True) is first
    assert scales.symmetric_limits(np.array([np.nan, 0.0]), first) is first
    assert scales.symmetric_limits(np.array([])) == Limits(1.0, 1.0)


def test_ticks_are_decades_in_the_original_unit_with_zero_in_the_middle():
    limits = Limits(200.0, 0.01)
    places, labels = scales.signed_ticks(limits)
    assert labels[len(labels) // 2] == "0"
    assert labels == ["−100", "−1", "0", "1", "100"]
    assert places == sorted(places)
    assert places[-1] == pytest.approx(float(scales.signed(np.array(100.0), limits)))


@pytest.mark.parametrize(
    ("limit", "label"), [(950.0, "900"), (0.034, "0.03"), (3.2e-7, "3·10⁻⁷"), (7.9e12, "7·10¹²")]
)
def test_a_scale_that_holds_no_decade_shows_a_round_number(limit, label):
    _, labels = scales.signed_ticks(Limits(limit, 0.9 * limit), 0.9)
    assert labels == ["−" + label, "0", label]


def test_ticks_keep_their_distance():
    for power in range(-20, 20):
        places, labels = scales.signed_ticks(Limits(3 * 10.0**power, 10.0 ** (power - 15)), 0.2)
        assert len(places) == len(labels)
        assert np.diff(places).min() >= 0.2 - 1e-12


def test_thin_spreads_labels_evenly():
    assert scales.thin(8, 18).tolist() == list(range(8))
    assert scales.thin(42, 18).tolist() == list(range(0, 42, 3))
    assert scales.thin(0, 18).size == 0


def test_decades_hold_the_positive_values_on_whole_powers_of_ten():
    assert scales.decades(np.array([0.02, 30.0, -5.0, 0.0, np.nan])) == (0.01, 100.0)
    assert scales.decades(np.array([-1.0])) == (0.01, 1.0)
    low, high = scales.decades(np.array([1.0]))
    assert low <= 1 <= high
    assert high >= 10 * low


def test_decade_ticks_are_thinned():
    at, labels = scales.decade_ticks(1e-6, 1e6, 5)
    assert at == pytest.approx([1e-6, 1e-3, 1.0, 1e3, 1e6])
    assert labels == ["10⁻⁶", "10⁻³", "1", "1000", "10⁶"]


@example(np.full(5, 5e-324))
@example(np.full(5, -1e-320))
@given(arrays(float, 5, elements=finite))
def test_steady_limits_hold_the_data_on_round_numbers(values):
    low, high = scales.steady(values, zero=True)
    assert low <= min(values.min(), 0)
    assert high >= max(values.max(), 0)
    assert low < high


def test_steady_limits_hold_what_is_next_to_zero():
    assert scales.steady(np.array([10.0, -5e-324]), zero=True) == (-5e-324, 10.0)


def test_short_names():
    assert short_name("layer1.weight") == "layer1 W"
    assert short_name("layer1.bias") == "layer1 b"
    assert short_name("layer1.weight[0:4]", 20) == "layer1 W[0:4]"
    assert short_name("layer1.bias[7] 1/8", 20) == "layer1 b[7] 1/8"
    assert short_name("layer1.weight[0] 1/2") == "l1 W[0] 1/2"  # each part of it is still told
    assert short_name("layer4.weight[31] 8/8") == "l4W[31] 8/8"
    assert short_name("layer12.weight[16:20]") == "l12W[16:20]"
    assert short_name("features.10.weight") == "f.10 W"
    assert short_name("conv_block.2.bias[7]") == "c.2 b[7]"
    assert short_name("a.weights", 20) == "a.weights"
    assert short_name("a.very.long.name.weight") == "a.v.l.n W"
    assert short_name("layer12.weight[1116:1120]") == "…1116:1120]"
    assert len(short_name("a_parameter_without_a_layer")) == 11


def test_decades_stay_while_they_hold_the_values_closely():
    values = np.array([0.02, 30.0])
    for shown in ((0.01, 100.0), (0.001, 100.0), (0.01, 1000.0), (0.001, 1000.0)):
        assert scales.decades(values, shown) == shown
    for shown in ((0.1, 100.0), (0.01, 10.0), (1e-4, 100.0), (0.01, 1e4)):
        assert scales.decades(values, shown) == (0.01, 100.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (-0.0187, "-0.0187"),
        (1870.4, "1870"),
        (9999.7, "1·10⁴"),
        (26_612.0, "2.66·10⁴"),
        (-4.2e-7, "-4.2·10⁻⁷"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_a_number_is_short_at_any_size(value, text):
    assert scales.number(value) == text


def test_a_number_shows_the_digits_that_were_asked_for():
    assert scales.number(2.30258, 4) == "2.303"
    assert scales.number(2.30258e7, 4) == "2.303·10⁷"


def test_names_along_an_axis_are_told_in_one_way():
    assert short_names(["layer1.weight", "layer1.bias"]) == ["layer1 W", "layer1 b"]
    assert short_names(["layer1.weight[0]", "layer1.weight[12]"]) == ["l1 W[0]", "l1 W[12]"]
    # What is no layer's is cut by itself, and what fits in no way is told as well as may be.
    assert short_names(["layer1.bias[12]", "a_parameter_without"]) == ["l1 b[12]", "…er_without"]
    names = ["layer1.bias", "layer12.weight[1116:1120]"]
    assert short_names(names) == [short_name(name) for name in names]
    assert short_names([]) == []
