"""What a GPU does in one pass over its memory instead of a dozen.

``kernels`` holds the programs, in Triton's language; ``operators`` hands them to torch as
operators of its own and says where they can be used.
"""

from gnlab.summaries.fused.operators import KINDS, Bent, bend, fits, multiplies, prepare, sums

__all__ = ["KINDS", "Bent", "bend", "fits", "multiplies", "prepare", "sums"]
