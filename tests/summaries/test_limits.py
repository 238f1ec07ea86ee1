"""What is too large is refused, with how many groups there may be and the nearest level."""

import re

import pytest
import torch
from torch import nn

import gnlab
from gnlab.errors import InputError
from gnlab.partitions import finer, number, partition
from gnlab.problems import networks
from gnlab.summaries import derivative_tensor, limits, refusal, summarisable, summarise


def test_what_is_too_large_is_refused_with_the_nearest_level():
    model = networks.lenet(seed=0)
    reason = refusal(model, "element")
    assert reason is not None
    assert "\n" not in reason
    assert reason.startswith("level 'element' has 62 006 groups in this model; on a CPU at most")
    rungs = {rung.level: rung.num_groups for rung in gnlab.ladder(model)}
    best = max((s, level) for level, s in rungs.items() if s <= limits.CPU)
    count = f"{best[0]:,}".replace(",", " ")
    assert reason.endswith(f"The nearest level: {best[1]!r}, with {count}.")
    assert refusal(model, best[1]) is None
    assert refusal(model, "tensor") is None
    batch = torch.zeros(2, 3, 32, 32), torch.zeros(2, dtype=torch.int64)
    with pytest.raises(InputError, match="62 006 groups"):
        summarise(model, nn.CrossEntropyLoss(), batch, partition(model, "element"))


def test_a_level_of_more_groups_than_can_be_named_is_refused_with_one_that_can_be_summarised(
    monkeypatch,
):
    model = networks.perceptron((64, 100, 10), "tanh", seed=0)
    monkeypatch.setattr(finer, "MOST", 7000)
    monkeypatch.setattr(limits, "CPU", 2000)
    loss = nn.CrossEntropyLoss()
    for ask in (
        lambda level: summarisable(model, level),
        lambda level: gnlab.GroupedNewton(model, loss, [], level),
    ):
        with pytest.raises(InputError, match=r"7 510 groups .* at most 2 000 can be") as refused:
            ask("element")
        nearest = re.search(r"The nearest level: '(.*)', with", str(refused.value))[1]
        ask(nearest)
        assert refusal(model, nearest) is None
    with pytest.raises(InputError, match="unknown level"):
        summarisable(model, "elemnt")
    with pytest.raises(InputError, match="model must be"):
        summarisable(model.parameters(), "element")


def test_a_gpu_takes_more_groups():
    model = networks.perceptron((64, 100, 10), "tanh", seed=0)
    assert number(model, "element") == 7510
    assert "on a CPU" in refusal(model, "element")
    assert limits.GPU == 4 * limits.CPU


def test_free_memory_is_a_limit_too(monkeypatch):
    monkeypatch.setattr(limits, "free_memory", lambda _: limits._BYTES * 2000**2)
    model = networks.perceptron((64, 40, 10), "tanh", seed=0)
    assert limits.most_groups("cpu") == 2000
    reason = refusal(model, "element")
    assert "in the free memory of this CPU at most 2 000" in reason
    assert refusal(model, "unit") is None


def test_on_a_gpu_the_computers_memory_is_a_limit_too(monkeypatch):
    room = {"cpu": 9000, "cuda": 30_000}
    monkeypatch.setattr(limits, "free_memory", lambda at: limits._BYTES * room[at.type] ** 2)
    assert limits.most_groups("cuda") == 9000
    room["cpu"] = 30_000
    assert limits.most_groups("cuda") == limits.GPU


def test_a_refusal_builds_no_groups():
    model = networks.very_big_mlp(seed=0, device="meta")
    assert "107 067 402 groups" in refusal(model, "element", "cpu")
    with pytest.raises(InputError, match="unknown level"):
        refusal(model, "elements", "cpu")
    with pytest.raises(InputError, match="k from 1 on"):
        refusal(model, "row:0", "cpu")


@pytest.mark.parametrize("order", [101, 2000])
def test_one_group_alone_has_not_every_order_either(order):
    model, batch = nn.Linear(1, 1, bias=False), (torch.ones(2, 1), torch.ones(2, 1))
    with pytest.raises(InputError, match=f"order must be at most 100; got {order}"):
        derivative_tensor(model, nn.MSELoss(), batch, partition(model, "all"), order)
    found = derivative_tensor(model, nn.MSELoss(), batch, partition(model, "all"), 100)
    assert found.count_nonzero() == 0
