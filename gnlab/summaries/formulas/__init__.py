"""Formulas: operations written out where torch's own hide, lack or miss their derivatives."""
