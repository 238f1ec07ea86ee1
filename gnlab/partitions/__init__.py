"""Partitions: how a model's parameters are split into groups."""

from gnlab.partitions.levels import LEVELS, levels, partition
from gnlab.partitions.partition import Partition

__all__ = ["LEVELS", "Partition", "levels", "partition"]
