"""The slide: the teaching demo, the same start at several levels side by side."""

from gnlab.lab.slide.page import Slide

__all__ = ["Slide"]
