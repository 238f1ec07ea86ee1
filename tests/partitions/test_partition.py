"""Partitions: levels, roles, own groups, sums over groups, nesting."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gnlab.errors import InputError
from gnlab.partitions import Partition, levels, partition


def network() -> nn.Module:
    """Two linear layers with a normalisation between them."""
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2))


def deep(layers: int) -> nn.Module:
    return nn.Sequential(*[nn.Linear(3, 3) for _ in range(layers)])


def by_element(model: nn.Module) -> Partition:
    """One group per element, built by hand."""
    start, groups, shapes = 0, {}, {}
    for name, p in model.named_parameters():
        groups[name] = torch.arange(start, start + p.numel()).view_as(p)
        shapes[name] = p.shape
        start += p.numel()
    names = tuple(str(i) for i in range(start))
    return Partition("by hand", names, shapes, groups, ("other",) * start)


@pytest.mark.parametrize(
    ("level", "count"), [("all", 1), ("role", 3), ("layer", 3), ("tensor", 6), ("chunk:3", 6)]
)
def test_number_of_groups(level, count):
    p = partition(network(), level)
    assert p.num_groups == count == len(p.roles)
    assert p.num_parameters == 12 + 4 + 4 + 4 + 8 + 2
    assert p.sizes.sum() == p.num_parameters


def test_names_and_roles_follow_the_model():
    p = partition(network(), "tensor")
    assert p.names == ("0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias")
    assert p.roles == ("weights", "biases", "other", "biases", "weights", "biases")
    assert partition(network(), "all").roles == ("mixed",)
    assert partition(network(), "role").names == ("weights", "biases", "other")


def test_chunks_are_consecutive_and_as_in_the_papers_appendix():
    p = partition(deep(101), "chunk:5")
    assert p.num_groups == 10
    assert p.names[:3] == ("chunk 1 weights", "chunk 1 biases", "chunk 2 weights")
    sizes = p.sizes[::2] // 9
    assert sizes.sum() == 101
    assert sizes.max() - sizes.min() <= 1


def test_a_raw_parameter_counts_as_a_weight():
    model = nn.Module()
    model.theta = nn.Parameter(torch.zeros(5))
    assert partition(model, "role").names == ("weights",)
    assert partition(model, "layer").names == ("theta",)


def test_frozen_and_tied_parameters():
    model = network()
    model[0].weight.requires_grad_(False)
    assert "0.weight" not in partition(model, "tensor").names
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    assert partition(tied, "tensor").names == ("0.weight", "0.bias", "1.bias")


def test_own_groups_keep_their_order():
    groups = {
        "late": ["3.weight", "3.bias"],
        "early": ["0.weight", "0.bias", "1.weight", "1.bias"],
    }
    p = partition(network(), groups)
    assert p.names == ("late", "early")
    assert p.sizes.tolist() == [10, 24]


@pytest.mark.parametrize("level", ["all", "role", "tensor", "chunk:2"])
def test_reduce_is_the_transpose_of_expand(level):
    model = network()
    p = partition(model, level)
    eta = torch.randn(p.num_groups, dtype=torch.float64)
    values = {n: torch.randn_like(q, dtype=torch.float64) for n, q in model.named_parameters()}
    spread = p.expand(eta)
    inner = sum((spread[n] * values[n]).sum() for n in values)
    torch.testing.assert_close(inner, eta @ p.reduce(values))


def test_a_group_number_per_element():
    model = network()
    p = by_element(model)
    assert p.num_groups == p.num_parameters
    values = {n: torch.randn_like(q) for n, q in model.named_parameters()}
    flat = torch.cat([v.reshape(-1) for v in values.values()])
    assert torch.equal(p.reduce(values), flat)
    assert torch.equal(torch.cat([v.reshape(-1) for v in p.expand(flat).values()]), flat)
    assert p.sizes.tolist() == [1] * p.num_parameters


def test_coarsening_sums_groups():
    model = network()
    fine, coarse = by_element(model), partition(model, "role")
    c = fine.coarsening(coarse)
    assert c.shape == (3, fine.num_groups)
    assert c.sum(0).tolist() == [1.0] * fine.num_groups
    values = {n: torch.randn_like(q, dtype=torch.float64) for n, q in model.named_parameters()}
    torch.testing.assert_close(c @ fine.reduce(values), coarse.reduce(values))


@given(st.integers(1, 40))
def test_levels_are_nested_from_one_group_to_one_per_tensor(layers):
    model = deep(layers)
    names = levels(model)
    ladder = [partition(model, name) for name in names]
    assert names[0] == "all"
    assert ladder[-1].num_groups == 2 * layers
    for coarse, fine in itertools.pairwise(ladder):
        assert fine.num_groups > coarse.num_groups
        assert fine.refines(coarse)
        assert not coarse.refines(fine)


def test_a_level_that_is_not_finer_is_not_a_refinement():
    model = network()
    with pytest.raises(InputError, match="does not refine"):
        partition(model, "layer").coarsening(partition(model, "role"))


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ("tensors", "Did you mean 'tensor'.*Valid: all, role"),
        ("chunk:0", "needs k from 1 on"),
        ("chunk:9", "needs k from 1 to the 3 layers"),
        ("chunk:02", "unknown level 'chunk:02'"),
        ("part:٢", "unknown level"),
        ({"a": ["0.weight"]}, "no group has parameter '0.bias'"),
        ("chunk:k", "needs a number in the place of k, as in 'chunk:2'"),
        ({"a": []}, "needs a non-empty list"),
        ({"a": 3}, "needs a non-empty list of parameter names; got 3"),
        ({"a": [["0.weight"]]}, "needs a non-empty list of parameter names; got lists"),
        ({"a": [torch.ones(99, 99)]}, "needs a non-empty list of parameter names; got Tensors"),
        ({"a": ["0.wieght"]}, "Did you mean '0.weight'"),
        ({"a": ["0.weight"], "b": ["0.weight"]}, "is in groups 'a' and 'b'"),
    ],
)
def test_bad_levels_are_named(level, message):
    with pytest.raises(InputError, match=message):
        partition(network(), level)


def test_own_groups_may_be_any_iterables_of_names():
    model = network()
    names = [name for name, _ in model.named_parameters()]
    for group in ((name for name in names), set(names), dict.fromkeys(names).keys()):
        assert partition(model, {"a": group}).num_groups == 1


def test_a_frozen_and_a_tied_parameter_in_own_groups_are_called_so():
    model = network()
    model[0].bias.requires_grad_(False)
    model[2].extra = model[0].weight
    with pytest.raises(InputError, match=r"'0\.bias' in group 'a' is frozen; leave it out"):
        partition(model, {"a": ["0.bias"]})
    with pytest.raises(InputError, match=r"'2\.extra' in group 'a' is '0\.weight' once more"):
        partition(model, {"a": ["2.extra"]})


@pytest.mark.parametrize("level", ["tensor", "element", {"own": ["weight", "bias"]}])
def test_complex_parameters_are_refused_by_name(level):
    model = nn.Linear(3, 2, dtype=torch.complex64)
    with pytest.raises(InputError, match=r"parameter 'weight' is complex .*torch.view_as_real"):
        partition(model, level)
    model.requires_grad_(False)
    model.register_parameter("scale", nn.Parameter(torch.ones(2)))
    assert partition(model, "tensor").names == ("scale",)


@pytest.mark.parametrize("level", [["0.weight"], 3, None])
def test_what_is_no_level_at_all_is_refused(level):
    with pytest.raises(InputError, match=r"level must be a level's name or own groups .*got"):
        partition(network(), level)


def test_what_is_no_model_is_refused():
    with pytest.raises(InputError, match=r"model must be a torch.nn.Module; got 'x'"):
        partition("x", "tensor")
    with pytest.raises(InputError, match="parameter 'weight' has no shape yet"):
        partition(nn.LazyLinear(3))


def test_a_model_without_parameters_is_refused():
    with pytest.raises(InputError, match="ReLU has no trainable parameters"):
        partition(nn.ReLU())


def test_wrong_shapes_are_printed():
    model = network()
    p = partition(model)
    values = dict(model.named_parameters())
    with pytest.raises(InputError, match=r"direction\['0.bias'\] has shape \[1\].*has \[4\]"):
        p.check(values | {"0.bias": torch.zeros(1)}, "direction")
    del values["3.bias"]
    with pytest.raises(InputError, match=r"no entry for parameter '3.bias'"):
        p.check(values, "direction")
    with pytest.raises(InputError, match=r"shape \[6\]; got shape \[2\]"):
        p.expand(torch.zeros(2))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_scripted_model_is_refused():
    with pytest.raises(InputError, match="is a TorchScript module"):
        partition(torch.jit.script(nn.Linear(3, 2)), "tensor")


def test_what_is_no_partition_and_no_tensor_is_named():
    split = partition(nn.Linear(3, 2), "tensor")
    for ask in (split.refines, split.coarsening, split.membership):
        with pytest.raises(InputError, match=r"other must be a gnlab\.Partition; got int"):
            ask(3)
    with pytest.raises(InputError, match=r"a tensor of shape \[2\]; got list"):
        split.expand([1.0, 2.0])
