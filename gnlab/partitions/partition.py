"""A partition: which group each parameter element belongs to.

The first choice of the method: the P elements of a model's trainable parameters are split into
S groups, and every later quantity has one entry per group. One group for all is Cauchy's
steepest descent; one group per element is Newton's method.

Legend: S groups, P parameter elements, I the [P, S] partition matrix (one 1 per row).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from gnlab.errors import InputError, unknown_choice
from gnlab.guards.memory import in_one_memory, repeats


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """A partition of a model's trainable parameters into S groups.

    The group of every single element is held: ``groups[name]`` is an integer tensor that
    broadcasts to the parameter's shape, a scalar where the whole tensor is in one group, so a
    coarse partition costs no memory and a fine one needs no other representation.

    Attributes:
        level: The level it was built from ("tensor", "chunk:5", ...), "custom" for own groups.
        names: The groups' names, S of them.
        shapes: The shape of each parameter, by name, in the model's order.
        groups: The group number of each element, by parameter name; int64, broadcasts to shape. A
            parameter without elements has a number too, which says nothing.
        roles: Each group's role, S of them: "weights", "biases", "other" or "mixed".
    """

    level: str
    names: tuple[str, ...]
    shapes: Mapping[str, torch.Size]
    groups: Mapping[str, Tensor]
    roles: tuple[str, ...]

    @property
    def num_groups(self) -> int:
        """S, the number of groups."""
        return len(self.names)

    @property
    def num_parameters(self) -> int:
        """P, the number of parameter elements."""
        return sum(shape.numel() for shape in self.shapes.values())

    @property
    def sizes(self) -> Tensor:
        """The number of elements of each group, int64 [S]."""
        sizes = torch.zeros(self.num_groups, dtype=torch.int64, device="cpu")
        for name, shape in self.shapes.items():
            owner = self.groups[name].cpu()
            copies = shape.numel() // max(owner.numel(), 1)
            sizes += torch.bincount(owner.reshape(-1), minlength=self.num_groups) * copies
        return sizes

    def expand(self, values: Tensor) -> dict[str, Tensor]:
        """Give each parameter element its group's value: I η.

        Args:
            values: One value per group, [S].

        Returns:
            By parameter name, a tensor that broadcasts to the parameter's shape.

        Raises:
            InputError: If the length of ``values`` is not S.
        """
        if not isinstance(values, Tensor) or values.shape != (self.num_groups,):
            is_tensor = isinstance(values, Tensor)
            got = f"shape {list(values.shape)}" if is_tensor else type(values).__name__
            raise InputError(
                f"expand needs one value per group, a tensor of shape [{self.num_groups}]; "
                f"got {got}."
            )
        return {name: values[owner.to(values.device)] for name, owner in self.groups.items()}

    def reduce(self, values: Mapping[str, Tensor]) -> Tensor:
        """Sum elementwise values over each group: Iᵀ v.

        Args:
            values: By parameter name, a tensor of the parameter's shape.

        Returns:
            The sums, [S], in the values' dtype and device.

        Raises:
            InputError: If a name is missing or a shape differs.
        """
        self.check(values, "values")
        first = next(iter(values.values()))
        total = torch.zeros(self.num_groups, dtype=first.dtype, device=first.device)
        for name, owner in self.groups.items():
            # Summing first over what the owner does not distinguish keeps whole-tensor groups
            # at one reduction, without an index of the tensor's size.
            part = values[name].sum_to_size(owner.shape)
            total = total.index_add(0, owner.to(part.device).reshape(-1), part.reshape(-1))
        return total

    def check(self, values: Mapping[str, Tensor], what: str) -> None:
        """Raise unless ``values`` has every parameter's name and shape.

        Args:
            values: Tensors by parameter name.
            what: What they are, for the message ("direction").

        Raises:
            InputError: Naming the first missing, surplus or misshapen entry, or one that is no
                tensor.
        """
        if not isinstance(values, Mapping):
            raise InputError(
                f"{what} must be tensors by parameter name, as {{name: tensor}}; "
                f"got {type(values).__name__}."
            )
        for name in values:
            if name not in self.shapes:
                raise unknown_choice(f"parameter in {what}", name, self.shapes)
        for name, shape in self.shapes.items():
            if name not in values:
                raise InputError(f"{what} has no entry for parameter {name!r} {list(shape)}.")
            if not isinstance(values[name], Tensor):
                raise InputError(
                    f"{what}[{name!r}] must be a torch tensor; got {type(values[name]).__name__}."
                )
            if values[name].shape != shape:
                raise InputError(
                    f"{what}[{name!r}] has shape {list(values[name].shape)}; "
                    f"the parameter has {list(shape)}."
                )

    def refines(self, other: "Partition") -> bool:
        """Whether each group of this partition lies within one group of ``other``."""
        return self._membership(other) is not None

    def membership(self, other: "Partition") -> Tensor:
        """The group of a coarser partition that each of this one's groups lies in.

        Args:
            other: A partition of the same parameters that this one refines.

        Returns:
            Its group numbers, int64 [S].

        Raises:
            InputError: If this partition does not refine ``other``.
        """
        owner = self._membership(other)
        if owner is None:
            raise InputError(
                f"partition {self.level!r} (S = {self.num_groups}) does not refine "
                f"{other.level!r} (S = {other.num_groups}): a group of the first is split."
            )
        return owner

    def coarsening(self, other: "Partition") -> Tensor:
        """The membership matrix C of this partition's groups in a coarser one's.

        For the same u: ḡ_other = C ḡ and H̄_other = C H̄ Cᵀ.

        Args:
            other: A partition of the same parameters that this one refines.

        Returns:
            C, [S_other, S], one 1 per column, float64.

        Raises:
            InputError: If this partition does not refine ``other``.
        """
        owner = self.membership(other)
        matrix = torch.zeros(other.num_groups, self.num_groups, dtype=torch.float64, device="cpu")
        matrix[owner, torch.arange(self.num_groups, device="cpu")] = 1.0
        return matrix

    def to(self, device: torch.device | str) -> "Partition":
        """The same partition with its group numbers on ``device``."""
        moved = {name: owner.to(device) for name, owner in self.groups.items()}
        return Partition(self.level, self.names, self.shapes, moved, self.roles)

    def _membership(self, other: "Partition") -> Tensor | None:
        """For each of this partition's groups the group of ``other`` it lies in, or None."""
        if not isinstance(other, Partition):
            raise InputError(f"other must be a gnlab.Partition; got {type(other).__name__}.")
        if dict(self.shapes) != dict(other.shapes):
            raise InputError("the two partitions are of different parameters.")
        low = torch.full((self.num_groups,), other.num_groups, dtype=torch.int64, device="cpu")
        high = torch.full((self.num_groups,), -1, dtype=torch.int64, device="cpu")
        for name, whole in self.shapes.items():
            if not whole.numel():
                continue
            mine, theirs = self.groups[name].cpu(), other.groups[name].cpu()
            shape = np.broadcast_shapes(mine.shape, theirs.shape)
            mine, theirs = mine.expand(shape).reshape(-1), theirs.expand(shape).reshape(-1)
            low = low.scatter_reduce(0, mine, theirs, "amin")
            high = high.scatter_reduce(0, mine, theirs, "amax")
        return low if bool((low == high).all()) else None


def check_usable(parameters: Mapping[str, Tensor]) -> None:
    """Raise if a parameter cannot move element by element.

    Args:
        parameters: The trainable parameters by name.

    Raises:
        InputError: Naming the first that is complex, a lazy layer's without a shape or of elements
            that share their memory, or two that are in one.
    """
    for name, p in parameters.items():
        if is_lazy(p):
            raise InputError(
                f"parameter {name!r} has no shape yet, as a lazy layer's; call the model once with "
                "inputs of the shape that it is for."
            )
        if p.is_complex():
            raise InputError(
                f"parameter {name!r} is complex ({p.dtype}), and step sizes are of real ones; hold "
                "it as torch.view_as_real of it, or freeze it."
            )
        if repeats(p):
            raise InputError(
                f"the elements of parameter {name!r} are in one memory (it was made by .expand()), "
                "so none moves without the others; expand it in forward, or .clone() it."
            )
    if found := in_one_memory(parameters):
        one, two = found
        raise InputError(
            f"parameters {one!r} and {two!r} are in one memory, so neither moves without the "
            f"other; make them one parameter ({two} = {one}), or use {one}.T and the like in "
            "forward."
        )


def check_there(parameters: Mapping[str, Tensor]) -> None:
    """Raise if a parameter has no values, or none that can be differentiated.

    Args:
        parameters: The parameters by name.

    Raises:
        InputError: Naming the first that has none.
    """
    for name, p in parameters.items():
        if p.is_meta:
            raise InputError(
                f"parameter {name!r} is on the meta device and has no values; "
                "call model.to_empty(device='cpu') and initialise it, or load a state."
            )
        if p.is_inference() and p.requires_grad:
            raise InputError(
                f"parameter {name!r} was made in torch.inference_mode(), so torch does not "
                "differentiate it; make the model outside of it."
            )
