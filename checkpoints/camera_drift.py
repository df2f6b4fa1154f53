"""Scores of each camera beside all others: a camera that is out of focus, turned away, or read by another matcher.

One value a person and camera, the mean of the scores there less what the quality explains: faces of one person before
one camera say hardly more than one. A camera's shift is the distance of its median from that of all other cameras, in
standard deviations within cameras; the alarm is one of more than 0.3 (evidence.md section 2, learning, point 3) and of
what chance does to so few. Whether cameras differ altogether is told by Cochran's Q and the between-camera variance of
DerSimonian and Laird (1986), where no single camera has enough scores to be told apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import chdtri

from checkpoints.misfit import DISTANCE, DRIFT_SD
from checkpoints.observation import Observation
from checkpoints.score_model import F8, ScoreModel

FEW_PERSONS = 10
"""With fewer persons a camera is not judged by itself: chance alone moves such a median by 0.4 standard deviations."""
TOLD_PERSONS = 3
"""Of fewer persons no score is told: the distribution would be one of a person."""
CHANCE_SD = 3.0
"""So many standard errors are left to chance: one camera in 700 goes beyond by itself."""
MEDIAN = math.sqrt(math.pi / 2)
"""Standard error of a median over that of a mean, for a normal."""
BY_CHANCE = 1e-3
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the quantiles told of each camera."""


class CameraFit(NamedTuple):
    """One camera. Counts are of faces in the instructor's seat, one a lesson.

    `genuine`, `decoys`: quantiles (`SHARES`) of the scores shown, as the matcher scales them; none of fewer than
    `TOLD_PERSONS`. `shift_sd`: its distance from all others, None as well; `silent_excess`: share of faces that did
    not show the declared person, less that of all others. `alarms`: "shift", "silent". `is_few`: too few persons to be
    judged.
    """

    camera_id: str
    n_faces: int
    n_declared: int
    n_shown: int
    n_persons: int
    n_comparisons: int
    n_decoys_shown: int
    genuine: tuple[float, ...]
    decoys: tuple[float, ...]
    shift_sd: float | None
    shift_allowed_sd: float
    silent_excess: float
    silent_allowed: float
    is_few: bool
    alarms: tuple[str, ...]


class BetweenCameras(NamedTuple):
    """How far cameras differ from one another, in standard deviations within cameras; whether chance explains it."""

    n_cameras: int
    between_sd: float
    allowed_sd: float
    q: float
    q_allowed: float
    is_alarm: bool


def camera_fits(model: ScoreModel, observations: Sequence[Observation]) -> tuple[CameraFit, ...]:
    """Return every camera that saw a face in an instructor's seat, by name."""
    desk = _Desk(model, observations)
    return tuple(desk.fit(camera_id) for camera_id in sorted(desk.faces))


def between_cameras(model: ScoreModel, observations: Sequence[Observation]) -> BetweenCameras:
    """Return how far cameras differ altogether; no alarm with fewer than three."""
    desk = _Desk(model, observations)
    groups = [np.array(list(v.values())) for _, v in sorted(desk.adjusted.items())]
    n = np.array([g.size for g in groups], dtype=np.float64)
    if n.size < 3 or not desk.within_sd:
        return BetweenCameras(int(n.size), 0.0, DRIFT_SD, 0.0, 0.0, False)
    means = np.array([g.mean() for g in groups]) / desk.within_sd
    centre = float((n * means).sum() / n.sum())
    q, free = float((n * (means - centre) ** 2).sum()), n.size - 1
    between = math.sqrt(max((q - free) / float(n.sum() - (n**2).sum() / n.sum()), 0.0))
    allowed = float(chdtri(free, BY_CHANCE))
    return BetweenCameras(int(n.size), between, DRIFT_SD, q, allowed, q > allowed and between > DRIFT_SD)


class _Desk:
    """What every camera saw, taken apart once."""

    def __init__(self, model: ScoreModel, observations: Sequence[Observation]) -> None:
        self.faces: dict[str, int] = {}
        self.told: dict[str, list[tuple[str, bool]]] = {}
        self.scores: dict[str, list[float]] = {}
        self.decoys: dict[str, dict[str, list[float]]] = {}
        self.comparisons: dict[str, int] = {}
        held: dict[str, dict[str, list[float]]] = {}
        for one in observations:
            for c in one.kept:
                self.faces[c.camera_id] = self.faces.get(c.camera_id, 0) + 1
                self.comparisons[c.camera_id] = self.comparisons.get(c.camera_id, 0) + len(one.decoys)
                for person in c.scores.keys() & one.decoys:
                    self.decoys.setdefault(c.camera_id, {}).setdefault(person, []).append(c.scores[person])
                if one.declared is None or one.taken_by_another:
                    continue
                score = one.score_of_declared(c)
                self.told.setdefault(c.camera_id, []).append((one.declared, score is not None))
                if score is not None:
                    self.scores.setdefault(c.camera_id, []).append(score)
                    value = model.unit(score) - model.lift(c.quality)
                    held.setdefault(c.camera_id, {}).setdefault(one.declared, []).append(value)
        self.adjusted = {c: {p: math.fsum(v) / len(v) for p, v in by.items()} for c, by in held.items()}
        self.within_sd = _within_sd(self.adjusted)

    def fit(self, camera_id: str) -> CameraFit:
        mine, told = self.adjusted.get(camera_id, {}), self.told.get(camera_id, [])
        shift, allowed = self._shift(camera_id)
        excess, most, n_seen = self._silence(camera_id)
        is_few = n_seen < FEW_PERSONS
        alarms = []
        if not is_few and len(mine) >= FEW_PERSONS and shift is not None and abs(shift) > allowed:
            alarms.append("shift")
        if not is_few and excess > most:
            alarms.append("silent")
        scores, others = self.scores.get(camera_id, []), self.decoys.get(camera_id, {})
        decoys = [s for held in others.values() for s in held]
        return CameraFit(
            camera_id, self.faces[camera_id], len(told), len(scores), len({p for p, _ in told}),
            self.comparisons[camera_id], len(decoys), quantiles(scores, len(mine)), quantiles(decoys, len(others)),
            shift, allowed, excess, most, is_few, tuple(alarms),
        )  # fmt: skip

    def _shift(self, camera_id: str) -> tuple[float | None, float]:
        """The distance of a camera from all others, and what is allowed, in standard deviations within cameras."""
        mine = list(self.adjusted.get(camera_id, {}).values())
        rest = [x for c, by in self.adjusted.items() if c != camera_id for x in by.values()]
        if len(mine) < TOLD_PERSONS or not rest or not self.within_sd:
            return None, DRIFT_SD
        shift = (float(np.median(mine)) - float(np.median(rest))) / self.within_sd
        return shift, DRIFT_SD + CHANCE_SD * MEDIAN * math.sqrt(1 / len(mine) + 1 / len(rest))

    def _silence(self, camera_id: str) -> tuple[float, float, int]:
        """How much more often a camera misses the declared person than all others, what is allowed, of how many."""
        mine = self.told.get(camera_id, [])
        rest = [s for c, told in self.told.items() if c != camera_id for _, s in told]
        persons = len({p for p, _ in mine})
        if not mine or not rest:
            return 0.0, DISTANCE, persons
        p, q = 1.0 - sum(s for _, s in mine) / len(mine), 1.0 - sum(rest) / len(rest)
        spread = math.sqrt(max(q * (1.0 - q), 1.0 / len(rest)) / persons)
        return p - q, DISTANCE + CHANCE_SD * spread, persons


def quantiles(scores: Sequence[float], n_persons: int) -> tuple[float, ...]:
    """Return the quantiles of `SHARES`; none of fewer than `TOLD_PERSONS`.

    >>> quantiles([0.6, 0.7, 0.8], 3), quantiles([0.6, 0.7, 0.8], 2)
    ((0.61, 0.65, 0.7, 0.75, 0.79), ())
    """
    return tuple(round(x, 12) for x in np.quantile(scores, SHARES).tolist()) if n_persons >= TOLD_PERSONS else ()


def _within_sd(values: Mapping[str, Mapping[str, float]]) -> float:
    """Standard deviation of one value around its camera's mean; 0 where no camera has two."""
    groups: list[F8] = [np.array(list(v.values())) for _, v in sorted(values.items())]
    free = sum(g.size - 1 for g in groups)
    return math.sqrt(math.fsum(float(((g - g.mean()) ** 2).sum()) for g in groups) / free) if free else 0.0
