"""Driving along a path: a speed that the car, the bend, the law and the red light allow, second by second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sample_data.paths import F8, Path, Pose, through
from sample_data.streets import Node, Streets, kept_right

ACCELERATION_MPS2 = 1.3
BRAKING_MPS2 = 1.9
SIDEWAYS_MPS2 = 2.2
SLOWEST_MPS = 0.4  # keeps time finite where the speed passes through zero
CORNER_M = 9.0
LIGHT_IS_RED = 0.33


@dataclass(frozen=True, slots=True)
class Motion:
    """Where the car truly was: knots of shape (n,), time in s from the motion's own start; linear in between."""

    t_s: F8
    x_m: F8
    y_m: F8
    course_deg: F8
    speed_mps: F8

    @property
    def duration_s(self) -> float:
        """How long it takes."""
        return float(self.t_s[-1])

    def shifted(self, by_s: float) -> Motion:
        """Return the same motion later."""
        return Motion(self.t_s + by_s, self.x_m, self.y_m, self.course_deg, self.speed_mps)


def compass_deg(theta_rad: F8 | float) -> F8:
    """Return a mathematical angle as a course: degrees clockwise from north."""
    return np.asarray((90.0 - np.degrees(theta_rad)) % 360.0)


def standing(pose: Pose, seconds: float) -> Motion:
    """Return a car that stands."""
    two = np.ones(2)
    return Motion(
        np.array([0.0, seconds]), two * pose.x_m, two * pose.y_m, two * float(compass_deg(pose.theta_rad)), two * 0.0
    )


def one_after_another(motions: Sequence[Motion]) -> Motion:
    """Return motions in a row; each starts when and where the one before ends."""
    starts = np.cumsum([0.0] + [m.duration_s for m in motions[:-1]])
    moved = [m.shifted(float(s)) for m, s in zip(motions, starts, strict=True)]
    return Motion(
        np.concatenate([m.t_s for m in moved]),
        np.concatenate([m.x_m for m in moved]),
        np.concatenate([m.y_m for m in moved]),
        np.concatenate([m.course_deg for m in moved]),
        np.concatenate([m.speed_mps for m in moved]),
    )


def drive(path: Path, limit_mps: F8 | float, stops: Sequence[tuple[float, float]] = (), gear_s: float = 2.5) -> Motion:
    """Return the motion along a path, from standing to standing.

    `limit_mps` is one speed or one a sample; `stops` are (way in m, dwell in s); a change of gear takes `gear_s`.
    """
    n = len(path.s_m)
    bend = np.sqrt(SIDEWAYS_MPS2 / np.maximum(np.abs(path.curvature_per_m), 1e-4))
    ceiling = np.minimum(np.broadcast_to(limit_mps, n), bend)
    dwell = np.zeros(n)
    for s_m, seconds in stops:
        dwell[min(int(np.searchsorted(path.s_m, s_m)), n - 1)] += seconds
    changes = np.flatnonzero(path.gear[1:] != path.gear[:-1]) + 1
    dwell[changes] += gear_s
    ceiling[dwell > 0.0] = 0.0
    ceiling[changes - 1] = 0.0
    ceiling[0] = ceiling[-1] = 0.0
    speed = _reachable(path.s_m, ceiling)
    pace = np.maximum((speed[1:] + speed[:-1]) / 2.0, SLOWEST_MPS)
    arrive = np.concatenate([[0.0], np.cumsum(np.diff(path.s_m) / pace + dwell[:-1])])
    return _by_the_second(path, arrive, dwell, speed)


def _reachable(s_m: F8, ceiling_mps: F8) -> F8:
    """Return the highest speeds below the ceiling that acceleration and braking allow."""
    step = np.diff(s_m).tolist()
    sq = (ceiling_mps * ceiling_mps).tolist()
    for k in range(1, len(sq)):
        sq[k] = min(sq[k], sq[k - 1] + 2.0 * ACCELERATION_MPS2 * step[k - 1])
    for k in range(len(sq) - 2, -1, -1):
        sq[k] = min(sq[k], sq[k + 1] + 2.0 * BRAKING_MPS2 * step[k])
    return np.asarray(np.sqrt(np.array(sq)))


def _by_the_second(path: Path, arrive_s: F8, dwell_s: F8, speed_mps: F8) -> Motion:
    waits = np.flatnonzero(dwell_s > 0.0)
    order = np.sort(np.concatenate([np.arange(len(arrive_s)), waits]), kind="stable")
    knots = arrive_s[order].copy()
    second = np.flatnonzero(order[1:] == order[:-1]) + 1
    knots[second] += dwell_s[order[second]]
    end = float(knots[-1])
    t = np.append(np.arange(0.0, end, 1.0), end)
    course = path.theta_rad + np.where(path.gear < 0, math.pi, 0.0)
    # the sample at or before t carries heading and speed; positions are linear in between
    at = order[np.maximum(np.searchsorted(knots, t, side="right") - 1, 0)]
    return Motion(
        t,
        np.interp(t, knots, path.x_m[order]),
        np.interp(t, knots, path.y_m[order]),
        compass_deg(course[at]),
        np.interp(t, knots, speed_mps[order]),
    )


@dataclass(frozen=True, slots=True)
class StreetDrive:
    """A drive along streets with the moment (s from its start) at which each node was passed."""

    motion: Motion
    passed_s: list[float]
    end: Pose


@dataclass(frozen=True, slots=True)
class Traffic:
    """How the streets are: share of the free speed, chance of a red light, and stop-and-go if there is a jam."""

    pace: float = 0.9
    red: float = LIGHT_IS_RED
    jammed: bool = False


def drive_streets(
    streets: Streets,
    nodes: Sequence[Node],
    rng: np.random.Generator,
    traffic: Traffic,
    before: Sequence[tuple[float, float]] = (),
    after: Sequence[tuple[float, float]] = (),
    from_node: int = 0,
) -> StreetDrive:
    """Return the drive along nodes; `before` and `after` are points off the network (a yard, a parking bay).

    With `from_node` the car starts from standing at that node; what leads there only gives it its direction.
    """
    line = np.vstack([np.array(before).reshape(-1, 2), streets.line(nodes), np.array(after).reshape(-1, 2)])
    lane = kept_right(line)
    if len(before):
        lane[0] = before[0]  # it starts exactly where it stood
    path = through(lane, CORNER_M)
    where = _where_passed(path, streets, nodes)
    limit = _limits(path, streets, nodes, where, rng, traffic)
    stops = jam_stops(path.length_m, rng) if traffic.jammed else red_lights(streets, nodes, where, rng, traffic.red)
    if from_node:
        stops = [(where[from_node], 4.0), *(s for s in stops if s[0] > where[from_node] + 20.0)]
    motion = drive(path, limit, stops)
    way = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(motion.x_m), np.diff(motion.y_m)))])
    passed = np.interp(np.array(where), way * (path.length_m / way[-1]), motion.t_s)
    return _cut_before(StreetDrive(motion, passed.tolist(), path.end), from_node)


def _cut_before(drove: StreetDrive, k: int) -> StreetDrive:
    if k == 0:
        return drove
    m, cut = drove.motion, float(np.ceil(drove.passed_s[k]))
    keep = m.t_s >= cut
    motion = Motion(m.t_s[keep] - cut, m.x_m[keep], m.y_m[keep], m.course_deg[keep], m.speed_mps[keep])
    return StreetDrive(motion, [max(p - cut, 0.0) for p in drove.passed_s[k:]], drove.end)


def _where_passed(path: Path, streets: Streets, nodes: Sequence[Node]) -> list[float]:
    """Return the way driven when nearest to each node, looking only ahead of the node before."""
    out, lo = [], 0
    for node in nodes:
        x, y = streets.at[node]
        hi = int(np.searchsorted(path.s_m, path.s_m[lo] + 1400.0))
        gap = np.hypot(path.x_m[lo:hi] - x, path.y_m[lo:hi] - y)
        first = int(np.flatnonzero(gap < gap.min() + 4.0)[0])  # of several passes the first ...
        lo += first + int(np.argmin(gap[first : first + 10]))  # ... and there the nearest sample
        out.append(float(path.s_m[lo]))
    return out


def _limits(
    path: Path,
    streets: Streets,
    nodes: Sequence[Node],
    where_m: list[float],
    rng: np.random.Generator,
    traffic: Traffic,
) -> F8:
    """Return the speed a driver aims at: the street's, the traffic's share of it, and a slow wavering."""
    limit = np.full(len(path.s_m), 20 / 3.6)  # in yards and lanes off the network
    for a, b, lo, hi in zip(nodes, nodes[1:], where_m, where_m[1:], strict=False):
        limit[(path.s_m >= lo) & (path.s_m <= hi)] = streets.links[a][b].speed_mps
    if traffic.jammed:
        limit = np.minimum(limit, 14 / 3.6)
    every = np.arange(0.0, path.length_m + 120.0, 120.0)
    waver = np.interp(path.s_m, every, rng.normal(1.0, 0.09, len(every)))
    return np.asarray(limit * traffic.pace * np.clip(waver, 0.75, 1.2))


def red_lights(
    streets: Streets, nodes: Sequence[Node], where_m: list[float], rng: np.random.Generator, red: float
) -> list[tuple[float, float]]:
    """Return the stops at lights: at crossings of four streets, some of the time."""
    out = []
    for node, s_m in zip(nodes[1:-1], where_m[1:-1], strict=True):
        if len(streets.links[node]) >= 4 and rng.random() < red and s_m > 40.0:
            out.append((s_m - 14.0, float(rng.uniform(12.0, 55.0))))
    return out


def jam_stops(length_m: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return the stops of stop-and-go traffic: every 8 to 70 m, for 3 to 50 s."""
    out, s = [], 60.0
    while s < length_m - 60.0:
        out.append((s, float(rng.uniform(3.0, 50.0))))
        s += float(rng.uniform(8.0, 70.0))
    return out
