"""The kept rows of a feed as columns, before they are ordered into a fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from trajectories.fleet import F4, F8, I4, I8, LAG_UNKNOWN, U4

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TrackTable:
    """n rows in the order of their sources.

    `terminal_ix` (n,) points into `terminal_ids`; positions are WGS-84 degrees; missing values are NaN, and
    `LAG_UNKNOWN` in `lag_ms`; `flags` holds bits of `trajectories.fleet.Flag`; `source` is the running row number of
    `feeds.ledger.SourceFiles`. Columns may share memory with what was read: do not write to them.
    """

    terminal_ids: tuple[str, ...]
    terminal_ix: I4
    t_ms: I8
    lon_deg: F8
    lat_deg: F8
    speed_mps: F4
    heading_deg: F4
    accuracy_m: F4
    lag_ms: I4
    flags: U4
    source: U4

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.t_ms)

    def where(self, rows: Mask) -> TrackTable:
        """Return the rows of a mask (n,); the terminal ids stay."""
        if rows.all():
            return self
        kept = np.flatnonzero(rows)
        return replace(self, **{name: getattr(self, name).take(kept) for name in COLUMNS})

    def over(self, terminal_ids: Sequence[str]) -> TrackTable:
        """Return the rows of these terminals, `terminal_ix` pointing into `terminal_ids`."""
        if tuple(terminal_ids) == self.terminal_ids:
            return self
        new_ix = {terminal: k for k, terminal in enumerate(terminal_ids)}
        remap = np.array([new_ix.get(terminal, -1) for terminal in self.terminal_ids], np.int32)
        terminal_ix = remap[self.terminal_ix] if len(remap) else self.terminal_ix
        moved = replace(self, terminal_ids=tuple(terminal_ids), terminal_ix=terminal_ix)
        return moved if (remap >= 0).all() else moved.where(terminal_ix >= 0)


COLUMNS = tuple(f.name for f in fields(TrackTable) if f.name != "terminal_ids")
DTYPES: dict[str, type[np.generic]] = {
    "terminal_ix": np.int32,
    "t_ms": np.int64,
    "lon_deg": np.float64,
    "lat_deg": np.float64,
    "speed_mps": np.float32,
    "heading_deg": np.float32,
    "accuracy_m": np.float32,
    "lag_ms": np.int32,
    "flags": np.uint32,
    "source": np.uint32,
}


def empty_table(terminal_ids: Sequence[str] = ()) -> TrackTable:
    """Return a table without rows.

    >>> len(empty_table(["T1"])), concat([]).terminal_ids
    (0, ())
    """
    return TrackTable(tuple(terminal_ids), **{name: np.zeros(0, DTYPES[name]) for name in COLUMNS})


def concat(tables: Sequence[TrackTable]) -> TrackTable:
    """Put tables below one another; terminals are those of the tables in order of first appearance.

    >>> a, b = empty_table(["T1", "T2"]), empty_table(["T2", "T3"])
    >>> concat([a, b]).terminal_ids
    ('T1', 'T2', 'T3')
    """
    terminal_ids = tuple(dict.fromkeys(t for table in tables for t in table.terminal_ids))
    parts = [table.over(terminal_ids) for table in tables]
    full = [table for table in parts if len(table)]
    if not full:
        return empty_table(terminal_ids)
    if len(full) == 1:
        return full[0]
    joined = {name: np.concatenate([getattr(table, name) for table in full]) for name in COLUMNS}
    return TrackTable(terminal_ids, **joined)


def constant(value: float, n: int, column: str) -> npt.NDArray[np.generic]:
    """Return a column of n equal values that takes the memory of one (read-only)."""
    return np.broadcast_to(DTYPES[column](value), (n,))


def no_lag(n: int) -> I4:
    """Return a lag column of n unknowns."""
    return constant(LAG_UNKNOWN, n, "lag_ms")  # type: ignore[return-value]
