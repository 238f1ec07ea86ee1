"""The engine: many runs stepped in turn, in a thread or a process.

It is told by commands (``commands``), and what became of a run is seen by ``snapshot``.
"""
