"""Passes over the data: derivatives of each batch, combined with the batches' weights.

Legend: S groups, P parameters, b batches, w_b a batch's weight.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gnlab.errors import InputError, check_function, shown
from gnlab.partitions import Partition
from gnlab.partitions.partition import check_there, check_usable
from gnlab.summaries.autodiff import Along, groups_of
from gnlab.summaries.evaluation.batches import Batch, Loader, cast
from gnlab.summaries.evaluation.evaluation import (
    Evaluated,
    Evaluation,
    LossFunction,
    Parameters,
    Watcher,
)
from gnlab.summaries.evaluation.misfits import MISFITS, check_misfit
from gnlab.summaries.evaluation.places import check_kept
from gnlab.summaries.evaluation.randomness import RandomState, same_random_state
from gnlab.summaries.loaders.normalisers import Normaliser, Weighing
from gnlab.summaries.loaders.splitting import check_modules

Values = tuple[Tensor, ...]
Repeat = Callable[[Evaluation], tuple[Any, Values] | None]
"""Gives the output and the values of an evaluation without making it, or None."""


@dataclass(frozen=True, eq=False)
class Task:
    """A loss of a model over data, to be gone over as often as needed.

    Attributes:
        model: The model.
        loss_fn: The loss.
        data: The batches.
        partition: The model's partition.
        dtype: What to compute in; None: the model's own.
        normaliser: What a person says about combining batches.
    """

    model: nn.Module
    loss_fn: LossFunction
    data: Iterable[Batch]
    partition: Partition
    dtype: torch.dtype | None
    normaliser: Normaliser | None

    @functools.cached_property
    def parameters(self) -> dict[str, nn.Parameter]:
        """The model's parameters by name; to look for them takes long."""
        return dict(self.model.named_parameters())

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(iter(self.parameters.values())).device

    def check(self) -> None:
        """Raise unless the partition is of this model's trainable parameters.

        Raises:
            InputError: If it is not, the loss is no function, a parameter is complex or has no
                shape or value yet, two are in one memory, or the model is compiled to a script.
        """
        if not isinstance(self.partition, Partition):
            raise InputError(
                "partition must be a gnlab.Partition, as gnlab.partition(model, level) or "
                "gnlab.partition(model, {group name: [parameter names]}) makes it; "
                f"got {shown(self.partition)}."
            )
        check_function("loss_fn", self.loss_fn, "loss_fn(model(x), y) -> scalar")
        if isinstance(self.loss_fn, type) and issubclass(self.loss_fn, nn.Module):
            kind = self.loss_fn.__name__
            raise InputError(f"loss_fn is the class {kind} itself; make one of it: {kind}().")
        check_usable({n: p for n, p in self.parameters.items() if p.requires_grad})
        check_there(self.parameters)
        shapes = {n: p.shape for n, p in self.parameters.items() if p.requires_grad}
        theirs = dict(self.partition.shapes)
        if shapes != theirs:
            wrong = next(n for n in [*shapes, *theirs] if shapes.get(n) != theirs.get(n))
            raise InputError(
                f"the partition is not of this model's trainable parameters: {wrong!r} is "
                f"{_shape(theirs.get(wrong))} in the partition, {_shape(shapes.get(wrong))} in "
                "the model; build it again with gnlab.partition(model, ...)."
            )
        for name, module in self.model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                raise InputError(
                    f"module {name!r} is a TorchScript module, whose fused kernels cannot be "
                    "replaced by differentiable ones; give the module it was made from."
                )

    def direction(self, given: Mapping[str, Tensor]) -> Parameters:
        """The direction a person gives, matched by name.

        Args:
            given: u by parameter name.

        Returns:
            u in the model's order, in the dtype computed in.

        Raises:
            InputError: If a name, shape, device or dtype does not fit.
        """
        self.partition.check(given, "direction")
        u = {}
        for name in self.partition.shapes:
            parameter, value = self.parameters[name], given[name]
            kept = value.dtype == parameter.dtype or self.dtype is not None
            if not kept or value.device != parameter.device:
                raise InputError(
                    f"direction[{name!r}] is {value.dtype} on {value.device}; the parameter is "
                    f"{parameter.dtype} on {parameter.device}."
                )
            u[name] = cast(value, self.dtype)
        return u

    def gradient(self) -> Parameters:
        """∇L over all the data, by parameter name."""
        groups = groups_of(self.partition, self.device)
        names = list(self.partition.shapes)

        def work(seen: Evaluated) -> Values:
            found = Along(groups, seen.leaves, {}).gradient(seen.loss, graph=False)
            return tuple(found.get(n, torch.zeros_like(seen.leaves[n])) for n in names)

        values, _ = self.combined(work)
        return dict(zip(names, values, strict=True))

    def combined(
        self,
        work: Callable[[Evaluated], Values],
        after: Callable[[Evaluation, Values], Values] | None = None,
        watcher: Callable[[], Watcher] | None = None,
        repeat: Repeat | None = None,
    ) -> tuple[Values, float]:
        """One pass over the data: Σ_b w_b v_b / Σ_b w_b, or Σ_b v_b for a loss that is a sum.

        Every pass sees the same random numbers, and leaves the random state as it was.

        Args:
            work: A batch's values v_b, from its evaluation; a later batch's may have further rows.
            after: Changes a batch's values once its graph is gone.
            watcher: Makes what is to see every operation of a batch's evaluation.
            repeat: Gives the output and the values of an only batch without evaluating the model,
                or None where it has to be evaluated.

        Returns:
            The combined values, and Σ_b w_b (1 for a sum).

        Raises:
            InputError: If the batches cannot be combined, there is none, or the loss cannot be
                differentiated.
        """
        weighing = Weighing(self.loss_fn, self.normaliser)
        total: Values = ()
        dtypes: list[torch.dtype] = []
        weights = 0.0
        with (
            torch.inference_mode(False),
            same_random_state(self.device, held=isinstance(self.data, Loader)) as before,
            _same_generators(self.data),
        ):
            for batch, alone in _marked(self.data, self.model):
                weight, values = self._measured(
                    batch, alone, before, weighing, work, after, watcher, repeat
                )
                if alone:
                    return values, weight
                if weight:  # a batch of ignored targets has a loss of 0/0 and no part in the sum
                    weights += weight
                    scaled = [_wide(value) * weight for value in values]
                    dtypes = [value.dtype for value in values]
                    total = tuple(map(_added, total, scaled)) if total else tuple(scaled)
        if not total:
            raise InputError(
                "no batch has any weight: the loader is empty, or every target is ignored."
            )
        whole = 1.0 if weighing.is_sum else weights
        return tuple((v / whole).to(t) for v, t in zip(total, dtypes, strict=True)), whole

    def _measured(
        self,
        batch: Batch,
        alone: bool,
        before: RandomState,
        weighing: Weighing,
        work: Callable[[Evaluated], Values],
        after: Callable[[Evaluation, Values], Values] | None,
        watcher: Callable[[], Watcher] | None,
        repeat: Repeat | None,
    ) -> tuple[float, Values]:
        """One batch's weight and values."""
        plain = Evaluation(self.model, self.loss_fn, batch, self.dtype, outer=before)

        def weigh(evaluation: Evaluation, output: Any) -> float | Tensor:
            return weighing.weight(batch, evaluation, output, alone=alone)

        def evaluated() -> tuple[float | Tensor, Values]:
            # Who watched an evaluation that was given up has seen a part of it.
            evaluation = plain if watcher is None else plain.watched_by(watcher())

            def run(output: Any, leaves: Parameters) -> tuple[float | Tensor, Values]:
                check_kept(self.model, self.parameters, leaves)
                values = work(Evaluated(evaluation, output, evaluation.loss(output), leaves))
                return weigh(evaluation, output), values

            return evaluation.with_output(run)

        try:
            again = None if repeat is None or not alone else repeat(plain)
            weight, values = evaluated() if again is None else (weigh(plain, again[0]), again[1])
            values = values if after is None else after(plain, values)
            return float(weight), values  # at the end: to read a number waits for the device
        except MISFITS as error:
            check_misfit(error, batch, [*self.parameters.values()], self.dtype)
            raise


def _wide(value: Tensor) -> Tensor:
    """A value to be summed over batches: a number of 16 bits is too short for that."""
    return value.to(torch.promote_types(value.dtype, torch.float32))


def _added(total: Tensor, value: Tensor) -> Tensor:
    """A sum; rows that no batch had before are zero in what there was of them."""
    if total.shape == value.shape:
        return total + value
    longer = torch.zeros_like(value)
    longer[: len(total)] = total
    return longer + value


def _marked(data: Iterable[Batch], model: nn.Module) -> Iterator[tuple[Batch, bool]]:
    """Each batch, and whether it is the only one.

    Args:
        data: The batches.
        model: The model.

    Yields:
        tuple[Batch, bool]: The batch and the mark.

    Raises:
        InputError: If there is no batch, or more than one and the model mixes their samples.
    """
    remaining = iter(data)
    last = next(remaining, None)
    if last is None:
        raise InputError("the data hold no batch: the loader is empty.")
    alone = True
    for batch in remaining:
        if alone:
            check_modules(model)
        alone = False
        yield last, False
        last = batch
    yield last, alone


@contextlib.contextmanager
def _same_generators(data: object) -> Iterator[None]:
    """A context after which a loader's own random generators are as before."""
    generators = data.generators if isinstance(data, Loader) else ()
    states = [generator.get_state() for generator in generators]
    try:
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def _shape(shape: torch.Size | None) -> str:
    """A shape for a message."""
    return "absent" if shape is None else str(list(shape))
