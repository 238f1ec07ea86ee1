"""Guards: what is a person's or the whole process's, held for a while and as it was afterwards.

A model, torch's and the C library's switches, random generators.
"""

from gnlab.guards.exclusive import alone
from gnlab.guards.graphless import graphless
from gnlab.guards.unmoved import unmoved

__all__ = ["alone", "graphless", "unmoved"]
