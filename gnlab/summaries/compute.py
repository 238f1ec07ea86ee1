"""A summary by one method: each batch's derivatives, cleared of rounding and combined.

Legend: S groups.
"""

import contextlib
import functools
import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from gnlab.summaries.autodiff import Along, Derivatives, Groups, derivatives
from gnlab.summaries.evaluation.evaluation import Evaluated, Evaluation, Parameters
from gnlab.summaries.faint import sizes
from gnlab.summaries.forward import jets_beyond
from gnlab.summaries.gauss_newton import gauss_newton
from gnlab.summaries.inert import (
    Point,
    cheaper_rows,
    inert_groups,
    jet_rows,
    plain_rows,
    slopes_again,
)
from gnlab.summaries.jets.curvature import LOSS, Origin
from gnlab.summaries.loaders.passes import Task, Values
from gnlab.summaries.recording.modules import Modules
from gnlab.summaries.recording.tape import Tape
from gnlab.summaries.replay import DrawnError, Sight, Told, eager, sighted
from gnlab.summaries.replay.structure import Structure
from gnlab.summaries.rules import KINDS
from gnlab.summaries.summary import Part, Summary
from gnlab.summaries.sweep import FACTOR, number, sweep

_MODEL: Origin = ("", "")
_LOSS: Origin = (LOSS, "")


class Computation:
    """A summary to be computed.

    Args:
        task: The loss and the data.
        groups: The groups by rank.
        u: The direction.
        ggn: Whether the Gauss–Newton summary is wanted.
        parts: Whether H̄'s parts by operation are wanted; "fast": only of the fast pass.
        memory: Bytes that the fast pass may take for jets; None: half of what is free.
    """

    def __init__(
        self,
        task: Task,
        groups: Groups,
        u: Parameters,
        *,
        ggn: bool,
        parts: bool | Literal["fast"],
        memory: float | None,
    ) -> None:
        self._task, self._groups, self._u = task, groups, u
        self._ggn, self._wanted, self._parts, self._memory = ggn, parts, bool(parts), memory
        self._tape: Tape | None = None
        self._sight: Sight | None = None
        self._modules: Modules | None = None
        self._fast = False
        self._origins: list[Origin] = []

    def by_jets(self) -> Summary:
        """The summary by the fast pass.

        Returns:
            The summary.

        Raises:
            NoRuleError: If an operation has no rule.
        """
        self._parts = bool(self._wanted)
        if not self._parts:
            return self._combined("jets", None)
        with Modules(self._task.model) as modules:
            return self._combined("jets", modules)

    def by_definition(self, *, compared: bool = False) -> Summary:
        """The summary by the plain definition, in which the model is one part.

        Args:
            compared: Whether a summary by the fast pass is to be held against it, parts and all.

        Returns:
            The summary.
        """
        self._parts = bool(self._wanted) if compared else self._wanted is True
        return self._combined("autodiff", None)

    def _combined(self, method: str, modules: Modules | None) -> Summary:
        self._origins.clear()
        self._modules, self._fast = modules, method == "jets"
        if self._fast:
            repeat = None if self._memory is not None else self._repeated
            values, weight = self._task.combined(self._swept, self._settled, self._watcher, repeat)
        else:
            values, weight = self._task.combined(self._differentiated, self._settled)
        self._tape = self._sight = self._modules = None
        return self._summary(values, weight, method)

    def _watcher(self) -> Tape:
        """A tape for one evaluation."""
        self._tape = Tape(self._modules)
        return self._tape

    def _repeated(self, plain: Evaluation) -> tuple[Any, Values] | None:
        """The only batch's output and values by repetition, or recorded, if that is possible."""

        def compute() -> tuple[Any, Values]:
            evaluation = plain.watched_by(self._watcher())

            def run(output: Any, leaves: Parameters) -> tuple[Any, Values]:
                return output, self._swept(
                    Evaluated(evaluation, output, evaluation.loss(output), leaves)
                )

            return evaluation.with_output(run)

        def told(found: tuple[Any, Values]) -> Told:
            if plain.drew():
                raise DrawnError("random numbers")
            return [found[0], *found[1]], tuple(self._origins)

        def made(tensors: Sequence[Tensor], origins: tuple[Origin, ...]) -> tuple[Any, Values]:
            self._origins[:] = origins
            return tensors[0], tuple(tensors[1:])

        groups, u, wanted = self._groups, self._u, (self._ggn, self._parts)
        factor = number(FACTOR, self._task.device)
        self._sight = sighted(
            lambda: Structure(plain, groups, u, factor, wanted), self._task.device, whole=True
        )
        found = None if self._sight is None else self._sight.answer(compute, told, made)
        if found is None:
            self._origins.clear()
        return found

    def _swept(self, seen: Evaluated) -> Values:
        """A batch's values by the fast pass."""
        assert self._tape is not None
        groups, u, sight = self._groups, self._u, self._sight
        # What may be repeated as a whole is not repeated in part.
        with contextlib.nullcontext() if sight is None or sight.refused else eager():
            found = sweep(
                self._tape,
                seen.loss,
                groups,
                seen.leaves,
                u,
                named=self._parts,
                budget=self._memory,
            )
        if sight is not None:
            sight.refuse_beyond_memory(functools.partial(jets_beyond, self._tape, groups))
        return self._values(seen, found.derivatives, found.slopes, found.origins, found.parts)

    def _differentiated(self, seen: Evaluated) -> Values:
        """A batch's values by the plain definition."""
        along = Along(self._groups, seen.leaves, self._u)
        of_loss = gauss_newton(seen, along) if self._ggn or self._parts else None
        found = derivatives(along.gradient(seen.loss), along)
        parts = (found.H,) if of_loss is None else (of_loss, found.H - of_loss)
        found = Derivatives(*(v.to(seen.loss) for v in (found.g, found.H, found.third)))
        again = torch.full_like(found.g, math.nan)
        return self._values(seen, found, again, (_LOSS, _MODEL), parts)

    def _values(
        self,
        seen: Evaluated,
        found: Derivatives,
        again: Tensor,
        origins: tuple[Origin, ...],
        parts: tuple[Tensor, ...],
    ) -> Values:
        """A batch's values side by side."""
        values = seen.loss.detach(), found.g, found.H, found.third, again
        if not (self._ggn or self._parts):
            return values
        # What only some batches have adds nothing in the others; one part there is always.
        some = origins or ([] if self._origins else [_MODEL])
        self._origins += [origin for origin in some if origin not in self._origins]
        by_origin = dict(zip(origins, parts, strict=False))
        none = torch.zeros_like(found.H) if len(by_origin) < len(self._origins) else found.H
        stacked = [by_origin.get(origin, none) for origin in self._origins]
        return *values, torch.stack(stacked, out=found.H.new_empty(len(stacked), *none.shape))

    def _settled(self, evaluation: Evaluation, values: Values) -> Values:
        """Set what is nothing but rounding to zero; count the batches in which it is not."""
        loss, g, H, third, again, *parts = values
        live = torch.ones_like(g)  # asked of a GPU before it is waited for
        point = Point(evaluation, self._groups, self._u, loss)
        recompute = plain_rows(point)
        if self._fast:
            by_jets = jet_rows(point, self._memory)
            recompute = cheaper_rows(recompute, by_jets, self._groups.size)
        else:
            again = slopes_again(point)
        large = sizes(self._groups, self._task.parameters, self._u)
        inert = inert_groups(loss, Derivatives(g, H, third), again, large, recompute)
        if inert is None or not inert.any():
            return loss, g, H, third, live, *parts
        live = live.where(~inert, 0)
        either = inert[:, None] | inert
        clear = [part.where(~either, 0) for part in parts]
        return loss, g.where(~inert, 0), H.where(~either, 0), third.where(~inert, 0), live, *clear

    def _summary(self, values: Values, weight: float, method: str) -> Summary:
        """The summary, its groups in the partition's order."""
        loss, g, H, third, live, *stack = values
        rank = self._groups.rank
        if rank is not None:
            g, H, third, live = g[rank], H[rank][:, rank], third[rank], live[rank]
            stack = [parts[:, rank][:, :, rank] for parts in stack]
        ggn: Tensor | None = None
        parts: tuple[Part, ...] = ()
        if stack:
            found = stack[0]
            of_loss = [i for i, origin in enumerate(self._origins) if origin[0] == LOSS]
            ggn = found[of_loss].sum(0) if self._ggn else None
            parts = tuple(
                Part(*origin, _kind(origin), part)
                for origin, part in zip(self._origins, found, strict=True)
            )
        return Summary(
            loss, g, H, third, live == 0, method, weight, ggn, parts if self._parts else ()
        )  # fmt: skip


def _kind(origin: Origin) -> str:
    """What kind of operation a part comes from."""
    return LOSS if origin[0] == LOSS else KINDS.get(origin[1], "model")
