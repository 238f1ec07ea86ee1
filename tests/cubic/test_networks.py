"""The curvature of real networks, which bends down: solved, or said to have no minimum."""

import pytest
import torch

import gnlab
from gnlab import problems


@pytest.mark.parametrize(
    ("preset", "level", "groups"),
    [
        ("digits-mlp", "tensor", 8), ("digits-mlp", "unit", 212), ("moons", "unit", 68),
        ("moons", "element", 354), ("spirals", "unit", 148), ("spirals", "row:4", 322),
    ],
)  # fmt: skip
def test_an_indefinite_curvature_has_a_step_with_the_cubic_term(preset, level, groups):
    problem = problems.problem(preset, seed=0)
    batch = problem.train.batch(torch.arange(100))
    p = gnlab.partition(problem.model, level)
    H, g, d = gnlab.summarise(problem.model, problem.loss_fn, batch, p).coefficients()
    assert p.num_groups == groups
    assert torch.linalg.eigvalsh(H.double())[0] < 0
    assert gnlab.solve_cubic(H, g, d, 0.0).status.name == "unbounded"
    for damping in (1e-3, 1.0, 1e3):
        found = gnlab.solve_cubic(H, g, d, damping)
        assert found.status.name == "solved"
        assert found.certificate.holds
