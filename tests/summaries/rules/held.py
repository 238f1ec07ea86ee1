"""What every entry of a table of operations is held to.

A module that has such a table, ``OPERATIONS``, makes a class of one of these.
"""

from typing import Any

import pytest


class Ruled:
    """Operations with a rule, or with a formula whose values are not torch's to the last bit."""

    def choices(self, name: str) -> dict[str, Any]:
        """What ``Problem.check`` is asked for an entry; all of it unless a table says why not."""
        return {}

    def test_derivatives(self, operation, used):
        operation.check(**self.choices(operation.name))
        assert operation.name.split(":")[0] in used

    def test_repetition(self, operation):
        operation.check_repetition()


class Formulated(Ruled):
    """Operations with a formula."""

    @pytest.mark.parametrize("variable", [True, False])
    def test_values_are_torchs(self, operation, variable):
        operation.check_values(variable=variable)
