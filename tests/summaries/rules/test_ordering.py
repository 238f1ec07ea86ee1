"""Values by their order, by differences and by the plain definition."""

import torch

from gnlab.summaries.rules import ordering
from tests.summaries.rules.held import Formulated

S, C = (2, 3), (2, 2, 3)


def spread(x):
    """Values of which no two are near each other."""
    return x + 3 * torch.sin(7.0 * torch.arange(x.numel(), dtype=x.dtype)).reshape(x.shape)


def expert(x, y):
    """A mixture: the two greatest shares, each times its own function of the rest."""
    shares, chosen = torch.topk(torch.softmax(spread(x), -1), 2, dim=-1)
    return shares * torch.stack([y.sin(), y.exp(), y * y], -1).gather(-1, chosen)


OPERATIONS = {
    "topk": (lambda x: torch.topk(spread(x), 2)[0].sin(), S),
    "topk: along the first": (lambda x: spread(x).topk(k=1, dim=0, largest=False).values.exp(), S),
    "topk: a mixture": (expert, S, (2,)),
    "kthvalue": (lambda x: torch.kthvalue(spread(x), 2)[0].sin(), S),
    "kthvalue: keep": (lambda x: spread(x).kthvalue(1, 0, True).values.sin(), S),
    "sort": (lambda x: torch.sort(spread(x))[0].sin(), S),
    "sort: descending": (lambda x: spread(x).sort(0, descending=True).values[0].sin(), S),
    "sort: stable": (lambda x: torch.sort(spread(x), stable=True, dim=1).values[:, 1].exp(), S),
    "msort": (lambda x: torch.msort(spread(x))[0].sin(), S),
    "median": (lambda x: torch.median(spread(x)).sin(), S),
    "median: dim": (lambda x: spread(x).median(1)[0].sin(), C),
    "nanmedian": (lambda x: torch.nanmedian(spread(x), dim=1, keepdim=True).values.sin(), C),
    "mode": (lambda x: torch.mode(spread(x), 1).values.sin(), S),
    "cummax": (lambda x: torch.cummax(spread(x), 1)[0].sin(), S),
    "cummin": (lambda x: spread(x).cummin(dim=0).values.sin(), S),
}


def test_every_formula_is_tried():
    assert {name.split(":")[0] for name in OPERATIONS} == set(ordering.FORMULAS)


class TestOperations(Formulated):
    """Held to what all are."""
