"""Figures: each builds its Bokeh figure once and turns records into new source data."""

from gnlab.lab.figures import (
    agreement,
    anatomy,
    base,
    damping,
    heatmap,
    losses,
    over_steps,
    rates,
    rates_history,
    strip,
    trust,
    what_if,
    what_if_history,
)

__all__ = [
    "agreement",
    "anatomy",
    "base",
    "damping",
    "heatmap",
    "losses",
    "over_steps",
    "rates",
    "rates_history",
    "strip",
    "trust",
    "what_if",
    "what_if_history",
]
