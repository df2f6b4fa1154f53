"""Paths a car can drive: straight pieces and circular arcs of a bicycle model, sampled finely enough to integrate.

All positions are metres on a local plane (x east, y north), headings are radians counter-clockwise from east.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F8 = npt.NDArray[np.float64]

# A small car at full lock turns on about 5.2 m; trainees leave some of it unused.
TURN_RADIUS_M = 5.6
YARD_STEP_M = 0.5
STREET_STEP_M = 2.0


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the car stands and where its nose points."""

    x_m: float
    y_m: float
    theta_rad: float

    def moved(self, length_m: float, curvature_per_m: float) -> Pose:
        """Return the pose after one arc (negative length: in reverse; curvature 0: straight; positive: to the left)."""
        turn = length_m * curvature_per_m
        if abs(turn) < 1e-9:
            return Pose(
                self.x_m + length_m * math.cos(self.theta_rad),
                self.y_m + length_m * math.sin(self.theta_rad),
                self.theta_rad,
            )
        end = self.theta_rad + turn
        return Pose(
            self.x_m + (math.sin(end) - math.sin(self.theta_rad)) / curvature_per_m,
            self.y_m - (math.cos(end) - math.cos(self.theta_rad)) / curvature_per_m,
            end,
        )

    def ahead(self, forward_m: float, left_m: float, turn_rad: float = 0.0) -> Pose:
        """Return the pose that lies so far ahead and to the left of this one."""
        c, s = math.cos(self.theta_rad), math.sin(self.theta_rad)
        return Pose(
            self.x_m + c * forward_m - s * left_m, self.y_m + s * forward_m + c * left_m, self.theta_rad + turn_rad
        )


@dataclass(frozen=True, slots=True)
class Path:
    """A sampled path; columns of shape (n,). `s_m` is the way driven, whatever the gear; `gear` is +1 or -1."""

    s_m: F8
    x_m: F8
    y_m: F8
    theta_rad: F8
    curvature_per_m: F8
    gear: F8

    @property
    def length_m(self) -> float:
        """The way driven from one end to the other."""
        return float(self.s_m[-1])

    @property
    def start(self) -> Pose:
        """The first pose."""
        return Pose(float(self.x_m[0]), float(self.y_m[0]), float(self.theta_rad[0]))

    @property
    def end(self) -> Pose:
        """The last pose."""
        return Pose(float(self.x_m[-1]), float(self.y_m[-1]), float(self.theta_rad[-1]))


def joined(*paths: Path) -> Path:
    """Return paths driven one after the other; each begins where the one before ends."""
    if len(paths) == 1:
        return paths[0]
    starts = np.cumsum([0.0] + [p.length_m for p in paths[:-1]])
    return Path(
        np.concatenate([p.s_m + s for p, s in zip(paths, starts, strict=True)]),
        np.concatenate([p.x_m for p in paths]),
        np.concatenate([p.y_m for p in paths]),
        np.concatenate([p.theta_rad for p in paths]),
        np.concatenate([p.curvature_per_m for p in paths]),
        np.concatenate([p.gear for p in paths]),
    )


def arc(start: Pose, length_m: float, curvature_per_m: float, step_m: float = YARD_STEP_M) -> Path:
    """Return one straight or arc from a pose; a negative length is driven in reverse."""
    n = max(2, math.ceil(abs(length_m) / step_m) + 1)
    along = np.linspace(0.0, length_m, n)
    theta = start.theta_rad + along * curvature_per_m
    if abs(curvature_per_m) < 1e-9:
        x = start.x_m + along * math.cos(start.theta_rad)
        y = start.y_m + along * math.sin(start.theta_rad)
    else:
        x = start.x_m + (np.sin(theta) - math.sin(start.theta_rad)) / curvature_per_m
        y = start.y_m - (np.cos(theta) - math.cos(start.theta_rad)) / curvature_per_m
    gear = np.full(n, 1.0 if length_m >= 0 else -1.0)
    return Path(np.abs(along), x, y, theta, np.full(n, curvature_per_m), gear)


def arcs(start: Pose, pieces: list[tuple[float, float]], step_m: float = YARD_STEP_M) -> Path:
    """Return several (length, curvature) pieces driven one after the other."""
    out, pose = [], start
    for length_m, curvature_per_m in pieces:
        if abs(length_m) < 1e-6:
            continue
        out.append(arc(pose, length_m, curvature_per_m, step_m))
        pose = pose.moved(length_m, curvature_per_m)
    return joined(*out) if out else arc(start, 0.0, 0.0)


def _turn(angle_rad: float) -> float:
    """Return an angle as a left turn in [0, 2 pi), taking rounding just below a full turn as none."""
    a = angle_rad % (2.0 * math.pi)
    return 0.0 if 2.0 * math.pi - a < 1e-7 else a


def _same_sides(d: float, a: float, b: float, side: float) -> tuple[float, float, float] | None:
    """Return the Dubins word LSL (side +1) or RSR (side -1) as (turn, straight, turn) in radii."""
    dx, dy = d + side * (math.sin(a) - math.sin(b)), side * (math.cos(b) - math.cos(a))
    heading = math.atan2(dy, dx)
    return _turn(side * (heading - a)), math.hypot(dx, dy), _turn(side * (b - heading))


def _cross_sides(d: float, a: float, b: float, side: float) -> tuple[float, float, float] | None:
    """Return the Dubins word LSR (side +1) or RSL (side -1), or None where the circles overlap."""
    dx, dy = d + side * (math.sin(a) + math.sin(b)), -side * (math.cos(a) + math.cos(b))
    gap_sq = dx * dx + dy * dy - 4.0
    if gap_sq < 0.0:
        return None
    straight = math.sqrt(gap_sq)
    heading = math.atan2(dy, dx) + side * math.atan2(2.0, straight)
    return _turn(side * (heading - a)), straight, _turn(side * (heading - b))


def dubins(start: Pose, end: Pose, radius_m: float = TURN_RADIUS_M) -> list[Path]:
    """Return the forward ways (turn, straight, turn) from pose to pose, shortest first.

    Source: L. E. Dubins, On curves of minimal length with a constraint on average curvature, 1957.
    """
    dx, dy = end.x_m - start.x_m, end.y_m - start.y_m
    d, bearing = math.hypot(dx, dy) / radius_m, math.atan2(dy, dx)
    a, b = start.theta_rad - bearing, end.theta_rad - bearing
    words = [
        (_same_sides(d, a, b, 1.0), 1.0, 1.0),
        (_same_sides(d, a, b, -1.0), -1.0, -1.0),
        (_cross_sides(d, a, b, 1.0), 1.0, -1.0),
        (_cross_sides(d, a, b, -1.0), -1.0, 1.0),
    ]
    found = sorted((sum(word), first, last, word) for word, first, last in words if word is not None)
    return [
        arcs(
            start,
            [(w[0] * radius_m, first / radius_m), (w[1] * radius_m, 0.0), (w[2] * radius_m, last / radius_m)],
        )
        for _, first, last, w in found
    ]


def through(points: F8, radius_m: float, step_m: float = STREET_STEP_M, closed: bool = False) -> Path:
    """Return a smooth way along a polyline (n, 2), its corners rounded by arcs as wide as the legs allow."""
    pts = np.asarray(points, dtype=np.float64)
    if closed:
        middle = (pts[0] + pts[1]) / 2.0
        pts = np.vstack([middle, pts[1:-1] if np.allclose(pts[0], pts[-1]) else pts[1:], pts[0], middle])
    legs = np.diff(pts, axis=0)
    length = np.hypot(legs[:, 0], legs[:, 1])
    heading = np.arctan2(legs[:, 1], legs[:, 0])
    pieces: list[tuple[float, float]] = []
    used = 0.0
    for k in range(len(legs)):
        if k + 1 == len(legs):
            pieces.append((float(length[k]) - used, 0.0))
            break
        bend = math.remainder(float(heading[k + 1] - heading[k]), 2.0 * math.pi)
        tangent, curvature = _corner(bend, float(min(length[k], length[k + 1])), radius_m)
        pieces.append((float(length[k]) - used - tangent, 0.0))
        if curvature != 0.0:
            pieces.append((abs(bend / curvature), curvature))
        used = tangent
    return arcs(Pose(float(pts[0, 0]), float(pts[0, 1]), float(heading[0])), pieces, step_m)


def _corner(bend_rad: float, leg_m: float, radius_m: float) -> tuple[float, float]:
    """Return (length of the tangent, curvature) of the arc that rounds one corner; slight bends get wide arcs."""
    if abs(bend_rad) < 1e-4:
        return 0.0, 0.0
    wide = radius_m if abs(bend_rad) > 0.6 else 60.0
    half = math.tan(abs(bend_rad) / 2.0)
    tangent = min(wide * half, 0.45 * leg_m)
    return tangent, math.copysign(half / tangent, bend_rad)
