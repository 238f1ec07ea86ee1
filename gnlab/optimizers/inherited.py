"""Step sizes brought to another partition, for a first solve there that has no answer.

A change of the partition starts the average of step sizes afresh. If the first summary's model has
no minimum, there would be nothing to go on with, though every element had a step size just before.
So each new group may have the mean of what its elements had: a finer group that of the coarser one
it was in, and the step stays the same; a coarser group that of its members, each counted by its
size. Step sizes of one group are in one unit, so the mean is too, whatever units the groups have.

Legend: η step sizes.
"""

from torch import Tensor

from gnlab.partitions import Partition


def inherited(eta: Tensor, before: Partition, now: Partition) -> Tensor:
    """The mean over each group's elements of the step sizes that they had.

    Args:
        eta: η of the groups before, float64 on the CPU.
        before: The groups before.
        now: The groups now; an element that was in none before is not counted, nor
            is a parameter that had another shape.

    Returns:
        η of the groups now, 0 where no element had any.
    """
    had, sums, counts = before.expand(eta), {}, {}
    for name, shape in now.shapes.items():
        known = before.shapes.get(name) == shape
        sums[name] = had[name].expand(shape) if known else eta.new_zeros(shape)
        counts[name] = eta.new_full((), float(known)).expand(shape)
    return now.reduce(sums) / now.reduce(counts).clamp(min=1)
