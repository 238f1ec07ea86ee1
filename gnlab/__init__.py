"""gnlab, a lab for the grouped Newton method: one learning rate per group of parameters.

The parameters of a network are split into groups, the loss is measured along the descent
direction of each group (a gradient of size S, a Hessian of size S by S and a third-order term),
and the small model made of these gives every group its own step size. With one group this is
Cauchy's steepest descent; with one group per parameter it is Newton's method; the interesting
part is between.

References:
    P. Wolinski, "Adapting Newton's method to neural networks through a summary of
    higher-order derivatives", arXiv:2312.03885.
"""

from gnlab.errors import InputError
from gnlab.partitions import Partition, partition

__version__ = "0.1.0"

__all__ = ["InputError", "Partition", "__version__", "partition"]
