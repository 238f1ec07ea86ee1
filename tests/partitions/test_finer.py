"""Levels below the tensor: which elements belong together, and that each refines the one before."""

import itertools
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from gnlab.errors import InputError
from gnlab.partitions import finer, ladder, number, partition


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


def test_what_a_parametrised_tensor_is_made_of_is_of_its_layer():
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 4)), nn.Linear(4, 2))
    p = partition(model, "neuron")
    assert p.names[0] == "0[0]"
    assert p.num_groups == 4 + 2
    assert groups(p, "0.parametrizations.weight.original0") == [[0], [1], [2], [3]]
    assert groups(p, "0.parametrizations.weight.original1") == [[i] * 3 for i in range(4)]
    assert groups(p, "0.bias") == [0, 1, 2, 3]
    assert partition(model, "layer").names == ("0", "1")
    scaled = nn.Sequential(nn.LayerNorm(3))
    parametrize.register_parametrization(scaled[0], "bias", nn.Identity())
    assert partition(scaled, "role").names == ("other", "biases")


def test_a_parametrised_transposed_convolution_has_output_channels_where_it_is_whole():
    whole = nn.Sequential(parametrizations.spectral_norm(nn.ConvTranspose2d(6, 2, 3)))
    assert partition(whole, "neuron").num_groups == 2
    parts = nn.Sequential(parametrizations.weight_norm(nn.ConvTranspose2d(6, 2, 3)))
    # Its length is that of what comes from one input channel: [6, 1, 1, 1].
    assert partition(parts, "unit").num_groups == 6 + 2 + 2


def test_each_layer_and_direction_of_a_recurrent_module_has_its_own_neurons():
    p = partition(nn.Sequential(nn.LSTM(3, 4, 2, bidirectional=True)), "neuron")
    assert p.num_groups == 4 * 16
    assert [p.names[16 * i] for i in range(4)] == [
        "0[0]",
        "0_l0_reverse[0]",
        "0_l1[0]",
        "0_l1_reverse[0]",
    ]
    assert p.refines(partition(nn.Sequential(nn.LSTM(3, 4, 2, bidirectional=True)), "layer"))
    alone = partition(nn.LSTM(3, 4, 2, bidirectional=True), "neuron")  # each tensor is a layer
    assert {name.partition("[")[0] for name in alone.names} == set(alone.shapes)


@pytest.mark.parametrize("level", ["neuron", "unit", "row:2", "element"])
@pytest.mark.parametrize(
    "layer",
    [
        nn.MultiheadAttention(4, 2, kdim=3, vdim=5), nn.LSTM(3, 4, 2, proj_size=2),
        parametrizations.weight_norm(nn.Conv1d(3, 4, 2)), nn.Bilinear(2, 3, 4),
        parametrizations.weight_norm(nn.Embedding(7, 3)),
    ],
)  # fmt: skip
def test_no_two_groups_have_one_name(layer, level):
    p = partition(nn.ModuleDict({"a": layer, "b": nn.Linear(4, 4)}), level)
    assert (
        len(set(p.names))
        == p.num_groups
        == number(nn.ModuleDict({"a": layer, "b": nn.Linear(4, 4)}), level)
    )


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


@pytest.mark.parametrize("split", [1, 2])
@pytest.mark.parametrize("kind", [nn.Conv1d, nn.ConvTranspose1d])
def test_a_channels_neuron_is_all_that_only_it_is_moved_by(kind, split):
    model = nn.Sequential(kind(4, 6, 3, groups=split)).double()
    p = partition(model, "neuron")
    assert p.names == tuple(f"0[{i}]" for i in range(6))
    x = torch.randn(1, 4, 5, dtype=torch.float64)
    before = model(x).detach()
    for unit in range(6):
        moved = {n: q + 1.0 * (p.groups[n] == unit) for n, q in model.named_parameters()}
        change = torch.func.functional_call(model, moved, (x,)) - before
        assert change[0].abs().sum(1).nonzero()[:, 0].tolist() == [unit]


def test_elements_are_numbered_unit_by_unit():
    table = partition(nn.Embedding(3, 2), "element")
    assert groups(table, "weight") == [[0, 3], [1, 4], [2, 5]]
    assert table.names[1] == "weight[0] 2/3"
    turned = partition(nn.ConvTranspose1d(4, 2, 1, groups=2, bias=False), "element")
    assert groups(turned, "weight") == [[[0]], [[1]], [[2]], [[3]]]
    whole = partition(nn.ConvTranspose1d(2, 3, 1, bias=False), "element")
    assert groups(whole, "weight") == [[[0], [2], [4]], [[1], [3], [5]]]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,), (2, 0, 3)])
@pytest.mark.parametrize(
    "level",
    ["all", "role", "layer", "part:2", "tensor", "block:2", "neuron", "unit", "row:2", "element"],
)
def test_a_parameter_without_elements_is_in_no_group(shape, level):
    with_one, without = network(), network()
    with_one.register_parameter("none", nn.Parameter(torch.zeros(shape)))
    p, q = partition(with_one, level), partition(without, level)
    assert p.names == q.names
    assert p.sizes.equal(q.sizes)
    assert p.num_groups == number(with_one, level)
    assert p.expand(torch.ones(p.num_groups))["none"].expand(shape).shape == shape
    assert p.reduce(dict(with_one.named_parameters())).shape == (p.num_groups,)
    finest = partition(with_one, "element")
    assert finest.refines(p)
    assert [r.num_groups for r in ladder(with_one)] == [r.num_groups for r in ladder(without)]


def test_own_groups_without_elements():
    model = network()
    model.register_parameter("none", nn.Parameter(torch.zeros(0, 3)))
    rest = list(partition(model, "tensor").names)
    assert partition(model, {"a": rest}).num_groups == 1
    assert partition(model, {"a": [*rest, "none"]}).num_groups == 1
    with pytest.raises(InputError, match=r"group 'b' has no elements: 'none' is of shape \[0, 3\]"):
        partition(model, {"a": rest, "b": ["none"]})


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ("part:0", "needs k from 1 on"),
        ("block:0", "needs k from 1 on"),
        ("row:0", "needs k from 1 on"),
        ("block:x", "unknown level 'block:x'"),
        ("block:02", "unknown level 'block:02'"),
        ("row:٢", "unknown level"),
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


@pytest.mark.parametrize("most", [3, 8, 12, 19, 33])
@pytest.mark.parametrize("level", ["block:2", "unit", "neuron", "row:2", "element"])
def test_the_level_that_is_offered_instead_can_be_had(monkeypatch, level, most):
    monkeypatch.setattr(finer, "MOST", most)
    if number(network(), level) <= most:
        assert partition(network(), level).num_groups <= most
        return
    with pytest.raises(InputError, match="at most") as refused:
        partition(network(), level)
    offered = re.findall(r"'([a-z]+(?::\d+)?)'", str(refused.value))[1:]
    assert offered
    for other in offered:
        assert partition(network(), other).num_groups <= most
