"""Summaries: ḡ, H̄, D and the derivatives of any order along a direction, group by group."""

from gnlab.summaries.evaluation.batches import generators_of
from gnlab.summaries.evaluation.losses import checked_loss
from gnlab.summaries.evaluation.places import elsewhere
from gnlab.summaries.evaluation.reading import Reading
from gnlab.summaries.limits import most_groups, refusal, summarisable
from gnlab.summaries.measure import derivative_tensor, summarise
from gnlab.summaries.replay.suspended import eager
from gnlab.summaries.summary import Summary

__all__ = [
    "Reading",
    "Summary",
    "checked_loss",
    "derivative_tensor",
    "eager",
    "elsewhere",
    "generators_of",
    "most_groups",
    "refusal",
    "summarisable",
    "summarise",
]
