"""The lab: pages that show runs and let a person steer them."""

from gnlab.lab.host import Host
from gnlab.lab.page import Page
from gnlab.lab.state import Choices, from_query

__all__ = ["Choices", "Host", "Page", "from_query"]
