"""The fast summary against one gradient and against the plain way, over networks and sizes.

``cases`` has the networks, ``encoder`` the transformer among them, ``rounds`` takes times,
``memory`` the peak memory of a process, ``floor`` counts the arithmetic that nothing can avoid,
``growth`` has the curves over groups, depth and batch. The package itself is a command, and so is
``growth``.
"""
