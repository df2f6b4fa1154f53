"""The captures of occasions as rows of pairs, ready for the score model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from checkpoints.occasion import Capture
from checkpoints.score_model import F8, SEAT_ASTRAY, PairLogs, Rows, ScoreModel


class Prepared(NamedTuple):
    """A capture with what does not depend on the person, on the 0..1 scale and less the camera's shift."""

    capture: Capture
    shift: float
    limit: float
    lift: float
    astray: float


def prepared(captures: Sequence[Capture], model: ScoreModel) -> tuple[Prepared, ...]:
    """Return captures as the model sees them."""
    out = []
    for one in captures:
        shift = model.camera_shift.get(one.camera_id, 0.0)
        limit = model.unit(model.limit(one.scores)) - shift
        astray = 0.0 if one.seat_known else SEAT_ASTRAY
        out.append(Prepared(one, shift, limit, model.lift(one.quality), astray))
    return tuple(out)


class PairTable:
    """Pairs collected one by one, computed all at once."""

    def __init__(self, model: ScoreModel) -> None:
        self.model = model
        self._rows: list[tuple[int, float, float, float, float]] = []
        self._poor: list[float] = []

    def add(self, captures: Sequence[Prepared], person_id: str | None, *, declared: bool, poor: float) -> int:
        """Add a pair of one person (None: somebody whom no camera showed) and return its number.

        `declared` says that the person is the one whom the 1:1 scores are about. There must be a capture.
        """
        number = len(self._poor)
        for one in captures:
            score = None if person_id is None else one.capture.scores.get(person_id)
            if declared and one.capture.declared_score is not None:
                score = one.capture.declared_score
            x = math.nan if score is None else self.model.unit(score) - one.shift
            self._rows.append((number, x, one.limit, one.lift, one.astray))
        self._poor.append(poor)
        return number

    def logs(self, *, bounded: bool = True) -> PairLogs:
        """Return the log likelihood ratios of all pairs, by their numbers."""
        rows = np.array(self._rows, dtype=np.float64).reshape(-1, 5)
        poor: F8 = np.array(self._poor, dtype=np.float64)
        columns = Rows(rows[:, 0].astype(np.int64), *(np.ascontiguousarray(rows[:, i]) for i in range(1, 5)))
        return self.model.log_ratios(columns, poor, bounded=bounded)
