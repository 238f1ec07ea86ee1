"""GroupedNewton: the method as a torch optimizer (Algorithm 1 of the paper).

Each step proposes a direction u from the gradient; every ``period`` steps the loss is summarised
along u on a batch of its own, the cubic model is solved for one step size per group, and the
positive part enters a moving average η; the parameters move by −λ₁ U I η. This file composes the
rooms that do the mathematics and computes nothing itself.

Legend: S groups, u direction, η step sizes, λ₁ = lr, λ_int = damping, τ = period.
"""

from collections.abc import Callable
from typing import Any, overload

import torch
from torch import Tensor, nn

from gnlab.cubic import CubicSolution, Status, solve_cubic
from gnlab.directions import direction as choose_direction
from gnlab.errors import InputError, check_function, check_switch
from gnlab.optimizers import motion
from gnlab.optimizers.batches import Batch, Source, Stream, pair
from gnlab.optimizers.choices import Level, as_partition, checked, checked_settings, plain
from gnlab.optimizers.info import StepInfo, modelled, predicted_decrease
from gnlab.optimizers.inherited import inherited
from gnlab.optimizers.safeguard import guarded
from gnlab.optimizers.state import Saved
from gnlab.summaries import Reading, Summary, summarise


class GroupedNewton(Saved):
    """The grouped Newton method with anisotropic cubic regularisation.

    The four phases of ``step`` are public, so that a debugger or a lab can stop between them:
    ``propose``, ``measure``, ``solve``, ``update``. When the solve has no answer (its status
    says why), the step sizes stay as they were, also right after a change of the partition; before
    the first answer of all nothing moves.

    Args:
        model: The model; its trainable parameters are optimised.
        loss_fn: ``loss_fn(model(x), y) -> scalar``.
        summary_batches: Batches (x, y) for the summaries: an iterable, gone through again and
            again, or a function of the number of batches already drawn.
        partition: A level's name, own groups, or a partition.
        lr: λ₁ ≥ 0, the global factor on η; about 1 − momentum is its natural size.
        damping: λ_int ≥ 0, the strength of the cubic term.
        period: τ ≥ 1, the number of steps between summaries.
        direction: "gradient", "momentum", "adam" or "orthogonal".
        momentum: μ_g in [0, 1), the decay of the average of gradients.
        step_momentum: μ_η in [0, 1), the decay of the average of step sizes.
        safeguard: Whether a step with a summary is cut back to the model's minimum along it and
            shortened until the loss on the summary batch falls as promised; False is Algorithm 1
            as published. It costs one evaluation of the loss, which ``decrease`` then has.
        curvature: "hessian" (H̄), or "gauss-newton" to solve with the Gauss–Newton summary.
        parts: Whether a summary has H̄'s parts by operation too, where they cost no extra pass.

    Raises:
        InputError: If a choice is unknown or a number out of bounds.

    References:
        Wolinski, arXiv:2312.03885, Sec. 4 and Algorithm 1.
    """

    def __init__(
        self,
        model: nn.Module,
        loss_fn: Callable[[Any, Any], Tensor],
        summary_batches: Source,
        partition: Level = "tensor",
        lr: float | Tensor = 0.1,
        damping: float = 1.0,
        period: int = 10,
        direction: str = "momentum",
        momentum: float = 0.9,
        step_momentum: float = 0.5,
        *,
        safeguard: bool = False,
        curvature: str = "hessian",
        parts: bool = False,
    ) -> None:
        check_switch("parts", parts)
        check_function("loss_fn", loss_fn, "loss_fn(model(x), y) -> scalar")
        self.model, self.loss_fn, self._parts = model, loss_fn, parts
        self.partition = as_partition(model, partition)
        self._named = motion.trainable(model)
        self._batches = Stream(summary_batches)
        self.steps = 0
        self.step_sizes: Tensor | None = None
        self._inherited: Tensor | None = None
        self.direction: dict[str, Tensor] = {}
        self.summary_batch: Batch | None = None
        self.info: StepInfo | None = None
        self._summary = self._solution = None
        self._reading: Reading | None = None
        self._loss_after: float | None = None
        self._finite = True
        choices = {
            "lr": lr, "damping": damping, "period": period, "direction": direction,
            "momentum": momentum, "step_momentum": step_momentum, "safeguard": safeguard,
            "curvature": curvature,
        }  # fmt: skip
        super().__init__(list(self._named.values()), checked(choices))

    @property
    def settings(self) -> dict[str, Any]:
        """The hyperparameters' present values; a torch scheduler changes "lr" here."""
        return self.param_groups[0]

    @property
    def due(self) -> bool:
        """Whether the coming step makes a summary."""
        if self.step_sizes is None or self.steps % self._now("period") == 0:
            return True
        # The safeguard let nothing of the last step through: another direction is to be measured.
        return bool(self._now("safeguard")) and not bool(self.step_sizes.any())

    def change(self, *, partition: Level | None = None, **choices: float | str) -> None:
        """Change the partition or hyperparameters in the middle of training.

        The direction's memory is kept; an average that another direction has no use for is gone
        with its first step, and starts anew if it is taken up again. With a new partition the
        average of step sizes starts afresh, and the next step makes a summary; if its solve has no
        answer, each group goes on with the mean of the step sizes that its elements had.
        Parameters that were frozen or unfrozen since are left out or taken in.

        Args:
            partition: The new partition, if any.
            **choices: New values of lr, damping, period, direction, momentum, step_momentum,
                safeguard.

        Raises:
            InputError: If a choice is unknown or out of bounds; nothing is changed then.
        """
        new = checked(choices)
        if partition is not None:
            before, self.partition = self.partition, as_partition(self.model, partition)
            had = self._inherited if self.step_sizes is None else self.step_sizes
            self._inherited = None if had is None else inherited(had, before, self.partition)
            self.step_sizes = None
            self._take_trainable()
        rule = self.settings.get("direction")
        if choices.get("direction", rule) != rule:
            # Another rule's step sizes are in other units.
            self.step_sizes = self._inherited = None
        self.settings.update(new)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Make one step from the gradients in ``.grad``.

        Args:
            closure: Evaluates the model and calls ``backward``, as for any torch optimizer.

        Returns:
            The closure's loss, if there is one.

        Raises:
            InputError: If no parameter has a gradient, or the closure is no function.
        """
        loss = None
        if closure is not None:
            check_function("closure", closure, "or left out, as in step()")
            with torch.enable_grad():
                loss = closure()
        self.propose()
        if self.due:
            self.measure()
            self.solve()
        self.update()
        return loss

    @torch.no_grad()
    def propose(self) -> None:
        """Phase 1: the direction u, from the gradients and the direction's memory.

        Gradients that are not finite leave no trace in the memory, and the step moves nothing.

        Raises:
            InputError: If no parameter has a gradient, one has other values than can be moved, or
                a hyperparameter was put out of bounds.
        """
        motion.check_fit(self._named, self.partition)
        now = checked_settings(self.settings)
        rule = choose_direction(now["direction"], momentum=now["momentum"])
        self._finite = motion.are_finite(self._named)
        self.direction = motion.proposed(
            rule, self.model, self._named, self.state, remember=self._finite
        )
        self._summary = self._solution = None

    def measure(self) -> Summary:
        """Phase 2: the summary along u on the next summary batch.

        Returns:
            The summary.

        Raises:
            InputError: If a parameter was frozen, unfrozen or replaced since, or the batch is none.
        """
        motion.check_trainable(self.model, self._named)
        self.summary_batch = pair(self._batches.next())
        self._reading = Reading(self.model, self.loss_fn, self.summary_batch)
        self._loss_after = None
        self._summary = summarise(
            self.model, self.loss_fn, self.summary_batch, self.partition, self.direction,
            parts="fast" if self._parts else False, ggn=self._now("curvature") == "gauss-newton",
        )  # fmt: skip
        return self._summary

    @torch.no_grad()
    def solve(self) -> CubicSolution:
        """Phase 3: the cubic solve, and η's moving average of the positive part.

        Returns:
            The solve's answer, with its status.

        Raises:
            InputError: If ``measure`` was not called before.
        """
        model = modelled(self._summary)
        if model is None:
            raise InputError("solve() needs a summary; call measure() first.")
        solution = solve_cubic(*model.coefficients(), self._now("damping"))
        if solution.status.ok:
            positive = solution.step_sizes.clamp(min=0)
            previous = positive if self.step_sizes is None else self.step_sizes
            self.step_sizes = torch.lerp(positive, previous, self._now("step_momentum"))
        elif self.step_sizes is None:
            self.step_sizes = self._inherited
        self._inherited, self._solution = None, solution
        return solution

    @torch.no_grad()
    def update(self) -> None:
        """Phase 4: θ ← θ − λ₁ U I η, or what the safeguard lets through of it; the step's info.

        Where the gradient or the summary is no number nothing moves.
        """
        lr, taken, model = self._now("lr"), 1.0, modelled(self._summary)
        solved = self._solution
        lost = not self._finite or (solved is not None and solved.status is Status.nonfinite)
        if self._now("safeguard") and model is not None and not lost:
            taken = self._guard(model)
        eta = self.step_sizes
        if eta is not None and not lost:
            motion.move(self._named, self.direction, self.partition, lr * eta)
        self.steps += 1
        self.info = StepInfo(
            step=self.steps,
            summary=self._summary,
            solution=self._solution,
            step_sizes=eta,
            decrease_predicted=predicted_decrease(model, eta, lr),
            updated=eta is not None and not lost,
            taken=0.0 if lost else taken,
        )

    def decrease(self) -> float | None:
        """What the last step brought, L(θ) − L(θ′) on its summary batch.

        Returns:
            The decrease, in units of the loss; None if the step made no summary. Where the
            safeguard has not read the loss after it, it is evaluated now.
        """
        if self.info is None or self.info.summary is None or self._reading is None:
            return None
        self._loss_after = self._reading.loss() if self._loss_after is None else self._loss_after
        return float(self.info.summary.loss) - self._loss_after

    def _now(self, name: str) -> Any:
        """A hyperparameter's present value as Python's, whatever was written there."""
        return plain(self.settings[name])

    def _take_trainable(self) -> None:
        """Move what is trainable now, and nothing else."""
        self._named = motion.trainable(self.model)
        kept = self.settings["params"] = list(self._named.values())
        motion.forget(self.state, kept)

    def _guard(self, model: Summary) -> float:
        """Cut the step sizes to what the safeguard lets through, and say which share that is."""
        if self.step_sizes is None:
            return 1.0
        candidates = [self.step_sizes]
        if self._solution is not None and self._solution.status.ok:
            candidates.append(self._solution.step_sizes.clamp(min=0))  # without the past
        found = guarded(model, candidates, self._now("lr"), self._now("damping"), self._loss_at)
        self.step_sizes, self._loss_after = found.eta, found.loss
        return found.taken

    def _loss_at(self, sizes: Tensor) -> float:
        """The loss on the summary batch after a step θ − U I x, which is taken back."""
        assert self._reading is not None
        with motion.moved(self._named, self.direction, self.partition, sizes):
            return self._reading.loss()
