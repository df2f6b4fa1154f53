"""How well a feed's positions fit the approved places, as declared and under every other datum.

Each declared session, and each stretch that moves like yard training, is one observation: the share of its fixes in
the declared place (in any ground). A wrong datum shifts all of them by 89 to 1,480 m, so next to nothing fits; the
right one brings them back. A feed that was converted twice is among the hypotheses, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from audit.analysis import Motion
from audit.day import FeedNight
from geo.datum import Datum, from_wgs84, to_wgs84
from geo.plane import distance_m
from trajectories.activity import spans_of, yard_probability
from trajectories.clock import ServiceDay
from trajectories.fleet import F8
from trajectories.minutes import MINUTE_MS, tabulate
from trajectories.passes import pass_spread
from trajectories.recipe import Recipe
from zones.declared import Session
from zones.places import Places
from zones.zone import ZoneKind

MAX_CARS = 40
"""So many cars of a feed tell its datum; more would only cost time."""
_MIN_FIXES, _MAX_FIXES = 10, 200
_YARD_P = 0.9


def hypotheses(declared: Datum) -> dict[str, Datum | None]:
    """Return what the positions may really be; None: converted once too often."""
    out: dict[str, Datum | None] = {str(d): d for d in Datum}
    if declared is not Datum.WGS84:
        out[f"{declared}-twice"] = None
    return out


def shifted(lon_deg: F8, lat_deg: F8, declared: Datum, truly: Datum | None) -> tuple[F8, F8]:
    """Return where fixes, read as `declared`, would lie if they were `truly` in another datum (WGS-84 degrees)."""
    if truly is None:  # the provider converted positions that were already converted
        return to_wgs84(lon_deg, lat_deg, declared)
    if truly is declared:
        return lon_deg, lat_deg
    raw = from_wgs84(lon_deg, lat_deg, declared)
    return to_wgs84(raw[0], raw[1], truly)


def check_feed(
    feed: str,
    declared: Datum,
    motion: Motion,
    places: Places,
    sessions: Mapping[str, Sequence[Session]],
    day: ServiceDay,
    recipe: Recipe,
) -> FeedNight:
    """Return how well the feed's cars (a batch of them) fit the places under each hypothesis."""
    units = _units(motion, places, sessions, day, recipe)
    is_looked_at = np.zeros(motion.fleet.n_fixes, np.bool_)
    for rows, _ in units:
        is_looked_at[rows] = True
    looked = np.flatnonzero(is_looked_at)
    lon_deg, lat_deg = motion.fleet.lon_deg[looked], motion.fleet.lat_deg[looked]
    fits, centres = {}, {}
    for name, truly in hypotheses(declared).items():
        lon, lat = shifted(lon_deg, lat_deg, declared, truly)
        fits[name] = _fit(places, units, looked, *places.plane.to_metres(lon, lat))
        centres[name] = (np.median(lon), np.median(lat)) if len(lon) else (np.nan, np.nan)
    best = max((n for n in sorted(fits) if n != str(declared)), key=lambda n: fits[n])
    offset = distance_m(*(np.atleast_1d(v) for v in (*centres[str(declared)], *centres[best])))
    t_ms = motion.fleet.t_ms
    return FeedNight(
        day,
        feed,
        str(declared),
        fits,
        len(motion.fleet),
        len(units),
        int(t_ms.min()) if len(t_ms) else day.start_ms,
        int(t_ms.max()) if len(t_ms) else day.end_ms,
        float(offset[0]),
        pass_spread(motion.fleet, motion.east_m, motion.north_m, motion.ok, motion.moving),
    )


def _units(
    motion: Motion, places: Places, sessions: Mapping[str, Sequence[Session]], day: ServiceDay, recipe: Recipe
) -> list[tuple[npt.NDArray[np.intp], list[int]]]:
    """Return the observations: rows of the fleet and the places they should lie in."""
    by_id = {z.zone_id: i for i, z in enumerate(places.zones)}
    grounds = [i for i, z in enumerate(places.zones) if z.kind is not ZoneKind.ROUTE]
    fleet, out = motion.fleet, []
    n_minutes = (day.end_ms - day.start_ms) // MINUTE_MS
    table = tabulate(fleet, motion.east_m, motion.north_m, motion.ok, motion.moving, day.start_ms, n_minutes, recipe)
    p_yard = yard_probability(table)
    for k, vehicle_id in enumerate(fleet.vehicle_ids):
        lo, hi = (int(o) for o in fleet.offsets[k : k + 2])
        spans = [(s.start_ms, s.end_ms, [by_id[s.zone_id]]) for s in sessions.get(vehicle_id, ()) if s.zone_id in by_id]
        for a, b in spans_of(p_yard[k] >= _YARD_P):
            spans.append((table.start_ms(a), table.start_ms(b), grounds))
        for start, end, zone_ixs in spans:
            first, stop = lo + np.searchsorted(fleet.t_ms[lo:hi], [start, end])
            rows = first + np.flatnonzero(motion.ok[first:stop] & motion.moving[first:stop])
            if len(rows) >= _MIN_FIXES and zone_ixs:
                out.append((rows[:: max(1, len(rows) // _MAX_FIXES)], zone_ixs))
    return out


def _fit(
    places: Places,
    units: Sequence[tuple[npt.NDArray[np.intp], list[int]]],
    looked: npt.NDArray[np.intp],
    east: F8,
    north: F8,
) -> float:
    """Return the share of a unit's fixes in its places, on average; `east`, `north` belong to the rows `looked` at."""
    at, zones = places.match(east, north)
    by_zone = np.argsort(zones, kind="stable")
    rows, cuts = looked[at[by_zone]], np.searchsorted(zones[by_zone], np.arange(len(places) + 1))
    in_place: dict[tuple[int, ...], npt.NDArray[np.intp]] = {}
    shares = []
    for unit, zone_ixs in units:
        key = tuple(zone_ixs)
        if key not in in_place:
            in_place[key] = np.sort(np.concatenate([rows[cuts[z] : cuts[z + 1]] for z in key]))
        held = in_place[key]
        found = np.searchsorted(held, unit)
        shares.append(float(np.mean(held[np.minimum(found, len(held) - 1)] == unit)) if len(held) else 0.0)
    return float(np.mean(shares)) if shares else 0.0
