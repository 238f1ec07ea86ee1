"""Products of rows in parts, and a matrix made symmetric in its own memory."""

import pytest
import torch

from gnlab.summaries.jets import products


@pytest.mark.parametrize("size", [1, 255, 256, 600])
def test_a_matrix_made_symmetric_stays_where_it_is(size):
    H = torch.randn(size, size, dtype=torch.float64)
    expected = (H + H.T) / 2
    found = products.made_symmetric(H)
    assert found.data_ptr() == H.data_ptr()
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("parts", [1, 3, 12])
def test_a_product_of_long_rows_is_the_sum_of_its_parts(monkeypatch, parts):
    monkeypatch.setattr(products, "_parts_of", lambda *_: parts)
    rng = torch.Generator().manual_seed(0)
    a = torch.randn(2, 24, generator=rng, dtype=torch.float64)
    rows = torch.randn(9, 24, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(products.products(a, rows[4:]), a @ rows[4:].T)
    spread = torch.randn(3, 1, generator=rng, dtype=torch.float64).expand(3, 24)
    torch.testing.assert_close(products.products(spread, rows), spread @ rows.T)


@pytest.mark.parametrize("n", [1, 4095, 4096, 8193, 4_704_000, 102_400, 1_000_003])
def test_parts_are_equal_and_neither_short_nor_long(n):
    parts = products._divided(n)
    assert n % parts == 0
    assert parts == 1 or products._PART / 2 <= n / parts <= products._PART


@pytest.mark.parametrize("rows", [2, 40])
def test_a_sum_of_many_numbers_keeps_its_digits(rows):
    """One after the other, a quarter of a million numbers of single precision are 1e-6 off."""
    rng = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, rows, 2**18, generator=rng)
    known = a.double() @ b.double().T
    assert ((products.products(a, b) - known).abs() <= 3e-7 * known).all()


@pytest.mark.gpu
def test_a_gpu_divides_long_rows():
    a, b = torch.randn(3, 8192 * 5).cuda(), torch.randn(4, 8192 * 5).cuda()
    assert products._parts_of(a, b) > 1
    error = (products.products(a, b) - a.double() @ b.double().T).abs()
    assert (error <= 1e-6 * torch.outer(a.norm(dim=1), b.norm(dim=1))).all()
