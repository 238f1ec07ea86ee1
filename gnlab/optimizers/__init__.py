"""Optimizers: the method as torch optimizers."""

from gnlab.optimizers.grouped_newton import GroupedNewton, StepInfo

__all__ = ["GroupedNewton", "StepInfo"]
