"""A group is idle where every element of u is zero, not where they sum to zero."""

import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import summarise


def test_a_direction_whose_elements_cancel_is_not_idle():
    # A softmax layer's bias has such a gradient: its elements sum to zero, often exactly.
    model = nn.Linear(3, 2)
    x, y = torch.randn(5, 3), torch.tensor([0, 1, 0, 1, 1])
    u = {"weight": torch.zeros(2, 3), "bias": torch.tensor([1.0, -1.0])}
    summary = summarise(model, nn.functional.cross_entropy, (x, y), partition(model, "tensor"), u)
    share = model(x).softmax(1)[:, 0].detach()
    torch.testing.assert_close(summary.H[1, 1], 4 * (share * (1 - share)).mean())
    assert summary.inert.tolist() == [True, False]
