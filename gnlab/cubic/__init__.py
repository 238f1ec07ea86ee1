"""The cubic model: step sizes from (H̄, ḡ, D), with a status and a certificate."""

from gnlab.cubic.line import Line, along
from gnlab.cubic.solution import Certificate, CubicSolution, Status
from gnlab.cubic.solve import solve_cubic

__all__ = ["Certificate", "CubicSolution", "Line", "Status", "along", "solve_cubic"]
