"""Replay: a pass's tensor operations done again with other numbers, without Python's part in them.

Half of a small network's summary is Python: rules that are looked up, views that are made, memory
that is asked for. A training run asks for the same summary of other numbers at every step. So what
has come a few times is recorded, and from then on the operations are only repeated, in memory of
their own, if everything that they could depend on is as it was.
"""

from gnlab.summaries.replay.cache import carried, eager, forget, kept

__all__ = ["carried", "eager", "forget", "kept"]
