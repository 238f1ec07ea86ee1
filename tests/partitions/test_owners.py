"""Which groups own a part of each layer."""

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.partitions.cost import Owners
from gnlab.partitions.executed import executed
from gnlab.partitions.grammar import is_finer
from gnlab.partitions.owners import owners


def found(model, level, x):
    tensors = partition(model, "tensor")
    split = None if is_finer(level) else partition(model, level)
    layers = executed(model, x)
    return layers, owners(model, level, tensors, split, layers)


def test_a_parameter_of_a_child_that_is_not_called_starts_where_its_parent_does():
    model = nn.Sequential(nn.Linear(8, 8), nn.MultiheadAttention(8, 2))
    model.forward = lambda x: model[1](*[model[0](x)] * 3)[0]
    layers, own = found(model, "tensor", torch.zeros(5, 3, 8))
    begins = next(i for i, layer in enumerate(layers) if layer.name == "1")
    assert (own[0].new, own[begins].new) == (2, 4)


@pytest.mark.parametrize(
    ("level", "weights", "together", "pieces"),
    [("block:2", 2, 2, 1), ("unit", 4, 2, 1), ("row:2", 8, 3, 2), ("element", 12, 4, 3)],
)
def test_units_share_a_row_and_pieces_one_for_each_of_a_units_row(level, weights, together, pieces):
    """Four units of three weights; the biases share one more."""
    _, [own] = found(nn.Linear(3, 4), level, torch.zeros(2, 3))
    biases = min(weights, 4)
    assert own == Owners(weights + biases, weights, together, pieces, units=4)


def test_groups_that_cannot_share_have_rows_of_their_own():
    table, norm = nn.Embedding(5, 4), nn.LayerNorm(4)
    _, own = found(nn.Sequential(table, norm), "unit", torch.zeros(2, dtype=torch.int64))
    assert [(each.new, each.colours, each.takes) for each in own] == [(4, 0, False), (8, 0, False)]


def test_a_group_of_several_layers_starts_in_the_first_and_owns_the_weights_of_all():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    _, own = found(model, "all", torch.zeros(5, 3))
    assert [(each.new, each.weights) for each in own] == [(1, 1), (0, 1)]


def test_a_weight_of_one_column_is_a_weight():
    _, [own] = found(nn.Linear(1, 4), "unit", torch.zeros(2, 1))
    assert (own.new, own.weights) == (8, 4)
