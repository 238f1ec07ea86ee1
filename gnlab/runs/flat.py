"""A model's values as flat copies: one copy to make, to check and to keep, not one per tensor."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gnlab.guards import alone
from gnlab.guards.memory import repeats
from gnlab.runs.trained import Place, check_places, places

_Kind = tuple[torch.dtype, torch.device]


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """A copy of a model's parameters and buffers; a tied parameter is there once.

    Attributes:
        vectors: One vector for each dtype and device.
        places: What is in them, in its order.
    """

    vectors: dict[_Kind, Tensor]
    places: tuple[Place, ...] = ()

    @property
    def nbytes(self) -> int:
        """Its bytes."""
        return sum(vector.nbytes for vector in self.vectors.values())

    @property
    def finite(self) -> bool:
        """Whether all values are finite."""
        # The largest magnitude is not finite if any value is not; unlike a sum it cannot overflow.
        return all(
            bool(vector.abs().amax().isfinite())
            for vector in self.vectors.values()
            if vector.is_floating_point() and vector.numel()
        )

    def equals(self, other: "Flat") -> bool:
        """Whether it has the same values, each at the same place.

        Args:
            other: Another copy.

        Returns:
            Whether it has.
        """
        if self.places != other.places:
            return False
        return all(
            torch.equal(vector, other.vectors[kind]) for kind, vector in self.vectors.items()
        )

    def named(self, model: nn.Module) -> dict[str, Tensor]:
        """The values by name, as views.

        Args:
            model: The model that was copied, or one like it.

        Returns:
            Tensors of the shapes of the model's parameters and buffers.

        Raises:
            InputError: If the model has others by now.
        """
        check_places(self.places, places(values_of(model)))
        taken = dict.fromkeys(self.vectors, 0)
        views = {}
        for name, shape, dtype, device in self.places:
            kind = dtype, device
            begin, taken[kind] = taken[kind], taken[kind] + shape.numel()
            views[name] = self.vectors[kind][begin : taken[kind]].view(shape)
        return views


def flatten(model: nn.Module) -> Flat:
    """Copy a model's values, on the device they are on.

    Args:
        model: The model.

    Returns:
        The copy.
    """
    kinds: dict[_Kind, list[Tensor]] = {}
    with alone(model):  # a summary that another thread makes has other tensors in their places
        held = values_of(model)
        for _, value in held:
            kinds.setdefault((value.dtype, value.device), []).append(value.detach().reshape(-1))
        vectors = {kind: torch.cat(values) for kind, values in kinds.items()}
        return Flat(vectors, places(held))


@torch.no_grad()
def put(values: dict[str, Tensor], model: nn.Module) -> None:
    """Put values into a model.

    Args:
        values: By name, from any device.
        model: The model.
    """
    with alone(model):
        for name, value in values_of(model):
            if not repeats(value):
                value.copy_(values[name])
            elif not torch.equal(value, values[name].to(value)):  # read from a file
                value.data = values[name].to(value, copy=True)
            value.grad = None


def copied(model: nn.Module) -> nn.Module:
    """A copy of a model whose tensors have the strides of its own: kernels round by those.

    Args:
        model: The model.

    Returns:
        The copy.
    """
    with alone(model):
        other = copy.deepcopy(model)  # which leaves no gaps between elements
        for (_, own), (_, twin) in zip(values_of(model), values_of(other), strict=True):
            strided = own.layout is torch.strided and not repeats(own)
            if strided and own.stride() != twin.stride():
                room = torch.empty_strided(
                    own.shape, own.stride(), dtype=own.dtype, device=own.device
                )
                twin.data = room.copy_(own.detach())
    return other


def versions(model: nn.Module) -> tuple[int, ...]:
    """How often each of a model's parameters has been written into.

    Args:
        model: The model.

    Returns:
        The numbers; what is done to a parameter's ``.data`` does not count.
    """
    with alone(model):
        return tuple(0 if p.is_inference() else p._version for p in model.parameters())


def values_of(model: nn.Module) -> list[tuple[str, Tensor]]:
    """A model's parameters and buffers by name; a tied parameter is there once.

    Args:
        model: The model.

    Returns:
        Names and tensors, always in the same order.
    """
    return [*model.named_parameters(), *model.named_buffers()]
