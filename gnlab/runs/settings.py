"""Settings: everything a person chooses about a run, validated in one place.

A run is a pure function of its settings: the same settings give the same trajectory, bit for bit
on the same machine. Settings are immutable; a change makes new ones.

Legend: λ₁ = lr, λ_int = damping, τ = period.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gnlab import directions, problems
from gnlab.errors import InputError, check_choice, check_number, check_switch, unknown_choice
from gnlab.optimizers.choices import CURVATURES
from gnlab.partitions.grammar import check_form

OPTIMIZERS = ("grouped-newton", "adam", "sgd")
DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("float32", "float64")
OWN = "own:"
"""What the preset's name begins with when the problem is a person's own, not a named one."""

Level = str | Mapping[str, Sequence[str]]

# Left out by a person: taken from the preset. Typed as Any so that the fields keep their types.
_RECOMMENDED: Any = None
RATES = {"adam": 1e-3, "sgd": 0.05}
"""The learning rates that suit torch's optimizers."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The valid values of one number.

    Attributes:
        low: The smallest valid value.
        high: The largest valid value.
        open_high: Whether ``high`` itself is invalid.
        integer: Whether only whole numbers are valid.
    """

    low: float
    high: float
    open_high: bool = False
    integer: bool = False


BOUNDS: Mapping[str, Bound] = {
    "lr": Bound(0.0, 1e6),
    "damping": Bound(0.0, 1e12),
    "period": Bound(1, 1_000_000, integer=True),
    "batch_size": Bound(1, 1_000_000, integer=True),
    "summary_batch_size": Bound(1, 1_000_000, integer=True),
    "momentum": Bound(0.0, 1.0, open_high=True),
    "step_momentum": Bound(0.0, 1.0, open_high=True),
    "seed": Bound(0, 2**31 - 1, integer=True),
}
"""The bounds of each number, for widgets and the command line."""

START = ("preset", "seed", "device", "dtype")
"""The settings whose change is a new start; all others can change in the middle of a run."""

BRINGING = frozenset({"preset", "optimizer"})
"""The settings whose change brings others with it, see ``Settings.changed``."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The choices that make a run. What is left out is taken from the preset's recommendation.

    Attributes:
        preset: The problem's name, one of ``problems.NAMES``.
        optimizer: "grouped-newton", "adam" or "sgd".
        partition: A level's name, or own groups ``{group: [parameter names]}``.
        direction: The direction's name; only grouped-newton reads it.
        lr: λ₁, the global factor on the step sizes; for adam and sgd the learning rate.
        damping: λ_int, the strength of the cubic term.
        period: τ, steps from one summary to the next.
        batch_size: Samples in a gradient's batch.
        summary_batch_size: Samples in a summary's batch.
        momentum: The share of the past in the direction (β₁ of adam, momentum of sgd).
        step_momentum: The share of the past in the step sizes.
        safeguard: Whether a step is cut back to what the model and the loss agree on; False is the
            paper's Algorithm 1 as published. Only grouped-newton reads it.
        curvature: "hessian", or "gauss-newton": what is in H̄'s place in the solve. Only
            grouped-newton reads it.
        seed: Fixes the start and the order of the data.
        device: "auto" (the GPU if there is one), "cpu" or "cuda".
        dtype: "float32" or "float64".

    Raises:
        InputError: If a choice is unknown or a number out of its bounds.
    """

    preset: str = "digits-mlp"
    optimizer: str = "grouped-newton"
    partition: Level = _RECOMMENDED
    direction: str = _RECOMMENDED
    lr: float = _RECOMMENDED
    damping: float = _RECOMMENDED
    period: int = _RECOMMENDED
    batch_size: int = _RECOMMENDED
    summary_batch_size: int = _RECOMMENDED
    momentum: float = _RECOMMENDED
    step_momentum: float = _RECOMMENDED
    safeguard: bool = _RECOMMENDED
    curvature: str = "hessian"
    seed: int = 0
    device: str = "auto"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        check_optimizer(self.optimizer)
        if not isinstance(self.preset, str):
            raise InputError(f"preset must be a problem's name; got {self.preset!r}.")
        if self.preset.startswith(OWN):
            self._check_given()
        else:
            self._fill(problems.recommended(self.preset))
        self.validate()

    def validate(self) -> None:
        """Check every choice; called when settings are made, so that no invalid ones exist.

        Raises:
            InputError: Naming the first choice that is unknown or out of bounds.
        """
        for name, bound in BOUNDS.items():
            value = getattr(self, name)
            check_number(name, value, **dataclasses.asdict(bound))
            object.__setattr__(self, name, int(value) if bound.integer else float(value))
        for kind, valid in (("device", DEVICES), ("dtype", DTYPES)):
            check_choice(kind, getattr(self, kind), valid)
        check_choice("direction", self.direction, directions.NAMES)
        check_switch("safeguard", self.safeguard)
        check_choice("curvature", self.curvature, CURVATURES)
        check_form(self.partition)
        if isinstance(self.partition, Mapping):
            # A copy: settings do not follow what a person does with the groups afterwards.
            own = {group: list(names) for group, names in self.partition.items()}
            object.__setattr__(self, "partition", own)

    def changed(self, **choices: Any) -> "Settings":
        """These settings with some choices replaced.

        A new preset brings its own recommended hyperparameters, and a new optimizer its own
        learning rate, where ``choices`` does not name them: a rate that suits one is far off
        for another.

        Args:
            **choices: New values by name.

        Returns:
            The new settings.

        Raises:
            InputError: If a name or value is not valid.
        """
        check_names(choices)
        check_optimizer(choices.get("optimizer", self.optimizer))
        values: dict[str, Any] = self.to_json()
        preset = choices.get("preset", self.preset)
        if not isinstance(preset, str) or preset != self.preset:
            kept = ("optimizer", "seed", "device", "dtype")
            values = {name: values[name] for name in kept}
        elif choices.get("optimizer", self.optimizer) != self.optimizer:
            own = self.preset.startswith(OWN) and choices["optimizer"] not in RATES
            values["lr"] = self.lr if own else RATES.get(choices["optimizer"])
        return Settings(**{**values, **choices})

    @property
    def start(self) -> tuple[object, ...]:
        """What the run's start follows from; settings that differ here are of another start."""
        return tuple(getattr(self, name) for name in START)

    def begins(self, values: Mapping[str, Any]) -> bool:
        """Whether a change to these values is a new start.

        Args:
            values: New values by name.

        Returns:
            Whether it is.
        """
        return any(name in values and values[name] != getattr(self, name) for name in START)

    def to_json(self) -> dict[str, Any]:
        """The settings as plain values, for a file or a link; ``Settings(**...)`` restores them."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def _check_given(self) -> None:
        """Raise if something was left out that only a person's own problem could recommend."""
        names = (field.name for field in dataclasses.fields(problems.Hyperparameters))
        missing = next((name for name in names if getattr(self, name) is None), None)
        if missing is not None:
            raise InputError(
                f"{self.preset!r} is the name of a problem of one's own, for which nothing is "
                f"recommended (no {missing} was given); train it from Python with "
                f"Run(problem=...), or choose a preset: {', '.join(problems.NAMES)}."
            )

    def _fill(self, recommended: problems.Hyperparameters) -> None:
        """Put the preset's recommendation where nothing was chosen."""
        for field in dataclasses.fields(recommended):
            if getattr(self, field.name) is None:
                value = getattr(recommended, field.name)
                if field.name == "lr":
                    value = RATES.get(self.optimizer, value)
                object.__setattr__(self, field.name, value)


def check_names(choices: Mapping[str, Any]) -> None:
    """Raise unless every name is a setting's.

    Args:
        choices: Values by name.

    Raises:
        InputError: Naming the first unknown name, the nearest valid one and all.
    """
    valid = [field.name for field in dataclasses.fields(Settings)]
    for name in choices:
        if name not in valid:
            raise unknown_choice("setting", name, valid)


def live(preset: str) -> dict[str, Any]:
    """The choices with which the lab opens a preset: as recommended, but seen at every step.

    Args:
        preset: The preset's name; one that is unknown is left to ``Settings`` to refuse.

    Returns:
        Choices for ``Settings`` or ``Settings.changed``.
    """
    if not isinstance(preset, str) or preset not in problems.NAMES:
        return {"preset": preset}
    return {"preset": preset, "period": problems.live_period(preset)}


def check_optimizer(name: object) -> None:
    """Raise unless it is an optimizer's name.

    Args:
        name: What was given.

    Raises:
        InputError: If it is none.
    """
    check_choice("optimizer", name, OPTIMIZERS)
