"""Thousands of groups: the same certificates, by torch's decompositions; groups without effect."""

import numpy as np
import pytest
import torch

from gnlab.cubic import Status, dense, plainly, reduction, refine, solve_cubic
from gnlab.cubic.model import normalise
from gnlab.cubic.threads import FEW


def random_model(seed, size, decades=1.0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((size, size)) / np.sqrt(size)
    d = 10 ** rng.uniform(-decades, decades, size)
    H = (A + A.T) / 2 * np.outer(d, d)
    return (H + H.T) / 2, rng.standard_normal(size) * d, d


def near_the_pole(seed, size):
    H, g, d = random_model(seed, size)
    lowest = np.linalg.eigh(H / np.outer(d, d))[1][:, 0]
    b = g / d
    b = 0.1 * (b - (b @ lowest) * lowest) / np.linalg.norm(b) + 1e-9 * lowest
    return H, b * d, d


def assert_minimal(H, g, d, solution):
    """By the optimality conditions in the invariant variables, in numpy."""
    assert solution.status.ok
    assert solution.certificate.holds
    eta, rho = solution.step_sizes.numpy(), solution.radius / 2
    K, y = H / np.outer(d, d), d * eta
    scale = np.abs(K).max() * len(g)
    b = g / d
    assert np.linalg.norm(K @ y + rho * y - b) <= 1e-12 * (scale * np.linalg.norm(y))
    assert np.linalg.eigvalsh(K)[0] + rho >= -1e-13 * scale


@pytest.mark.parametrize("size", [dense.LARGE - 1, dense.LARGE, 700])
@pytest.mark.parametrize("make", [random_model, near_the_pole])
def test_large_models_are_solved_and_certified(make, size):
    H, g, d = make(0, size)
    assert_minimal(H, g, d, solve_cubic(H, g, d))


def by_the_whole(monkeypatch, *model):
    """The solution by a whole decomposition."""
    with monkeypatch.context() as patched:
        patched.setattr(reduction, "ENOUGH", 10**6)
        return solve_cubic(*model)


@pytest.mark.parametrize("size", [reduction.ENOUGH, 42, FEW, FEW + 1, dense.LARGE, 700])
def test_half_a_decomposition_suffices(size, monkeypatch):
    monkeypatch.setattr(torch.linalg, "eigh", lambda _: pytest.fail("decomposed"))
    for seed in range(3):
        H, g, d = random_model(seed, size)
        if seed:
            d[: size // 2] *= 10.0**-seed
        if seed == 2:  # definite: ρ₀ = 0
            H = H @ H + np.diag(d**2)
            H = (H + H.T) / 2
        assert_minimal(H, g, d, solve_cubic(H, g, d))


@pytest.mark.parametrize("size", [reduction.ENOUGH, FEW, 300])
def test_next_to_the_pole_the_half_does_not_suffice(size, monkeypatch):
    model = near_the_pole(0, size)
    known = by_the_whole(monkeypatch, *model)
    found = solve_cubic(*model)
    assert_minimal(*model, found)
    assert torch.equal(known.step_sizes, found.step_sizes)


@pytest.mark.parametrize("size", [reduction.ENOUGH, 42, FEW, FEW + 1, 280])
def test_the_half_and_the_whole_agree(size, monkeypatch):
    for seed in range(10):
        H, g, d = random_model(seed, size, decades=2.0)
        if seed % 2:
            H = H @ H + np.diag(d**2)
            H = (H + H.T) / 2
        damping = 10.0 ** (seed % 5 - 2)
        known, found = by_the_whole(monkeypatch, H, g, d, damping), solve_cubic(H, g, d, damping)
        y, other = d * known.step_sizes.numpy(), d * found.step_sizes.numpy()
        assert np.linalg.norm(y - other) <= 1e-10 * np.linalg.norm(y)
        assert found.radius_min == pytest.approx(known.radius_min, rel=1e-10)
        assert found.certificate.holds


def test_a_few_rows_decades_apart_are_decomposed_with_care():
    K = random_model(0, 42)[0]
    assert reduction.is_worth_it(K)
    K[0] *= dense.GRADED / 2
    K[:, 0] *= dense.GRADED / 2
    assert not reduction.is_worth_it(K)


def test_a_reduction_is_the_matrix():
    A = np.random.default_rng(0).standard_normal((40, 40))
    A = A + A.T
    form = reduction.reduce(A)
    T = np.diag(form.diagonal) + np.diag(form.beside, 1) + np.diag(form.beside, -1)
    Q = np.column_stack([form.turned(unit, "N") for unit in np.eye(40)])
    np.testing.assert_allclose(Q @ T @ Q.T, A, atol=1e-12)
    np.testing.assert_allclose(form.turned(A[0], "T"), Q.T @ A[0], atol=1e-13)
    kappa = np.linalg.eigvalsh(A)
    (least, most), (two, v) = form.ends(), form.lowest()
    assert (least, most) == pytest.approx((kappa[0], kappa[-1]), rel=1e-12)
    np.testing.assert_allclose(two, kappa[:2], rtol=1e-12)
    np.testing.assert_allclose(T @ v, least * v, atol=1e-12)
    assert form.inverse(-kappa[0] - 1.0) is None
    v = form.inverse(1.0 - kappa[0])(A[0])
    np.testing.assert_allclose(A @ v + (1 - kappa[0]) * v, A[0], atol=1e-11)


@pytest.mark.parametrize("size", [2, 5, 40])
@pytest.mark.parametrize("apart", [True, False])
def test_the_lowest_of_a_matrix(size, apart):
    rng = np.random.default_rng(size)
    Q = np.linalg.qr(rng.standard_normal((size, size)))[0] if apart else np.eye(size)
    kappa = rng.permutation(np.linspace(-1, 1, size))
    values, v = reduction.lowest((Q * kappa) @ Q.T)
    np.testing.assert_allclose(values, np.sort(kappa)[:2], atol=1e-14)
    np.testing.assert_allclose(np.abs(v), np.abs(Q[:, kappa.argmin()]), atol=1e-13)


def test_scales_many_decades_apart():
    H, g, d = random_model(1, 300, decades=5.0)
    d = d * 10 ** np.random.default_rng(2).uniform(-3, 3, 300)  # K's rows differ too
    solution = solve_cubic(H, g, d)
    assert solution.status is Status.solved
    assert solution.certificate.residual <= 1e-8


@pytest.mark.parametrize("damping", [0.0, 1.0])
def test_a_definite_model_with_and_without_damping(damping):
    H, g, d = random_model(3, 400)
    H = H @ H + np.diag(d**2)
    H = (H + H.T) / 2
    solution = solve_cubic(H, g, d, damping)
    assert solution.status is Status.solved
    R = np.diag(solution.regulariser.numpy())
    eta = np.linalg.solve(H + R, g)
    np.testing.assert_allclose(d * solution.step_sizes.numpy(), d * eta, rtol=1e-8, atol=1e-12)


def test_negative_curvature_without_damping_is_named():
    assert solve_cubic(*random_model(4, 300), damping=0.0).status is Status.unbounded


def test_groups_without_effect_are_left_out_bit_for_bit():
    H, g, d = random_model(5, 300)
    still = np.random.default_rng(0).random(300) < 0.4
    H[still] = H[:, still] = g[still] = d[still] = 0.0
    whole = solve_cubic(H, g, d)
    live = np.flatnonzero(~still)
    alone = solve_cubic(H[np.ix_(live, live)], g[live], d[live])
    assert np.array_equal(whole.step_sizes[live], alone.step_sizes)
    assert np.array_equal(whole.regulariser[live], alone.regulariser)
    assert not whole.step_sizes[still].any()
    assert not whole.regulariser[still].any()
    assert (whole.radius, whole.decrease) == (alone.radius, alone.decrease)


def test_an_ordinary_large_model_needs_nothing_factored(monkeypatch):
    monkeypatch.setattr(refine, "solver", lambda *_: pytest.fail("factored"))
    assert solve_cubic(*random_model(6, 400)).status is Status.solved


def test_a_sum_in_pieces_is_rounded_less():
    rng = np.random.default_rng(0)
    for size in (1, 7, 128, 129, 1000, 1025):
        A, x = rng.standard_normal((size, size)), rng.standard_normal(size)
        found, roundings = plainly._product(A, x)
        exact = (A.astype(np.longdouble) @ x.astype(np.longdouble)).astype(np.float64)
        bound = roundings * np.finfo(np.float64).eps * (np.abs(A) @ np.abs(x))
        assert (np.abs(found - exact) <= bound).all()
        assert roundings <= max(128, 16 + size // 64 + 7)


def test_what_does_not_converge_is_singular(monkeypatch):
    def fails(_):
        raise RuntimeError

    monkeypatch.setattr(torch.linalg, "eigh", fails)
    monkeypatch.setattr(reduction, "_APART", np.inf)  # half a decomposition does not suffice
    solution = solve_cubic(*near_the_pole(7, 300))
    assert solution.status is Status.singular
    assert not solution.step_sizes.any()


@pytest.mark.parametrize("size", [5, dense.LARGE + 1])
def test_both_libraries_decompose_alike(size, monkeypatch):
    A = np.random.default_rng(0).standard_normal((size, size))
    A = A + A.T
    kappa, Q = dense.eigh(A)
    np.testing.assert_allclose((Q * kappa) @ Q.T, A, atol=1e-12 * size)
    monkeypatch.setattr(dense, "_DECOMPOSED", 10**6)
    np.testing.assert_allclose(dense.eigh(A)[0], kappa, atol=1e-12 * size)
    definite = A @ A.T + np.eye(size)
    assert dense.is_definite(definite.copy())
    assert not dense.is_definite(A.copy())
    right = np.ones(size)
    solve = dense.solver(np.asfortranarray(definite))
    np.testing.assert_allclose(definite @ solve(right), right, atol=1e-8)
    assert dense.solver(np.zeros((size, size), order="F")) is None


def test_the_device_of_the_inputs_is_where_large_ones_are_factored():
    H, g, d = random_model(8, 4)
    assert normalise(H, g, d, 1.0).device.type == "cpu"
    assert normalise(H, g, d, 1.0, torch.device("meta")).device.type == "meta"


def test_what_a_gpu_would_not_hasten_stays_where_it_is():
    A = np.diag(np.arange(1.0, 301.0))
    elsewhere = torch.device("meta")  # from which no number comes back
    np.testing.assert_allclose(dense.eigh(A, elsewhere)[0], np.diag(A))
    assert dense.is_definite(A.copy(), elsewhere)
    np.testing.assert_allclose(dense.solver(A, elsewhere)(np.ones(300)), 1 / np.diag(A))


@pytest.mark.gpu
def test_a_large_model_on_a_gpu_is_solved_there():
    H, g, d = random_model(9, 600)
    solution = solve_cubic(*(torch.from_numpy(values).cuda() for values in (H, g, d)))
    assert_minimal(H, g, d, solution)
    known = solve_cubic(H, g, d)
    y, there = d * known.step_sizes.numpy(), d * solution.step_sizes.numpy()
    assert np.linalg.norm(y - there) <= 1e-9 * np.linalg.norm(y)


@pytest.mark.parametrize("without", [0, 1, 5])
@pytest.mark.parametrize(("size", "rank"), [(20, 8), (129, 60), (300, 299), (300, 120)])
def test_no_negative_curvature_and_no_full_rank(size, rank, without):
    """As of Gauss-Newton's matrix with more groups than outputs: κ_min is rounding, many times."""
    rng = np.random.default_rng(size + rank)
    J = rng.standard_normal((rank, size)) / np.sqrt(rank) * 10 ** rng.uniform(-2, 0, size)
    H, g = J.T @ J, J.T @ rng.standard_normal(rank)
    d = np.sqrt(np.diag(H))
    d[:without] = 0
    solution = solve_cubic((H + H.T) / 2, g, d)
    assert solution.status is Status.solved
    assert solution.certificate.holds
    assert solution.certificate.radius_min <= 1e-6 * solution.radius
    eta = solution.step_sizes.numpy()
    fault = H @ eta + solution.radius / 2 * d * d * eta - g
    assert np.linalg.norm(fault) <= 1e-10 * np.linalg.norm(g)


@pytest.mark.parametrize("c", [2.0, 1.5, 1.0, 0.5, 0.1])
def test_curvatures_of_which_all_but_one_are_one(c):
    """I − c vvᵀ: LAPACK's count of eigenvalues by their place loses the largest."""
    for size in range(24, 65):
        v = np.arange(1.0, size + 1)
        v /= np.linalg.norm(v)
        solution = solve_cubic(np.eye(size) - c * np.outer(v, v), np.ones(size), np.ones(size))
        assert solution.status is Status.solved, size
        assert solution.eigenvalue_min == pytest.approx(1 - c, abs=1e-14)


@pytest.mark.parametrize("size", [24, 37, 64, 130])
def test_curvatures_of_a_few_values_each_many_times(size):
    rng = np.random.default_rng(size)
    for values in ([-1.0, 1.0], [2.0], [-3.0, -3.0 + 1e-15, 1.0], [0.0, 1.0, 1e6]):
        for _ in range(20):
            kappa = rng.choice(values, size)
            Q = np.linalg.qr(rng.standard_normal((size, size)))[0]
            H, g = Q * kappa @ Q.T, rng.standard_normal(size)
            solution = solve_cubic((H + H.T) / 2, g, np.ones(size))
            assert solution.status is Status.solved
            rho = solution.radius / 2
            y = Q @ (Q.T @ g / (kappa + rho))
            np.testing.assert_allclose(solution.step_sizes, y, rtol=0, atol=1e-9 * np.abs(y).max())
