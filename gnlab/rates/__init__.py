"""Rates: how fast the method converges on quadratics, at every level between Cauchy and Newton.

The bound of the best scaling is proved for every quadratic, partition and start, and a start from
which every step attains it can be written down wherever two eigenvectors of its ends have equal
masses, always if they are simple: docs/rates.md. And, where no rate is known, the ways that both
ends take in Rosenbrock's valley.
"""

from gnlab.rates.bounds import best_scaling, kantorovich, ready_bound, scaled_bound
from gnlab.rates.measure import convergence, measure, slopes
from gnlab.rates.paths import Paths, paths, random_start
from gnlab.rates.quadratics import COUPLINGS, Quadratic, doublings, quadratic, runs
from gnlab.rates.scaling import Optimum, optimum
from gnlab.rates.valley import Walk, valley, walk
from gnlab.rates.worst import Pair, slow_pair, worst_start

__all__ = [
    "COUPLINGS",
    "Optimum",
    "Pair",
    "Paths",
    "Quadratic",
    "Walk",
    "best_scaling",
    "convergence",
    "doublings",
    "kantorovich",
    "measure",
    "optimum",
    "paths",
    "quadratic",
    "random_start",
    "ready_bound",
    "runs",
    "scaled_bound",
    "slopes",
    "slow_pair",
    "valley",
    "walk",
    "worst_start",
]
