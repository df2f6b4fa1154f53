"""The fixes of one service day for a batch of vehicles, as columns; a track is a view into them.

Missing values: NaN in the float columns, `LAG_UNKNOWN` in `lag_ms`. Everything is WGS-84.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import IntFlag
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

F8 = npt.NDArray[np.float64]
F4 = npt.NDArray[np.float32]
I8 = npt.NDArray[np.int64]
I4 = npt.NDArray[np.int32]
U4 = npt.NDArray[np.uint32]

LAG_UNKNOWN = -(2**31)


class Flag(IntFlag):
    """Why a kept fix is not taken at its word. Labels only: no flag ever removes a row."""

    REPEAT = 1  # same time and same place as an earlier row: sent again
    CONFLICT = 2  # same time as an earlier row, another place
    SPIKE = 4  # cannot be reached from the fixes on either side
    STALE_CLOCK = 8  # the terminal's clock stood or jumped
    DRIFT = 16  # moved only by noise, while the car stood
    DISORDER = 32  # stood out of time order in its source
    LATE = 64  # reached the provider long after it was measured
    COARSE = 128  # accuracy reported as too poor to place the car
    NO_TIME_ZONE = 256  # its time carried no offset and was read as local
    OTHER_DAY = 512  # belongs to another service day: history
    SUPPLEMENTED = 1024  # interpolated by the provider, never observed
    GNSS_FAULT = 2048  # the terminal reported its receiver or antenna as faulty


UNUSABLE = Flag.REPEAT | Flag.CONFLICT | Flag.SPIKE | Flag.STALE_CLOCK | Flag.COARSE | Flag.SUPPLEMENTED
"""Fixes with one of these bits take no part in segmentation and features; they stay in the track."""


class Fix(NamedTuple):
    """One row of a track, made on demand, for people (popups, logs, failing tests)."""

    t_ms: int
    lon_deg: float
    lat_deg: float
    speed_mps: float
    heading_deg: float
    accuracy_m: float
    lag_ms: int
    flags: Flag
    source: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """Columns of n fixes of v vehicles, sorted by vehicle and then by time.

    `offsets` has shape (v + 1,): vehicle k's fixes are rows `offsets[k]:offsets[k + 1]`.
    `source` counts the rows read by the feed (see `feeds.ledger.SourceFiles`), so that each fix
    leads back to its file and row. All arrays are read-only.
    """

    vehicle_ids: tuple[str, ...]
    offsets: I8
    t_ms: I8
    lon_deg: F8
    lat_deg: F8
    speed_mps: F4
    heading_deg: F4
    accuracy_m: F4
    lag_ms: I4
    flags: U4
    source: U4

    def __post_init__(self) -> None:
        """Refuse ragged or unsorted offsets; freeze the arrays."""
        n = len(self.t_ms)
        if len(self.offsets) != len(self.vehicle_ids) + 1 or self.offsets[0] != 0 or self.offsets[-1] != n:
            raise ValueError(f"offsets must run from 0 to {n} in {len(self.vehicle_ids)} steps")
        if np.any(np.diff(self.offsets) < 0):
            raise ValueError("offsets must not descend")
        for field in fields(self)[1:]:
            column = getattr(self, field.name)
            if field.name != "offsets" and len(column) != n:
                raise ValueError(f"column {field.name} has {len(column)} rows, t_ms has {n}")
            column.flags.writeable = False

    def __len__(self) -> int:
        """Return the number of vehicles."""
        return len(self.vehicle_ids)

    @property
    def n_fixes(self) -> int:
        """Number of fixes of all vehicles."""
        return len(self.t_ms)

    def track(self, k: int) -> Track:
        """Return vehicle k's day as a view (no copy)."""
        return Track(self, k, int(self.offsets[k]), int(self.offsets[k + 1]))

    def tracks(self) -> Iterator[Track]:
        """Yield the tracks in vehicle order."""
        return (self.track(k) for k in range(len(self)))

    def with_flags(self, flags: U4) -> Fleet:
        """Return the same fleet with other flags; the other columns are shared."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        return Fleet(**{**columns, "flags": flags})


@dataclass(frozen=True, slots=True)
class Track:
    """One vehicle's service day: rows `start:stop` of a fleet."""

    fleet: Fleet
    k: int
    start: int
    stop: int

    @property
    def vehicle_id(self) -> str:
        """The vehicle whose track this is."""
        return self.fleet.vehicle_ids[self.k]

    def __len__(self) -> int:
        """Return the number of fixes."""
        return self.stop - self.start

    @property
    def t_ms(self) -> I8:
        """Times in ms UTC, ascending."""
        return self.fleet.t_ms[self.start : self.stop]

    @property
    def lon_deg(self) -> F8:
        """Longitudes, WGS-84 degrees."""
        return self.fleet.lon_deg[self.start : self.stop]

    @property
    def lat_deg(self) -> F8:
        """Latitudes, WGS-84 degrees."""
        return self.fleet.lat_deg[self.start : self.stop]

    @property
    def speed_mps(self) -> F4:
        """Reported speeds in m/s, NaN where the terminal sent none."""
        return self.fleet.speed_mps[self.start : self.stop]

    @property
    def heading_deg(self) -> F4:
        """Reported headings, degrees clockwise from north, NaN where none."""
        return self.fleet.heading_deg[self.start : self.stop]

    @property
    def accuracy_m(self) -> F4:
        """Reported accuracy (radius, m), NaN where none."""
        return self.fleet.accuracy_m[self.start : self.stop]

    @property
    def flags(self) -> U4:
        """Bits of `Flag`."""
        return self.fleet.flags[self.start : self.stop]

    @property
    def source(self) -> U4:
        """Running row number in the feed."""
        return self.fleet.source[self.start : self.stop]

    def fix(self, i: int) -> Fix:
        """Return row i of this track."""
        f, j = self.fleet, self.start + i
        return Fix(
            int(f.t_ms[j]),
            float(f.lon_deg[j]),
            float(f.lat_deg[j]),
            float(f.speed_mps[j]),
            float(f.heading_deg[j]),
            float(f.accuracy_m[j]),
            int(f.lag_ms[j]),
            Flag(int(f.flags[j])),
            int(f.source[j]),
        )


def build_fleet(
    vehicle_ids: Sequence[str],
    vehicle_ix: I4,
    t_ms: I8,
    lon_deg: F8,
    lat_deg: F8,
    *,
    speed_mps: F4 | None = None,
    heading_deg: F4 | None = None,
    accuracy_m: F4 | None = None,
    lag_ms: I4 | None = None,
    flags: U4 | None = None,
    source: U4 | None = None,
    shared: bool = False,
) -> Fleet:
    """Sort loose rows by vehicle, time and source and make a fleet of them.

    `vehicle_ix` (n,) points into `vehicle_ids`; absent columns become missing values. The order of
    the input rows does not matter: ties in time are broken by position, then by what else the rows say, then by
    source, so that shuffled lines give the same track. `shared`: nobody writes to the columns given any more, so that
    rows in order already need not be copied.

    >>> fleet = build_fleet(["V1"], np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    >>> fleet.n_fixes, len(fleet.track(0))
    (0, 0)
    """
    n = len(t_ms)
    source = np.arange(n, dtype=np.uint32) if source is None else source
    said = [c for c in (flags, lag_ms, accuracy_m, heading_deg, speed_mps) if c is not None]
    order = _order(vehicle_ix, t_ms, [source, *said, lat_deg, lon_deg])
    offsets = np.searchsorted(vehicle_ix[order], np.arange(len(vehicle_ids) + 1, dtype=vehicle_ix.dtype))

    def column(values: npt.NDArray[np.generic] | None, dtype: type, missing: float = np.nan) -> npt.NDArray:  # type: ignore[type-arg]
        if values is None:
            return np.full(n, missing, dtype)
        return np.ascontiguousarray(values[order], dtype) if shared else np.array(values[order], dtype)

    return Fleet(
        tuple(vehicle_ids),
        offsets.astype(np.int64, copy=False),
        column(t_ms, np.int64),
        column(lon_deg, np.float64),
        column(lat_deg, np.float64),
        column(speed_mps, np.float32),
        column(heading_deg, np.float32),
        column(accuracy_m, np.float32),
        column(lag_ms, np.int32, LAG_UNKNOWN),
        column(flags, np.uint32, 0),
        column(source, np.uint32),
    )


def _order(vehicle_ix: I4, t_ms: I8, ties: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.int64] | slice:
    """Return how to sort rows by vehicle and time, those of one instant by `ties` (the last counts first)."""
    order = None
    if not np.all((vehicle_ix[1:] > vehicle_ix[:-1]) | ((vehicle_ix[1:] == vehicle_ix[:-1]) & (t_ms[1:] >= t_ms[:-1]))):
        order = np.lexsort((t_ms, vehicle_ix))
        vehicle_ix, t_ms = vehicle_ix[order], t_ms[order]
    alike = (vehicle_ix[1:] == vehicle_ix[:-1]) & (t_ms[1:] == t_ms[:-1])
    if not alike.any():
        return slice(None) if order is None else order
    order = np.arange(len(t_ms)) if order is None else order
    at = np.flatnonzero(np.append(alike, False) | np.append(False, alike))  # few rows share an instant
    rows = order[at]
    order[at] = rows[np.lexsort((*(column[rows] for column in ties), t_ms[at], vehicle_ix[at]))]
    return order
