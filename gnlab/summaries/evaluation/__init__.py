"""Evaluation: the loss of one batch as a function of the parameters, without leaving a trace."""
