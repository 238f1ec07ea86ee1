"""What the benchmark of summaries measures, and how it takes turns."""

import pytest
import torch

from benchmarks.summaries.cases import Case, at_level
from benchmarks.summaries.encoder import Encoder
from benchmarks.summaries.growth import CURVES, by_units, perceptron
from benchmarks.summaries.rounds import Effort, measure, medians
from gnlab.summaries.replay.cache import SIGHTS


def test_the_kinds_take_turns_and_the_plain_way_stops_first():
    order = []

    def seconds(kind):
        order.append(kind)
        return {"gradient": 1.0, "fast": 2.0, "plain": 30.0}[kind]

    effort = Effort(rounds=4, plain=2, budget=1000)
    found = measure(seconds, ("gradient", "fast", "plain"), effort, "")
    warm = ["gradient"] * (SIGHTS + 1) + ["fast"] * (SIGHTS + 1)  # not measured
    assert order[: len(warm)] == warm
    one = ["gradient", "fast", "plain"]
    assert order[len(warm) :] == one * 2 + ["gradient", "fast"] * 2
    assert medians(found)["plain_per_fast"] == 15
    assert medians(found)["fast_per_gradient"] == 2


def test_half_the_budget_is_the_plain_ways():
    found = measure(lambda kind: 40.0, ("gradient", "plain"), Effort(4, 4, 100), "")
    assert [len(times) for times in found.values()] == [4, 1]


def test_a_kind_that_was_not_affordable_has_no_ratio():
    found = medians({"gradient": [1.0, 2.0, 1.0], "fast": [4.0, 6.0, 3.0]})
    assert found["fast_per_gradient"] == 3
    assert "plain_per_fast" not in found


def test_without_the_fast_pass_the_plain_way_is_still_in_gradients():
    found = medians({"gradient": [1.0, 2.0], "plain": [30.0]})
    assert found["plain_per_gradient"] == 30
    assert "plain_per_fast" not in found


def test_runs_of_units_hold_every_parameter_in_its_units_group():
    model = perceptron(4, 6, 5).build("cpu")
    partition = by_units(model, 4)
    assert partition.sizes.sum() == partition.num_parameters == 6 * 5 + 5 * 7
    assert (partition.sizes > 0).all()
    owner = partition.groups["layer1.weight"].reshape(-1)
    assert owner.tolist() == [0, 0, 0, 1, 1, 1]
    assert partition.groups["layer2.bias"].tolist() == [2, 2, 2, 3, 3]


@pytest.mark.parametrize("curve", CURVES)
def test_the_smallest_point_of_a_curve_can_be_measured(curve):
    point = CURVES[curve][0]
    case = Case(point.network, 3, "cpu")
    assert min(case.seconds(kind) for kind in ("gradient", "fast", "plain")) > 0


def test_fast_and_plain_agree_on_the_encoder():
    network = at_level(lambda _: Encoder(width=8, heads=2, depth=1, size=8), (3, 8, 8), "layer")
    case = Case(network, 4, "cpu")
    fast, plain = case.summary("jets"), case.summary("autodiff")
    torch.testing.assert_close(fast.H, plain.H, rtol=1e-3, atol=1e-5 * plain.H.abs().max().item())
