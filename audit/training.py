"""Where and when a car trained: yard work in a place, road work along a route, and both outside every place.

Being outside a place is lawful; training there is not. Inside an approved ground ordinary yard motion is training;
along a route it takes a declared session there, or following most of it; elsewhere the shape of the
path alone must say it (see `trajectories.activity`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from audit.analysis import Analysis, Motion
from trajectories.activity import Mask, Run, lap_runs, yard_runs
from trajectories.fleet import F8, I8
from trajectories.intervals import Intervals, close_gaps, intersect, interval, intervals, ms_within, subtract
from trajectories.minutes import MINUTE_MS, Minutes2D
from trajectories.recipe import Recipe
from trajectories.spans import Activity
from zones.declared import Session
from zones.following import follow
from zones.places import KIND_CODES, Places
from zones.visits import Visits
from zones.zone import ZoneKind

_CERTAIN = 0.99  # declared there, and driven there
_LEAST = 0.5  # what is less likely than not is no training, whatever rule asks
_ROUTE = KIND_CODES[ZoneKind.ROUTE]
_ACTIVE_S = 6.0  # of a minute in motion
_PAUSE_MIN = 10  # a break between two attempts; a longer one ends an episode
_PARKING_MIN = 3  # arriving and parking, or pulling out, takes no longer
_LESSON_MIN = (8.0, 1.0)  # in a ground: longer than parking, turning round or changing the driver takes
_YARD_MOVING = (0.15, 0.03)
_YARD_PATH_M = (250.0, 50.0)  # in 15 minutes; drift of a parked car makes below 100
_COVERAGE = (0.75, 0.025)  # undeclared: most of the route; plain drives share up to two thirds of one with it
_ROUTE_MIN = (20.0, 2.5)
_LEAST_ROUTE_MS = _ROUTE_MIN[0] / 2 * MINUTE_MS
_DECLARED_M = 500.0  # with a session declared there: more than crossing it
_REJOIN_MS = 10 * MINUTE_MS
_IN_PLACE = 0.5


@dataclass(frozen=True, slots=True)
class Training:
    """One stretch of training; rows `start:stop` count from the track's first fix.

    `zone_ix`: the place (index into `Places`), None outside every place. `declared`: on a route, whether a session
    was declared there. `p`: how likely it was training at all.
    """

    activity: Activity
    start_ms: int
    end_ms: int
    start: int
    stop: int
    zone_ix: int | None
    p: float
    path_m: float
    extent_m: float = math.nan
    moving_share: float = math.nan
    repeated_share: float = math.nan
    coverage: float = math.nan
    n_laps: float = math.nan
    declared: bool = False

    @property
    def minutes(self) -> float:
        """Length in minutes."""
        return (self.end_ms - self.start_ms) / MINUTE_MS

    @property
    def when(self) -> Intervals:
        """The stretch as an interval."""
        return interval(self.start_ms, self.end_ms)


def find_trainings(
    analysis: Analysis, k: int, places: Places, sessions: Sequence[Session], recipe: Recipe
) -> tuple[Training, ...]:
    """Return the trainings of vehicle k of a batch in time order, those less likely than not left out."""
    visits = analysis.visits.of(k)
    if not (analysis.table.moving_s[k] > 0).any():
        return ()
    found: list[Training] = []
    occupied = np.zeros(analysis.table.n_minutes)
    times: list[tuple[int, Intervals]] = []
    for zone_ix, pieces in _by_place(analysis.motion.fleet.t_ms, visits):
        when = intervals((p.start_ms, p.end_ms) for p in pieces)
        times.append((zone_ix, when))
        if places.kind_code[zone_ix] == _ROUTE:
            found += _on_route(analysis, k, places, zone_ix, pieces, sessions)
        else:
            found += _in_ground(analysis, k, zone_ix, when)
            _occupy(occupied, analysis, when)
    for training in found:
        if training.activity is Activity.ROAD_TRAINING:
            _occupy(occupied, analysis, training.when)
    found += _elsewhere(analysis, k, occupied < _IN_PLACE * MINUTE_MS, times, recipe)
    return tuple(sorted(found, key=lambda t: (t.start_ms, t.end_ms, -1 if t.zone_ix is None else t.zone_ix)))


class _Piece(NamedTuple):
    """One visit of a place: its rows in the fleet, and its time."""

    start: int
    stop: int
    start_ms: int
    end_ms: int


def _by_place(t_ms: I8, visits: Visits) -> list[tuple[int, list[_Piece]]]:
    """Return a car's visits by place, in order."""
    out: dict[int, list[_Piece]] = {}
    times = t_ms[visits.start].tolist(), (t_ms[visits.stop - 1] + 1).tolist()
    for zone_ix, *piece in zip(
        visits.zone_ix.tolist(), visits.start.tolist(), visits.stop.tolist(), *times, strict=True
    ):
        out.setdefault(zone_ix, []).append(_Piece(*piece))
    return sorted(out.items())


def _occupy(occupied: npt.NDArray[np.float64], analysis: Analysis, when: Intervals) -> None:
    """Add the milliseconds of intervals to the minutes they fall into."""
    first, n = analysis.table.first_ms, len(occupied)
    for start, end in when.tolist():
        a, b = max(start - first, 0), min(end - first, n * MINUTE_MS)
        if a < b:
            m, last = a // MINUTE_MS, (b - 1) // MINUTE_MS
            occupied[m : last + 1] += MINUTE_MS
            occupied[m] -= a - m * MINUTE_MS
            occupied[last] -= (last + 1) * MINUTE_MS - b


def _in_ground(analysis: Analysis, k: int, zone_ix: int, when: Intervals) -> list[Training]:
    table = analysis.table
    out = []
    for start, end in when.tolist():
        lo, hi = max(table.minute_of(start), 0), min(table.minute_of(end - 1) + 1, table.n_minutes)
        if hi - lo < _LESSON_MIN[0]:
            continue
        for a, b in _busy(analysis, k, lo, hi):
            moving = float(table.moving_s[k, a:b].sum()) / 60.0 / (b - a)
            path = float(table.path_m[k, a:b].sum())
            p = _weakest((b - a, _LESSON_MIN), (moving, _YARD_MOVING), (path * 15.0 / max(b - a, 15), _YARD_PATH_M))
            if p >= _LEAST:
                span = max(start, table.start_ms(a)), min(end, table.start_ms(b))
                out.append(_training(analysis, k, Activity.YARD_TRAINING, span, zone_ix, p, path, moving_share=moving))
    return out


def _on_route(
    analysis: Analysis, k: int, places: Places, zone_ix: int, pieces: list[_Piece], sessions: Sequence[Session]
) -> list[Training]:
    """Return the trainings along one route: visits no further apart than ten minutes are one drive."""
    here = intervals((s.start_ms, s.end_ms) for s in sessions if s.zone_id == places.zones[zone_ix].zone_id)
    out = []
    for pair in close_gaps(intervals((p.start_ms, p.end_ms) for p in pieces), _REJOIN_MS - 1).tolist():
        drive = interval(*pair)
        if not len(here) and pair[1] - pair[0] < _LEAST_ROUTE_MS:
            continue  # most are crossings
        alone = _driven(analysis, k, subtract(drive, here))
        for when, declared in ((intersect(drive, here), True), (alone, False)):
            for start, end in when.tolist():
                training = _along(analysis, k, places, zone_ix, pieces, (start, end), declared)
                if training is not None:
                    out.append(training)
    return out


def _driven(analysis: Analysis, k: int, when: Intervals) -> Intervals:
    """Return the parts of a time in which the car was on the move, pauses of up to ten minutes included."""
    table, out = analysis.table, []
    for start, end in when.tolist():
        lo, hi = max(table.minute_of(start), 0), min(table.minute_of(end - 1) + 1, table.n_minutes)
        pieces = _busy(analysis, k, lo, hi)
        out += [(max(start, table.start_ms(a)), min(end, table.start_ms(b))) for a, b in pieces]
    return intervals(out)


def _busy(analysis: Analysis, k: int, lo: int, hi: int) -> list[list[int]]:
    """Return the runs of minutes in motion among lo..hi-1, joined over pauses of up to ten minutes.

    A minute or two of motion before or after a longer pause is arriving or leaving, not the lesson.
    """
    out = np.empty((max(hi - lo, 0) // 2 + 1, 2), np.int64)  # an array that a kernel makes and gives back is dear
    runs: list[list[int]] = out[: _busy_runs(analysis.table.moving_s, k, lo, hi, out)].tolist()
    return runs


@njit(cache=True, nogil=True)
def _busy_runs(moving_s: Minutes2D, k: int, lo: int, hi: int, out: I8) -> int:
    """The loop of `_busy`: a run is parts cut by pauses longer than parking takes; short ones at its ends go."""
    parts, n_parts, n = np.empty(out.shape, np.int64), 0, 0
    for m in range(lo, hi + 1):
        active = m < hi and moving_s[k, m] >= _ACTIVE_S
        if n_parts and (m == hi or (active and m - parts[n_parts - 1, 1] > _PAUSE_MIN)):
            first, last = 0, n_parts - 1
            while first < last and parts[first, 1] - parts[first, 0] <= _PARKING_MIN:
                first += 1
            while first < last and parts[last, 1] - parts[last, 0] <= _PARKING_MIN:
                last -= 1
            out[n, 0], out[n, 1] = parts[first, 0], parts[last, 1]
            n, n_parts = n + 1, 0
        if not active:
            continue
        if n_parts and m - parts[n_parts - 1, 1] <= _PARKING_MIN:
            parts[n_parts - 1, 1] = m + 1
        else:
            parts[n_parts, 0], parts[n_parts, 1] = m, m + 1
            n_parts += 1
    return n


def _along(
    analysis: Analysis,
    k: int,
    places: Places,
    zone_ix: int,
    pieces: list[_Piece],
    span: tuple[int, int],
    declared: bool,
) -> Training | None:
    """Return the training along a route within a time, None where it is none.

    Within a session declared there more than a crossing is training; without one only following most of the route
    is, because going home along a part of it is lawful.
    """
    if declared:
        path_m = _driven_within_m(analysis.motion, pieces, span)
        if path_m < _DECLARED_M:
            return None
        return _training(analysis, k, Activity.ROAD_TRAINING, span, zone_ix, _CERTAIN, path_m, declared)
    minutes = (span[1] - span[0]) / MINUTE_MS
    if span[1] - span[0] < _LEAST_ROUTE_MS:
        return None
    motion = analysis.motion
    lo, hi = (int(o) for o in motion.fleet.offsets[k : k + 2])
    rows = slice(*(lo + np.searchsorted(motion.fleet.t_ms[lo:hi], span)).tolist())
    line, half_width_m = places.corridor(zone_ix)
    columns = motion.east_m[rows], motion.north_m[rows], motion.fleet.t_ms[rows], motion.ok[rows]
    f = follow(line, half_width_m, places.margin_m, *columns)
    p = _weakest((f.coverage, _COVERAGE), (minutes, _ROUTE_MIN))
    if p < _LEAST:
        return None
    measured = {"coverage": f.coverage, "n_laps": f.n_laps}
    followed_m = f.forward_m + f.backward_m
    return _training(analysis, k, Activity.ROAD_TRAINING, span, zone_ix, p, followed_m, declared, **measured)


def _driven_within_m(motion: Motion, pieces: list[_Piece], span: tuple[int, int]) -> float:
    """Return the metres driven during a time within a place (`pieces`: the visits); standing adds nothing."""
    columns = motion.fleet.t_ms, motion.east_m, motion.north_m, motion.ok, motion.moving
    within = (p for p in pieces if p.start_ms < span[1] and p.end_ms > span[0])
    return sum(_driven_m(*columns, p.start, p.stop, *span) for p in within)


@njit(cache=True, nogil=True)
def _driven_m(t_ms: I8, x: F8, y: F8, ok: Mask, moving: Mask, a: int, b: int, start_ms: int, end_ms: int) -> float:
    """Add up the steps between the usable fixes in motion of rows a..b-1 within a time."""
    driven_m, prev = 0.0, -1
    for i in range(a, b):
        if start_ms <= t_ms[i] < end_ms and ok[i] and moving[i]:
            if prev >= 0:
                driven_m += np.sqrt((x[i] - x[prev]) ** 2 + (y[i] - y[prev]) ** 2)
            prev = i
    return driven_m


def _elsewhere(
    analysis: Analysis,
    k: int,
    among: npt.NDArray[np.bool_],
    times: list[tuple[int, Intervals]],
    recipe: Recipe,
) -> list[Training]:
    """Return trainings told by the shape of the path; those mostly within one place belong to it."""
    motion, table = analysis.motion, analysis.table
    rows = slice(*(int(o) for o in motion.fleet.offsets[k : k + 2]))
    track = motion.fleet.t_ms[rows], motion.east_m[rows], motion.north_m[rows], motion.ok[rows]
    runs: list[Run] = yard_runs(table, k, analysis.p_yard, _LEAST, among)
    runs += lap_runs(table, k, track, _LEAST, among, recipe.gap_ms)
    out = []
    for run in runs:
        inside = [(ms_within(at, run.start_ms, run.end_ms), zone_ix) for zone_ix, at in times]
        most, zone = max(inside, default=(0, -1))
        zone_ix = zone if most >= _IN_PLACE * (run.end_ms - run.start_ms) else None
        out.append(
            _training(
                analysis,
                k,
                run.activity,
                (run.start_ms, run.end_ms),
                zone_ix,
                run.p,
                run.path_m,
                extent_m=run.extent_m,
                moving_share=run.moving_share,
                repeated_share=run.repeated_share,
            )
        )
    return out


def _training(
    analysis: Analysis,
    k: int,
    activity: Activity,
    span: tuple[int, int],
    zone_ix: int | None,
    p: float,
    path_m: float,
    declared: bool = False,
    **measured: float,
) -> Training:
    lo, hi = (int(o) for o in analysis.motion.fleet.offsets[k : k + 2])
    start, stop = analysis.motion.fleet.t_ms[lo:hi].searchsorted(span).tolist()
    return Training(activity, span[0], span[1], start, stop, zone_ix, p, path_m, declared=declared, **measured)


def _weakest(*signs: tuple[float, tuple[float, float]]) -> float:
    z = min((value - threshold) / softness for value, (threshold, softness) in signs)
    return 1.0 / (1.0 + math.exp(-max(min(z, 50.0), -50.0)))
