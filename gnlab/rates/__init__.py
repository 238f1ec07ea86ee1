"""Rates: how fast the method converges on quadratics, at every level between Cauchy and Newton.

The bounds are proved for every quadratic, partition and start; that for a fixed number of groups
the slowest rate comes to them as the coordinates grow in number is a conjecture, stated in
docs/rates.md. And, where no rate is known, the ways that both ends take in Rosenbrock's valley.
"""

from gnlab.rates.bounds import best_scaling, kantorovich, ready_bound, scaled_bound
from gnlab.rates.measure import convergence, measure, slopes, worst_start
from gnlab.rates.paths import Paths, paths, random_start
from gnlab.rates.quadratics import COUPLINGS, Quadratic, doublings, quadratic, runs
from gnlab.rates.valley import Walk, valley, walk

__all__ = [
    "COUPLINGS",
    "Paths",
    "Quadratic",
    "Walk",
    "best_scaling",
    "convergence",
    "doublings",
    "kantorovich",
    "measure",
    "paths",
    "quadratic",
    "random_start",
    "ready_bound",
    "runs",
    "scaled_bound",
    "slopes",
    "valley",
    "walk",
    "worst_start",
]
