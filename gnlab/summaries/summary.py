"""The summary of a loss along a direction: ḡ, H̄ and D, as data.

Legend: S groups, P parameters.
"""

import dataclasses
from dataclasses import dataclass

from torch import Tensor

from gnlab.errors import InputError
from gnlab.partitions import Partition


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One operation's part of H̄.

    Attributes:
        module: The module that calls the operation, by its name in the model; "loss" for the loss,
            whose operations' parts together are ``Summary.ggn``, those on parameters among them.
        operation: The operation; "" for all of the loss's, or the model's, together.
        kind: "loss", "activation", "product", "softmax", "normalisation" or "model" (all of the
            model's).
        H: The part, symmetric, [S, S].
    """

    module: str
    operation: str
    kind: str
    H: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """ḡ, H̄ and D^(3)_sss along a direction whose groups were multiplied by a number each.

    Attributes:
        g: ḡ in these units, [S].
        H: H̄ in these units, [S, S].
        third: D^(3)_sss in these units, [S].
        units: By what each group was multiplied, powers of two, [S].
        ggn: The Gauss–Newton summary in these units, [S, S], if it was asked for.
    """

    g: Tensor
    H: Tensor
    third: Tensor
    units: Tensor
    ggn: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """The loss's derivatives along one direction u, summed over the groups of a partition.

    Attributes:
        loss: The loss, a scalar.
        g: ḡ = Iᵀ U ∇L, [S].
        H: H̄ = Iᵀ U ∇²L U I, symmetric, [S, S].
        third: D^(3)_sss, the pure third derivative per group, signed, [S].
        inert: Whether a group has no effect on the loss along u (u is zero there, or its
            derivatives are rounding); its entries of g, H and third are exactly zero, [S] bool.
        method: How it was computed: "jets" (the fast pass) or "autodiff" (the plain definition).
        weight: The data's normaliser (a number of samples, a sum of class weights): summaries
            of the same u over several batches combine as means with these weights. 1 for a loss
            that is a sum, whose summaries add.
        ggn: The generalised Gauss–Newton summary Σ⟨Jˢ, ∇²ℓ Jᵗ⟩, the loss's own part of H̄,
            [S, S], if it was asked for: H̄ of the loss with everything that the model hands it
            taken as linear in the parameters. A parameter that the loss itself uses (weight
            decay, a learned temperature) is given to it too, and so is bent there in full.
        parts: H̄ by operation, if that was asked for; their sum is H̄. By the fast pass they are in
            the order of the operations, the loss's last, and what only later batches have follows;
            by the plain way they are the loss's and the model's.
        scaled: The same in other units of the groups, where the dtype cannot hold it in u's.

    References:
        Wolinski, arXiv:2312.03885, Sec. 3 (D^(d)) and Sec. 4 (ḡ, H̄, D).
    """

    loss: Tensor
    g: Tensor
    H: Tensor
    third: Tensor
    inert: Tensor
    method: str
    weight: float = 1.0
    ggn: Tensor | None = None
    parts: tuple[Part, ...] = ()
    scaled: Scaled | None = None

    def coarsened(self, fine: Partition, coarse: Partition) -> tuple[Tensor, Tensor]:
        """ḡ and H̄ of a coarser partition, along the same u; D has no such sum.

        Args:
            fine: The partition that this is a summary of, S groups.
            coarse: A partition that it refines, T groups.

        Returns:
            C ḡ, [T], and C H̄ Cᵀ, [T, T], with C = ``fine.coarsening(coarse)``; in float64 where
            the summary's own dtype cannot hold what they are sums of.

        Raises:
            InputError: If the one does not refine the other, or this is a summary of another one.
        """
        if fine.num_groups != len(self.g):
            raise InputError(
                f"this is a summary of {len(self.g)} groups; the partition given as its own has "
                f"{fine.num_groups}. Give the partition that it was computed with."
            )
        H, g, _ = self.coefficients()
        owner, size = fine.membership(coarse).to(g.device), coarse.num_groups
        rows = H.new_zeros(size, len(owner)).index_add(0, owner, H)
        sums = H.new_zeros(size, size).index_add(1, owner, rows)
        return g.new_zeros(size).index_add(0, owner, g), sums

    def gauss_newton(self) -> "Summary":
        """The same with the Gauss–Newton summary in the place of H̄: to solve a step with it.

        Returns:
            The summary, without parts.

        Raises:
            InputError: If the Gauss–Newton summary was not asked for.
        """
        if self.ggn is None:
            raise InputError("this summary has no ggn; compute it with summarise(..., ggn=True).")
        scaled = self.scaled
        if scaled is not None and scaled.ggn is not None:
            scaled = dataclasses.replace(scaled, H=scaled.ggn)
        return dataclasses.replace(self, H=self.ggn, parts=(), scaled=scaled)

    @property
    def d(self) -> Tensor:
        """The diagonal D of the cubic term, |D^(3)_sss|^(1/3), [S]."""
        if self.scaled is None:
            return self.third.abs().pow(1 / 3)
        return self.scaled.third.abs().pow(1 / 3) / self.scaled.units

    def coefficients(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the cubic model is made of, as ``solve_cubic`` takes it.

        Returns:
            H̄ [S, S], ḡ [S] and D [S]; in float64 where the summary's own dtype cannot hold them.
        """
        if self.scaled is None:
            return self.H, self.g, self.d
        units = self.scaled.units.double()
        g, H, third = (v.double() for v in (self.scaled.g, self.scaled.H, self.scaled.third))
        return H / units[:, None] / units, g / units, third.abs().pow(1 / 3) / units
