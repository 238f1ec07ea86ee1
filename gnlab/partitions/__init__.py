"""Partitions: how a model's parameters are split into groups."""

from gnlab.partitions.levels import LEVELS, levels, number, partition
from gnlab.partitions.partition import Partition
from gnlab.partitions.rungs import Rung, label, ladder

__all__ = ["LEVELS", "Partition", "Rung", "label", "ladder", "levels", "number", "partition"]
