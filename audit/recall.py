"""What an earlier audit of the same day rested on, vehicle by vehicle: only what differs from it is asked anew.

Three keys stand for everything that the answers about a vehicle-day can depend on:

- `own`: its fixes, its rows of the registers, its sessions, exams and permits, and the places and hours that can
  matter to it. A place can matter that lies within `REACH_M` of where the car was, or is the nearest one of all to a
  fix, or is named by a session or exam, or is a route on which a declared road session might have been driven;
- `night`: what all tracks together say of it: outages, copies, the datum of its feed, other feeds that report it;
- `camera`: what checkpoint cameras say of it. Only the rules by cameras read that.

Versions of the program are no part of a key: a new release never changes old answers by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from shapely import get_coordinates

from audit.analysis import Motion
from audit.coverage import CarCoverage
from audit.facts import Facts
from zones.places import Places
from zones.register import Use
from zones.zone import ZoneKind

REACH_M = 250.0
"""Far beyond every error of a fix or a map: what is further off than that matters only as the nearest place of all."""
CELL_M = 200.0
_EDGE_POINTS = 32
_ROAD_PART = 3
_COLUMNS = ("t_ms", "lon_deg", "lat_deg", "speed_mps", "heading_deg", "accuracy_m", "lag_ms", "flags")

Bool = npt.NDArray[np.bool_]


class Keys(NamedTuple):
    """What the answers about one vehicle-day rest on, as SHA-256 each."""

    own: str
    night: str
    camera: str


@dataclass(frozen=True, slots=True)
class Recall:
    """What an earlier audit of the day rested on: keys by vehicle, and the rules of which values changed since."""

    keys: Mapping[str, Keys] = field(default_factory=dict)
    changed_rules: frozenset[str] = frozenset()

    def knows(self, vehicle_id: str, own: str) -> bool:
        """Whether a vehicle's own facts are the ones its answers were made from."""
        held = self.keys.get(vehicle_id)
        return held is not None and held.own == own


class KeyMaker:
    """Makes keys of vehicles under one set of facts; what concerns the places is worked out once."""

    def __init__(self, facts: Facts) -> None:
        """Digest the places with their hours."""
        places = facts.places
        self._facts = facts
        self._base = _sha(facts.day.start_ms, facts.day.end_ms, places.plane, places.margin_m, facts.recipe.digest)
        self._zones = [self._zone_digest(i) for i in range(len(places))]
        self._boxes = _boxes(places)
        self._edge = cKDTree(_edge_points(places)) if len(places) else None

    def _zone_digest(self, zone_ix: int) -> str:
        zone = self._facts.places.zones[zone_ix]
        told = [getattr(zone, f.name) for f in fields(zone) if f.name not in {"geometry", "recorded_at"}]
        hours = self._facts.calendar.open_during(zone.zone_id, self._facts.day)
        return _sha(told, zone.geometry.wkb_hex, None if hours is None else hours.tolist())

    def own(self, motion: Motion | None, vehicle_ids: Iterable[str]) -> dict[str, str]:
        """Return the key of each vehicle's own facts; `motion` holds the tracks of those that have one."""
        rows = {} if motion is None else {v: k for k, v in enumerate(motion.fleet.vehicle_ids)}
        return {v: self._own(v, None if v not in rows else motion, rows.get(v, 0)) for v in vehicle_ids}

    def _own(self, vehicle_id: str, motion: Motion | None, k: int) -> str:
        f = self._facts
        vehicle = f.vehicles[vehicle_id]
        near = np.zeros(len(f.places), np.bool_) if motion is None else self._near(motion, k)
        near |= self._named(vehicle_id)
        doubts = f.doubts.get(vehicle_id)
        zone_ids = {f.places.zones[i].zone_id for i in np.flatnonzero(near).tolist()}
        sessions, exams = f.sessions.get(vehicle_id, ()), f.exams.get(vehicle_id, ())
        told = [
            vehicle,
            f.schools.get(vehicle.school_id or ""),
            f.feeds.get(vehicle_id, ()),
            sessions,
            exams,
            [p for p in f.permits if p.covers(vehicle_id, vehicle.school_id)],
            None if doubts is None else (doubts.fixes, doubts.register, doubts.sessions, doubts.permits),
            [] if doubts is None else sorted(zone_ids & doubts.hours),
            [] if doubts is None else sorted({s.zone_id or "" for s in sessions} & doubts.unknown_zones),
            [self._zones[i] for i in np.flatnonzero(near).tolist()],
        ]
        return _sha(self._base, told, None if motion is None else _fixes(motion, k))

    def _named(self, vehicle_id: str) -> Bool:
        """Return the places that the car's sessions and exams name, and the routes a road session may use."""
        f, places = self._facts, self._facts.places
        vehicle = f.vehicles[vehicle_id]
        sessions = f.sessions.get(vehicle_id, ())
        names = {s.zone_id for s in sessions} | {e.site_id for e in f.exams.get(vehicle_id, ())}
        out = np.array([z.zone_id in names for z in places.zones], np.bool_)
        if vehicle.use is Use.TRAINING and any(s.part == _ROAD_PART for s in sessions):
            routes = np.array([z.kind is ZoneKind.ROUTE for z in places.zones], np.bool_)
            out |= routes & places.approved_for(vehicle.school_id or "", vehicle.vehicle_class, _ROAD_PART)
        return out

    def _near(self, motion: Motion, k: int) -> Bool:
        """Return the places that can matter to a track by where they lie."""
        lo, hi = (int(o) for o in motion.fleet.offsets[k : k + 2])
        rows = lo + np.flatnonzero(motion.ok[lo:hi])
        if self._edge is None or not len(rows):
            return np.zeros(len(self._boxes), np.bool_)
        at = np.floor(np.column_stack([motion.east_m[rows], motion.north_m[rows]]) / CELL_M)
        cells = np.unique(at[np.r_[True, (np.diff(at, axis=0) != 0).any(axis=1)]], axis=0) * CELL_M
        # The nearest place of a fix is no further than the nearest point of any edge that we know of.
        known_m = self._edge.query(cells + CELL_M / 2)[0] + CELL_M * np.sqrt(0.5)
        reach_m = np.maximum(known_m, REACH_M)
        near = self._within(cells.min(axis=0), cells.max(axis=0) + CELL_M, float(reach_m.max()))
        west, south, east, north = self._boxes[near].T
        away_x = np.maximum(np.maximum(west - cells[:, :1] - CELL_M, cells[:, :1] - east), 0.0)
        away_y = np.maximum(np.maximum(south - cells[:, 1:] - CELL_M, cells[:, 1:] - north), 0.0)
        near[near] = (np.hypot(away_x, away_y) <= reach_m[:, None]).any(axis=0)
        return near

    def _within(self, low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], reach_m: float) -> Bool:
        """Return the places whose box lies within reach of a box."""
        west, south, east, north = self._boxes.T
        away_x = np.maximum(np.maximum(west - high[0], low[0] - east), 0.0)
        away_y = np.maximum(np.maximum(south - high[1], low[1] - north), 0.0)
        near: Bool = np.hypot(away_x, away_y) <= reach_m
        return near


def night_key(facts: Facts, vehicle_id: str, coverage: CarCoverage | None) -> str:
    """Return the key of what all tracks together say of a vehicle (`coverage`: of a coach car)."""
    night, feeds = facts.night, facts.feeds.get(vehicle_id, ())
    peers = max((night.peers.get(name, 0) for name in feeds), default=0)
    is_silent = coverage is None or coverage.declared_seen_ms < coverage.declared_ms
    is_gone = coverage is None or coverage.silent_ms > 0 or coverage.outage_ms > 0
    passes = night.passes_of(feeds)
    return _sha(
        facts.outages_of(vehicle_id).tolist() if is_gone else None,  # an outage explains silence, and nothing else
        facts.outages_beside(vehicle_id).tolist() if is_silent else None,
        peers if is_silent else peers > 1,  # how many were heard is said of a silent car alone
        night.replays.get(vehicle_id, ()),
        night.beside.get(vehicle_id, ()),
        passes if passes.is_matched else None,
        any(name in night.suspect for name in feeds),
        facts.doubts[vehicle_id].fixes if vehicle_id in facts.doubts else None,
    )


def camera_key(facts: Facts, vehicle_id: str) -> str:
    """Return the key of what cameras say of a vehicle, so far as a rule reads it.

    Passages that contradict nothing, and cases that are no more than leads, move with every camera's clock and change
    no answer.
    """
    cameras, doubts = facts.night.cameras, facts.doubts_of(vehicle_id)
    return _sha(
        doubts.plates,
        doubts.crew,
        vehicle_id in cameras.heard,
        cameras.conflicts.get(vehicle_id),
        [case for case in cameras.crews.cases.get(vehicle_id, ()) if case.accepted],
        cameras.crews.unseen.get(vehicle_id, ()),
        cameras.crews.doubtful.get(vehicle_id, ()),
    )


# ---------------------------------------------------------------- digests
def _fixes(motion: Motion, k: int) -> str:
    fleet = motion.fleet
    lo, hi = (int(o) for o in fleet.offsets[k : k + 2])
    out = hashlib.sha256()
    for name in _COLUMNS:
        out.update(np.ascontiguousarray(getattr(fleet, name)[lo:hi]).tobytes())
    return out.hexdigest()


def _sha(*values: Any) -> str:
    text = json.dumps([_plain(v) for v in values], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value as JSON with nothing left out and nothing that varies from process to process."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating):
        return float(value).hex()
    if is_dataclass(value):
        return [_plain(getattr(value, f.name)) for f in fields(value) if f.compare]
    if isinstance(value, Mapping):
        return [[str(k), _plain(value[k])] for k in sorted(value, key=str)]
    if isinstance(value, frozenset | set):
        return sorted((_plain(v) for v in value), key=str)
    if isinstance(value, np.ndarray):
        return [str(value.dtype), _plain(value.tolist())]
    if isinstance(value, Sequence):
        return [_plain(v) for v in value]
    return str(value)


# ---------------------------------------------------------------- where places lie
def _boxes(places: Places) -> npt.NDArray[np.float64]:
    out = [(*p.min(axis=0) - h, *p.max(axis=0) + h) for p, h in zip(_points(places), places.half_width_m, strict=True)]
    return np.array(out, np.float64).reshape(-1, 4)


def _edge_points(places: Places) -> npt.NDArray[np.float64]:
    """Return up to `_EDGE_POINTS` points of each place's edge (a route's: of its line, which is deeper in)."""
    return np.concatenate([p[:: -(-len(p) // _EDGE_POINTS)] for p in _points(places)])


def _points(places: Places) -> list[npt.NDArray[np.float64]]:
    return [np.column_stack(places.plane.to_metres(*get_coordinates(zone.geometry).T)) for zone in places.zones]
