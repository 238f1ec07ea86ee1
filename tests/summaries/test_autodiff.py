"""The plain definition against forward-mode brute force, finite differences and known answers."""

import numpy as np
import pytest
import torch

from gnlab.partitions import partition
from gnlab.summaries import derivative_tensor, summarise

# The first use of torch's forward mode warns of its own use of a deprecated function.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


def assert_same(found, expected, tolerance=1e-10):
    """Equal relative to the largest entry."""
    assert found.shape == expected.shape
    scale = expected.abs().max()
    assert (found - expected).abs().max() <= tolerance * scale


def shifted(case, u, step):
    """The case at θ + step · u."""
    with torch.no_grad():
        for name, p in case.model.named_parameters():
            if name in u:
                p.add_(u[name], alpha=step)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_order_is_brute_force(case, brute_force, some_entries, order):
    u, rng = case.direction(), torch.Generator().manual_seed(order)
    for p in case.partitions():
        found = derivative_tensor(case.model, case.loss_fn, case.batch, p, order, u)
        assert found.shape == (p.num_groups,) * order
        if p.num_groups**order <= 81:
            assert_same(found, brute_force(case, p, u, order))
        else:
            index = torch.randint(p.num_groups, (50, order), generator=rng)
            known = some_entries(case, p, u, index)
            assert known.any()
            assert_same(found[tuple(index.T)], known)


def test_the_summary_is_what_forward_mode_gives(case, forward_mode):
    # Rules of differentiation that share nothing with the reverse passes.
    u = case.direction()
    for p in case.partitions():
        s = summarise(case.model, case.loss_fn, case.batch, p, u)
        groups = range(p.num_groups)
        assert_same(s.g, torch.stack([forward_mode(case, p, u, i) for i in groups]))
        above = torch.triu_indices(p.num_groups, p.num_groups)
        H = torch.stack([forward_mode(case, p, u, *pair) for pair in above.T.tolist()])
        assert_same(s.H[tuple(above)], H)
        assert torch.equal(s.H, s.H.T)
        third = torch.stack([forward_mode(case, p, u, i, i, i) for i in groups])
        assert (s.third - third).abs().max() <= 1e-10 * (third.abs().max() + s.H.abs().max())
        torch.testing.assert_close(s.d, s.third.abs() ** (1 / 3))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_order_is_the_difference_of_the_one_before(case, order):
    # From the loss's values alone: no rule of differentiation is trusted, fused kernels included.
    u, p = case.direction(), partition(case.model, "all")

    def below() -> torch.Tensor:
        if order == 1:
            return case.loss_fn(case.model(case.batch[0]), case.batch[1]).detach()
        return derivative_tensor(case.model, case.loss_fn, case.batch, p, order - 1, u)

    found = derivative_tensor(case.model, case.loss_fn, case.batch, p, order, u).squeeze()
    step, difference, at = 2e-4, 0.0, 0
    # The central difference of eighth order.
    for k, weight in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)):
        for side in (1, -1):
            shifted(case, u, (side * k - at) * step)
            at = side * k
            difference += side * weight * below().squeeze() / step
    torch.testing.assert_close(found, difference, rtol=1e-7, atol=1e-8)


def test_the_order_may_be_numpys():
    model = torch.nn.Linear(2, 1).double()
    batch = (torch.ones(3, 2).double(), torch.zeros(3, 1).double())
    p = partition(model, "tensor")
    found = [
        derivative_tensor(model, torch.nn.functional.mse_loss, batch, p, order)
        for order in (2, np.int64(2))
    ]
    assert torch.equal(*found)
