"""Visits: when which car was in which approved place, found for a whole fleet in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from geo.columns import floats
from trajectories.fleet import F8, I4, I8, Fleet
from zones.places import Places

Bool = npt.NDArray[np.bool_]

BRIDGE_MS = 60_000
_SAMPLE = 16  # of a visit's fixes one in so many is asked first


@dataclass(frozen=True, slots=True)
class Visits:
    """n visits of places, by vehicle, start and zone. All columns have shape (n,).

    `start:stop` is the half-open row range in the fleet, from the first to the last usable fix in the place grown by
    the margin. A car may be in two places at once.
    """

    vehicle_ix: I4
    zone_ix: I4
    start: I8
    stop: I8

    def __len__(self) -> int:
        """Return the number of visits."""
        return len(self.zone_ix)

    def of(self, k: int) -> Visits:
        """Return vehicle k's visits as views."""
        lo, hi = self.vehicle_ix.searchsorted(np.array([k, k + 1], np.int32))
        return Visits(self.vehicle_ix[lo:hi], self.zone_ix[lo:hi], self.start[lo:hi], self.stop[lo:hi])


def find_visits(
    fleet: Fleet, places: Places, east_m: F8, north_m: F8, usable: Bool, bridge_ms: int = BRIDGE_MS
) -> Visits:
    """Return every visit of every car of a fleet; `east_m`, `north_m`, `usable` have a row for each fix.

    A visit is a maximal run of usable fixes in the place grown by `places.margin_m`, of which one at least lies in the
    place itself: nearness alone is no visit. Leaving for at most `bridge_ms` does not end it, counted from half way
    between the last fix in and the first out to half way back: drift at a boundary does not split a visit. Unusable
    rows neither begin nor end nor interrupt one.
    """
    east, north = floats(east_m=east_m, north_m=north_m)
    fit = _read_only(usable)
    rows, zones = places.match(east, north)
    visit, count = _assign(rows, zones, fleet.offsets, fleet.t_ms, fit, len(places), bridge_ms)
    if not count:
        nobody, nowhere = np.zeros(0, np.int32), np.zeros(0, np.int64)
        return Visits(nobody, nobody, nowhere, nowhere)
    vehicle, zone, start, stop = _collect(visit, count, rows, zones, fleet.offsets)
    kept = np.flatnonzero(_entered(visit, count, rows, zones, places, east, north))
    kept = kept[np.lexsort((zone[kept], start[kept], vehicle[kept]))]
    return Visits(vehicle[kept], zone[kept], start[kept], stop[kept])


def _read_only(column: Bool) -> Bool:
    """Return a read-only view, so that one compiled version of a kernel serves every caller."""
    view = np.ascontiguousarray(column, dtype=np.bool_).view()
    view.flags.writeable = False
    return view


def _entered(visit: I8, count: int, rows: I8, zones: I4, places: Places, east: F8, north: F8) -> Bool:
    """Which visits have a fix in the place itself, bool[count]: a few fixes of a visit mostly tell."""
    out = np.zeros(count, dtype=np.bool_)
    for every in (_SAMPLE, 1):
        of_visit = visit[::every]
        asked = every * np.flatnonzero((of_visit >= 0) & ~out[of_visit])
        hit, in_zone = places.match_true(east[rows[asked]], north[rows[asked]])
        out[visit[asked[hit[zones[asked[hit]] == in_zone]]]] = True
    return out


@njit(cache=True, nogil=True)
def _assign(rows: I8, zones: I4, offsets: I8, t_ms: I8, usable: Bool, n_zones: int, bridge_ms: int) -> tuple[I8, int]:
    """The number of the visit each pair belongs to (-1: an unusable row), and how many there are.

    One walk over the rows with an open visit a zone. Between the last fix in and this one, `first_out` and `prev` are
    the first and the last usable row outside.
    """
    visit = np.full(rows.size, -1, dtype=np.int64)
    open_visit, last_in = np.full(n_zones, -1, dtype=np.int64), np.full(n_zones, -1, dtype=np.int64)
    count, at, prev, row, begins = 0, 0, -1, -1, 0
    for p in range(rows.size):
        if not usable[rows[p]]:
            continue
        if rows[p] != row:
            while rows[p] >= offsets[at + 1]:
                at += 1
            begins = offsets[at]
            row = rows[p]
            prev = row - 1
            while prev >= begins and not usable[prev]:
                prev -= 1
        zone = zones[p]
        last = last_in[zone]
        joined = last >= begins
        if joined and last < prev:
            first_out = last + 1
            while not usable[first_out]:
                first_out += 1
            joined = t_ms[row] + t_ms[prev] - t_ms[last] - t_ms[first_out] <= 2 * bridge_ms
        if not joined:
            open_visit[zone] = count
            count += 1
        visit[p] = open_visit[zone]
        last_in[zone] = row
    return visit, count


@njit(cache=True, nogil=True)
def _collect(visit: I8, count: int, rows: I8, zones: I4, offsets: I8) -> tuple[I4, I4, I8, I8]:
    """Vehicle, zone, first row and end row of each visit."""
    vehicle, zone = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.int32)
    start, stop = np.full(count, -1, dtype=np.int64), np.empty(count, dtype=np.int64)
    at = 0
    for p in range(rows.size):
        v = visit[p]
        if v < 0:
            continue
        while rows[p] >= offsets[at + 1]:
            at += 1
        if start[v] < 0:
            vehicle[v], zone[v], start[v] = at, zones[p], rows[p]
        stop[v] = rows[p] + 1
    return vehicle, zone, start, stop
