"""Optimizers: the method as torch optimizers."""

from gnlab.optimizers.grouped_newton import GroupedNewton
from gnlab.optimizers.info import StepInfo

__all__ = ["GroupedNewton", "StepInfo"]
