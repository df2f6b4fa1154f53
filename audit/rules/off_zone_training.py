"""Did the car train (not merely drive) outside every approved place?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audit.day import VehicleDay
from audit.doubt import nearest_place_m, pieces, row_span, session_of, unless_permitted, untold
from audit.finding import Explanation, NotAssessable, Observation
from audit.training import Training
from trajectories.intervals import union
from trajectories.minutes import MINUTE_MS
from trajectories.spans import Activity


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    min_minutes_min: float
    probability_share: float
    margin_m: float


def assess(day: VehicleDay, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield each stretch of training outside every place; what is only likely is "undetermined"."""
    if (yield from untold(day)):
        return
    told = day.excused()
    for training in sorted(day.trainings, key=lambda t: (-t.minutes, t.start_ms)):
        if training.zone_ix is not None:
            continue
        if training.p < p.probability_share:
            yield NotAssessable(training.start_ms, training.end_ms, "undetermined")
            continue
        least = int(p.min_minutes_min * MINUTE_MS)
        for start, end, _ in pieces(training.when, told, 0, least):
            away = nearest_place_m(day, start, end)
            beyond = float(np.median(away)) - p.margin_m if len(away) else float("nan")
            if beyond > 0 and _named_unknown(day, start, end):
                yield NotAssessable(start, end, "no-zone")
            elif beyond > 0:
                told = union(told, training.when)
                yield unless_permitted(day, _observation(day, training, start, end, beyond, p))


def _named_unknown(day: VehicleDay, start: int, end: int) -> bool:
    """Whether the session then names a place that no version on file has: it may be where the car was."""
    session = session_of(day, start, end)
    return session is not None and session.zone_id in day.doubts.unknown_zones


def _observation(day: VehicleDay, t: Training, start: int, end: int, beyond: float, p: Params) -> Observation:
    session = session_of(day, start, end)
    laps = t.activity is Activity.ROAD_TRAINING
    beyond = min(beyond, 99_999.0)
    return Observation(
        start,
        end,
        row_span(day, start, end, "training outside every approved place"),
        session_id=session.session_id if session else None,
        measured={
            "minutes": (end - start) / MINUTE_MS,
            "distance_m": beyond + p.margin_m,
            "path_km": t.path_m / 1000,
            "extent_m": t.extent_m,
            "activity_score": t.p,
            "kind_zh": "道路训练(反复行驶同一路段)" if laps else "场地训练",
            "kind_en": "road training (the same streets again and again)" if laps else "yard training",
        },
        margins={"beyond_nearest_place_m": beyond, "minutes_over": (end - start) / MINUTE_MS - p.min_minutes_min},
        excluded=_excluded(t),
    )


def _excluded(t: Training) -> tuple[Explanation, ...]:
    compactness = t.path_m / max(t.extent_m, 10.0)
    found = [
        Explanation("jam", compactness, 2.5),
        Explanation("parked", t.moving_share, 0.2),
    ]
    if t.activity is Activity.ROAD_TRAINING:
        found += [
            Explanation("looking-for-parking", t.minutes, 20.0),
            Explanation("errands", t.repeated_share, 0.8),
        ]
    return tuple(found)
