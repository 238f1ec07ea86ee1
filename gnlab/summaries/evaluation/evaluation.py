"""The loss of one batch as a function of the parameters, evaluated without leaving a trace.

The first step of every summary: L(θ) with a graph behind it, the model's parameters, `.grad`,
buffers, random state and mode as they were before.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gnlab.errors import InputError
from gnlab.guards.saved import saved_as_it_is
from gnlab.summaries.evaluation.batches import Batch, cast, map_tensors, tensors
from gnlab.summaries.evaluation.losses import checked_loss
from gnlab.summaries.evaluation.places import (
    NO_CHECKPOINT,
    Elsewhere,
    Place,
    Replaced,
    check_reached,
    stand_in,
)
from gnlab.summaries.evaluation.randomness import RandomState
from gnlab.summaries.formulas.decompose import decomposed

LossFunction = Callable[[Any, Any], Tensor]
"""loss_fn(model(x), y) -> scalar."""

Parameters = dict[str, Tensor]

Result = TypeVar("Result")


class Watcher(Protocol):
    """A context that sees every operation of an evaluation, told of the leaves beforehand.

    It lets nothing write into the leaves, which are the parameters' own values.

    Attributes:
        place: Told what is being evaluated: "" the model, "loss" the loss.
    """

    place: str

    def start(self, leaves: Parameters) -> None:
        """Told of the parameters."""

    def __enter__(self) -> object: ...

    def __exit__(self, *_: Any) -> None: ...


class Evaluation:
    """L(θ) of one batch, to be evaluated any number of times with the same random numbers.

    Args:
        model: The model.
        loss_fn: loss_fn(model(x), y) -> scalar.
        batch: The batch (x, y).
        dtype: What to compute in; None leaves parameters and data as they are.
        watcher: What is to see every operation; None for nothing.
        outer: The random state of who evaluates, to be held before anything is drawn.
    """

    def __init__(
        self,
        model: nn.Module,
        loss_fn: LossFunction,
        batch: Batch,
        dtype: torch.dtype | None = None,
        watcher: Watcher | None = None,
        outer: RandomState | None = None,
    ) -> None:
        self._watcher = watcher
        self.model, self.dtype = model, dtype
        self.inputs, self.targets = (cast(part, dtype, asking=True) for part in batch[:2])
        self.loss_fn, self.given_loss = cast_loss(loss_fn, dtype, model), loss_fn
        self._random, self._outer = RandomState(device_of(model)), outer
        self._elsewhere: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        self._own: dict[int, str] = {}
        self._leaves: frozenset[int] = frozenset()
        self._before_loss = self._random

    def at(
        self,
        work: Callable[[Tensor, Parameters], Result],
        nudge: Callable[[Tensor], Tensor] | None = None,
    ) -> Result:
        """Evaluate the loss and hand it to ``work``, with the parameters it is a function of.

        Args:
            work: Called with the loss and its leaves by name, the trainable parameters.
            nudge: What to evaluate at instead of each parameter, given its value.

        Returns:
            What ``work`` returned.

        Raises:
            InputError: If the loss is not a real scalar, or has no graph.
        """
        return self.with_output(lambda output, leaves: work(self.loss(output), leaves), nudge)

    def with_output(
        self,
        work: Callable[[Any, Parameters], Result],
        nudge: Callable[[Tensor], Tensor] | None = None,
    ) -> Result:
        """As ``at``, but hand over the model's output, before the loss."""
        leaves, places = self._replaced(nudge)
        if self._watcher is not None:
            self._watcher.start(leaves)
        self._elsewhere = Elsewhere({id(own): other for _, _, own, other in places})
        if self._outer is not None:
            self._outer.hold()
        self._random.restore()
        self._random.hold()
        with torch.enable_grad(), saved_as_it_is(NO_CHECKPOINT), Replaced(places):
            return work(self._output(), leaves)

    def watched_by(self, watcher: Watcher) -> "Evaluation":
        """The same, with something that sees every operation."""
        watched = Evaluation.__new__(Evaluation)
        watched.__dict__.update(self.__dict__)
        watched._watcher = watcher
        return watched

    def drew(self) -> bool:
        """Whether random numbers have been drawn since the evaluation's start (dropout)."""
        return self._random.is_past()

    def loss(self, output: Any) -> Tensor:
        """The loss of an output, checked."""
        self._before_loss = RandomState(self._random.device).hold()
        with decomposed(), self._watched("loss"), self._elsewhere:
            loss = checked_loss(self.loss_fn(output, self.targets))
        if self._watcher is None:  # who sees every operation has seen where its arguments are from
            check_reached(loss, self._own, self._leaves)
        return loss

    def loss_again(self, output: Any) -> Tensor:
        """The loss of another output, which draws what the last loss drew."""
        self._before_loss.restore()
        return self.loss(output)

    def loss_of(self, output: Any, targets: Any) -> Tensor:
        """The loss of another output and other targets, of which nobody is told."""
        with decomposed(), self._elsewhere:
            return self.loss_fn(output, targets)

    def _output(self) -> Any:
        """The model's output; only what is differentiated pays for the interception."""
        with decomposed(), self._watched(""), self._elsewhere:
            return self.model(self.inputs)

    def _watched(self, place: str) -> contextlib.AbstractContextManager[object]:
        """The watcher's context, if there is one."""
        if self._watcher is None:
            return contextlib.nullcontext()
        self._watcher.place = place
        return self._watcher

    def _replaced(self, nudge: Callable[[Tensor], Tensor] | None) -> tuple[Parameters, list[Place]]:
        """The leaves by name, and what stands at each place of the model instead.

        A tied parameter stands in several modules and goes by its first name; a module registered
        twice is one place.
        """
        leaves: Parameters = {}
        instead: dict[int, Tensor] = {}
        places: list[Place] = []
        for path, module in self.model.named_modules():
            for held in (module._parameters, module._buffers):
                for name, tensor in held.items():
                    if tensor is None:
                        continue
                    if id(tensor) not in instead:
                        instead[id(tensor)] = self._instead(tensor, nudge)
                        if isinstance(tensor, nn.Parameter) and tensor.requires_grad:
                            full = f"{path}.{name}" if path else name
                            leaves[full] = stand_in(instead[id(tensor)], full)
                            self._own[id(tensor)] = full
                    places.append((held, name, tensor, instead[id(tensor)]))
        self._leaves = frozenset(map(id, leaves.values()))
        return leaves, places

    def _instead(self, tensor: Tensor, nudge: Callable[[Tensor], Tensor] | None) -> Tensor:
        """A fresh leaf for a trainable parameter, a constant for what else a model has."""
        value: Tensor = cast(tensor, self.dtype)
        if not isinstance(tensor, nn.Parameter):
            return value.clone()
        if not tensor.requires_grad:
            return value
        # A forward pass that writes into its parameters writes into the copy.
        value = value.clone() if self._watcher is None else value
        return (value if nudge is None else nudge(value)).requires_grad_()


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """A loss that has been evaluated.

    Attributes:
        evaluation: The evaluation.
        output: The model's output.
        loss: The loss.
        leaves: The parameters that it is a function of, by name.
    """

    evaluation: Evaluation
    output: Any
    loss: Tensor
    leaves: Parameters


def device_of(model: nn.Module) -> torch.device:
    """The device of a model's first parameter."""
    return next(model.parameters()).device


def check_dtype(dtype: object) -> None:
    """Raise unless a dtype is one of real numbers, or None.

    Args:
        dtype: What was given.

    Raises:
        InputError: If it is not.
    """
    fits = isinstance(dtype, torch.dtype) and dtype.is_floating_point
    if dtype is not None and not fits:
        raise InputError(
            "dtype must be a torch dtype of real numbers, torch.float32 or torch.float64 as a "
            f"rule, or None for the model's own; got {dtype!r}."
        )


def cast_loss(loss_fn: LossFunction, dtype: torch.dtype | None, model: nn.Module) -> LossFunction:
    """A loss whose own tensors (class weights) are constants in ``dtype``.

    Args:
        loss_fn: The loss; a module's or a ``functools.partial``'s own tensors are seen.
        dtype: What to compute in; None leaves them as they are.
        model: The model, whose parameters are no constants of the loss.

    Returns:
        The loss to call.
    """
    trained: set[int] = set()
    if isinstance(loss_fn, (functools.partial, nn.Module)):
        trained = {id(p) for p in model.parameters() if p.requires_grad}

    def own(t: Tensor) -> Tensor:
        return t if id(t) in trained else cast(t, dtype)

    if isinstance(loss_fn, functools.partial):
        brought = loss_fn.args, loss_fn.keywords
        if all(id(t) in trained for t in tensors(brought)):
            return loss_fn
        return _with_arguments(loss_fn, *map_tensors(own, brought))
    if not isinstance(loss_fn, nn.Module):
        return loss_fn
    constant = [name for name, t in _tensors_of(loss_fn) if id(t) not in trained]
    if not constant:
        return loss_fn
    module = loss_fn

    def call(output: Any, targets: Any) -> Tensor:
        held = dict(_tensors_of(module))
        constants = {name: cast(held[name], dtype).clone() for name in constant}
        result: Tensor = functional_call(module, constants, (output, targets))
        return result

    return call


def _with_arguments(partial: "functools.partial[Tensor]", args: Any, keywords: Any) -> LossFunction:
    """The same partial of other arguments; its class may make and call it in a way of its own."""
    made: Any = functools.partial.__new__(type(partial), partial.func)
    made.__setstate__((partial.func, args, keywords, dict(vars(partial))))
    state = object.__getstate__(partial)
    for name, value in (state[1] if isinstance(state, tuple) else {}).items():
        setattr(made, name, value)  # what is in slots
    same: LossFunction = made
    return same


def _tensors_of(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """A module's parameters and buffers by name."""
    yield from module.named_parameters()
    yield from module.named_buffers()
