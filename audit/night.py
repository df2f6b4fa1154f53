"""Night facts: what can be known only from all cars together. Pure functions over what each batch was seen to do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.analysis import Motion
from audit.day import Replay
from trajectories.fleet import F8, I8, Fleet
from trajectories.intervals import Intervals, close_gaps, intervals, union
from trajectories.minutes import MINUTE_MS
from trajectories.replay import Candidate, Crossings, check_replay, find_candidates, grid_crossings, rough_motion

OUTAGE_SHARE = 0.9
"""A feed is down when at least this share of its cars, two or more, fall silent together ..."""
OUTAGE_MIN = 3
"""... for at least this long (minutes)."""
DEAD_END_CARS = 3
"""Two cars may well come home together; so many that do were cut off."""
MIN_VOTES = 18
"""Equal fingerprints at one time shift that make a pair worth checking: ten minutes of driving give more."""
BEST_PAIRS = 3
"""So many originals are compared with a track, those with the most equal fingerprints."""
MIN_SHIFT_MS = 120_000
"""Cars that follow one another are closer in time than this."""
MIN_MOVING_MS = 5 * MINUTE_MS
"""Shorter pieces of road are now and then driven alike by chance, second for second."""
TOLERANCE_M = 15.0
"""Two noisy fixes of one place are this far apart at most (p95 of a good terminal, twice)."""
GAP_MS = 60_000
_DAY_MS = 24 * 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Presence:
    """When one car of one feed was heard: first and last fix and the silences between, ms UTC."""

    vehicle_id: str
    feeds: tuple[str, ...]
    first_ms: int
    last_ms: int
    gaps: Intervals


def presences(fleet: Fleet, gap_ms: int, feeds: Mapping[str, tuple[str, ...]]) -> list[Presence]:
    """Return when each car of a batch was heard; cars without a fix are left out.

    More than `gap_ms` without a fix is silence; any fix is a sign of life, whatever its flags.
    """
    t_ms = fleet.t_ms
    before = np.flatnonzero(np.diff(t_ms) > gap_ms)
    out = []
    for k, vehicle_id in enumerate(fleet.vehicle_ids):
        start, stop = int(fleet.offsets[k]), int(fleet.offsets[k + 1])
        if stop > start:
            mine = before[np.searchsorted(before, start) : np.searchsorted(before, stop - 1)]
            gaps = intervals(zip(t_ms[mine].tolist(), t_ms[mine + 1].tolist(), strict=True))
            out.append(Presence(vehicle_id, feeds.get(vehicle_id, ()), int(t_ms[start]), int(t_ms[stop - 1]), gaps))
    return out


def feed_outages(heard: Sequence[Presence]) -> dict[str, Intervals]:
    """Return when each feed was down: nearly all cars that were heard before and after are silent together.

    A feed with one car cannot be told from its car, so it has no outages. What came up or went down for nearly all cars
    within minutes (three cars or more) was down before or after, as far as a day reaches.
    """
    out = {}
    for feed in sorted({f for p in heard for f in p.feeds}):
        mine = [p for p in heard if feed in p.feeds]
        edges = [(p.first_ms, 1, 0) for p in mine] + [(p.last_ms, -1, 0) for p in mine]
        for p in mine:
            edges += [(a, 0, 1) for a, _ in p.gaps.tolist()] + [(b, 0, -1) for _, b in p.gaps.tolist()]
        dead = _dead_ends([p.first_ms for p in mine], [p.last_ms for p in mine])
        out[feed] = union(_down(sorted(edges)), dead)
    return out


def _dead_ends(first_ms: Sequence[int], last_ms: Sequence[int]) -> Intervals:
    """Return the time before nearly all cars were first heard together, and after they were last heard together."""
    n = len(first_ms)
    nearly_all = math.ceil(OUTAGE_SHARE * n)
    came, went = sorted(first_ms)[:nearly_all], sorted(last_ms)[n - nearly_all :]
    found = []
    if n >= DEAD_END_CARS and came[-1] - came[0] <= OUTAGE_MIN * MINUTE_MS:
        found.append((came[0] - _DAY_MS, came[0]))
    if n >= DEAD_END_CARS and went[-1] - went[0] <= OUTAGE_MIN * MINUTE_MS:
        found.append((went[-1], went[-1] + _DAY_MS))
    return intervals(found)


def _down(edges: Sequence[tuple[int, int, int]]) -> Intervals:
    expected = silent = 0
    since, found = -1, []
    i = 0
    while i < len(edges):
        at = edges[i][0]
        while i < len(edges) and edges[i][0] == at:
            expected += edges[i][1]
            silent += edges[i][2]
            i += 1
        down = expected >= 2 and silent >= OUTAGE_SHARE * expected
        if down and since < 0:
            since = at
        elif not down and since >= 0:
            found.append((since, at))
            since = -1
    joined = close_gaps(intervals(found), MINUTE_MS)
    long_enough: Intervals = joined[joined[:, 1] - joined[:, 0] >= OUTAGE_MIN * MINUTE_MS]
    return long_enough


@dataclass(frozen=True, slots=True)
class Trail:
    """One track as it is compared with others: usable fixes in the city's plane, and whether the car moved."""

    vehicle_id: str
    date: str
    of_day: bool
    t_ms: I8
    east_m: F8
    north_m: F8
    moving: npt.NDArray[np.bool_]


def trail(motion: Motion, k: int, date: str, of_day: bool) -> Trail:
    """Return vehicle k's trail; `of_day`: whether it belongs to the audited day (else it is history)."""
    lo, hi = (int(o) for o in motion.fleet.offsets[k : k + 2])
    rows = lo + np.flatnonzero(motion.ok[lo:hi])
    columns = motion.fleet.t_ms[rows], motion.east_m[rows], motion.north_m[rows], motion.moving[rows]
    return Trail(motion.fleet.vehicle_ids[k], date, of_day, *columns)


def crossings_of(fleet: Fleet, east_m: F8, north_m: F8, first_track: int) -> Crossings:
    """Return the fingerprints of a batch as read, its tracks numbered from `first_track`; metres of one plane."""
    return grid_crossings(fleet, east_m, north_m, rough_motion(fleet, east_m, north_m), first_track)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two tracks that may be one: numbers of the early and the late one, and the shift."""

    early: int
    late: int
    shift_ms: int


def replay_pairs(parts: Sequence[Crossings], of_day: Sequence[bool], vehicles: Sequence[str]) -> list[Pair]:
    """Return the pairs of tracks worth comparing fix by fix: the late one of the day, not the same car that day.

    `of_day`, `vehicles`: by track number.
    """
    found = find_candidates(list(parts), MIN_VOTES, MIN_SHIFT_MS)
    by_late: dict[int, list[Candidate]] = {}
    for c in found:
        if of_day[c.late] and (vehicles[c.early] != vehicles[c.late] or not of_day[c.early]):
            by_late.setdefault(c.late, []).append(c)
    best = (sorted(by_late[late], key=lambda c: (-c.votes, c.early))[:BEST_PAIRS] for late in sorted(by_late))
    return [Pair(c.early, c.late, c.shift_ms) for some in best for c in some]


def check_pairs(pairs: Sequence[Pair], trails: Mapping[int, Trail]) -> dict[str, tuple[Replay, ...]]:
    """Return the replays by vehicle; of overlapping ones the one that covers more driving."""
    found: dict[str, list[Replay]] = {}
    for pair in pairs:
        early, late = trails[pair.early], trails[pair.late]
        match = check_replay(
            (early.t_ms, early.east_m, early.north_m),
            (late.t_ms, late.east_m, late.north_m, late.moving),
            pair.shift_ms,
            TOLERANCE_M,
            GAP_MS,
        )
        if match is not None and match.moving_ms >= MIN_MOVING_MS:
            found.setdefault(late.vehicle_id, []).append(
                Replay(
                    int(late.t_ms[match.start]),
                    int(late.t_ms[match.stop - 1]),
                    early.vehicle_id,
                    early.date,
                    pair.shift_ms,
                    match.synchronous_share,
                    match.moving_ms,
                    match.median_m,
                )
            )
    return {vehicle: _distinct(found[vehicle]) for vehicle in sorted(found)}


def _distinct(replays: list[Replay]) -> tuple[Replay, ...]:
    """Leave out replays that overlap one with more driving: the copy of a copy is told once."""
    kept: list[Replay] = []
    for r in sorted(replays, key=lambda r: (-r.moving_ms, r.start_ms, r.source_vehicle_id)):
        if all(r.end_ms <= other.start_ms or other.end_ms <= r.start_ms for other in kept):
            kept.append(r)
    return tuple(sorted(kept, key=lambda r: r.start_ms))
