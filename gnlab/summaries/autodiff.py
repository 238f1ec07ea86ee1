"""The plain definition of the summaries: derivatives along u by repeated reverse passes.

The second step of the method, and the oracle of everything faster. With u restricted to group s
written u_s, every order comes from the one before by a reverse pass:

    f = ∇L                                     D^(1)_t   = ⟨f, u_t⟩       = ḡ_t
    f_s = ∇⟨f, u_s⟩                            D^(2)_st  = ⟨f_s, u_t⟩     = H̄_st
    f_ss = ∇⟨f_s, u_s⟩                         D^(3)_sss = ⟨f_ss, u_s⟩

The derivatives are symmetric, so a pass for group s asks only for the parameters of the groups
from s on. Groups are taken in the order of the network's depth: what lies above a layer makes a
small graph, what lies below it a large one.

Legend: S groups (s, t), P parameters, d the order; "rank" is a group's place in the order of depth.

References:
    Wolinski, arXiv:2312.03885, Sec. 3 (D^(d)(u)) and Sec. 4 (ḡ, H̄, D).
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gnlab.partitions import Partition
from gnlab.summaries.differentiable import check_differentiable
from gnlab.summaries.jets.colours import Colouring, by_pieces, by_units
from gnlab.summaries.jets.ranks import keep

Field = dict[str, Tensor]
"""A derivative with respect to the parameters, by name; a missing name is zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """A partition as the passes need it: by rank.

    Attributes:
        order: The group of each rank, [S].
        rank: The rank of each group, [S]; None if they are in order already.
        owners: The rank of each element, by parameter name; broadcasts to the parameter's shape.
        members: For each rank, the parameters with an element in that group.
        ranks: For each parameter, the ranks of its elements, each once, in ascending order.
        reach: For each rank, the parameters with an element in that group or a later one.
        pieces: The parameters of which each group owns a piece of one unit's row, no more.
        colourings: Which group owns which unit, of these and of those of which each group owns
            whole units, by parameter name.
    """

    order: Tensor
    rank: Tensor | None
    owners: Mapping[str, Tensor]
    members: tuple[tuple[str, ...], ...]
    ranks: Mapping[str, tuple[int, ...]]
    reach: tuple[tuple[str, ...], ...]
    pieces: frozenset[str]
    colourings: Mapping[str, Colouring]

    @property
    def size(self) -> int:
        """S, the number of groups."""
        return len(self.members)


@functools.lru_cache(maxsize=2)  # a training run asks for the same ones at every step
@torch.inference_mode(False)
def groups_of(partition: Partition, device: torch.device) -> Groups:
    """The groups of a partition in the order of their first parameter.

    Args:
        partition: The partition, on any device.
        device: Where the model is.

    Returns:
        The groups by rank.
    """
    found = {name: torch.unique(owner.cpu()) for name, owner in partition.groups.items()}
    first = torch.full((partition.num_groups,), len(found), device="cpu")
    for position, numbers in enumerate(found.values()):
        first[numbers] = first[numbers].clamp(max=position)
    order = first.argsort(stable=True)
    rank = order.argsort()
    members: list[list[str]] = [[] for _ in order]
    ranks = {name: tuple(sorted(rank[numbers].tolist())) for name, numbers in found.items()}
    for name, own in ranks.items():
        for r in own:
            members[r].append(name)
    reach = tuple(tuple(n for n in found if ranks[n][-1] >= r) for r in range(len(order)))
    owners = {name: rank[owner.cpu()].to(device) for name, owner in partition.groups.items()}
    for owner in owners.values():
        if owner.dim() == 0:  # it says what ``ranks`` says, and never changes
            keep(owner)
    shapes = partition.shapes
    pieces = frozenset(name for name, own in owners.items() if _is_in_pieces(own, shapes[name]))
    place = None if rank.equal(torch.arange(len(rank), device="cpu")) else rank.to(device)
    colourings = {
        name: by_pieces(own.reshape(len(own), -1)) if name in pieces else by_units(own.reshape(-1))
        for name, own in owners.items()
        if name in pieces or _is_of_units(own, shapes[name])
    }
    every = tuple(map(tuple, members))
    return Groups(order, place, owners, every, ranks, reach, pieces, colourings)


def _is_of_units(owner: Tensor, shape: torch.Size) -> bool:
    """Whether each group owns whole units."""
    return owner.dim() > 0 and owner.numel() == owner.shape[0] == shape[0] > 0


def _is_in_pieces(owner: Tensor, shape: torch.Size) -> bool:
    """Whether the groups divide each unit's row among them, and none has a part in two units."""
    if owner.shape != shape or len(shape) < 2 or shape.numel() in (0, shape[0]):
        return False
    rows = owner.reshape(len(owner), -1)
    units = torch.arange(len(rows), device=owner.device)[:, None].expand_as(rows)
    first = torch.full((int(rows.max()) + 1,), len(rows), device=owner.device)
    first.scatter_reduce_(0, rows.reshape(-1), units.reshape(-1), "amin")
    return bool((first[rows] == units).all())


@dataclass(frozen=True, slots=True, eq=False)
class Along:
    """A direction u, to differentiate along, group by group.

    Attributes:
        groups: The groups by rank.
        leaves: The parameters, leaves of the loss's graph.
        u: The direction, by parameter name.
    """

    groups: Groups
    leaves: Mapping[str, Tensor]
    u: Mapping[str, Tensor]

    def gradient(self, loss: Tensor, *, graph: bool = True) -> Field:
        """The gradient f = ∇L; with a graph, one that has derivatives."""
        f = self._differentiate([loss], [torch.ones_like(loss)], tuple(self.leaves), graph)
        if graph:
            check_differentiable([loss, *f.values()])
        return f

    def derivative(self, f: Field, r: int, targets: tuple[str, ...], *, graph: bool) -> Field:
        """∇⟨f, u_r⟩ with respect to the parameters ``targets``."""
        names = [n for n in self.groups.members[r] if n in f and f[n].requires_grad]
        outputs = [f[n] for n in names]
        return self._differentiate(outputs, [self.part(n, r) for n in names], targets, graph)

    def entries(self, f: Field) -> Tensor:
        """⟨f, u_t⟩ for every rank t, in float64 whatever the factors are in, [S]."""
        device = next(iter(self.u.values())).device
        total = torch.zeros(self.groups.size, dtype=torch.float64, device=device)
        if not f:
            return total
        owners = [self.groups.owners[name] for name in f]
        with torch.no_grad():
            # Summing first over what the owner does not distinguish leaves one short index.
            parts = [
                (value.double() * self.u[name].double()).sum_to_size(owner.shape).reshape(-1)
                for (name, value), owner in zip(f.items(), owners, strict=True)
            ]
            ranks = torch.cat([owner.reshape(-1) for owner in owners])
            return total.index_add(0, ranks, torch.cat(parts))

    def idle(self) -> Tensor:
        """Whether u is exactly zero in a group, for every rank, [S] bool."""
        return self.entries({name: u.sign() for name, u in self.u.items()}) == 0

    def part(self, name: str, r: int) -> Tensor:
        """The direction on the elements of group r, zero elsewhere."""
        owner = self.groups.owners[name]
        return self.u[name] if owner.dim() == 0 else torch.where(owner == r, self.u[name], 0)

    def _differentiate(
        self, outputs: list[Tensor], weights: list[Tensor], targets: tuple[str, ...], graph: bool
    ) -> Field:
        """The gradient of Σ ⟨output, weight⟩; the outputs' own graph is kept."""
        if not outputs:
            return {}
        found = torch.autograd.grad(
            outputs,
            [self.leaves[n] for n in targets],
            weights,
            retain_graph=True,
            create_graph=graph,
            allow_unused=True,
        )
        return {n: f for n, f in zip(targets, found, strict=True) if f is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Derivatives:
    """ḡ, H̄ and D^(3)_sss of one loss, by rank, of one dtype.

    Attributes:
        g: ḡ, [S].
        H: H̄, [S, S].
        third: D^(3)_sss, [S].
    """

    g: Tensor
    H: Tensor
    third: Tensor


def derivatives(f: Field, along: Along) -> Derivatives:
    """ḡ, H̄ and D^(3)_sss from the gradient's graph.

    Args:
        f: ∇L with its graph; emptied on the way, to free the graph as soon as may be.
        along: The direction.

    Returns:
        The three, by rank, in float64.
    """
    groups = along.groups
    g = along.entries(f)
    H, third = torch.zeros_like(torch.outer(g, g)), torch.zeros_like(g)
    for r in (~along.idle()).nonzero()[:, 0].tolist():
        row = along.derivative(f, r, groups.reach[r], graph=True)
        H[r, r:] = along.entries(row)[r:]
        third[r] = pure_third(row, r, along)
        for name in set(f) - set(groups.reach[min(r + 1, groups.size - 1)]):
            del f[name]
    return Derivatives(g, H.triu() + H.triu(1).T, third)


def pure_third(row: Field, r: int, along: Along) -> Tensor:
    """D^(3)_rrr from the graph of the Hessian's row ∇⟨f, u_r⟩, a scalar."""
    members = along.groups.members[r]
    return along.entries(along.derivative(row, r, members, graph=False))[r]
