"""Levels below the tensor: which elements belong together, and that each refines the one before."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gnlab.errors import InputError
from gnlab.partitions import finer, partition


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2))


def groups(p, name):
    return p.groups[name].expand(p.shapes[name]).tolist()


def test_units_are_rows_and_entries():
    p = partition(network(), "unit")
    assert p.num_groups == 4 + 4 + 4 + 4 + 2 + 2
    assert groups(p, "0.weight") == [[i] * 3 for i in range(4)]
    assert groups(p, "0.bias") == [4, 5, 6, 7]
    assert groups(p, "3.weight") == [[16] * 4, [17] * 4]
    assert p.names[:5] == (*(f"0.weight[{i}]" for i in range(4)), "0.bias[0]")
    assert p.roles[:5] == ("weights",) * 4 + ("biases",)


def test_a_neuron_has_its_bias():
    p = partition(network(), "neuron")
    assert p.num_groups == 4 + 4 + 2
    assert groups(p, "0.weight") == [[i] * 3 for i in range(4)]
    assert groups(p, "0.bias") == [0, 1, 2, 3]
    assert p.names[-1] == "3[1]"
    assert p.roles[0] == "mixed"
    assert partition(network(), "unit").refines(p)
    assert p.refines(partition(network(), "layer"))


def test_blocks_are_runs_of_units():
    p = partition(nn.Linear(2, 5), "block:2")
    assert groups(p, "weight") == [[0, 0], [0, 0], [0, 0], [1, 1], [1, 1]]
    assert groups(p, "bias") == [2, 2, 2, 3, 3]
    assert p.names == ("weight[0:3]", "weight[3:5]", "bias[0:3]", "bias[3:5]")


def test_parts_of_rows():
    p = partition(nn.Linear(4, 2), "row:2")
    assert groups(p, "weight") == [[0, 0, 1, 1], [2, 2, 3, 3]]
    assert groups(p, "bias") == [4, 5]
    assert p.names == (
        *(f"weight[{i}] {j}/2" for i in (0, 1) for j in (1, 2)),
        "bias[0]",
        "bias[1]",
    )


def test_elements_are_newtons():
    p = partition(network(), "element")
    assert p.num_groups == p.num_parameters
    flat = torch.arange(p.num_parameters, dtype=torch.float64)
    assert torch.cat([v.reshape(-1) for v in p.expand(flat).values()]).equal(flat)


def test_a_convolutions_units_are_its_output_channels():
    p = partition(nn.Conv2d(3, 4, 2), "unit")
    assert p.groups["weight"].shape == (4, 1, 1, 1)
    assert p.sizes.tolist() == [12] * 4 + [1] * 4


@pytest.mark.parametrize("split", [1, 2])
def test_a_transposed_convolutions_units_are_its_output_channels(split):
    layer = nn.ConvTranspose1d(4, 6, 3, groups=split).double()
    p = partition(layer, "unit")
    assert p.num_groups == 12
    x = torch.randn(1, 4, 5, dtype=torch.float64)
    before = layer(x).detach()
    for unit in range(6):
        moved = {n: q + 1.0 * (p.groups[n] == unit) for n, q in layer.named_parameters()}
        change = torch.func.functional_call(layer, moved, (x,)) - before
        assert change[0].abs().sum(1).nonzero()[:, 0].tolist() == [unit]


def test_an_embeddings_units_are_its_columns():
    p = partition(nn.Embedding(7, 3), "unit")
    assert p.num_groups == 3
    assert p.sizes.tolist() == [7] * 3
    assert partition(nn.Embedding(7, 3), "row:7").refines(p)


def test_a_raw_parameters_units_are_those_of_its_first_dimension():
    model = nn.Module()
    model.theta, model.scale = nn.Parameter(torch.zeros(5, 2)), nn.Parameter(torch.zeros(()))
    p = partition(model, "unit")
    assert groups(p, "theta") == [[i, i] for i in range(5)]
    assert groups(p, "scale") == 5


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 4), st.integers(0, 4))
def test_every_doubling_refines(units, inputs, blocks, rows):
    model = nn.Linear(inputs, units)
    names = [
        "tensor", *[f"block:{2**i}" for i in range(1, blocks + 1)], "unit",
        *[f"row:{2**i}" for i in range(1, rows + 1)], "element",
    ]  # fmt: skip
    ladder = [partition(model, name) for name in names]
    for coarse, fine in itertools.pairwise(ladder):
        assert fine.refines(coarse)
    parts = finer.cuts(model, dict(ladder[0].shapes))
    for name, p in zip(names[1:], ladder[1:], strict=True):
        assert p.num_groups == finer.number(name, parts)
        assert bool((p.sizes > 0).all())
        assert len(set(p.names)) == p.num_groups


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ("block:0", "needs k from 1 on"),
        ("row:0", "needs k from 1 on"),
        ("block:x", "unknown level 'block:x'"),
        ("units", "Did you mean 'unit'"),
    ],
)
def test_what_is_no_level(level, message):
    with pytest.raises(InputError, match=message):
        partition(network(), level)


def test_more_groups_than_can_be_named(monkeypatch):
    monkeypatch.setattr(finer, "MOST", 20)
    with pytest.raises(
        InputError, match=r"'element' has 34 groups .* at most 20 .* 'unit', with 20"
    ):
        partition(network(), "element")
