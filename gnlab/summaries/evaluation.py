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
from torch.autograd.graph import disable_saved_tensors_hooks
from torch.func import functional_call

from gnlab.errors import InputError
from gnlab.summaries.batches import Batch, cast
from gnlab.summaries.decompose import decomposed
from gnlab.summaries.randomness import random_state, set_random_state

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


# A part recomputed in the backward pass would be recomputed with its fused kernels.
_NO_CHECKPOINT = "there is no derivative for checkpointed layers; turn checkpointing off"


Place = tuple[dict[str, Any], str, Tensor, Tensor]
"""Where a module holds a tensor: the dictionary and the name, the tensor, and another for it."""


class _Replaced:
    """A context in which modules hold other tensors in place of their own.

    ``torch.func.functional_call`` does the same, but finds every module anew by its path.

    Args:
        places: Which, and where.
    """

    def __init__(self, places: list[Place]) -> None:
        self._places = places

    def __enter__(self) -> None:
        for held, name, _, instead in self._places:
            held[name] = instead

    def __exit__(self, *exception: object) -> None:
        for held, name, own, _ in self._places:
            held[name] = own


class Evaluation:
    """L(θ) of one batch, to be evaluated any number of times with the same random numbers.

    Args:
        model: The model.
        loss_fn: loss_fn(model(x), y) -> scalar.
        batch: The batch (x, y).
        dtype: What to compute in; None leaves parameters and data as they are.
        watcher: What is to see every operation; None for nothing.
    """

    def __init__(
        self,
        model: nn.Module,
        loss_fn: LossFunction,
        batch: Batch,
        dtype: torch.dtype | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self._watcher = watcher
        self.model, self.dtype = model, dtype
        self.inputs, self.targets = cast(batch[0], dtype), cast(batch[1], dtype)
        self.loss_fn = cast_loss(loss_fn, dtype)
        self._device = device_of(model)
        self._random = random_state(self._device)

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
            InputError: If the loss is not a scalar, or has no graph.
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
        set_random_state(self._device, self._random)
        with (
            torch.enable_grad(),
            disable_saved_tensors_hooks(_NO_CHECKPOINT),
            _Replaced(places),
        ):
            return work(self._output(), leaves)

    def watched_by(self, watcher: Watcher) -> "Evaluation":
        """The same, with something that sees every operation."""
        watched = Evaluation.__new__(Evaluation)
        watched.__dict__.update(self.__dict__)
        watched._watcher = watcher
        return watched

    def drew(self) -> bool:
        """Whether random numbers have been drawn since the evaluation's start (dropout)."""
        now = random_state(self._device)
        return any(not a.equal(b) for a, b in zip(self._random, now, strict=True))

    def loss(self, output: Any) -> Tensor:
        """The loss of an output, checked."""
        with decomposed(), self._watched("loss"):
            loss = self.loss_fn(output, self.targets)
        return _checked_loss(loss)

    def _output(self) -> Any:
        """The model's output; only what is differentiated pays for the interception."""
        with decomposed(), self._watched(""):
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
                            leaves[f"{path}.{name}" if path else name] = instead[id(tensor)]
                    places.append((held, name, tensor, instead[id(tensor)]))
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


def cast_loss(loss_fn: LossFunction, dtype: torch.dtype | None) -> LossFunction:
    """A loss whose own tensors (class weights) are constants in ``dtype``.

    Args:
        loss_fn: The loss; a module's or a ``functools.partial``'s own tensors are seen.
        dtype: What to compute in; None leaves them as they are.

    Returns:
        The loss to call.
    """
    if isinstance(loss_fn, functools.partial):
        keywords = {key: cast(value, dtype) for key, value in loss_fn.keywords.items()}
        return functools.partial(loss_fn.func, *cast(loss_fn.args, dtype), **keywords)
    if not isinstance(loss_fn, nn.Module) or not any(True for _ in _tensors_of(loss_fn)):
        return loss_fn
    module = loss_fn

    def call(output: Any, targets: Any) -> Tensor:
        own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        constants = {name: cast(tensor, dtype).clone() for name, tensor in own.items()}
        result: Tensor = functional_call(module, constants, (output, targets))
        return result

    return call


def _tensors_of(module: nn.Module) -> Iterator[Tensor]:
    """A module's parameters and buffers."""
    yield from module.parameters()
    yield from module.buffers()


def _checked_loss(loss: object) -> Tensor:
    """The loss if it is a scalar with a graph, else the error that says what it is."""
    if not isinstance(loss, Tensor):
        raise InputError(
            f"loss_fn must return a scalar tensor; got {type(loss).__name__} "
            "(was it taken out of torch by .item()?)."
        )
    if loss.dim():
        raise InputError(
            f"loss_fn must return a scalar, shape []; got shape {list(loss.shape)} "
            "(take its mean or sum)."
        )
    if not loss.requires_grad:
        raise InputError(
            "the loss does not depend on any trainable parameter: it has no graph "
            "(is there a .detach(), .item() or torch.no_grad() in the model or the loss?)."
        )
    return loss
