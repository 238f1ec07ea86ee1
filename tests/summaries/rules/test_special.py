"""Inverses and special functions, by differences and by the plain definition."""

import pytest
import torch

from gnlab.summaries.rules.special import FORMULAS, RULES
from tests.summaries.rules.held import Formulated

S = (2, 3)
FIXED = torch.tensor([[0.3, -0.7, 1.1], [0.2, 0.9, -0.4]], dtype=torch.float64)
SIMPLE = {
    "asin": lambda x: torch.asin(0.9 * x.sin()), "acos": lambda x: torch.arccos(0.9 * x.sin()),
    "asin: in place": lambda x: (0.8 * x.cos()).arcsin_(), "asinh": torch.arcsinh,
    "acosh": lambda x: torch.acosh(1.1 + x * x), "atanh": lambda x: torch.arctanh(0.9 * x.sin()),
    "acosh: arcosh": lambda x: torch.arccosh(2 + x.sin()), "erfc": torch.special.erfc,
    "lgamma": lambda x: torch.lgamma(x.exp()), "lgamma: below zero": lambda x: (-x.cos()).lgamma(),
    "lgamma: gammaln": lambda x: torch.special.gammaln(1 + x * x),
    "digamma": lambda x: torch.digamma(x.exp()), "digamma: psi": lambda x: (1 + x * x).digamma(),
    "logit": lambda x: torch.logit(x.sigmoid() * 0.9), "logit: eps": lambda x: x.logit(0.2),
    "logit: by name": lambda x: torch.special.logit(x, eps=1e-6),
    "fmod": lambda x: torch.fmod(x, 0.37).sin(), "fmod: in place": lambda x: (x * x).fmod_(0.43),
    "remainder": lambda x: (x % 0.37).sin(), "frac": lambda x: torch.frac(3 * x).sin(),
    "remainder: a tensor": lambda x: torch.remainder(x, FIXED).sin(),
    "remainder: below zero": lambda x: x.remainder(-0.31).sin(),
    "rad2deg": lambda x: torch.rad2deg(x).mul(0.01).sin(), "deg2rad": lambda x: x.deg2rad() * x,
}  # fmt: skip
OPERATIONS = {name: (function, S) for name, function in SIMPLE.items()} | {
    "atan2": (torch.atan2, S, S),
    "atan2: constant": (lambda y: torch.arctan2(y, FIXED.abs()), (3,)),
    "atan2: of a constant": (FIXED.atan2, S),
    "xlogy": (lambda x: torch.xlogy(x, FIXED.abs()).sin(), (3,)),
    "xlogy: zeros": (lambda y: torch.xlogy(FIXED.clamp(min=0), y.exp()).sin(), S),
    "xlogy: number": (lambda y: torch.special.xlogy(0.7, y.exp()).sin(), S),
}
ALIASES = {
    "special_expit": torch.special.expit, "special_erf": torch.special.erf,
    "special_expm1": torch.special.expm1, "special_exp2": torch.special.exp2,
    "special_log1p": lambda x: torch.special.log1p(x * x), "arctan": torch.arctan,
    "special_logsumexp": lambda x: torch.special.logsumexp(x, 1),
    "special_softmax": lambda x: torch.special.softmax(x, 1),
    "special_log_softmax": lambda x: torch.special.log_softmax(x, dim=1).sin(),
    "special_round": lambda x: torch.special.round(x + 0.2) * x, "fix": lambda x: x.fix() * x,
    "special_psi": lambda x: torch.special.psi(x.exp()),
    "special_digamma": lambda x: torch.special.digamma(x.exp()),
}  # fmt: skip


def test_every_function_is_tried():
    assert {name.split(":")[0] for name in OPERATIONS} == set(RULES) | set(FORMULAS)


class TestOperations(Formulated):
    """Held to what all are."""


@pytest.mark.parametrize("name", ALIASES)
def test_other_names_of_the_same(between, name):
    between(name, ALIASES[name], S).check()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: torch.xlogy(x, x.exp()), "xlogy of two variables"),
        (lambda x: torch.fmod(x[0], FIXED), "larger tensor"),
        (lambda x: torch.fmod(FIXED, x.exp()), "fmod"),
        (lambda x: torch.remainder(x, x.exp()), "remainder"),
        (torch.sinc, "sinc"),
    ],
)
def test_what_has_no_rule_falls_back(between, function, message):
    problem = between("", function, S)
    with pytest.raises(ValueError, match=message):
        problem.summary(problem.partitions()[0], "jets")
    slow = problem.summary(problem.partitions()[0], "autodiff")
    assert slow.H.isfinite().all()


def test_the_angle_of_the_origin_does_not_turn(between):
    """Torch's second derivative there is no number, its first is zero."""
    problem = between("", lambda x: torch.atan2(x - x, x - x) + x, S)
    plain = between("", torch.clone, S)
    p = problem.partitions()[0]
    found, known = problem.summary(p, "jets"), plain.summary(p, "autodiff")
    for name in ("loss", "g", "H", "third"):
        torch.testing.assert_close(getattr(found, name), getattr(known, name))
    torch.testing.assert_close(problem.summary(p, "autodiff").g, known.g)
