"""Partitions: how a model's parameters are split into groups."""

from gnlab.partitions.grammar import LEVELS
from gnlab.partitions.levels import levels, number, partition
from gnlab.partitions.partition import Partition
from gnlab.partitions.rungs import Rung, gradient_work, label, ladder

__all__ = [
    "LEVELS",
    "Partition",
    "Rung",
    "gradient_work",
    "label",
    "ladder",
    "levels",
    "number",
    "partition",
]
