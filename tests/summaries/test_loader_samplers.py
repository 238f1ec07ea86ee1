"""Loaders whose samplers draw from a generator of their own."""

import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, TensorDataset, WeightedRandomSampler

from gnlab.partitions import partition
from gnlab.summaries import summarise

X = torch.randn(23, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.arange(23) % 4


@pytest.mark.parametrize("inside", [False, True])
def test_a_samplers_own_generator_draws_the_same_in_every_pass_and_is_left_as_it_was(inside):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 4)).double()
    data = TensorDataset(X, LABELS)
    source = torch.Generator().manual_seed(1)
    sampler = WeightedRandomSampler(torch.ones(len(X)), 9, generator=source)
    loader = (
        DataLoader(data, batch_sampler=BatchSampler(sampler, 4, drop_last=False))
        if inside
        else DataLoader(data, 4, sampler=sampler)
    )
    state = source.get_state()
    found = summarise(model, nn.CrossEntropyLoss(), loader, partition(model, "all"))
    assert torch.equal(source.get_state(), state)
    drawn = list(loader)
    whole = tuple(torch.cat(parts) for parts in zip(*drawn, strict=True))
    expected = summarise(model, nn.CrossEntropyLoss(), whole, partition(model, "all"))
    torch.testing.assert_close(found.g, expected.g, rtol=1e-11, atol=0)
    torch.testing.assert_close(found.H, expected.H, rtol=1e-11, atol=0)
