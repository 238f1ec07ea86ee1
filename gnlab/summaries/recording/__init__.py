"""Recording: the operations that a model and its loss call, seen while they are called."""
