"""A reading of the loss: the same random numbers each time, and no trace."""

import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import Reading, summarise


def test_a_reading_draws_what_the_summary_after_it_draws_and_leaves_no_trace():
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    batch = torch.randn(16, 3), torch.randint(2, (16,))
    reading = Reading(model, nn.CrossEntropyLoss(), batch)
    loss = float(summarise(model, nn.CrossEntropyLoss(), batch, partition(model, "all")).loss)
    torch.rand(5)
    before = torch.get_rng_state(), [b.clone() for b in model.buffers()]
    first = reading.loss()
    assert abs(first - loss) <= 1e-6 * loss
    assert reading.loss() == first
    assert torch.equal(torch.get_rng_state(), before[0])
    for buffer, value in zip(model.buffers(), before[1], strict=True):
        assert torch.equal(buffer, value)
    with torch.no_grad():
        model[0].weight.add_(0.1)
    assert reading.loss() != first


class Averaging(nn.Module):
    """Keeps an average by putting a new tensor in the place of a buffer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("ema", torch.ones(2))
        self.register_buffer("none", None)

    def forward(self, x):
        self.ema = 0.9 * self.ema + x.mean(0)
        return self.layer(x - self.ema)


def test_a_buffer_that_is_assigned_anew_comes_back():
    model = Averaging()
    reading = Reading(model, nn.CrossEntropyLoss(), (torch.randn(5, 2), torch.randint(2, (5,))))
    own = model.ema
    first = reading.loss()
    assert model.ema is own
    assert torch.equal(own, torch.ones(2))
    assert reading.loss() == first
