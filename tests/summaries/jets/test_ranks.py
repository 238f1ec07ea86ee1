"""Where groups stand among others; how their rows are dealt with makes no difference."""

import pytest
import torch

from gnlab.summaries.jets import curvature as sums
from gnlab.summaries.jets import ranks
from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, Operand
from gnlab.summaries.rules import RULES, Call, pointwise

EVERY, BENT = (1, 2, 3, 5, 6, 8), (1, 3, 5, 8)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((), ()),
        (EVERY, ((slice(0, 6), slice(0, 6)),)),
        ((6, 8), ((slice(4, 6), slice(0, 2)),)),
        (
            BENT,
            ((slice(0, 1), slice(0, 1)), (slice(2, 4), slice(1, 3)), (slice(5, 6), slice(3, 4))),
        ),
    ],
    ids=["none", "all", "the last", "with gaps"],
)
def test_where_groups_stand_among_others(wanted, expected):
    assert ranks.meetings(EVERY, wanted) == expected


def through_tanh(bent):
    """tanh of a value that many groups have reached, some of them bent."""
    draw = torch.Generator().manual_seed(7)
    x = torch.randn(40, dtype=torch.float64, generator=draw)
    values = torch.randn(len(bent) + len(EVERY), 40, dtype=torch.float64, generator=draw)
    out = Operand(torch.tanh(x))
    operand = Operand(x, carried=Jet(EVERY, bent, values))
    call = Call("tanh", torch.tanh, (operand,), {}, [out], [operand])
    call.delta = torch.randn(40, dtype=torch.float64, generator=draw)
    total = Curvature(10, torch.device("cpu"))
    made = RULES["tanh"](call, total)
    return made, total.parts()[2], total.sums


@pytest.mark.parametrize("bent", [(), BENT, EVERY], ids=["none", "with gaps", "all"])
def test_rows_with_gaps_are_dealt_with_run_by_run_or_all_at_once(bent, monkeypatch):
    monkeypatch.setattr(sums, "_FEW", 0)  # no product that tells both sums at once
    made, H, others = through_tanh(bent)
    for module in (sums, pointwise):
        monkeypatch.setattr(module, "FEW", 0)
    again, same_H, same_others = through_tanh(bent)
    assert (made.ranks, made.bent) == (again.ranks, again.bent) == (EVERY, EVERY)
    torch.testing.assert_close(made.values, again.values, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(H, same_H, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(others, same_others, rtol=1e-13, atol=1e-13)
