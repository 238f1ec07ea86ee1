"""The layers of a model as they are executed, with their work and what is bent after them."""

import pytest
import torch
from torch import nn

from gnlab.partitions.executed import Layer, executed


def test_the_work_of_layers_as_they_are_executed():
    model = nn.Sequential(nn.Conv2d(3, 4, 2), nn.Flatten(), nn.Linear(36, 5))
    found = executed(model, torch.zeros(2, 3, 4, 4))
    assert [(layer.name, layer.work, layer.values) for layer in found] == [
        ("0", 2 * 4 * 9 * 12, 2 * 4 * 9),
        ("2", 2 * 5 * 36, 2 * 5),
    ]
    assert not model[0]._forward_hooks


def test_the_work_of_transposed_convolutions():
    model = nn.Sequential(nn.ConvTranspose2d(4, 16, 4, 2, 1), nn.Tanh())
    found = executed(model, torch.zeros(3, 4, 8, 8))
    assert found == [Layer("0", 3 * 64 * 4 * 16 * 16, 3 * 16 * 256, 3 * 16 * 256)]


def test_the_work_of_a_recurrent_layer_is_that_of_its_steps():
    found = executed(nn.LSTM(3, 4), torch.zeros(6, 2, 3))
    assert sum(layer.work for layer in found) == 6 * 2 * 16 * (3 + 4)
    assert len(found) > 6  # what a group does within it goes through the later steps


@pytest.mark.parametrize("training", [True, False])
def test_the_work_of_attention(training):
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).train(training)
    found = executed(model, torch.zeros(3, 5, 8))
    within = sum(layer.work for layer in found if layer.name == "self_attn")
    assert within == 3 * (4 * 5 * 8 * 8 + 2 * 5 * 5 * 8)
    assert torch.backends.mha.get_fastpath_enabled()


def test_products_in_no_layer_and_layers_without_a_product():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.norm = nn.Embedding(7, 4), nn.LayerNorm(4)

        def forward(self, x):
            x = self.table(x)
            return self.norm(x @ x.mT)

    found = executed(Mixed(), torch.zeros(2, 4, dtype=torch.int64))
    assert found == [
        Layer("table", 32, 32), Layer("", 2 * 4**3, 32, factors=32), Layer("norm", 32, 32, 32),
    ]  # fmt: skip
