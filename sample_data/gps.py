"""What a receiver makes of a drive: fixes some seconds apart, an error that wanders, silences, spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numba import njit

from sample_data.driving import Motion
from sample_data.paths import F8

I8 = npt.NDArray[np.int64]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Receiver:
    """How one feed's terminals sample and err."""

    interval_s: tuple[int, int]
    error_m: tuple[float, float] = (2.0, 3.6)  # of the wandering error, each axis; drawn once a car
    wander_s: float = 90.0
    white_m: float = 0.4
    drift_m: float = 7.0  # where told to drift while parked
    drift_s: float = 260.0
    lost: float = 0.006
    holes_a_day: float = 3.0


@dataclass(frozen=True, slots=True)
class Fixes:
    """Fixes of one terminal in the order sent; columns of shape (n,). Time in whole s from local midnight."""

    t_s: I8
    x_m: F8
    y_m: F8
    speed_kmh: F8
    heading_deg: I8

    def __len__(self) -> int:
        """Return the number of fixes."""
        return len(self.t_s)

    def rows(self, pick: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Fixes:
        """Return some rows, in the order of `pick`."""
        return Fixes(self.t_s[pick], self.x_m[pick], self.y_m[pick], self.speed_kmh[pick], self.heading_deg[pick])


@njit(cache=True)  # a thousand cars' errors are made in a second
def wander(shock: F8, keep: F8) -> F8:
    """Return a first-order autoregression: each value keeps a share of the one before. Shapes (n,)."""
    out = np.empty_like(shock)
    last = 0.0
    for k in range(len(shock)):
        last = keep[k] * last + shock[k]
        out[k] = last
    return out


def error_m(t_s: npt.NDArray[np.generic], sigma_m: F8, tau_s: F8, rng: np.random.Generator) -> F8:
    """Return a wandering error of the wanted size along one axis; neighbours in time err alike."""
    step = np.diff(t_s.astype(np.float64), prepend=float(t_s[0]) - 1e6)
    keep = np.exp(-step / tau_s)
    return wander(rng.standard_normal(len(t_s)) * sigma_m * np.sqrt(1.0 - keep * keep), keep)


def receive(motion: Motion, receiver: Receiver, rng: np.random.Generator, drifting: Sequence[Interval] = ()) -> Fixes:
    """Return the fixes of a day's motion; in `drifting` spans the parked car's position wanders far."""
    lo, hi = receiver.interval_s
    most = int(motion.duration_s - motion.t_s[0]) // lo + 2
    t = int(motion.t_s[0]) + np.cumsum(rng.integers(lo, hi + 1, most))
    t = t[t <= motion.t_s[-1]]
    sigma = np.full(len(t), float(rng.uniform(*receiver.error_m)))
    tau = np.full(len(t), receiver.wander_s)
    for start, end in drifting:
        inside = (t >= start) & (t <= end)
        sigma[inside], tau[inside] = receiver.drift_m, receiver.drift_s
    white = rng.normal(0.0, receiver.white_m, (2, len(t)))
    x = np.interp(t, motion.t_s, motion.x_m) + error_m(t, sigma, tau, rng) + white[0]
    y = np.interp(t, motion.t_s, motion.y_m) + error_m(t, sigma, tau, rng) + white[1]
    at = np.maximum(np.searchsorted(motion.t_s, t, side="right") - 1, 0)
    true_speed = np.interp(t, motion.t_s, motion.speed_mps) * 3.6
    speed = np.round(np.maximum(true_speed + rng.normal(0.0, 0.6, len(t)), 0.0), 1)
    course = motion.course_deg[at] + np.where(true_speed > 2.0, rng.normal(0.0, 3.0, len(t)), 0.0)
    fixes = Fixes(t.astype(np.int64), x, y, speed, np.round(course).astype(np.int64) % 360)
    return fixes.rows(_kept(t, receiver, rng))


def _kept(t_s: I8, receiver: Receiver, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    keep = rng.random(len(t_s)) > receiver.lost
    for _ in range(int(rng.poisson(receiver.holes_a_day))):
        start = int(t_s[int(rng.integers(len(t_s)))])
        keep &= (t_s < start) | (t_s > start + int(rng.integers(30, 100)))
    return keep


def silenced(fixes: Fixes, spans: Sequence[Interval]) -> Fixes:
    """Return the fixes outside the spans."""
    keep = np.ones(len(fixes), dtype=np.bool_)
    for start, end in spans:
        keep &= (fixes.t_s < start) | (fixes.t_s > end)
    return fixes.rows(keep)


def spiked(fixes: Fixes, n: int, rng: np.random.Generator) -> Fixes:
    """Return the fixes with n of them thrown 90 to 600 m aside, one at a time."""
    at = rng.choice(np.arange(5, len(fixes) - 5), n, replace=False)
    far, way = rng.uniform(90.0, 600.0, n), rng.uniform(0.0, 2.0 * np.pi, n)
    x, y = fixes.x_m.copy(), fixes.y_m.copy()
    x[at] += far * np.cos(way)
    y[at] += far * np.sin(way)
    return replace(fixes, x_m=x, y_m=y)


def repeated(fixes: Fixes, n: int, rng: np.random.Generator) -> Fixes:
    """Return the fixes with n rows sent twice."""
    twice = rng.choice(len(fixes), n, replace=False)
    return fixes.rows(np.sort(np.concatenate([np.arange(len(fixes)), twice]), kind="stable"))


def disordered(fixes: Fixes, n: int, rng: np.random.Generator) -> Fixes:
    """Return the fixes with n rows sent up to eight places late."""
    order = np.arange(len(fixes))
    for at in rng.choice(np.arange(0, len(fixes) - 10), n, replace=False):
        late = at + int(rng.integers(1, 9))
        order[at : late + 1] = np.roll(order[at : late + 1], -1)
    return fixes.rows(order)


def replayed(fixes: Fixes, later_s: int, rng: np.random.Generator) -> Fixes:
    """Return the fixes as someone sends them again: later, with a jitter of decimetres to look different."""
    n = len(fixes)
    return Fixes(
        fixes.t_s + later_s,
        fixes.x_m + rng.normal(0.0, 0.25, n),
        fixes.y_m + rng.normal(0.0, 0.25, n),
        np.asarray(np.round(np.maximum(fixes.speed_kmh + rng.normal(0.0, 0.2, n), 0.0), 1), dtype=np.float64),
        fixes.heading_deg,
    )


def merged(*parts: Fixes) -> Fixes:
    """Return several stretches of one terminal in the order given."""
    return Fixes(
        np.concatenate([p.t_s for p in parts]),
        np.concatenate([p.x_m for p in parts]),
        np.concatenate([p.y_m for p in parts]),
        np.concatenate([p.speed_kmh for p in parts]),
        np.concatenate([p.heading_deg for p in parts]),
    )
