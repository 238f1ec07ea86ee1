"""What a rule is given: one call of an operation, as it was recorded."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.autograd.graph import GradientEdge

from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, Operand


class NoRuleError(Exception):
    """There is no rule for an operation; the message names it."""


class CaseError(Exception):
    """A rule or a formula does not know such a call of its operation.

    The message is the reason alone, as it stands behind the operation's name ("with weights"): who
    calls rules and formulas knows the name, and tells both by ``unknown_case``.
    """


UNUSUAL = (
    ArithmeticError, AttributeError, CaseError, LookupError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What a rule or a formula raises if it does not know the arguments."""


def unknown_case(operation: str, error: Exception) -> NoRuleError:
    """The error for a call that the operation's rule or formula does not know.

    Args:
        operation: The operation's plain name.
        error: What the rule or the formula has raised.

    Returns:
        The error to raise; its message is the operation's name and the reason.
    """
    reason = str(error) if isinstance(error, CaseError) else "with unusual arguments"
    return NoRuleError(f"{operation} {reason}")


@dataclass(slots=True, eq=False)
class Call:
    """One call of an operation.

    Attributes:
        name: The operation's plain name.
        func: The operation, which overwrites nothing.
        args: Its arguments; a tensor that depends on the parameters is an ``Operand``.
        kwargs: Its keyword arguments, likewise.
        results: What it returned that depends on the parameters.
        given: The operands among the arguments, in order.
        several: Whether it returned a list, of which these are the entries.
        edge: Where the adjoint of its only result is found.
        kept: What was kept of the computation for the rule.
        place: The module that called it, by name; "loss" within the loss.
        delta: The adjoint δ, once it is known; None where the loss does not depend on the result.
        spent: The operands that no later call takes.
        whole: The call of all samples, of which this is a part; None if it is all of it.
    """

    name: str
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: list[Operand]
    given: list[Operand]
    several: bool = False
    edge: GradientEdge | None = None
    kept: Tensor | None = None
    place: str = ""
    delta: Tensor | None = None
    spent: list[Operand] = field(default_factory=list)
    whole: "Call | None" = None

    @property
    def out(self) -> Tensor:
        """Its only result's value."""
        return self.results[0].value

    def named(self, *names: str) -> dict[str, Any]:
        """The arguments by name; ``names`` are those of the positional ones."""
        return dict(zip(names, self.args, strict=False)) | self.kwargs

    def without_jetless(self) -> "Call":
        """The same with every operand that carries no jet as a constant."""
        given = (self.args, self.kwargs)
        args, kwargs = _constant_where(given, lambda operand: operand.carried is None)
        left = [operand for operand in self.given if operand.carried is not None]
        return dataclasses.replace(self, args=args, kwargs=kwargs, given=left)

    def only(self) -> Operand:
        """The first argument, which alone may depend on the parameters.

        Returns:
            The argument.

        Raises:
            CaseError: If another one does, or it does not.
        """
        x = self.args[0] if self.args else self.kwargs.get("input")
        if len(self.given) > 1 or not isinstance(x, Operand):
            raise CaseError("with a variable in an unusual place")
        return x


Rule = Callable[[Call, Curvature], "Jet | list[Jet]"]
"""Makes the jets of a call's results and adds the call's curvature."""


def _constant_where(given: Any, jetless: Callable[[Operand], bool]) -> Any:
    """Arguments with some operands replaced by their values."""

    def value(leaf: Any) -> Any:
        return leaf.value if isinstance(leaf, Operand) and jetless(leaf) else leaf

    return replaced(given, value)


def replaced(given: Any, instead: Callable[[Any], Any]) -> Any:
    """Arguments, however nested, each with another in its place.

    Args:
        given: The arguments.
        instead: What for each.

    Returns:
        The same lists, tuples and dictionaries of other arguments.
    """
    if isinstance(given, dict):
        return {key: replaced(value, instead) for key, value in given.items()}
    if isinstance(given, (tuple, list)):
        return type(given)([replaced(value, instead) for value in given])
    return instead(given)


def with_values(given: Any) -> Any:
    """Arguments with each operand's value in its place."""
    return _constant_where(given, lambda _: True)


def operands(given: Any) -> "list[Operand]":
    """The operands among arguments, however nested."""
    if isinstance(given, Operand):
        return [given]
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, (tuple, list)):
        return [operand for entry in given for operand in operands(entry)]
    return []


def dims_of(x: Tensor, dim: Any) -> tuple[int, ...]:
    """The dimensions of x meant, all of them if none is given."""
    given = (dim,) if isinstance(dim, int) else tuple(dim or ())
    return tuple(d % max(x.dim(), 1) for d in given) or tuple(range(x.dim()))


def value_of(argument: Any) -> Any:
    """An argument's value."""
    return argument.value if isinstance(argument, Operand) else argument


def jet_of(argument: Any) -> Jet | None:
    """An argument's jet, None for a constant."""
    return argument.jet if isinstance(argument, Operand) else None
