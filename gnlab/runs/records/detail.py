"""Detail: the part of H̄ and of its inverse that somebody looks at, between single groups.

Of many groups a record keeps H̄ over bundles (``bundles.py``). Whoever looks at a small part of it
can have that part whole.

Legend: K kinds of operation, in the order of ``record.KINDS``.
"""

from dataclasses import dataclass

from gnlab.runs.records.inverse import Inverse
from gnlab.runs.records.record import Array


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """A part of a step's H̄, group by group; immutable.

    Attributes:
        step: The step, as its record has it.
        rows: The places of its r rows in the partition.
        columns: The places of its c columns.
        H: H̄ between them, [r, c].
        H_parts: H̄'s parts there, [K, r, c]; None where the summary has none.
        inverse: The same part of the inverse of the whole H̄; None while it is not known.
    """

    step: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    H: Array
    H_parts: Array | None
    inverse: Inverse | None = None
