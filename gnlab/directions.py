"""Directions: the proposals u along which the loss is summarised and the step is taken.

The second choice of the method, after the partition: the step is θ ← θ − λ₁ U I η, so u says
where to go and η, solved for later, says how far in each group. Only u's shape inside a group
matters: its length in each group is absorbed by η.

A direction is a small immutable object; what it remembers between steps is a separate state,
a plain dictionary of tensors that a checkpoint can hold. States are never changed in place.

Legend: u direction, g gradient, m first moment, v second moment, t step from 1.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gnlab.errors import check_choice, check_number

Tensors = dict[str, Tensor]
State = dict[str, Tensors]

NAMES = ("gradient", "momentum", "adam", "orthogonal")


class Direction(Protocol):
    """A rule that turns the sequence of gradients into directions."""

    @property
    def name(self) -> str:
        """The rule's name, one of ``NAMES``."""
        ...

    def update(self, grads: Mapping[str, Tensor], state: State) -> tuple[Tensors, State]:
        """Take the next gradient and return the direction and the new state.

        Args:
            grads: The gradient, by parameter name.
            state: The state returned by the last call, ``{}`` at first.

        Returns:
            The direction u by parameter name (shapes of ``grads``; it shares no memory with
            the gradients), and the state for the next call.
        """
        ...


@dataclass(frozen=True, slots=True)
class Gradient:
    """u is the gradient itself: Cauchy's direction. It remembers nothing, also of other rules."""

    name = "gradient"

    def update(self, grads: Mapping[str, Tensor], state: State) -> tuple[Tensors, State]:
        """See ``Direction.update``."""
        return {name: g.clone() for name, g in grads.items()}, {}


@dataclass(frozen=True, slots=True)
class Momentum:
    """u_t = μ u_{t−1} + (1 − μ) g_t, u_1 = g_1: an exponential moving average.

    Attributes:
        decay: μ in [0, 1).

    References:
        Wolinski, arXiv:2312.03885, Algorithm 1 (momentum on the gradients).
    """

    decay: float = 0.9

    name = "momentum"

    def update(self, grads: Mapping[str, Tensor], state: State) -> tuple[Tensors, State]:
        """See ``Direction.update``."""
        u = _average(state.get("momentum"), grads, self.decay)
        return dict(u), {"momentum": u}


@dataclass(frozen=True, slots=True)
class Adam:
    """u_t = m̂_t / (√v̂_t + ε): Adam's step before its learning rate.

    Invariant under a positive scale per parameter only up to ε.

    Attributes:
        decay: β₁ of the first moment, in [0, 1).
        square_decay: β₂ of the second moment, in [0, 1).
        epsilon: ε, in units of the gradient.

    References:
        Kingma and Ba, arXiv:1412.6980, Algorithm 1.
    """

    decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-8

    name = "adam"

    def update(self, grads: Mapping[str, Tensor], state: State) -> tuple[Tensors, State]:
        """See ``Direction.update``."""
        b1, b2 = self.decay, self.square_decay
        zeros = {name: torch.zeros_like(g) for name, g in grads.items()}
        squares = {name: g.square() for name, g in grads.items()}
        m = _average(state.get("mean", zeros), grads, b1)
        v = _average(state.get("square", zeros), squares, b2)
        # One count per parameter: a checkpoint then keeps it beside the moments it belongs to.
        t = {name: count + 1 for name, count in state.get("step", _zero_counts(grads)).items()}
        u = {}
        for name in grads:
            mean = m[name] / (1 - b1 ** int(t[name]))
            square = v[name] / (1 - b2 ** int(t[name]))
            u[name] = mean / (square.sqrt() + self.epsilon)
        return u, {"mean": m, "square": v, "step": t}


@dataclass(frozen=True, slots=True)
class Orthogonal:
    """Orthogonalised momentum: each weight matrix's average is replaced by its polar factor.

    Convolution kernels are flattened to [out, in · height · width]; vectors keep their plain
    momentum. The polar factor is rank-revealing, see ``polar_factor``.

    Attributes:
        decay: μ of the moving average, in [0, 1).

    References:
        Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024).
    """

    decay: float = 0.9

    name = "orthogonal"

    def update(self, grads: Mapping[str, Tensor], state: State) -> tuple[Tensors, State]:
        """See ``Direction.update``."""
        average = _average(state.get("momentum"), grads, self.decay)
        u = {
            name: m.clone() if m.dim() < 2 else polar_factor(m.flatten(1)).view_as(m)
            for name, m in average.items()
        }
        return u, {"momentum": average}


def direction(name: str, *, momentum: float = 0.9) -> Direction:
    """Choose a direction by name.

    Args:
        name: "gradient", "momentum", "adam" or "orthogonal".
        momentum: The decay μ of the moving average of gradients, in [0, 1).

    Returns:
        The direction.

    Raises:
        InputError: If the name is unknown or the decay out of bounds.
    """
    check_number("momentum", momentum, low=0.0, high=1.0, open_high=True)
    build: dict[str, Callable[[], Direction]] = {
        "gradient": Gradient,
        "momentum": lambda: Momentum(momentum),
        "adam": lambda: Adam(momentum),
        "orthogonal": lambda: Orthogonal(momentum),
    }
    check_choice("direction", name, NAMES)
    return build[name]()


def polar_factor(matrix: Tensor) -> Tensor:
    """The orthogonal factor U Vᵀ of a matrix U Σ Vᵀ, by a rank-revealing Newton–Schulz iteration.

    Under a softmax the last layer's gradient is rank-deficient; an iteration run to convergence
    would raise its rounding to full size there. This one is a fixed odd polynomial of slope
    about 1100 at zero: singular values above 3e-3 of the Frobenius norm come out within 3 % of
    1, and those at float32 rounding stay below 1e-3.

    Args:
        matrix: [m, n].

    Returns:
        The factor, [m, n], in the same dtype; zeros for a zero matrix.

    References:
        Jordan et al. (2024), the quintic's coefficients; Higham, "Functions of Matrices"
        (2008), Sec. 8.3, the cubic Newton–Schulz iteration.
    """
    if not matrix.numel():
        return matrix
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.mT if tall else matrix  # the Gram matrix x xᵀ is then the smaller of the two
    # Scaling by the largest entry first keeps the norm's squares from under- and overflow.
    largest = x.abs().amax()
    x = x / torch.where(largest > 0, largest, torch.ones_like(largest))
    norm = x.norm()
    x = x / torch.where(norm > 0, norm, torch.ones_like(norm))
    # Five quintic steps lift small singular values fast into [0.68, 1.13]; two cubic ones, which
    # converge quadratically there, settle them at 1.
    for a, b, c in [(3.4445, -4.7750, 2.0315)] * 5 + [(1.5, -0.5, 0.0)] * 2:
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram) if c else b * gram) @ x
    return x.mT if tall else x


def _zero_counts(names: Iterable[str]) -> Tensors:
    """A step count of zero for each parameter."""
    return {name: torch.zeros((), dtype=torch.int64, device="cpu") for name in names}


def _average(previous: Tensors | None, values: Mapping[str, Tensor], decay: float) -> Tensors:
    """Average decay · previous + (1 − decay) · value by name, in new memory; at first the value."""
    if previous is None:
        return {name: value.clone() for name, value in values.items()}
    return {name: torch.lerp(value, previous[name], decay) for name, value in values.items()}
