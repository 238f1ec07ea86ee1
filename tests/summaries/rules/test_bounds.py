"""Bounds and exponents that vary, numbers' powers, by differences and by the definition."""

import pytest
import torch

from gnlab.summaries.rules.bounds import FORMULAS
from tests.summaries.rules.held import Formulated

S = (2, 3)
FIXED = torch.tensor([[0.3, -0.7, 1.1], [0.2, 0.9, -0.4]], dtype=torch.float64)
OPERATIONS = {
    "clamp": (lambda x, a, b: torch.clamp(x, a, a + b.square()).sin(), S, S, (3,)),
    "clamp: below": (lambda x, a: torch.clip(x, min=a).sin(), S, S),
    "clamp: above": (lambda x, b: x.clamp(max=b).sin(), S, (2, 1)),
    "clamp: crossed": (lambda x, a: x.clamp(a + 1, a - 1).sin(), S, S),
    "clamp: of a constant": (lambda a: FIXED.clamp(min=a).sin(), S),
    "clamp: wider": (lambda x: x.clamp(min=FIXED).sin(), (3,)),
    "clamp: wider by two rows": (lambda x: torch.clamp(x.sin(), FIXED - 1, FIXED), (1, 3)),
    "clamp: in place": (lambda x, a: (2 * x).clamp_(a).sin() * x, S, S),
    "clamp_min": (lambda x, a: x.clamp_min(a).sin(), S, S),
    "clamp_max": (lambda x, b: torch.clamp_max(x, max=b).sin(), S, (3,)),
    "pow": (lambda x: torch.pow(1.7, x), S),
    "pow: both vary": (lambda x, n: (x.exp() ** n).sin(), S, (3,)),
    "pow: wider by its exponent": (lambda x, n: torch.pow(x.exp(), exponent=n).sin(), (1, 3), S),
    "pow: of a constant": (lambda n: (FIXED.abs() ** n).sin(), S),
    "pow: constant exponents": (lambda x: (x.exp() ** FIXED).sin(), S),
    "pow: constant exponents in a row": (lambda x: x.exp().pow(FIXED[1]).sin(), S),
    "pow: constant exponents, wider": (lambda x: (x.exp() ** FIXED).sin(), (3,)),
    "pow: whole exponents": (lambda x: (x ** torch.tensor([0, 1, 3])).sin(), S),
    "pow: in place": (lambda x: (x * x + 1).pow_(FIXED).sin(), S),
    "float_power": (lambda x: torch.float_power(x.exp(), 2.5).sin(), S),
    "float_power: cube": (lambda x: x.float_power(3), S),
    "float_power: a tensor": (lambda x: torch.float_power(x, torch.tensor(2)), S),
}


def test_every_formula_is_tried():
    assert {name.split(":")[0] for name in OPERATIONS} == set(FORMULAS)


class TestOperations(Formulated):
    """Held to what all are."""


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.pow(0.0, x.exp()),
        lambda x: (x - x.detach().amax()) ** x,
        lambda x: torch.float_power(2.0, x),
    ],
)
def test_powers_that_have_no_rule_fall_back(between, function):
    problem = between("", function, S)
    with pytest.raises(ValueError, match="pow"):
        problem.summary(problem.partitions()[0], "jets")


def test_bounds_of_another_shape_are_torchs_to_refuse(between):
    shape = [3]
    problem = between("", lambda x: x.clamp(min=torch.zeros(shape[0]).double()), S)
    shape[0] = 2
    with pytest.raises(RuntimeError, match="size of tensor a"):
        problem.summary(problem.partitions()[0], "auto")
