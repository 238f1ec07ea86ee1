"""The slide: the teaching demo, several levels side by side."""

from gnlab.lab.slide.page import Slide

__all__ = ["Slide"]
