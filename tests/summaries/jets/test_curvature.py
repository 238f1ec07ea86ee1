"""What operations add up to does not depend on when it is added."""

import pytest
import torch

from gnlab.summaries.jets import curvature, products
from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet

CPU = torch.device("cpu")


def added_up(dtype):
    """Blocks, rows and products of many kinds, from the same random numbers at each call."""
    rng = torch.Generator().manual_seed(0)
    total = Curvature(6, CPU, named=True)

    def draw(*shape):
        return torch.randn(shape, generator=rng, dtype=dtype)

    for origin in (("one", "tanh"), ("two", "linear"), ("one", "tanh")):
        total.begin(origin)
        block = draw(3, 3)
        total.within((1, 2, 3), block + block.T)
        total.between((0, 1), (3, 4, 5), draw(2, 3))
        total.between((0, 4), (1, 3), draw(2, 2))
        total.pure((2, 3), draw(2), 3)
        total.pure((0, 5), draw(2))
        total.slope((4,), draw(1))
        jet = Jet((0, 1, 2, 3), (1, 2), draw(6, 50))
        total.bent(jet, jet.first * draw(50), jet.values)
        total.arrived(Jet((0, 1, 2), (1,), draw(4)))
    return total.parts(), total.sums


def test_large_parts_are_what_small_ones_are(monkeypatch):
    (origins, parts, H), _ = added_up(torch.float64)
    monkeypatch.setattr(curvature, "_LARGE", 2)
    monkeypatch.setattr(products, "_BLOCK", 4)
    (same_origins, same_parts, same_H), _ = added_up(torch.float64)
    assert origins == same_origins
    for part, same in zip((*parts, H), (*same_parts, same_H), strict=True):
        torch.testing.assert_close(part, same, rtol=1e-14, atol=1e-14)
        torch.testing.assert_close(same, same.T, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("limits", [(0, 0), (0, 1 << 16), (1 << 12, 0), (1 << 12, 20)])
def test_to_wait_changes_nothing(monkeypatch, limits, dtype):
    (origins, parts, _), sums = added_up(dtype)
    monkeypatch.setattr(curvature, "_SHORT", limits[0])
    monkeypatch.setattr(curvature, "_MOST", limits[1])
    (same_origins, same_parts, _), same_sums = added_up(dtype)
    assert origins == same_origins == (("one", "tanh"), ("two", "linear"))
    torch.testing.assert_close(parts, same_parts, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(sums, same_sums, rtol=1e-14, atol=1e-14)


def test_one_product_gives_what_two_gave(monkeypatch):
    parts, sums = added_up(torch.float64)
    monkeypatch.setattr(curvature, "_FEW", 0)
    same_parts, same_sums = added_up(torch.float64)
    torch.testing.assert_close(parts[1], same_parts[1], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(sums, same_sums, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("large", [16, 1024])
@pytest.mark.parametrize("count", [1, 12, 14, 15, 26, 40, 64, 65])
def test_a_product_in_blocks_is_the_product(monkeypatch, count, large):
    monkeypatch.setattr(curvature, "_LARGE", large)
    rows = torch.randn(count, 30, dtype=torch.float64)
    pulled = rows * torch.randn(30, dtype=torch.float64)
    total = Curvature(count + 2, CPU)
    total.begin(("one", "tanh"))
    total.weighted(tuple(range(1, count + 1)), pulled, rows)
    expected = torch.zeros(count + 2, count + 2, dtype=torch.float64)
    expected[1:-1, 1:-1] = pulled @ rows.T
    _, (part,), H = total.parts()
    torch.testing.assert_close(part, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(H, expected, rtol=1e-12, atol=1e-12)
