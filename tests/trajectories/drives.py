"""Drives with a known truth: where a car was second by second, and the fixes that a terminal makes of it.

Positions are metres on a plane (x east, y north). A `Drive` is exact; `sampled` turns it into fixes, with an error
that wanders (AR(1)) as real receivers' errors do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geo.plane import LocalPlane
from trajectories.activity import Run, lap_runs, yard_probability, yard_runs
from trajectories.clean import label_fixes, usable
from trajectories.fleet import F4, F8, I8, Flag, Fleet, build_fleet
from trajectories.minutes import MinuteTable, tabulate
from trajectories.recipe import Recipe
from trajectories.segment import find_spans, moving_mask
from trajectories.spans import SpanKind, Spans

T0_MS = 1_773_777_600_000  # 2026-03-18 04:00 in Shanghai: a whole minute
PLANE = LocalPlane(121.47, 31.23)
RECIPE = Recipe()
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Drive:
    """The truth: knots of shape (n,), time in s from the start, linear in between."""

    t_s: F8
    x_m: F8
    y_m: F8

    @property
    def duration_s(self) -> float:
        return float(self.t_s[-1])

    @property
    def length_m(self) -> float:
        return float(np.hypot(np.diff(self.x_m), np.diff(self.y_m)).sum())

    def then(self, *others: Drive) -> Drive:
        """This drive and then the others, each from where and when the one before ended."""
        t, x, y = [self.t_s], [self.x_m], [self.y_m]
        for other in others:
            t.append(other.t_s[1:] + t[-1][-1])
            x.append(other.x_m[1:] - other.x_m[0] + x[-1][-1])
            y.append(other.y_m[1:] - other.y_m[0] + y[-1][-1])
        return Drive(np.concatenate(t), np.concatenate(x), np.concatenate(y))

    def later(self, seconds: float) -> Drive:
        return Drive(self.t_s + seconds, self.x_m, self.y_m)

    def at(self, t_s: F8) -> tuple[F8, F8]:
        return np.interp(t_s, self.t_s, self.x_m), np.interp(t_s, self.t_s, self.y_m)


def along(points: Sequence[tuple[float, float]], speed_mps: float | Sequence[float]) -> Drive:
    """A drive along a polyline, at one speed or one a leg."""
    xy = np.array(points, float)
    legs = np.hypot(*np.diff(xy, axis=0).T)
    t = np.concatenate([[0.0], np.cumsum(legs / np.broadcast_to(speed_mps, len(legs)))])
    return Drive(t, xy[:, 0], xy[:, 1])


def stand(seconds: float) -> Drive:
    return Drive(np.array([0.0, seconds]), np.zeros(2), np.zeros(2))


def arcs(pieces: Sequence[tuple[float, float]], speed_mps: float, pause_s: float = 3.0) -> Drive:
    """A manoeuvre of (length, curvature) pieces from the origin, nose to the north; negative lengths are reverse.

    Between forward and reverse the car stands for `pause_s`.
    """
    t, x, y, theta = [0.0], [0.0], [0.0], math.pi / 2
    gear = 0.0
    for length, curvature in pieces:
        way = math.copysign(1.0, length)
        if gear and way != gear:
            t, x, y = [*t, t[-1] + pause_s], [*x, x[-1]], [*y, y[-1]]
        gear = way
        n = max(2, math.ceil(abs(length) / 0.25))
        for _ in range(n):
            step = length / n
            theta += curvature * step / 2
            x.append(x[-1] + step * math.cos(theta))
            y.append(y[-1] + step * math.sin(theta))
            t.append(t[-1] + abs(step) / speed_mps)
            theta += curvature * step / 2
    return Drive(np.array(t), np.array(x), np.array(y))


R_M = 5.6  # a small car near full lock
QUARTER_M = R_M * math.pi / 2
BAY = [(15.0, 0), (-QUARTER_M, -1 / R_M), (-3.0, 0), (3.0, 0), (QUARTER_M, 1 / R_M), (5.0, 0), (-20.0, 0)]
S_CURVE = [(5.0, 0), (14.0, 1 / 9), (28.0, -1 / 9), (14.0, 1 / 9), (5.0, 0)]
THREE_POINT_TURN = [(10.0, 0), (8.0, 1 / R_M), (-6.0, -1 / R_M), (6.0, 1 / R_M), (10.0, 0)]
U_TURN = [(40.0, 0), (R_M * math.pi, 1 / R_M), (40.0, 0)]


def ring(width_m: float, height_m: float, times: int, speed_mps: float, start: tuple[float, float] = (0, 0)) -> Drive:
    """Rounds of a block."""
    x, y = start
    corners = [(x, y), (x + width_m, y), (x + width_m, y + height_m), (x, y + height_m)]
    return along([*corners * times, corners[0]], speed_mps)


def wander(n: int, step_s: float, sd_m: float, tau_s: float, rng: np.random.Generator) -> F8:
    """One axis of an error that wanders: AR(1) of standard deviation `sd_m` and correlation time `tau_s`."""
    keep = math.exp(-step_s / tau_s)
    out = rng.standard_normal(n) * sd_m * math.sqrt(1 - keep * keep)
    if n:
        out[0] = rng.standard_normal() * sd_m
    for i in range(1, n):
        out[i] += keep * out[i - 1]
    return out


@dataclass(frozen=True)
class Seen:
    """A fleet and everything the floor makes of it."""

    fleet: Fleet
    east_m: F8
    north_m: F8
    ok: Bools
    moving: Bools
    spans: Spans

    def count(self, flag: Flag) -> int:
        return int(((self.fleet.flags & np.uint32(flag)) > 0).sum())

    def times(self, kind: SpanKind) -> list[tuple[float, float]]:
        """Start and end of the spans of a kind, seconds from the first fix."""
        pick, t0 = self.spans.kind == kind, self.fleet.t_ms[0]
        return [
            ((a - t0) / 1000, (b - t0) / 1000)
            for a, b in zip(self.spans.start_ms[pick].tolist(), self.spans.end_ms[pick].tolist(), strict=True)
        ]

    def share(self, kind: SpanKind) -> float:
        lasts = self.spans.end_ms - self.spans.start_ms
        return float(lasts[self.spans.kind == kind].sum() / max(lasts.sum(), 1))

    def table(self, n_minutes: int | None = None, first_ms: int = T0_MS) -> MinuteTable:
        n = int((self.fleet.t_ms[-1] - first_ms) // 60_000 + 1) if n_minutes is None else n_minutes
        return tabulate(self.fleet, self.east_m, self.north_m, self.ok, self.moving, first_ms, n, RECIPE)

    def training(self, limit: float = 0.5, k: int = 0) -> list[Run]:
        """Every stretch that looks like training, all minutes allowed."""
        table = self.table()
        return training_of(self, table, yard_probability(table), k, limit)


def training_of(seen: Seen, table: MinuteTable, p_yard: npt.NDArray[np.float64], k: int, limit: float) -> list[Run]:
    rows = slice(seen.fleet.offsets[k], seen.fleet.offsets[k + 1])
    track = seen.fleet.t_ms[rows], seen.east_m[rows], seen.north_m[rows], seen.ok[rows]
    anywhere = np.ones(table.n_minutes, np.bool_)
    return yard_runs(table, k, p_yard, limit, anywhere) + lap_runs(table, k, track, limit, anywhere, RECIPE.gap_ms)


def observed(fleet: Fleet, east_m: F8, north_m: F8, recipe: Recipe = RECIPE) -> Seen:
    """Label, segment: what every audit does first."""
    fleet = label_fixes(fleet, east_m, north_m, recipe)
    ok = usable(fleet)
    moving = moving_mask(fleet, east_m, north_m, ok, recipe)
    return Seen(fleet, east_m, north_m, ok, moving, find_spans(fleet, moving, ok, recipe))


def fleet_of(t_ms: I8, x_m: F8, y_m: F8, speed_mps: F4 | None = None, flags: npt.ArrayLike | None = None) -> Fleet:
    """One car's fixes in time order as a fleet (degrees around `PLANE`)."""
    lon, lat = PLANE.to_degrees(x_m, y_m)
    bits = None if flags is None else np.asarray(flags, np.uint32)
    ix = np.zeros(len(t_ms), np.int32)
    return build_fleet(["V1"], ix, np.asarray(t_ms, np.int64), lon, lat, speed_mps=speed_mps, flags=bits)


def fixes_of(
    drive: Drive,
    every_s: float,
    noise_m: float = 0.0,
    rng: np.random.Generator | None = None,
    tau_s: float = 90.0,
    phase_s: float = 0.0,
    with_speed: bool = True,
) -> tuple[I8, F8, F8, F4 | None]:
    """Times (ms), east, north and speed as a terminal reports a drive."""
    rng = rng or np.random.default_rng(0)
    t = np.arange(drive.t_s[0] + phase_s, drive.duration_s, every_s)
    x, y = drive.at(t)
    ahead_x, ahead_y = drive.at(t + 0.5)
    behind_x, behind_y = drive.at(t - 0.5)
    speed = np.hypot(ahead_x - behind_x, ahead_y - behind_y) + np.abs(rng.normal(0.0, 0.15, len(t)))
    if noise_m:
        x = x + wander(len(t), every_s, noise_m, tau_s, rng)
        y = y + wander(len(t), every_s, noise_m, tau_s, rng)
    return T0_MS + np.round(t * 1000).astype(np.int64), x, y, speed.astype(np.float32) if with_speed else None


def sampled(drive: Drive, every_s: float, **how: object) -> Seen:
    """The drive as the floor sees it (arguments as for `fixes_of`)."""
    t, x, y, speed = fixes_of(drive, every_s, **how)  # type: ignore[arg-type]
    return observed(fleet_of(t, x, y, speed), x, y)
