"""What the forward half of a pass depends on apart from the numbers."""

from typing import Any

from gnlab.guards.convolutions import chosen
from gnlab.summaries.forward import Way, rule_of
from gnlab.summaries.jets.jet import Operand
from gnlab.summaries.replay.key import Collected
from gnlab.summaries.rules import Call


class Signature(Collected):
    """The key of a pass, and its inputs.

    Args:
        way: The pass.

    Raises:
        UnknownError: If what it depends on cannot be told.
    """

    def __init__(self, way: Way) -> None:
        super().__init__(way.device)
        self._numbers: dict[Operand, int] = {}
        groups, tape = way.groups, way.tape
        self._key += (groups.size, way.named, str(way.device), *chosen(way.device))
        self._key += (len(tape.leaves), len(way.u))
        for name, leaf in tape.leaves.items():
            self._key += (
                name,
                groups.ranks.get(name),
                groups.colourings.get(name),
                name in groups.pieces,
            )
            self._operand(leaf)
        for name, value in way.u.items():
            self._key.append(name)
            self._tensor(value)
        for owner in groups.owners.values():
            self._key.append(owner.dim())
            if owner.dim() > 0:
                self._tensor(owner)
        self._tensor(way.factor)
        for call in tape.calls:
            self._call(call)
        self._key.append("result")
        self._operand(way.result)

    def _call(self, call: Call) -> None:
        """A call: the rule, what it is given, and what is known of its results."""
        name = call.name
        self._key += ("call", name, rule_of(name), call.func, call.place, call.several)
        self._any(call.args)
        self._any(call.kwargs)
        self._key.append(len(call.results))
        for operand in call.results:
            self._operand(operand)
        for value in (call.kept, call.delta):
            if value is None:
                self._key.append(None)
            else:
                self._tensor(value)

    def _operand(self, operand: Operand) -> None:
        """An operand, by its number; what is known of it where it is met first."""
        known = self._numbers.get(operand)
        if known is not None:
            self._key += ("again", known)
            return
        self._numbers[operand] = len(self._numbers)
        self._key += ("operand", operand.name is not None, operand.apart)
        self._tensor(operand.value)

    def _any(self, given: Any) -> None:
        """Any argument."""
        if isinstance(given, Operand):
            self._operand(given)
        else:
            super()._any(given)
