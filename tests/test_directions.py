"""The directions' formulas, their equivariance and their memory."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gnlab.directions import NAMES, Momentum, direction, polar_factor
from gnlab.errors import InputError


def gradients(steps: int, seed: int = 0) -> list[dict[str, Tensor]]:
    """A sequence of random gradients of a matrix, a kernel and a vector."""
    rng = torch.Generator().manual_seed(seed)
    shapes = {"w": (5, 7), "k": (4, 3, 2, 2), "b": (5,)}
    return [
        {n: torch.randn(s, generator=rng, dtype=torch.float64) for n, s in shapes.items()}
        for _ in range(steps)
    ]


def last_direction(name: str, sequence: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    rule, state, u = direction(name), {}, {}
    for grads in sequence:
        u, state = rule.update(grads, state)
    return u


def test_gradient_is_a_copy():
    [g] = gradients(1)
    u, _ = direction("gradient").update(g, {})
    assert all(torch.equal(u[n], g[n]) and u[n].data_ptr() != g[n].data_ptr() for n in g)


def test_the_gradient_remembers_nothing():
    first, second = gradients(2)
    _, state = direction("momentum").update(first, {})
    assert direction("gradient").update(second, state)[1] == {}


def test_momentum_is_the_papers_average():
    first, second = gradients(2)
    u = last_direction("momentum", [first, second])
    for name in u:
        torch.testing.assert_close(u[name], 0.9 * first[name] + 0.1 * second[name])


def test_momentum_does_not_alias_a_gradient_that_is_reused():
    grads = {"w": torch.ones(2)}
    u, state = Momentum(0.5).update(grads, {})
    grads["w"].fill_(100.0)
    assert u["w"].tolist() == [1.0, 1.0]
    u, _ = Momentum(0.5).update({"w": torch.full((2,), 3.0)}, state)
    assert u["w"].tolist() == [2.0, 2.0]


def test_adam_equals_torch_adam():
    sequence = gradients(4)
    params = {n: torch.zeros_like(g, requires_grad=True) for n, g in sequence[0].items()}
    optimizer = torch.optim.Adam(params.values(), lr=1e-3)
    for grads in sequence:
        before = {n: p.detach().clone() for n, p in params.items()}
        for name, p in params.items():
            p.grad = grads[name]
        optimizer.step()
    u = last_direction("adam", sequence)
    for name, p in params.items():
        torch.testing.assert_close(
            (before[name] - p.detach()) / 1e-3, u[name], rtol=1e-10, atol=1e-12
        )


def test_polar_factor_agrees_with_the_singular_value_decomposition():
    rng = torch.Generator().manual_seed(1)
    for shape in [(6, 9), (9, 6), (4, 4), (1, 5)]:
        m = torch.randn(shape, generator=rng, dtype=torch.float64)
        left, sigma, right = torch.linalg.svd(m, full_matrices=False)
        factor = polar_factor(m)
        core = left.mT @ factor @ right.mT
        kept = sigma / sigma.norm() > 3e-3
        assert (core.diagonal()[kept] - 1).abs().max() < 0.03
        assert (core - core.diagonal().diag()).abs().max() < 1e-9


def test_polar_factor_does_not_raise_rounding_in_a_rank_deficient_matrix():
    rng = torch.Generator().manual_seed(2)
    m = torch.randn(10, 84, generator=rng)
    m = m - m.mean(0, keepdim=True)  # a softmax layer's gradient: its rows sum to zero
    factor = polar_factor(m)
    assert torch.linalg.svdvals(factor)[-1] < 1e-3
    assert torch.linalg.svdvals(factor)[-2] > 0.97


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3), (0,)])
def test_a_parameter_without_elements_has_every_direction(shape):
    empty = torch.zeros(shape)
    for name in NAMES:
        u, _ = direction(name).update({"empty": empty, "full": torch.ones(2, 2)}, {})
        assert u["empty"].shape == shape
        assert u["full"].any()


@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1.0, 1e18, 1e30])
def test_polar_factor_is_scale_free_and_finite(scale):
    m = torch.randn(4, 6, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(polar_factor(scale * m), polar_factor(m), rtol=1e-4, atol=1e-5)
    assert polar_factor(torch.zeros(3, 2)).abs().sum() == 0


def test_orthogonal_keeps_plain_momentum_for_vectors():
    sequence = gradients(3)
    u, plain = last_direction("orthogonal", sequence), last_direction("momentum", sequence)
    torch.testing.assert_close(u["b"], plain["b"])
    kernel = u["k"].flatten(1)
    torch.testing.assert_close(
        kernel @ kernel.mT, torch.eye(4, dtype=torch.float64), rtol=0.06, atol=0.06
    )


@given(st.sampled_from(["gradient", "momentum", "orthogonal"]), st.integers(0, 10**6))
@settings(max_examples=30)
def test_directions_follow_an_orthogonal_change_of_variables(name, seed):
    sequence = gradients(3, seed)
    rng = torch.Generator().manual_seed(seed + 1)
    q, _ = torch.linalg.qr(torch.randn(5, 5, generator=rng, dtype=torch.float64))
    turned = [{n: q @ g if n in ("w", "b") else g for n, g in grads.items()} for grads in sequence]
    u, v = last_direction(name, sequence), last_direction(name, turned)
    torch.testing.assert_close(v["w"], q @ u["w"], rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(v["b"], q @ u["b"], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_scale_per_tensor_leaves_the_directions_shape(name):
    sequence = gradients(3)
    factor = {"w": 8.0, "k": 0.25, "b": 64.0}
    scaled = [{n: factor[n] * g for n, g in grads.items()} for grads in sequence]
    u, v = last_direction(name, sequence), last_direction(name, scaled)
    for key in u:
        # Adam keeps the shape only up to its epsilon.
        tolerance = 1e-6 if name == "adam" else 1e-12
        torch.testing.assert_close(
            u[key] / u[key].norm(), v[key] / v[key].norm(), rtol=tolerance, atol=tolerance
        )


def test_unknown_direction_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'momentum'"):
        direction("momentun")


@pytest.mark.parametrize("momentum", [-0.1, 1.0, float("nan"), "0.9"])
def test_momentum_out_of_bounds_is_refused(momentum):
    with pytest.raises(InputError, match=r"momentum must be a finite number in \[0, 1\)"):
        direction("momentum", momentum=momentum)


@pytest.mark.parametrize("name", [["adam"], {"adam": 1}, None])
def test_what_is_no_name_is_no_direction(name):
    with pytest.raises(InputError, match="unknown direction"):
        direction(name)
