"""How far each camera's clock is off, from the GPS passes of many cars: a vote, then a robust mean.

A camera that is minutes off is found like one that is right: the vote looks a quarter of an hour to either side. A
camera with too few or too scattered votes is not trusted: it contradicts nobody (evidence.md 4.3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from checkpoints.camera_passes import CameraPasses
from trajectories.fleet import F8, I8

WINDOW_MS = 900_000
"""Clocks are looked for so far off to either side (evidence.md 4.3)."""
WIDTH_S = 6.0
"""Votes that lie within so much are one opinion: four standard errors of a pass at 10 m/s with fixes every 5 s."""
LEAST_VOTES = 8
LEAST_SHARE = 0.6
"""So many passages must vote, and such a share of them agree (evidence.md 4.3: gross failures are then gone)."""
TUKEY = 4.685
"""Cut-off of the biweight in median absolute deviations: 95 % efficient for normal errors (Tukey)."""
SLOWEST_MPS = 2.0
"""A car slower than this before a camera is stopping there: when it was shot tells little of the clock."""
LEAST_SIGMA_S = 0.5
"""No clock is known better: cameras stamp whole seconds, and terminals do."""
_MAD = 1.4826
_GPS_M, _LINE_M = 8.0, 10.0
_JERKY_MPS2 = 1.0


@dataclass(frozen=True, slots=True)
class Clock:
    """A camera's clock: `offset_s` is what it shows too much, `sigma_s` how well that is known; both in s.

    `votes`: passages that had a pass to be compared with; `agree`: the share of them that agree. A clock is trusted
    only where both suffice.
    """

    offset_s: float
    sigma_s: float
    votes: int
    agree: float

    @property
    def is_trusted(self) -> bool:
        """Whether the clock is known well enough to contradict a car's track."""
        return self.votes >= LEAST_VOTES and self.agree >= LEAST_SHARE


UNKNOWN_CLOCK = Clock(0.0, math.nan, 0, 0.0)


def pass_sigma_s(passes: CameraPasses) -> F8:
    """Return the standard error of the time of each pass, in s (evidence.md 4.3).

    sigma^2 = (sigma_gps^2 + sigma_line^2) / v^2 + (a dt^2 / 8 v)^2 + 1/12: place over speed, acceleration within the
    step, whole seconds.
    """
    speed = np.maximum(passes.speed_mps, SLOWEST_MPS)
    step_s = passes.step_ms / 1000.0
    place = (_GPS_M**2 + _LINE_M**2) / speed**2
    return np.sqrt(place + (_JERKY_MPS2 * step_s**2 / (8.0 * speed)) ** 2 + 1.0 / 12.0)


def find_clock(passage: I8, off_s: F8, sigma_s: F8) -> Clock:
    """Return a camera's clock from votes: which passage each is of, how much later than a pass it was shot, how sure.

    A passage of a car on laps has several passes to be compared with; they vote against one another, and other cars
    settle it.

    >>> votes = np.arange(9)
    >>> clock = find_clock(votes, np.array([121.0, 120, 122, 121, 121, 120, 121, 122, -400]), np.full(9, 1.4))
    >>> round(clock.offset_s), clock.votes, round(clock.agree, 2), clock.is_trusted
    (121, 9, 0.89, True)
    >>> find_clock(votes[:0], np.zeros(0), np.zeros(0)).is_trusted
    False
    """
    if not len(off_s):
        return UNKNOWN_CLOCK
    order = np.lexsort((passage, off_s))
    passage, off_s, sigma_s = passage[order], off_s[order], sigma_s[order]
    width = max(WIDTH_S, 4.0 * float(np.median(sigma_s)))
    stops = np.searchsorted(off_s, off_s + width, side="right")
    counts = [len(set(passage[i:j].tolist())) for i, j in enumerate(stops.tolist())]
    best = int(np.argmax(counts))
    held = off_s[best : stops[best]]
    offset, sigma = _biweight(held, float(np.median(sigma_s[best : stops[best]])))
    n_passages = len(set(passage.tolist()))
    return Clock(offset, sigma, n_passages, counts[best] / n_passages)


def _biweight(values: F8, sigma_s: float) -> tuple[float, float]:
    """Return Tukey's biweight mean and its standard error; `sigma_s` is the least spread believed."""
    centre = float(np.median(values))
    spread = max(_MAD * float(np.median(np.abs(values - centre))), sigma_s)
    weight = np.clip(1.0 - ((values - centre) / (TUKEY * spread)) ** 2, 0.0, None) ** 2
    mean = float((weight * values).sum() / weight.sum())
    return mean, max(spread / math.sqrt(float(weight.sum())), LEAST_SIGMA_S)


def find_clocks(camera_ids: tuple[str, ...], camera: I8, passage: I8, off_s: F8, sigma_s: F8) -> Mapping[str, Clock]:
    """Return the clock of every camera from the votes of all; columns of shape (n,)."""
    order = np.argsort(camera, kind="stable")
    cuts = np.searchsorted(camera[order], np.arange(len(camera_ids) + 1))
    out = {}
    for c, camera_id in enumerate(camera_ids):
        rows = order[cuts[c] : cuts[c + 1]]
        out[camera_id] = find_clock(passage[rows], off_s[rows], sigma_s[rows])
    return out
