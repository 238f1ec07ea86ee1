"""Surfaces: known minima, known spectra, and the start on which Cauchy's bound is reached."""

import math

import pytest
import torch

from gnlab.errors import InputError
from gnlab.problems import problem, surfaces


@pytest.mark.parametrize("spectrum", [(1.0, 30.0), (5.0,), (0.1, 1.0, 10.0, 1e4)])
def test_quadratic_has_the_spectrum_that_was_asked_for(spectrum):
    model = surfaces.quadratic(spectrum, dtype=torch.float64)
    found = torch.linalg.eigvalsh(model.matrix)
    torch.testing.assert_close(found, torch.tensor(sorted(spectrum), dtype=torch.float64))
    hessian = torch.autograd.functional.hessian(model.height, model.theta.detach())
    torch.testing.assert_close(hessian, model.matrix)


def test_quadratic_is_oblique():
    model = surfaces.quadratic((1.0, 2.0, 4.0))
    off_diagonal = model.matrix - model.matrix.diag().diag()
    assert int((off_diagonal.abs() > 1e-3).sum()) == 6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("spectrum", [(1.0, 30.0), (1.0, 3.0, 8.0, 30.0)])
def test_exact_line_search_reaches_cauchys_bound(seed, spectrum):
    """From the worst start every step shrinks the loss by exactly ((κ − 1)/(κ + 1))²."""
    model = surfaces.quadratic(spectrum, seed=seed, dtype=torch.float64)
    theta, A = model.theta.detach().clone(), model.matrix
    for _ in range(5):
        before = model.height(theta)
        g = A @ theta
        theta -= (g @ g) / (g @ A @ g) * g
        assert float(model.height(theta) / before) == pytest.approx((29 / 31) ** 2, rel=1e-9)


def test_seeds_give_different_worst_starts():
    starts = {tuple(surfaces.quadratic((1.0, 30.0), seed=s).theta.tolist()) for s in range(12)}
    assert len(starts) == 4


def test_rosenbrock():
    model = surfaces.rosenbrock()
    assert model.theta.tolist() == pytest.approx([-1.2, 1.0])
    grid = torch.tensor([[[1.0, 1.0], [0.0, 0.0]], [[-1.2, 1.0], [2.0, 0.0]]])
    assert model.height(grid).tolist() == [[0.0, 1.0], [pytest.approx(24.2), 1601.0]]
    assert surfaces.rosenbrock(seed=1).theta.tolist() != model.theta.tolist()


@pytest.mark.parametrize("name", ["quadratic", "rosenbrock"])
def test_the_data_have_no_say(name):
    p = problem(name, dtype=torch.float64)
    x, y = p.train.batch(torch.tensor([0]))
    loss = p.loss_fn(p.model(x), y)
    assert loss.dim() == 0
    assert loss.requires_grad
    assert torch.equal(loss, p.loss_fn(p.model(x * math.nan), y))
    assert [n for n, _ in p.model.named_parameters()] == ["theta"]
    assert (p.kind, p.classes, len(p.train), p.validation) == ("surface", None, 1, None)


@pytest.mark.parametrize("spectrum", [(), (1.0, -1.0), (0.0,), (math.inf,), (math.nan,)])
def test_bad_spectrum(spectrum):
    with pytest.raises(InputError, match="positive finite eigenvalues"):
        surfaces.quadratic(spectrum)
