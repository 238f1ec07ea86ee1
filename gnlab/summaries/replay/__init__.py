"""Replay: tensor operations done again with other numbers, without Python's part in them.

Half of a small network's summary is Python: rules that are looked up, views that are made, memory
that is asked for. A training run asks for the same summary of other numbers at every step. So what
has come a few times is recorded, and from then on the operations are only repeated, in memory of
their own, if everything that they could depend on is as it was. Of a model and a loss that are
made of torch's own modules and functions that is the whole summary of a batch; of any other, what
comes after its evaluation. On a GPU it is one CUDA graph.
"""

from gnlab.summaries.replay.cache import (
    SIGHTS,
    Sight,
    Told,
    begun_early,
    forget,
    kept,
    sighted,
)
from gnlab.summaries.replay.early import Occasion
from gnlab.summaries.replay.steps import DrawnError
from gnlab.summaries.replay.suspended import eager

__all__ = [
    "SIGHTS", "DrawnError", "Occasion", "Sight", "Told", "begun_early",
    "eager", "forget", "kept", "sighted",
]  # fmt: skip
