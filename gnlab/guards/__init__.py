"""Guards: a person's model, torch's switches and random generators, held and left as they were."""

from gnlab.guards.exclusive import alone
from gnlab.guards.graphless import graphless
from gnlab.guards.unmoved import unmoved

__all__ = ["alone", "graphless", "unmoved"]
