"""Rates: how fast the method converges on quadratics, at every level between Cauchy and Newton."""

from gnlab.rates.bounds import best_scaling, kantorovich, scaled_bound
from gnlab.rates.measure import convergence, measure, worst_start
from gnlab.rates.quadratics import COUPLINGS, Quadratic, quadratic, runs

__all__ = [
    "COUPLINGS",
    "Quadratic",
    "best_scaling",
    "convergence",
    "kantorovich",
    "measure",
    "quadratic",
    "runs",
    "scaled_bound",
    "worst_start",
]
