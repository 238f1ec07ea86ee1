"""The excerpt of H̄ that is shown: of bundles as it is kept, of single groups where one is near.

Of many groups H̄ comes over bundles of neighbours. Whoever is near enough is shown single groups,
which the engine is asked for.

Legend: S groups, m rows of H̄ as it is kept, K kinds of operation, r rows and c columns shown.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnlab.lab import cuts, matrices
from gnlab.lab.cuts import Cut, Names, Window
from gnlab.lab.matrices import Array, block_order
from gnlab.runs import Detail, Look, Record
from gnlab.runs.records import bundles
from gnlab.runs.records.inverse import MOST, Inverse

_SINGLE = 512
"""Rows and columns up to which groups are shown one by one where there are bundles."""


@functools.lru_cache(maxsize=16)
def _laid_out(roles: Names, order: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The groups [S] in the order in which their bundles are shown, and the edges [m + 1]."""
    edges = (*bundles.begins(roles), len(roles))
    shown = block_order(bundles.named(roles, roles)[1], order)
    of = [np.arange(edges[bundle], edges[bundle + 1]) for bundle in shown]
    return np.concatenate(of), np.cumsum([0, *map(len, of)])


def look(record: Record | None, order: str, window: Window) -> Look:
    """What the engine is to be asked for.

    Args:
        record: The latest that has a summary.
        order: One of ``matrices.ORDERS``.
        window: Which part is shown.

    Returns:
        The groups that are shown one by one, those of the bundles in the window: none where there
        are no bundles, or too many groups.
    """
    if record is None or not bundles.are_bundled(record.role):
        return Look()
    groups, begins = _laid_out(record.role, order)
    # Bundles are of several sizes: what is in sight of them is to be in sight of their groups.
    rows, columns = (
        cuts.slice_of(float(begin), float(end), len(groups))
        for begin, end in (
            np.interp(np.array(span) * (len(begins) - 1), np.arange(len(begins)), begins)
            for span in (window.rows, window.columns)
        )
    )
    if max(rows.stop - rows.start, columns.stop - columns.start) > _SINGLE:
        return Look()
    return Look(tuple(groups[rows].tolist()), tuple(groups[columns].tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """What is shown of a summary's H̄ and of its parts.

    Attributes:
        record: The latest that has a summary.
        detail: The excerpt group by group; None where it is that of the record's rows.
        order: One of ``matrices.ORDERS``.
        window: Which part is shown.
        cut: Its rows and columns.
    """

    record: Record
    detail: Detail | None
    order: str
    window: Window
    cut: Cut

    @property
    def H(self) -> Array:
        """H̄: what its colours' scale is made of, [m, m] or [r, c]."""
        found = self.record.H if self.detail is None else self.detail.H
        assert found is not None
        return found

    @property
    def parts(self) -> Array | None:
        """H̄'s parts likewise, [K, m, m] or [K, r, c]; None without."""
        return self.record.H_parts if self.detail is None else self.detail.H_parts

    @property
    def scale(self) -> str:
        """What the scale of the colours is called, which bundles and groups have apart."""
        if self.detail is None:
            return ""
        ends = (self.detail.rows[0], self.detail.rows[-1], self.detail.columns[0])
        return f" of {ends + self.detail.columns[-1:]}"

    def scale_free(self, matrix: Array, own: Array | None = None) -> Array:
        """A matrix, divided by the curvatures of its rows and columns.

        Args:
            matrix: ``H``, one of ``parts``, or the inverse's.
            own: The diagonal of the whole matrix that divides, [m] or [S]; None: H̄'s.

        Returns:
            Of the same shape.
        """
        if self.detail is None:
            return matrices.scale_free(matrix, np.diag(self.H) if own is None else own)
        own = self.record.H_diagonal if own is None else own
        assert own is not None
        return matrices.scale_free(
            matrix, own[list(self.detail.rows)], own[list(self.detail.columns)]
        )

    def inverse(self, kept: Inverse) -> tuple["Excerpt", Inverse]:
        """What is shown of the inverse.

        Args:
            kept: The inverse of H̄ as the record keeps it.

        Returns:
            The excerpt and what it is of: the inverse between single groups where the engine has
            found that, else ``kept``.
        """
        if self.detail is not None and self.detail.inverse is not None:
            return self, self.detail.inverse
        return excerpt(self.record, None, self.order, self.window), kept

    def shown(self, matrix: Array) -> Array:
        """The entries that are shown.

        Args:
            matrix: Of the shape of ``H``, or several such.

        Returns:
            [..., r, c].
        """
        if self.detail is not None:
            return matrix
        return cuts.within(matrix, self.record.rows[1], self.order, self.window)

    def awaited(self, *, still: bool) -> str:
        """What the inverse of what is shown waits for.

        Args:
            still: Whether the run is paused.

        Returns:
            A few words; "" if it waits for nothing.
        """
        if self.detail is None or self.detail.inverse is not None:
            return ""
        if len(self.record.group) > MOST:
            return f"not inverted: over {MOST} groups"
        return "single groups follow …" if still else "pause for single groups"


def excerpt(record: Record, detail: Detail | None, order: str, window: Window) -> Excerpt:
    """What is shown of a summary.

    Args:
        record: The latest that has a summary.
        detail: What the engine gave of it group by group.
        order: One of ``matrices.ORDERS``.
        window: Which part is shown.

    Returns:
        The excerpt: of single groups if the engine gave those that are looked at, with others or
        without; so one goes nearer still without asking.
    """
    wanted = look(record, order, window)
    found = None
    if detail is not None and detail.step == record.step and wanted.rows:
        found = _part_of(detail, wanted)
    if found is not None:
        by_group = cuts.named(record.group, record.role, found.rows, found.columns)
        return Excerpt(record, found, order, window, by_group)
    of = "bundles" if bundles.are_bundled(record.role) else "groups"
    return Excerpt(record, None, order, window, cuts.cut(*record.rows, order, window, of))


@functools.lru_cache(maxsize=8)
def _part_of(detail: Detail, wanted: Look) -> Detail | None:
    """What of a detail is looked at, the same object for the same; None where more is wanted."""
    if (detail.rows, detail.columns) == (wanted.rows, wanted.columns):
        return detail
    rows = {group: place for place, group in enumerate(detail.rows)}
    columns = {group: place for place, group in enumerate(detail.columns)}
    if not (rows.keys() >= set(wanted.rows) and columns.keys() >= set(wanted.columns)):
        return None
    of = [rows[group] for group in wanted.rows], [columns[group] for group in wanted.columns]
    parts = None if detail.H_parts is None else detail.H_parts[:, *np.ix_(*of)]
    inverse = detail.inverse and detail.inverse.part(*of)
    return Detail(detail.step, wanted.rows, wanted.columns, detail.H[np.ix_(*of)], parts, inverse)
