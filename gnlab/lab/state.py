"""The choices of one page: what a person sets, its bounds, and its place in the link.

Two kinds of choice live here: those that make the run (they become ``runs.Settings``) and those
that only make the view. A link carries every one of them; what a link says is checked here, on
the server, and a value out of bounds gives a message and the default, never an error page.

Legend: λ₁ = lr, λ_int = damping, τ = period.
"""

import re
from collections.abc import Mapping
from typing import Any

import param

from gnlab import runs
from gnlab.errors import InputError
from gnlab.lab import link, matrices, palettes

_OFFERED = runs.choices()

RUN = (
    "preset", "optimizer", "partition", "direction", "lr", "damping", "period", "batch_size",
    "summary_batch_size", "safeguard", "curvature", "seed",
)  # fmt: skip
FITTED = ("partition", "batch_size", "summary_batch_size")
"""The choices that may be valid, and still not fit the preset's model or data."""
VIEW = ("order", "scale", "lock", "theme", "cubic", "pace", "every", "play")
MATRIX_SCALES = ("raw", "scale-free")
LR = (1e-5, 100.0)
DAMPING = (1e-6, 1e6)

_LEVEL = re.compile(_OFFERED.level)


class Choices(link.Linked):
    """What a person has chosen on one page."""

    preset = param.Selector(
        default="digits-mlp", objects=[name for name, _ in _OFFERED.presets],
        doc="The problem: data, network and recommended settings.",
    )  # fmt: skip
    optimizer = param.Selector(
        default="grouped-newton", objects=list(_OFFERED.optimizers), doc="The optimizer."
    )
    partition = param.String(
        default="tensor", regex=f"^(?:{_OFFERED.level})$",
        doc="The level of the ladder from one group (Cauchy) to many (towards Newton).",
    )  # fmt: skip
    direction = param.Selector(
        default="momentum", objects=list(_OFFERED.directions),
        doc="The proposal u along which the loss is summarised.",
    )  # fmt: skip
    lr = param.Number(default=0.1, bounds=LR, doc="λ₁, the factor on all step sizes (no unit).")
    damping = param.Number(
        default=1.0, bounds=(0.0, DAMPING[1]),
        doc="λ_int, the strength of the cubic term (no unit); 0 turns it off.",
    )  # fmt: skip
    period = param.Integer(
        default=10, bounds=(1, 10_000), doc="τ, steps from one summary to the next."
    )
    batch_size = param.Integer(
        default=100, bounds=(1, 10_000), doc="Samples in a gradient's batch."
    )
    summary_batch_size = param.Integer(
        default=1000, bounds=(1, 10_000), doc="Samples in a summary's batch."
    )
    safeguard = param.Boolean(
        default=True, doc="Cut a step back to what the model and the loss agree on."
    )
    curvature = param.Selector(
        default="hessian", objects=list(_OFFERED.curvatures),
        doc="What a step is solved with: H̄, or the Gauss–Newton matrix in its place.",
    )  # fmt: skip
    seed = param.Integer(
        default=0, bounds=(0, 2**31 - 1), doc="Fixes the start and the order of the data."
    )
    order = param.Selector(
        default="tensor", objects=list(matrices.ORDERS),
        doc="Groups in the model's order, or in weight–weight, bias–bias, weight–bias blocks.",
    )  # fmt: skip
    scale = param.Selector(
        default="raw", objects=list(MATRIX_SCALES),
        doc="H̄ as it is, or H̄_ij / √|H̄_ii H̄_jj|, which does not depend on the groups' units.",
    )  # fmt: skip
    lock = param.Boolean(default=False, doc="Keep the colour scales as they are now.")
    theme = param.Selector(default="light", objects=list(palettes.THEMES), doc="The colours.")
    cubic = param.Boolean(
        default=True, doc="The what-if course of the steps with the cubic term, or without."
    )
    pace = param.Number(
        default=0.0, bounds=(0.0, 30.0), doc="Slow motion, in steps per second; 0 is full speed."
    )
    every = param.Integer(
        default=0, bounds=(0, 10_000),
        doc="Steps after which the what-if curve is found again; 0 is only when it is asked for.",
    )  # fmt: skip
    play = param.Boolean(default=False, doc="Whether the run plays as soon as the page opens.")

    def settings(self) -> runs.Settings:
        """The choices that make the run.

        Returns:
            The settings.

        Raises:
            InputError: If they do not fit together.
        """
        return runs.Settings(**{name: getattr(self, name) for name in RUN})

    def adopt(self, settings: runs.Settings) -> None:
        """Take over a run's settings; own groups and values beyond the bounds stay the run's.

        Args:
            settings: The run's settings.
        """
        with param.parameterized.batch_call_watchers(self):
            for name in RUN:
                value = getattr(settings, name)
                if getattr(self, name) == value:
                    continue
                try:
                    setattr(self, name, value)
                except ValueError:
                    continue

    def choose(self, name: str, value: Any) -> str:
        """Set one choice from outside.

        Args:
            name: The choice's name.
            value: The value.

        Returns:
            "" when taken, else what was given and what is valid, in one line.
        """
        if name == "partition" and not _LEVEL.fullmatch(value):
            kept = self.partition
            return f"{name} must be {self.valid(name)}; got {value!r}. It stays {kept!r}."
        return super().choose(name, value)

    def valid(self, name: str) -> str:
        """What values a choice takes, in words.

        Args:
            name: The choice's name.

        Returns:
            The words.
        """
        if name == "partition":
            return "a level's name such as all, role, chunk:5, layer or tensor"
        return super().valid(name)

    def put_back(self, reason: str) -> dict[str, Any]:
        """Put back to the preset's own what its model or its data refused.

        Args:
            reason: Why there is no run with the present choices.

        Returns:
            The choice that was put back, by its name; none if the reason is something else.
        """
        own = runs.Settings(preset=self.preset, optimizer=self.optimizer)
        begins = {name: f"{name} must be" for name in FITTED}
        begins["partition"] = f"level {self.partition!r}"
        for name in FITTED:
            value = getattr(own, name)
            if reason.startswith(begins[name]) and getattr(self, name) != value:
                setattr(self, name, value)
                return {name: value}
        return {}

    def query(self, **instead: Any) -> str:
        """The link's query with every choice, "?" included.

        Args:
            **instead: Values that take a choice's place, or come before all.

        Returns:
            The query.
        """
        chosen = {name: getattr(self, name) for name in (*RUN, *VIEW)}
        first = {name: value for name, value in instead.items() if name not in chosen}
        return link.query(first | chosen | instead)


def from_query(query: str | Mapping[str, str]) -> tuple[Choices, list[str]]:
    """The choices a link makes, on top of the preset's recommended settings.

    Args:
        query: The link's query, or its names and values.

    Returns:
        The choices, and one line for each value that was not valid and was left out.
    """
    given = link.given(query)
    choices = Choices()
    remarks = choices.take(given, ("preset", "optimizer"))
    try:
        choices.adopt(runs.Settings(**runs.live(choices.preset), optimizer=choices.optimizer))
    except InputError as error:
        remarks.append(str(error))
    rest = [name for name in (*RUN, *VIEW) if name not in ("preset", "optimizer")]
    own = choices.partition
    remarks += choices.take(given, rest)
    try:
        choices.settings()
    except InputError as error:
        # All else is within its bounds: only a level's name can look like one, and be none.
        choices.partition = own
        remarks.append(f"partition: {error} It was left out.")
    return choices, remarks
