"""Known answers, statuses and misuse of the cubic solve."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from gnlab.cubic import Status, solve_cubic
from gnlab.cubic.certify import certify
from gnlab.cubic.estimate import eliminate, estimate
from gnlab.cubic.exact import solve_exactly
from gnlab.cubic.model import normalise


def test_one_group_without_damping_is_cauchys_exact_line_search():
    solution = solve_cubic([[4.0]], [2.0], [1.0], damping=0.0)
    assert solution.status is Status.solved
    assert solution.step_sizes.item() == 0.5
    assert solution.decrease == 0.5
    assert solution.radius == 0.0


def test_one_group_with_damping_solves_the_scalar_quadratic():
    # (h + (λ/2) d³ η) η = g with h = 1, d = 1, λ = 4: 2η² + η = 3.
    assert solve_cubic([[1.0]], [3.0], [1.0], damping=4.0).step_sizes.item() == 1.0


def test_numbers_whose_squares_overflow_are_finite():
    solution = solve_cubic(torch.eye(2).double() * 1e300, [1e300, 1.0], [1.0, 1.0])
    assert solution.status is Status.solved
    assert solution.step_sizes.tolist() == pytest.approx([1.0, 1e-300])


def test_no_damping_is_newtons_step():
    H, g = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([3.0, 4.0])
    assert solve_cubic(H, g, [1.0, 5.0], damping=0.0).step_sizes.tolist() == [1.0, 1.0]


def test_an_inert_group_gets_zero():
    H, g, d = np.diag([1.0, 2.0, 0.0]), np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    solution = solve_cubic(H, g, d)
    np.testing.assert_allclose(solution.step_sizes, [np.sqrt(3) - 1, 0.5, 0.0], rtol=1e-15)
    assert solve_cubic(H, g, d, damping=0.0).step_sizes.tolist() == [1.0, 0.5, 0.0]


def test_nothing_at_all_moves_nothing():
    solution = solve_cubic(np.zeros((3, 3)), np.zeros(3), [1.0, 0.0, 2.0])
    assert solution.status is Status.solved
    assert solution.step_sizes.tolist() == [0.0, 0.0, 0.0]
    assert solution.decrease == 0.0


def test_the_regulariser_makes_equation_2_hold():
    H, g, d = np.diag([1.0, -2.0]), np.array([1.0, 1.0]), np.array([2.0, 1.0])
    solution = solve_cubic(H, g, d, damping=3.0)
    eta = solution.step_sizes.numpy()
    R = solution.regulariser.numpy()
    np.testing.assert_allclose((H + np.diag(R)) @ eta, g, rtol=1e-14)
    np.testing.assert_allclose(R, 1.5 * np.linalg.norm(d * eta) * d**2, rtol=1e-14)
    assert solution.eigenvalue_min == -2.0
    np.testing.assert_allclose(solution.radius_min, 2 / 1.5, rtol=1e-15)


def test_a_saddle_is_left_along_its_negative_curvature():
    solution = solve_cubic(np.diag([1.0, -2.0]), [0.0, 0.0], [1.0, 1.0], damping=2.0)
    assert solution.status is Status.hard_case
    assert solution.step_sizes.tolist() == [0.0, 2.0]
    np.testing.assert_allclose(solution.decrease, 4 / 3, rtol=1e-15)


def test_the_hard_case_adds_the_null_vector_with_a_positive_leading_entry():
    # K = diag(−1, 1), c = 1: r₀ = 1 and b = (0, 1) gives only 1/2 of it.
    solution = solve_cubic(np.diag([-1.0, 1.0]), [0.0, 1.0], [1.0, 1.0], damping=2.0)
    assert solution.status is Status.hard_case
    np.testing.assert_allclose(solution.step_sizes, [math.sqrt(0.75), 0.5], rtol=1e-15)


@pytest.mark.parametrize("component", [1e-12, -1e-12, 1e-30, -1e-30, 1e-200, -1e-200])
def test_near_the_hard_case_the_sign_follows_the_gradient(component):
    solution = solve_cubic(np.diag([-1.0, 1.0]), [component, 1.0], [1.0, 1.0], damping=2.0)
    expected = [math.copysign(math.sqrt(0.75), component), 0.5]
    np.testing.assert_allclose(solution.step_sizes, expected, rtol=1e-11)
    assert solution.status is (Status.solved if abs(component) > 1e-14 else Status.hard_case)


def test_equal_curvatures_everywhere_are_no_obstacle():
    solution = solve_cubic(-np.eye(40), np.zeros(40), np.ones(40), damping=2.0)
    assert solution.status is Status.hard_case
    np.testing.assert_allclose(np.linalg.norm(solution.step_sizes), 1.0, rtol=1e-15)


def test_b_zero_on_a_root_beyond_the_pole_is_not_hard():
    # b has no component on κ_min = −1, but ‖b‖ alone pushes ρ = 2 beyond ρ₀ = 1.
    solution = solve_cubic(np.diag([-1.0, 1.0]), [0.0, 6.0], [1.0, 1.0], damping=2.0)
    assert solution.status is Status.solved
    np.testing.assert_allclose(solution.step_sizes, [0.0, 2.0], atol=1e-15)


@pytest.mark.parametrize(
    ("H", "g", "d", "damping"),
    [
        (np.diag([-1.0, 1.0]), [1.0, 1.0], [0.0, 1.0], 1.0),
        (np.diag([-1.0, 1.0]), [1.0, 1.0], [1.0, 1.0], 0.0),
        (np.diag([0.0, 1.0]), [1.0, 1.0], [0.0, 1.0], 1.0),
        (np.array([[1.0, 1.0], [1.0, 1.0]]), [1.0, 0.0], [1.0, 1.0], 0.0),
        (np.array([[0.0, 1.0], [1.0, 5.0]]), [0.0, 0.0], [0.0, 1.0], 1.0),
    ],
    ids=["negative curvature", "no damping", "slope", "slope along a null vector", "coupling"],
)
def test_a_model_without_a_minimum_is_named_and_moves_nothing(H, g, d, damping):
    solution = solve_cubic(H, g, d, damping)
    assert solution.status is Status.unbounded
    assert not solution.status.ok
    assert not solution.step_sizes.any()
    assert solution.decrease == 0.0


def test_a_harmless_null_vector_gets_the_minimum_norm_solution():
    solution = solve_cubic(np.ones((2, 2)), [1.0, 1.0], [1.0, 1.0], damping=0.0)
    np.testing.assert_allclose(solution.step_sizes, [0.5, 0.5], rtol=1e-15)


def test_the_minimum_norm_is_measured_in_each_groups_own_curvature():
    a = np.array([1.0, 2.0**10])
    solution = solve_cubic(np.outer(a, a), a, [1.0, 1.0], damping=0.0)
    np.testing.assert_allclose(solution.step_sizes, 0.5 / a, rtol=1e-15)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["H", "g", "d"])
def test_nonfinite_data_are_a_status(value, where):
    data = {"H": np.eye(2), "g": np.ones(2), "d": np.ones(2)}
    data[where][..., 0] = value
    solution = solve_cubic(**data)
    assert solution.status is Status.nonfinite
    assert not solution.step_sizes.any()


def test_statuses_carry_advice():
    for status in Status:
        assert str(status).startswith(f"{status.name}: ")
        assert status.advice.endswith(".")


def random_model(seed, size=6):
    rng = np.random.default_rng(seed)
    H = rng.standard_normal((size, size))
    return H + H.T, rng.standard_normal(size), 10 ** rng.uniform(-2, 2, size)


def test_torch_numpy_and_float32_give_the_same_bits():
    H, g, d = (x.astype(np.float32) for x in random_model(0))
    reference = solve_cubic(*(x.astype(np.float64) for x in (H, g, d))).step_sizes
    for given in ((H, g, d), tuple(torch.from_numpy(x).requires_grad_() for x in (H, g, d))):
        step_sizes = solve_cubic(*given).step_sizes
        assert step_sizes.dtype is torch.float64
        assert torch.equal(step_sizes, reference)


@pytest.mark.gpu
def test_cuda_inputs_are_solved_on_the_cpu():
    H, g, d = (torch.from_numpy(x) for x in random_model(1))
    solution = solve_cubic(H.cuda(), g.cuda(), d.cuda())
    assert solution.step_sizes.device.type == "cpu"
    assert torch.equal(solution.step_sizes, solve_cubic(H, g, d).step_sizes)


def test_inputs_are_left_as_they_were():
    H, g, d = random_model(2)
    copies = H.copy(), g.copy(), d.copy()
    solve_cubic(H, g, d)
    for before, after in zip(copies, (H, g, d), strict=True):
        assert np.array_equal(before, after)


def test_a_certificate_can_fail():
    proof = solve_cubic(*random_model(3)).certificate
    assert proof.holds
    for change in (
        {"residual": 2e-8},
        {"eigenvalue_min": -2e-9 * proof.scale},
        {"radius": proof.radius_min * (1 - 1e-11)},
        {"radius_error": 2e-8},
        {"residual": math.nan},
    ):
        assert not dataclasses.replace(proof, **change).holds


def test_another_root_of_the_optimality_conditions_is_not_certified():
    # K = diag(−2, 1), c = 1, b = (1, 1/10): a local minimiser lies at ρ < ρ₀ = 2.
    model = normalise(np.diag([-2.0, 1.0]), np.array([0.5, 0.05]), np.ones(2), 2.0)
    elimination = eliminate(model)
    found = estimate(model, elimination)
    assert certify(model, elimination, found) is not None
    rhos = np.linspace(0.01, 1.99, 100000) * -found.kappa_min / 2
    kappa, b = np.diag(model.H) / model.d**2, model.g / model.d
    y = b / (kappa + rhos[:, None])
    inner = int(np.argmin(np.abs(model.c * np.linalg.norm(y, axis=1) - rhos)))
    wrong = dataclasses.replace(found, step=y[inner] / model.d, rho=float(rhos[inner]))
    assert certify(model, elimination, wrong) is None


@pytest.mark.parametrize("seed", range(20))
def test_the_last_resort_agrees_with_the_first_way(seed):
    H, g, d = random_model(seed, size=1 + seed)
    d[seed % 3 :: 7] *= seed % 2  # some exact zeros, where H is made definite
    H[d == 0] = H[:, d == 0] = 0.0
    H += np.diag(np.where(d == 0, 2.0, 0.0))
    model = normalise(H, g, d, 1.0)
    elimination = eliminate(model)
    found = estimate(model, elimination)
    first, last = certify(model, elimination, found), solve_exactly(model, elimination, found)
    np.testing.assert_allclose(first.step, last.step, rtol=1e-14)
    np.testing.assert_allclose([first.rho, first.kappa_min], [last.rho, last.kappa_min], rtol=1e-12)
    np.testing.assert_allclose(first.gap, last.gap, atol=1e-14 * max(first.rho, 1.0))


def test_scales_at_the_ends_of_float64_are_solved_too():
    # 1e-150 and 1e150 side by side: K itself would overflow.
    H, d = np.diag([1.0, 1.0]), np.array([1e-150, 1e150])
    solution = solve_cubic(H, [1.0, 1.0], d, damping=2.0)
    assert solution.status is Status.solved
    eta = solution.step_sizes.numpy()
    assert eta[0] == pytest.approx(1 / (1 + solution.regulariser[0].item()))
    assert eta[1] * (1 + solution.regulariser[1].item()) == pytest.approx(1.0)


@pytest.mark.parametrize("damping", [0.0, 1.0])
@pytest.mark.parametrize("size", [200, 257, 500])
def test_groups_that_all_agree_without_a_cubic_term_are_bounded(size, damping):
    # Linear regression on one sample: H = 1 1ᵀ, g = 1, and the least step to the minimum is 1/S.
    solution = solve_cubic(np.ones((size, size)), np.ones(size), np.zeros(size), damping)
    assert solution.status is Status.solved
    np.testing.assert_allclose(solution.step_sizes, 1 / size, rtol=1e-10)
    falls = solve_cubic(np.ones((size, size)), np.arange(1.0, size + 1), np.zeros(size), damping)
    assert falls.status is Status.unbounded


def test_a_curvature_that_is_no_rounding_is_no_null_vector():
    H = np.ones((200, 200)) - 1e-9 * np.eye(200)
    assert solve_cubic(H, np.ones(200), np.zeros(200)).status is Status.unbounded


@pytest.mark.parametrize(
    ("H", "g", "decrease"),
    [
        (-1.0, 1e-155, 2 / 3),  # a saddle: η = 2, −T = ½η² − η³/12
        (-1e80, 1.0, 2e240 / 3),  # the same with η = 2e80, but for the slope
        (1e-310, 1.0, 2 / 3 * math.sqrt(2)),  # ½η² = 1, −T = η − η³/12
    ],
)
def test_the_promise_is_a_number_at_the_ends_of_float64_too(H, g, decrease):
    solution = solve_cubic([[H]], [g], [1.0], 1.0)
    assert solution.status.ok
    assert solution.decrease == pytest.approx(decrease, rel=1e-14)


def test_the_least_damping_there_is_is_none():
    assert solve_cubic([[1.0]], [1.0], [1.0], math.ulp(0.0)).step_sizes.item() == 1.0


@pytest.mark.parametrize("size", [2, 40])
@pytest.mark.parametrize("slope", [1e-150, 1e-154, 1e-160, 1e-200])
def test_a_hard_case_with_next_to_no_gradient(size, slope):
    H, g = np.eye(size), np.zeros(size)
    H[0, 0], g[1] = -1.0, slope
    solution = solve_cubic(H, g, np.ones(size))
    assert solution.status.ok
    np.testing.assert_allclose(solution.radius, 2.0, rtol=1e-12)
    np.testing.assert_allclose(abs(solution.step_sizes[0]), 2.0, rtol=1e-12)
    np.testing.assert_allclose(solution.step_sizes[1:], 0.0, atol=slope)
