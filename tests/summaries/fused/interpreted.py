"""The programs as Triton's interpreter runs them, which has to be chosen before Triton is loaded.

So these tests are run by ``test_operators``, in a process of their own.
"""

import pytest
import torch

from gnlab.summaries.fused import operators
from gnlab.summaries.rules import elementwise

DOUBLE = torch.float64


def rows(*shape):
    return torch.randn(*shape, dtype=DOUBLE)


@pytest.mark.parametrize(("k", "m", "n"), [(1, 1, 1), (3, 2, 10), (2, 5, 1025), (4, 1, 9001)])
def test_sums_are_the_products_of_rows(k, m, n):
    a, b = rows(k, n), rows(m, n)
    torch.testing.assert_close(operators._sums(a, b), a @ b.T)


def test_rows_may_lie_apart():
    a, b = rows(3, 40)[:, 1::3], rows(5, 20)[1:3, 2:15]
    torch.testing.assert_close(operators._sums(a, b), a @ b.T)


def expected(y, delta, of, bent):
    """What ``bend`` is to give for tanh, written out."""
    j = bent.stop - bent.start
    v, w = of[j:], torch.zeros_like(of[j:])
    w[bent] = of[:j]
    one, two, three = elementwise.tanh(y, y)
    values = torch.cat([two * v * v + one * w, one * v])
    if delta is None:
        return values, None, None
    pulled = delta * two * v
    return values, (delta * three * v**3).sum(1) + 3 * (pulled * w).sum(1), pulled @ v.T


@pytest.mark.parametrize("kind", ["tanh", ""])
@pytest.mark.parametrize("is_weighed", [True, False])
@pytest.mark.parametrize(
    ("k", "bent", "n"),
    [(2, slice(0, 0), 7), (3, slice(1, 3), 1500), (8, slice(0, 8), 30), (10, slice(3, 7), 1100)],
)
def test_jets_are_bent(kind, is_weighed, k, bent, n):
    j = bent.stop - bent.start
    y, of = torch.tanh(rows(n)), rows(j + k, n)
    delta = rows(n) if is_weighed else None
    given = [y] if kind else list(elementwise.tanh(y, y))
    values, whole, pulled = operators._bend(kind, given, delta, of, j, bent.start)
    known, pure, pairs = expected(y, delta, of, bent)
    torch.testing.assert_close(values, known)
    if is_weighed:
        torch.testing.assert_close(whole[:, 0], pure)
        found = pulled @ of[j:].T if pulled.numel() else whole[:, 1:]
        torch.testing.assert_close(found, pairs)


# The interpreter computes with numpy, which warns of what a GPU does in silence.
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_slope_that_is_infinite_spoils_nothing_else():
    """σ′ is infinite where nothing bends yet: √x at 0."""
    one, two, three = (torch.full((1,), x, dtype=DOUBLE) for x in (torch.inf, 0, 0))
    values, whole, _ = operators._bend(
        "", [one, two, three], torch.ones_like(one), rows(1, 1), 0, 0
    )
    assert values[0] == 0
    assert (whole == 0).all()
