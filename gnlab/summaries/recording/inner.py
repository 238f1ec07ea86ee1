"""Gradients that a model or its loss takes itself: of an output by the input, say, or by weights.

What autograd does on its way back is not seen. Where such a gradient goes on into the loss (the
residual of a differential equation, a penalty on a gradient, a step of an inner optimisation) it
is made here anew, back through the operations that were recorded, of operations that are seen. A
second gradient goes back through those of the first.

Legend: g the gradient by a value.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from gnlab.summaries.jets.jet import Operand
from gnlab.summaries.rules import UNUSUAL, Call, CaseError, NoRuleError, unknown_case
from gnlab.summaries.rules.backwards import BACKWARDS, Step
from gnlab.summaries.rules.drawn import Linear
from gnlab.summaries.rules.shapes import RULES as LINEAR

_GRADIENT = "a gradient that the model takes itself"
_UNUSUAL = f"{_GRADIENT}, in an unusual way"


class Watching(Protocol):
    """Who has recorded the operations, and records those that are called within it."""

    calls: list[Call]

    def operand(self, tensor: Tensor) -> Operand:
        """What is known of a value."""

    def alive(self, operand: Operand) -> Tensor:
        """The tensor that a model holds of a value."""

    def record_linear(self, name: str, made: Tensor, func: Any, args: tuple[Any, ...]) -> None:
        """Take notice of what a linear operation has made of its first argument, unseen."""


def gradients(
    tape: Watching,
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    **options: Any,
) -> tuple[Tensor, ...]:
    """``torch.autograd.grad`` of what was recorded, with a graph that is recorded too.

    Args:
        tape: What was recorded; it is watching.
        outputs: The values to be differentiated.
        inputs: The values by which.
        grad_outputs: The gradients by the outputs; None for the ones of scalars.
        **options: Torch's others.

    Returns:
        The gradients by the inputs.

    Raises:
        NoRuleError: If an operation on the way, or an option, is not known.
    """
    if isinstance(grad_outputs, Tensor):
        grad_outputs = [grad_outputs]
    given = [None] * len(outputs) if grad_outputs is None else list(grad_outputs)
    tensors = all(isinstance(value, Tensor) for value in (*outputs, *inputs))
    if options.get("is_grads_batched") or not tensors or len(given) != len(outputs):
        raise NoRuleError(_UNUSUAL)
    wanted = [tape.operand(tensor) for tensor in inputs]
    try:
        found = _started(tape, outputs, given)
        recorded = tuple(tape.calls)
        leading = _leading(recorded, wanted)
        for call in reversed(recorded):
            for operand, g in _back(tape, call, found, leading):
                found.add(operand, g)
    except torch.OutOfMemoryError:
        raise
    except UNUSUAL as error:
        raise NoRuleError(_UNUSUAL) from error
    made = [found.of(operand) for operand in wanted]
    if any(g is None for g in made):
        raise NoRuleError(f"{_GRADIENT}, by what has no part in it")
    return tuple(g for g in made if g is not None)


class _Gradients:
    """The gradients found so far, by value."""

    def __init__(self) -> None:
        self._found: dict[int, Tensor] = {}

    def of(self, operand: Operand) -> Tensor | None:
        """The gradient by a value; None if nothing has come back to it."""
        return self._found.get(id(operand))

    def add(self, operand: Operand, g: Tensor) -> None:
        """Add to a value's gradient."""
        before = self.of(operand)
        self._found[id(operand)] = g if before is None else before + g


def _started(
    tape: Watching, outputs: Sequence[Tensor], given: Sequence[Tensor | None]
) -> _Gradients:
    """The gradients by the outputs."""
    found = _Gradients()
    for output, g in zip(outputs, given, strict=True):
        if output.numel() != 1 if g is None else output.shape != g.shape:  # torch's own error
            raise NoRuleError(f"{_GRADIENT}, of another shape")
        found.add(tape.operand(output), torch.ones_like(output.detach()) if g is None else g)
    return found


def _leading(calls: Sequence[Call], wanted: Iterable[Operand]) -> set[int]:
    """The values that some wanted ones have a part in, by id."""
    found = set(map(id, wanted))
    for call in calls:
        if not found.isdisjoint(map(id, call.given)):
            found.update(map(id, call.results))
    return found


def _back(
    tape: Watching, call: Call, found: _Gradients, leading: set[int]
) -> Iterator[tuple[Operand, Tensor]]:
    """What comes back through a call to those of its arguments that lead on."""
    given = {id(o): o for o in call.given if id(o) in leading}
    back = [found.of(result) for result in call.results]
    if not given or all(g is None for g in back):
        return
    rule = BACKWARDS.get(call.name)
    if rule is not None:
        [g] = back
        assert g is not None
        try:
            yield from rule(Step(call, g, tape.alive, frozenset(given)))
        except CaseError as error:
            raise NoRuleError(f"{unknown_case(call.name, error)} under {_GRADIENT}") from error
        return
    if call.name in ("drawn back", "drawn on"):
        [g], A = back, Linear(call.func, *call.args[1:])
        assert g is not None
        yield call.given[0], _drawn(tape, A, g, on=call.name == "drawn back")
        return
    if call.name not in LINEAR:
        raise NoRuleError(f"{call.name} under {_GRADIENT}")
    for operand in given.values():
        for place, g in enumerate(back):
            if g is not None:
                A = Linear.of(call, operand, place if call.several else None)
                yield operand, _drawn(tape, A, g, on=False)


def _drawn(tape: Watching, A: Linear, g: Tensor, *, on: bool) -> Tensor:
    """A g or Aᵀg, of which the tape is told."""
    made = A.on(g) if on else A.back(g)
    tape.record_linear("drawn on" if on else "drawn back", made, A.func, (g, *A.given))
    return made
