"""Surfaces: losses that are functions of the parameters alone, whose theory is known.

On a quadratic with condition number κ the two ends of the method have exact theories: steepest
descent with exact line search (Cauchy) shrinks the loss at least by ((κ − 1)/(κ + 1))² a step,
and exactly so from the worst start; Newton arrives in one step.

Legend: n coordinates.
"""

import abc
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gnlab.errors import InputError
from gnlab.problems.problem import Data
from gnlab.problems.streams import Stream, generator


class Surface(nn.Module, abc.ABC):
    """A model that is one raw parameter ``theta`` [n], and whose output is the loss itself.

    Args:
        start: θ at the start, [n].
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.theta = nn.Parameter(start.clone())

    @abc.abstractmethod
    def height(self, points: Tensor) -> Tensor:
        """The surface's value at points.

        Args:
            points: [..., n].

        Returns:
            Values, [...].
        """

    def forward(self, inputs: Tensor) -> Tensor:
        """The surface's value at θ, a scalar, whatever the inputs."""
        return self.height(self.theta)


class Quadratic(Surface):
    """½ θᵀAθ, with its minimum 0 at the origin.

    Args:
        matrix: A, symmetric and positive definite, [n, n].
        start: θ at the start, [n].
    """

    matrix: Tensor

    def __init__(self, matrix: Tensor, start: Tensor) -> None:
        super().__init__(start)
        self.register_buffer("matrix", matrix)

    def height(self, points: Tensor) -> Tensor:
        """½ θᵀAθ at points [..., n], giving [...]."""
        return 0.5 * ((points @ self.matrix) * points).sum(-1)


class Rosenbrock(Surface):
    """The banana valley (1 − x)² + 100 (y − x²)², with its minimum 0 at (1, 1)."""

    def height(self, points: Tensor) -> Tensor:
        """The valley's value at points [..., 2], giving [...]."""
        x, y = points[..., 0], points[..., 1]
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def quadratic(
    spectrum: Sequence[float],
    *,
    angle: float = math.pi / 6,
    seed: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Quadratic:
    """A quadratic with a chosen spectrum, started where steepest descent is slowest.

    The worst start has its gradient in equal parts along the two outermost eigenvectors; the
    seed chooses their signs. In two dimensions the eigenvectors are the axes turned by
    ``angle``; in more, neighbouring axes are turned one pair after the other, so that no axis
    stays an eigenvector.

    Args:
        spectrum: The eigenvalues of A, n of them, positive.
        angle: The rotation of each pair of axes, in radians.
        seed: Chooses among the worst starts.
        device: Where the parameters shall be.
        dtype: The parameters' dtype.

    Returns:
        The surface.

    Raises:
        InputError: If an eigenvalue is not positive and finite, or there is none.
    """
    values = torch.tensor(list(spectrum), dtype=torch.float64, device="cpu")
    if values.numel() == 0 or not bool((torch.isfinite(values) & (values > 0)).all()):
        raise InputError(f"spectrum needs positive finite eigenvalues; got {list(spectrum)}.")
    vectors = _rotation(values.numel(), angle)
    signs = (
        torch.randint(0, 2, (2,), generator=generator(seed, Stream.start), device="cpu") * 2.0 - 1.0
    )
    start = torch.zeros_like(values)
    for sign, i in zip(signs, (int(values.argmin()), int(values.argmax())), strict=True):
        start[i] = sign * values.min() / values[i]
    matrix = vectors @ torch.diag(values) @ vectors.T
    return Quadratic(
        (0.5 * (matrix + matrix.T)).to(device, dtype), (vectors @ start).to(device, dtype)
    )


def rosenbrock(
    *, seed: int = 0, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> Rosenbrock:
    """Rosenbrock's valley from its classical start (−1.2, 1) for seed 0, else from near it.

    Args:
        seed: Moves the start by a normal draw of standard deviation 0.2 unless it is 0.
        device: Where the parameters shall be.
        dtype: The parameters' dtype.

    Returns:
        The surface.
    """
    source = generator(seed, Stream.start)
    moved = 0.2 * torch.randn(2, generator=source, dtype=torch.float64, device="cpu")
    start = torch.tensor([-1.2, 1.0], dtype=torch.float64, device="cpu") + (moved if seed else 0)
    return Rosenbrock(start.to(device, dtype))


def no_data() -> Data:
    """One sample that stands for the data a surface does not have."""
    return Data(torch.zeros(1, 1, device="cpu"), torch.zeros(1, dtype=torch.int64, device="cpu"))


def loss_is_output(output: Tensor, targets: Tensor) -> Tensor:
    """The loss of a surface: its value as it stands."""
    return output


def _rotation(size: int, angle: float) -> Tensor:
    """A rotation: the first two axes turned by the angle, then the second and third, ..."""
    rotation = torch.eye(size, dtype=torch.float64, device="cpu")
    turn = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]],
        dtype=torch.float64,
        device="cpu",
    )
    for i in range(size - 1):
        rotation[:, i : i + 2] = rotation[:, i : i + 2] @ turn
    return rotation
