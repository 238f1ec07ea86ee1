"""Frames: everything a page shows of one snapshot, as the new data of one Bokeh source.

A frame is one source replaced whole; the browser hands its columns on to the figures' own
sources. What has not changed since the last frame is left out.

Legend: S groups; "plot|source" names a figure's source.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gnlab.lab import matrices, palettes, scales
from gnlab.lab.cuts import WHOLE, Window
from gnlab.lab.excerpt import Excerpt, excerpt
from gnlab.lab.figures import (
    agreement,
    anatomy,
    damping,
    heatmap,
    losses,
    rates,
    rates_history,
    strip,
    trust,
    what_if,
    what_if_history,
)
from gnlab.lab.figures.base import Plot, Span, Update
from gnlab.lab.figures.strip import Meter
from gnlab.lab.wire import Frame
from gnlab.runs import Detail, Record, Snapshot, WhatIf
from gnlab.runs.records.inverse import inverse

_BACK = "double-click beside: all"
_UNIT = scales.Limits(1.0, 1.0)
_DECADES = {"rates": "x", "scale": "x", "regulariser": "x", "rates-history": "z", "trust": "y"}
"""The plots with a logarithmic scale, and which limits are its decades."""


@dataclass(frozen=True, slots=True)
class View:
    """How a snapshot is to be shown.

    Attributes:
        order: One of ``matrices.ORDERS``.
        scale: One of ``state.MATRIX_SCALES``.
        lock: Whether the colour scales stay as they are.
        theme: The theme's name.
        cubic: Whether the what-if course is of the steps with the cubic term.
        window: Which rows and columns of the matrices are shown.
    """

    order: str = "tensor"
    scale: str = "raw"
    lock: bool = False
    theme: str = "light"
    cubic: bool = True
    window: Window = WHOLE


def build() -> dict[str, Plot]:
    """Build every figure of the main page, empty.

    Returns:
        The plots by name.
    """
    plots = (
        strip.build(),
        strip.build_phases(),
        heatmap.build("hessian", "H̄"),
        heatmap.build("inverse", "H̄⁻¹"),
        rates.build(),
        rates_history.build(),
        damping.build("scale", "D", "D⁻¹", "D and D⁻¹"),
        damping.build("regulariser", "R", "|H̄| diagonal", "curvature"),
        losses.build(),
        losses.build_accuracy(),
        trust.build(),
        trust.build_eigenvalue(),
        agreement.build(),
        *anatomy.build(),
        anatomy.build_shares(),
        what_if.build(),
        what_if.build_cost(),
        *what_if_history.build(),
    )
    return {plot.name: plot for plot in plots}


class Painter:
    """Turns snapshots into frames; remembers scales and what was sent, so that neither flickers.

    It is one session's; the figures' own functions stay pure.
    """

    def __init__(self) -> None:
        self._limits: dict[str, scales.Limits] = {}
        self._kept: dict[str, tuple[Record | Detail, Any]] = {}
        self._sent: dict[str, Any] = {}
        self._decades: dict[str, Span] = {}

    def forget(self) -> None:
        """Send everything with the next frame."""
        self._sent.clear()

    def updates(
        self, snapshot: Snapshot, view: View, meter: Meter, *, courses: bool = True
    ) -> dict[str, Update]:
        """What every figure shows of a snapshot.

        Args:
            snapshot: The run now.
            view: How it is to be shown.
            meter: The session's own measurements.
            courses: Whether to update the figures over time too.

        Returns:
            The updates by the plot's name.
        """
        theme = palettes.theme(view.theme)
        updates = {
            "strip": strip.update(snapshot, meter, theme),
            "phases": strip.update_phases(snapshot, theme),
            **self._matrices(snapshot, view, theme),
            **self._groups(snapshot, view, theme),
            **(self._courses(snapshot, view, theme) if courses else {}),
        }
        for name, axis in _DECADES.items():
            if name in updates:
                self._decades[name] = getattr(updates[name], axis)
        return updates

    def frame(self, snapshot: Snapshot, view: View, meter: Meter, *, courses: bool = True) -> Frame:
        """What of the figures has changed since the last frame.

        Args:
            snapshot: The run now.
            view: How it is to be shown.
            meter: The session's own measurements.
            courses: Whether to update the figures over time too.

        Returns:
            The frame.
        """
        new = self._new("theme", view.theme)
        frame = Frame(asdict(palettes.theme(view.theme)) if new else None)
        for name, update in self.updates(snapshot, view, meter, courses=courses).items():
            spans = (update.x, update.y, update.z)
            limits = [limit for span in spans for limit in span or (None, None)]
            if self._new(name, limits):
                frame.spans.append([name, *limits])
            for source, data in update.data.items():
                key = f"{name}|{source}"
                if self._new(key, data):
                    frame.data[key] = data
        return frame

    def _new(self, key: str, value: Any) -> bool:
        """Whether this is not what was sent last under that key; it is from now on."""
        if key in self._sent and _same(self._sent[key], value):
            return False
        self._sent[key] = value
        return True

    def _matrices(self, snapshot: Snapshot, view: View, theme: palettes.Theme) -> dict[str, Update]:
        """H̄ and its inverse."""
        record, near = snapshot.summary, _excerpt(snapshot, view)
        if record is None or near is None:
            empty = heatmap.update(None, None, _UNIT, view.order, theme)
            return {"hessian": empty, "inverse": empty}
        precision = float(np.finfo(snapshot.settings.dtype).eps)
        inverted = self._once("inverse", record, lambda: inverse(record.H, precision))
        at, found = near.inverse(inverted)
        shown = [near.H, found.matrix]
        if view.scale == "scale-free":
            shown = [near.scale_free(near.H), at.scale_free(found.matrix, found.diagonal)]
        notes = self._once(
            "remarks", record, lambda: matrices.remarks(record.H, inverted, len(record.group))
        )
        hints = _BACK, near.awaited(still=snapshot.state == "paused") or _BACK
        return {
            name: heatmap.update(
                of.shown(matrix), of.cut,
                self._scale(f"{name} {view.scale}{of.scale}", matrix, view, of.detail or record),
                view.order, theme, f"{of.cut.note} · {hint}" if of.cut.note else note,
            )
            for name, of, matrix, note, hint in zip(
                ("hessian", "inverse"), (near, at), shown, notes, hints, strict=True
            )
        }  # fmt: skip

    def _groups(self, snapshot: Snapshot, view: View, theme: palettes.Theme) -> dict[str, Update]:
        """The figures with a row per group."""
        record, summary = snapshot.record, snapshot.summary
        grouped = snapshot.settings.optimizer == "grouped-newton"
        note = rates.NOTHING if grouped else rates.WITHOUT
        before = self._decades.get
        return {
            "rates": rates.update(
                _latest_rates(record, summary), view.order, theme, note, before("rates")
            ),
            "scale": damping.scale(summary, view.order, theme, before("scale")),
            "regulariser": damping.regulariser(summary, view.order, theme, before("regulariser")),
        }

    def _courses(self, snapshot: Snapshot, view: View, theme: palettes.Theme) -> dict[str, Update]:
        """The figures over time, and what is looked at as rarely: H̄'s parts."""
        history = snapshot.history
        roles = () if snapshot.record is None else snapshot.record.role
        kappa = self._scale("eigenvalue", history.eigenvalue_min, view)
        decrease = self._scale("decrease", agreement.values(history), view)
        return {
            "loss": losses.update(history),
            "accuracy": losses.update_accuracy(history),
            "rates-history": rates_history.update(
                history, roles, view.order, self._decades.get("rates-history")
            ),
            "trust": trust.update(history, self._decades.get("trust")),
            "eigenvalue": trust.update_eigenvalue(history, kappa),
            "agreement": agreement.update(history, decrease),
            "shares": anatomy.update_shares(history),
            **self._anatomy(snapshot, view, theme),
            **self._what_if(snapshot.what_if, view),
        }

    def _what_if(self, found: WhatIf | None, view: View) -> dict[str, Update]:
        """What one step from some moment would bring at every level."""
        limits = self._scale("what-if", what_if.values(found), view)
        return {
            "what-if": what_if.update(found, limits),
            "what-if-cost": what_if.update_cost(found),
            **what_if_history.update(found, limits, cubic=view.cubic),
        }

    def _anatomy(self, snapshot: Snapshot, view: View, theme: palettes.Theme) -> dict[str, Update]:
        """H̄'s parts."""
        record, near = snapshot.summary, _excerpt(snapshot, view)
        parts = None if near is None else anatomy.shown(near, view.scale)
        if record is None or near is None or parts is None:
            return anatomy.update(near, None, _UNIT, theme, [])
        name = f"anatomy {view.scale}{near.scale}"
        limits = self._scale(name, parts, view, near.detail or record)
        notes = self._once("anatomy", record, lambda: anatomy.notes(record))
        return anatomy.update(near, parts, limits, theme, notes)

    def _scale(
        self, name: str, values: np.ndarray, view: View, of: Record | Detail | None = None
    ) -> scales.Limits:
        """The signed scale of that name for these values, moved once for what they are of."""

        def move() -> scales.Limits:
            moved = scales.symmetric_limits(values, self._limits.get(name), lock=view.lock)
            self._limits[name] = moved
            return moved

        return move() if of is None else self._once(f"limits {name} {view.lock}", of, move)

    def _once(self, name: str, of: Record | Detail, make: Callable[[], Any]) -> Any:
        """Make something of a record once, however often the record is shown."""
        if name not in self._kept or self._kept[name][0] is not of:
            self._kept[name] = (of, make())
        return self._kept[name][1]


def _excerpt(snapshot: Snapshot, view: View) -> Excerpt | None:
    """What is shown of the latest summary's H̄; None without one."""
    record = snapshot.summary
    if record is None or record.H is None:
        return None
    return excerpt(record, snapshot.detail, view.order, view.window)


def _latest_rates(record: Record | None, summary: Record | None) -> Record | None:
    """The record whose step sizes to show: with the last solve, unless the groups changed."""
    if record is None or summary is None or record.group != summary.group:
        return record
    return summary if record.step_size is None else record


def _same(old: Any, new: Any) -> bool:
    """Whether two columns, or mappings of columns, hold the same values."""
    if old is new:
        return True
    if isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in new)
    if isinstance(new, np.ndarray):
        return isinstance(old, np.ndarray) and np.array_equal(old, new, equal_nan=True)
    if _has_matrix(new):
        return _has_matrix(old) and len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, np.ndarray) or _has_matrix(old):
        return False
    return bool(old == new)


def _has_matrix(value: Any) -> bool:
    """Whether a column is an image's."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], np.ndarray)
