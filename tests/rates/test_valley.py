"""The valley in closed form against the plain definition, and what is known of Newton's way."""

import numpy as np
import pytest
import torch

import gnlab
from gnlab.cubic import Status
from gnlab.errors import InputError
from gnlab.problems import surfaces
from gnlab.rates import runs, valley, walk
from gnlab.rates.valley import measured, slopes

CLASSICAL = np.array([-1.2, 1.0])


@pytest.mark.parametrize("point", [(-1.2, 1.0), (0.3, 2.0), (1.5, -0.5)])
@pytest.mark.parametrize(("count", "level"), [(1, "all"), (2, "element")])
def test_the_summary_is_that_of_the_definition(point, count, level):
    model = surfaces.Rosenbrock(torch.tensor(point, dtype=torch.float64))
    batch = (torch.zeros(1, 1), torch.zeros(1))
    expected = gnlab.summarise(
        model, surfaces.loss_is_output, batch, gnlab.partition(model, level), method="autodiff"
    )
    g, H, d = measured(np.array(point), runs(2, count))
    np.testing.assert_allclose(g, expected.g, rtol=1e-12)
    np.testing.assert_allclose(H, expected.H, rtol=1e-12, atol=1e-6)
    np.testing.assert_allclose(d, expected.d, rtol=1e-9, atol=1e-3)
    assert float(valley(np.array(point))) == pytest.approx(float(expected.loss))


@pytest.mark.parametrize("count", [1, 2])
def test_a_step_is_that_of_the_optimizer(count):
    """Where all step sizes are positive, which training asks for."""
    found = walk(CLASSICAL, runs(2, count), 0.5, 1)
    run = gnlab.Run(
        "rosenbrock", partition="all" if count == 1 else "element", damping=0.5, lr=1.0,
        dtype="float64", device="cpu",
    )  # fmt: skip
    record = run.step()
    assert (record.step_size_solved > 0).all()
    np.testing.assert_allclose(found.points[1], run.model.theta.detach().numpy(), rtol=1e-9)


def test_two_groups_without_the_cubic_term_are_newtons_method():
    found = walk(CLASSICAL, runs(2, 2), 0.0, 50)
    for before, after in zip(found.points[:-2], found.points[1:-1], strict=True):
        gradient, hessian, _ = slopes(before)
        np.testing.assert_allclose(after, before - np.linalg.solve(hessian, gradient), rtol=1e-6)
    assert len(found.points) < 10
    assert found.values[-1] < 1e-20


def test_one_group_goes_down_at_every_step():
    found = walk(CLASSICAL, runs(2, 1), 0.1, 40)
    assert (np.diff(found.values) < 0).all()


def test_where_the_surface_bends_down_only_the_cubic_term_gives_a_step():
    start = np.array([0.0, 1.0])
    assert np.linalg.eigvalsh(slopes(start)[1])[0] < 0
    stopped = walk(start, runs(2, 2), 0.0, 10)
    assert stopped.status is Status.unbounded
    assert len(stopped.points) == 1
    assert len(walk(np.array([0.1, 1.0]), runs(2, 2), 1.0, 10).points) == 11


@pytest.mark.parametrize(("damping", "steps"), [(-1.0, 5), (1.0, 0)])
def test_what_is_no_walk(damping, steps):
    with pytest.raises(InputError):
        walk(CLASSICAL, runs(2, 1), damping, steps)
