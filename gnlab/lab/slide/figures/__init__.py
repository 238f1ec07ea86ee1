"""The slide's figures: each built once, its data from pure functions."""

from gnlab.lab.slide.figures import contours, curves, factors, maps

__all__ = ["contours", "curves", "factors", "maps"]
