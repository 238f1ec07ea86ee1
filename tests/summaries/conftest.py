"""What the tests of summaries share: the small problems, and their derivatives by brute force.

A test that asks for ``case`` runs on every problem.
"""

import copy
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hypothesis.strategies import SearchStrategy
from torch import Tensor, nn
from torch.func import functional_call, jvp
from torch.nn import functional

from gnlab.partitions import Partition

DOUBLE = torch.float64


def beside(name: str) -> ModuleType:
    """A module by its path: the tests are no package from which it could be imported."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases, networks = beside("cases"), beside("random_networks")
Case = cases.Case


def by_element(model: nn.Module) -> Partition:
    """One group per element, in the model's order."""
    shapes = {n: p.shape for n, p in model.named_parameters() if p.requires_grad}
    groups, count = {}, 0
    for name, shape in shapes.items():
        groups[name] = torch.arange(count, count + shape.numel()).reshape(shape)
        count += shape.numel()
    names = tuple(str(s) for s in range(count))
    return Partition("element", names, shapes, groups, ("mixed",) * count)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``case`` runs on every problem."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", list(cases.BUILDERS), indirect=True)


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    return cases.build(request.param)


@pytest.fixture
def make() -> Callable[[str], Case]:
    """Makes the problem of a name."""
    return cases.build


@pytest.fixture
def elements() -> Callable[[nn.Module], Partition]:
    """Makes the partition of one group per element."""
    return by_element


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """By hand, for the brute-force derivatives."""
    return (output.logsumexp(1) - output.gather(1, target[:, None])[:, 0]).mean()


def loss_of_steps(
    case: Case, p: Partition, u: dict[str, Tensor]
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """φ(η) = L(θ + U I η), by hand where the model has fused kernels, and η = 0."""
    theta = {n: q.detach() for n, q in case.model.named_parameters()}
    x, y = case.batch
    loss_fn = cross_entropy if isinstance(case.loss_fn, nn.CrossEntropyLoss) else case.loss_fn

    def phi(eta: Tensor) -> Tensor:
        spread = p.expand(eta)
        moved = {n: q + u[n] * spread[n] if n in u else q for n, q in theta.items()}
        if case.by_hand is not None:
            return loss_fn(case.by_hand(moved, x), y)
        # A copy: functional_call does not restore a module that is registered twice.
        return loss_fn(functional_call(copy.deepcopy(case.model), moved, (x,)), y)

    return phi, torch.zeros(p.num_groups, dtype=DOUBLE)


@pytest.fixture
def brute_force() -> Callable[..., Tensor]:
    """D^(d) as the derivatives of φ in its S variables, entry after entry, no symmetry used."""

    def tensor(case: Case, p: Partition, u: dict[str, Tensor], order: int) -> Tensor:
        phi, zero = loss_of_steps(case, p, u)
        eta = zero.requires_grad_()

        def derivatives(scalar: Tensor, left: int) -> Tensor:
            if not left:
                return scalar.detach()
            if not scalar.requires_grad:
                return torch.zeros([p.num_groups] * left, dtype=DOUBLE)
            (g,) = torch.autograd.grad(scalar, eta, create_graph=True)
            return torch.stack([derivatives(entry, left - 1) for entry in g])

        return derivatives(phi(eta), order)

    return tensor


@pytest.fixture
def some_entries() -> Callable[..., Tensor]:
    """Entries of D^(d) by brute force, each by its own chain of derivatives of φ."""

    def entries(case: Case, p: Partition, u: dict[str, Tensor], index: Tensor) -> Tensor:
        phi, zero = loss_of_steps(case, p, u)
        eta = zero.requires_grad_()
        known = {(): phi(eta)}

        def derivative(path: tuple[int, ...]) -> Tensor:
            if path not in known:
                before = derivative(path[:-1])
                known[path] = torch.zeros(())
                if before.requires_grad:
                    (g,) = torch.autograd.grad(before, eta, create_graph=True)
                    known[path] = g[path[-1]]
            return known[path]

        return torch.stack([derivative(tuple(path)).detach() for path in index.tolist()])

    return entries


@pytest.fixture
def forward_mode() -> Callable[..., Tensor]:
    """One entry of D^(d), by nested forward-mode derivatives of φ."""

    def entry(case: Case, p: Partition, u: dict[str, Tensor], *index: int) -> Tensor:
        function, zero = loss_of_steps(case, p, u)
        for s in index:
            unit = functional.one_hot(torch.tensor(s), p.num_groups).to(DOUBLE)
            function = _along(function, unit)
        return function(zero)

    return entry


def _along(function: Callable[[Tensor], Tensor], unit: Tensor) -> Callable[[Tensor], Tensor]:
    """The directional derivative of a function, as a function."""
    return lambda eta: jvp(function, (eta,), (unit,))[1]


@pytest.fixture(scope="session")
def random_networks() -> SearchStrategy[tuple[nn.Module, Tensor]]:
    """Networks of random operations, each with its inputs."""
    return networks.networks()
