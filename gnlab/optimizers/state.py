"""What GroupedNewton keeps of itself in a ``state_dict``, and whose a state is.

A step size belongs to a group, and momentum to a parameter; both are only right in an optimizer
of the same parameters, grouped in the same way. So a state has the parameters' shapes and a digest
of the partition in it.

Legend: S groups, η step sizes.
"""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gnlab.cubic import CubicSolution
from gnlab.errors import InputError
from gnlab.optimizers.batches import Stream
from gnlab.optimizers.choices import checked_settings, plain
from gnlab.optimizers.damage import check_sizes, check_whole
from gnlab.optimizers.info import StepInfo
from gnlab.partitions import Partition
from gnlab.summaries import Summary

KEY = "grouped_newton"
"""Where a state_dict has what is not torch's own."""
_COPIED = (
    *("model", "loss_fn", "partition", "steps", "step_sizes", "direction", "summary_batch", "info"),
    *("_parts", "_named", "_batches", "_summary", "_solution", "_reading", "_loss_after"),
    *("_inherited", "_finite"),
)


class Saved(torch.optim.Optimizer):
    """A torch optimizer of one model's parameters that is saved with its step sizes.

    Attributes:
        partition: The groups.
        steps: The number of finished steps.
        step_sizes: η, float64 [S]; None before the first solve.
        info: What the last step did.
    """

    partition: Partition
    steps: int
    step_sizes: Tensor | None
    info: StepInfo | None
    _inherited: Tensor | None
    _batches: Stream
    _summary: Summary | None
    _solution: CubicSolution | None

    @property
    def summaries(self) -> int:
        """How many summary batches were drawn."""
        return self._batches.drawn

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refuse more parameters; torch's constructor alone adds the model's own here.

        Args:
            param_group: Parameters and their settings.

        Raises:
            InputError: After the construction.
        """
        if self.param_groups:
            raise InputError(
                "GroupedNewton's parameters come from the model; build a new optimizer."
            )
        super().add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step needs; see ``torch.optim.Optimizer.state_dict``."""
        state_dict = super().state_dict()
        for group in state_dict["param_groups"]:  # anybody may have written NumPy's numbers there
            group.update({name: plain(value) for name, value in group.items() if name != "params"})
        state_dict[KEY] = {
            "steps": self.steps,
            "step_sizes": None if self.step_sizes is None else self.step_sizes.clone(),
            "inherited": None if self._inherited is None else self._inherited.clone(),
            "batches": self._batches.position(),
            **_identity(self.partition),
        }
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume from ``state_dict``, bit for bit.

        A loader that shuffles goes on in its own order; what is drawn from torch's random state
        after that, such as dropout or the next order, is the same if that state is restored too.

        Args:
            state_dict: What ``state_dict`` returned, for the same model and partition.

        Raises:
            InputError: If it is another optimizer's, another model's or another partition's, it is
                damaged, or a hyperparameter in it is out of bounds.
        """
        own = _check(state_dict, self.partition, self.param_groups[0]["params"])
        completed = _completed(state_dict, self.defaults)
        for group in completed["param_groups"]:
            group.update(checked_settings(group))
        super().load_state_dict(completed)
        self.steps = own["steps"]
        # On the CPU like every solve's answer, wherever the rest of a file was mapped to.
        self.step_sizes, self._inherited = (
            None if sizes is None else sizes.to("cpu", copy=True)
            for sizes in (own["step_sizes"], own.get("inherited"))
        )
        self._batches.seek(own["batches"])
        self._summary = self._solution = self.info = None

    def __getstate__(self) -> dict[str, Any]:
        # Torch copies three of its own attributes alone: hooks, and the wrapper that a scheduler
        # puts around step(), would lead back to the first optimizer.
        own = {name: value for name, value in vars(self).items() if name in _COPIED}
        return {**super().__getstate__(), **own}


def _identity(partition: Partition) -> dict[str, Any]:
    """What tells a partition of one model from another."""
    shapes = {name: list(shape) for name, shape in partition.shapes.items()}
    return {"groups": list(partition.names), "shapes": shapes, "digest": _digest(partition)}


def _check(
    state_dict: Mapping[str, Any], partition: Partition, params: Sequence[Tensor]
) -> dict[str, Any]:
    """The part of a state that is not torch's own, or the error that says whose it is instead.

    What an older version did not write yet is not compared.
    """
    if not isinstance(state_dict, Mapping):
        raise InputError(
            f"state_dict must be what state_dict() returned; got {type(state_dict).__name__}."
        )
    if state_dict.get(KEY) is None:
        raise InputError(f"the state_dict is of another optimizer: no {KEY!r} in it.")
    check_whole(state_dict, KEY)
    own: dict[str, Any] = state_dict[KEY]
    _check_owner(own, partition)
    check_sizes(state_dict, KEY, params, partition.num_groups)
    return own


def _check_owner(own: Mapping[str, Any], partition: Partition) -> None:
    """Raise unless a state is of the same parameters, grouped in the same way."""
    mine = {name: list(shape) for name, shape in partition.shapes.items()}
    theirs = own.get("shapes", mine)
    if mine != theirs:
        name = next(n for n in [*mine, *theirs] if mine.get(n) != theirs.get(n))
        raise InputError(
            f"the state_dict is of another model: parameter {name!r} has shape "
            f"{theirs.get(name, 'none')} in it, {mine.get(name, 'none')} in this one."
        )
    if tuple(own["groups"]) != partition.names:
        raise InputError(
            f"the state_dict has S = {len(own['groups'])} groups, the optimizer's partition "
            f"{partition.level!r} S = {partition.num_groups}; build it with the same."
        )
    if own.get("digest") not in (None, _digest(partition)):
        raise InputError(
            "the state_dict is of another partition: its groups have the same names, but other "
            "parameters in them; build the optimizer with the same."
        )


def _completed(state_dict: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Torch's own part of a state, with the settings that an older version did not have yet."""
    groups = [{**defaults, **group} for group in state_dict["param_groups"]]
    return {k: v for k, v in state_dict.items() if k != KEY} | {"param_groups": groups}


# A state is made at every checkpoint, a partition seldom; on a GPU it would wait each time.
@functools.lru_cache(maxsize=2)
def _digest(partition: Partition) -> str:
    """A digest of which element is in which group, the same on every device."""
    digest = hashlib.sha256()
    for name, shape in partition.shapes.items():
        owner = _narrowest(partition.groups[name].cpu(), len(shape))
        digest.update(f"{name} {list(owner.shape)} ".encode())
        digest.update(owner.contiguous().numpy().astype("<i8").tobytes())
    return digest.hexdigest()


def _narrowest(owner: Tensor, dims: int) -> Tensor:
    """The group numbers of a parameter, of size one along what they do not distinguish."""
    owner = owner.reshape((1,) * (dims - owner.dim()) + owner.shape)
    for k in range(dims):
        first = owner[(slice(None),) * k + (slice(1),)]
        if bool((owner == first).all()):
            owner = first
    return owner
