"""Guards: a person's model, torch's and the C library's switches, random generators, held for a while.

What is held is as it was afterwards.
"""

from gnlab.guards.exclusive import alone
from gnlab.guards.graphless import graphless
from gnlab.guards.unmoved import unmoved

__all__ = ["alone", "graphless", "unmoved"]
