"""What the tests of rules share: an operation between linear maps, and its differences.

A test that asks for ``operation`` runs on every entry of its module's table ``OPERATIONS``, from
"name" or "name: variant" to ``(function, shape, ...)``: the function takes operands of these
shapes, each of which is a linear map of parameters, and its results enter a loss.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from unittest import mock

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_leaves

from gnlab.partitions import Partition, partition
from gnlab.summaries import forward, replay, summarise
from gnlab.summaries.formulas.decompose import decomposed
from gnlab.summaries.jets.axis import Axis
from gnlab.summaries.recording import tape as taping
from gnlab.summaries.rules import Call
from gnlab.summaries.samples import blocks
from gnlab.summaries.samples.stretches import Stretch

DOUBLE = torch.float64
# Of φ at −4h … 4h: the first to third derivatives, exact to h⁸, h⁸ and h⁶.
STEP = 0.005
STENCILS = torch.tensor(
    [
        [1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280],
        [-1 / 560, 8 / 315, -1 / 5, 8 / 5, -205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560],
        [-7 / 240, 3 / 10, -169 / 120, 61 / 30, 0, -61 / 30, 169 / 120, -3 / 10, 7 / 240],
    ],
    dtype=DOUBLE,
)


class Between(nn.Module):
    """An operation whose operands are maps of the input, and whose results are mapped on."""

    def __init__(self, function: Callable[..., object], shapes: tuple[tuple[int, ...], ...]):
        super().__init__()
        self.function, self.shapes = function, shapes
        self.maps = nn.ModuleList(nn.Linear(2, math.prod(shape)) for shape in shapes).double()
        self.out = nn.Linear(1, 1)
        with torch.no_grad():
            for p in self.maps.parameters():
                p.copy_(torch.randn_like(p))
            count = len(self._flat(torch.ones(2, dtype=DOUBLE)))
        self.out = nn.Parameter(torch.randn(count, 2, dtype=DOUBLE) / count**0.5)

    def _flat(self, x: Tensor) -> Tensor:
        given = zip(self.maps, self.shapes, strict=True)
        results = self.function(*[layer(x).reshape(shape) for layer, shape in given])
        floating = [z for z in tree_leaves(results) if z.is_floating_point()]
        return torch.cat([z.reshape(-1) for z in floating])

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self._flat(x) @ self.out / 2).sum()


@dataclass
class Problem:
    """An operation with what surrounds it."""

    name: str
    model: Between
    x: Tensor
    u: dict[str, Tensor]

    def partitions(self) -> list[Partition]:
        """All; by layer, listed against the model's order; three that cut through every tensor."""
        shapes = {n: self.u[n].shape for n, _ in self.model.named_parameters() if n in self.u}
        groups = {n: torch.arange(s.numel()).reshape(s) % 3 for n, s in shapes.items()}
        owners: dict[str, list[str]] = {"out": ["out"]}
        for n in reversed(shapes):
            if n != "out":
                owners.setdefault(n.rsplit(".", 1)[0], []).append(n)
        return [
            partition(self.model, "all"),
            partition(self.model, owners),
            Partition("thirds", ("0", "1", "2"), shapes, groups, ("mixed",) * 3),
        ]

    def summary(self, p: Partition, method: str):
        return summarise(self.model, lambda out, _: out, (self.x, self.x), p, self.u, method=method)

    def divided(self, p: Partition, *, backwards: bool):
        """The fast pass entry by entry of the first dimension that can be cut, or of the last."""
        own = Stretch._axes

        def axes(stretch: Stretch, call: Call) -> list[Axis]:
            return list(own(stretch, call))[:: -1 if backwards else 1]

        with (
            mock.patch.multiple(blocks, MOST=1, ROWS=1),
            mock.patch.object(Stretch, "_axes", axes),
            replay.eager(),
        ):
            return self.summary(p, "jets")

    def differences(self, p: Partition) -> tuple[Tensor, Tensor, Tensor]:
        """ḡ, H̄ and D^(3)_sss by central differences of the loss; nothing is differentiated."""
        theta = {n: q.detach() for n, q in self.model.named_parameters()}

        def along(eta: Tensor) -> Tensor:
            """Three derivatives of φ along η."""
            values = []
            for k in range(-4, 5):
                step = p.expand(k * STEP * eta)
                moved = {n: q + self.u[n] * step[n] if n in step else q for n, q in theta.items()}
                values.append(functional_call(self.model, moved, (self.x,)))
            orders = torch.tensor([STEP, STEP**2, STEP**3], dtype=DOUBLE)
            return STENCILS @ torch.stack(values) / orders

        with torch.no_grad():
            unit = torch.eye(p.num_groups, dtype=DOUBLE)
            pure = torch.stack([along(e) for e in unit])
            H = torch.diag(pure[:, 1])
            for s, t in itertools.combinations(range(p.num_groups), 2):
                mixed = (along(unit[s] + unit[t])[1] - pure[s, 1] - pure[t, 1]) / 2
                H[s, t] = H[t, s] = mixed
        return pure[:, 0], H, pure[:, 2]

    def check(self, *, plain: bool = True, differences: bool = True) -> None:
        """Hold the fast pass against the differences, and against the plain definition."""
        for p in self.partitions():
            fast = self.summary(p, "jets")
            found = fast.g, fast.H, fast.third
            # What the stencils leave out is of size h⁸ or h⁶, times a derivative of order nine;
            # rounding is 1e-16 / hᵈ, that is 4e-12 for H̄ and 1e-9 for D^(3), times ten or so.
            known = self.differences(p) if differences else found
            for one, two, tolerance in zip(found, known, (1e-9, 1e-8, 1e-6), strict=True):
                near(one, two, tolerance, f"{self.name} by differences, {p.level}", 0.1)
            for backwards in (False, True):
                cut = self.divided(p, backwards=backwards)
                for one, two in zip(found, (cut.g, cut.H, cut.third), strict=True):
                    near(one, two, 1e-12, f"{self.name} sample by sample, {p.level}")
            if plain:
                slow = self.summary(p, "autodiff")
                for one, two in zip(found, (slow.g, slow.H, slow.third), strict=True):
                    near(one, two, 1e-10, f"{self.name} by definition, {p.level}")

    def check_values(self, *, variable: bool) -> None:
        """Hold the values that the tape sees against torch's own.

        Args:
            variable: Whether they depend on the parameters; constants are torch's to the last bit.
        """
        self.model.requires_grad_(variable)
        torch.manual_seed(1)
        with decomposed():
            known = self.model(self.x)
        torch.manual_seed(1)
        tape = taping.Tape()
        tape.start({n: p for n, p in self.model.named_parameters() if variable})
        with decomposed(), tape:
            found = self.model(self.x)
        assert found.dtype == known.dtype
        # Torch's own modules take another way where nobody watches and nothing is differentiated.
        exact = not variable and "heads" not in self.name and "encoder" not in self.name
        near(found.detach(), known.detach(), 0.0 if exact else 1e-13, self.name, 0.1)

    def check_repetition(self, *, possible: bool = True) -> None:
        """Hold the fast pass, repeated with other numbers, against itself anew."""
        p = self.partitions()[1]
        replay.forget()
        for _ in range(4):
            self.move()
            with mock.patch.object(replay.cache, "SIGHTS", 2):
                repeated = self.summary(p, "jets")
            with replay.eager():
                anew = self.summary(p, "jets")
            for name in ("loss", "g", "H", "third"):
                near(getattr(repeated, name), getattr(anew, name), 1e-13, f"{self.name} repeated")
        assert replay.kept() == possible

    def move(self) -> None:
        """Change every number a little; nothing comes to lie beyond a corner that did not."""
        with torch.no_grad():
            for p in self.model.parameters():
                p.mul_(1 + 1e-4 * torch.randn_like(p))
        self.u = {n: v + 0.1 * torch.randn_like(v) for n, v in self.u.items()}
        self.x = self.x * (1 + 1e-4 * torch.randn_like(self.x))


def near(found: Tensor, known: Tensor, tolerance: float, what: str, floor: float = 1e-3) -> None:
    """Assert that tensors agree, relative to the largest entry, or to a floor if that is less."""
    error = (found - known).abs().max().item()
    scale = max(known.abs().max().item(), floor)
    assert error <= tolerance * scale, f"{what}: {error:.3g} of {scale:.3g}"


@pytest.fixture
def between() -> Callable[..., Problem]:
    """Makes the problem of an operation from its entry in a table."""

    def make(name: str, function: Callable[..., object], *shapes: tuple[int, ...]) -> Problem:
        torch.manual_seed(0)
        model = Between(function, shapes)
        named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        u = {n: 0.4 * torch.randn_like(p) for n, p in reversed(named)}
        return Problem(name, model, torch.tensor([0.6, -0.4], dtype=DOUBLE), u)

    return make


@pytest.fixture
def operation(request: pytest.FixtureRequest, between: Callable[..., Problem]) -> Problem:
    """The problem of an entry of the module's table."""
    return between(request.param, *request.module.OPERATIONS[request.param])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``operation`` runs on every entry of the module's table."""
    if "operation" in metafunc.fixturenames:
        table: Mapping[str, object] = metafunc.module.OPERATIONS
        metafunc.parametrize("operation", list(table), indirect=True)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the rules and formulas that are looked up while a test runs."""
    found: set[str] = set()

    class Seen(dict):
        def __getitem__(self, name: str) -> object:
            found.add(name)
            return super().__getitem__(name)

    monkeypatch.setattr(taping, "FORMULAS", Seen(taping.FORMULAS))
    monkeypatch.setattr(forward, "RULES", Seen(forward.RULES))
    return found
