"""Problems: a network, its loss and its data under one name, ready to be trained."""

from gnlab.problems.batches import Batches
from gnlab.problems.presets import NAMES, describe, live_period, problem, recommended
from gnlab.problems.problem import Data, Hyperparameters, Normalisation, Problem
from gnlab.problems.streams import Stream, generator

__all__ = [
    "NAMES",
    "Batches",
    "Data",
    "Hyperparameters",
    "Normalisation",
    "Problem",
    "Stream",
    "describe",
    "generator",
    "live_period",
    "problem",
    "recommended",
]
