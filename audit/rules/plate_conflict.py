"""Do cameras see the car's plate where its track says that it cannot have been?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from audit.camera_evidence import passage_seen
from audit.day import VehicleDay
from audit.doubt import row_span, whole_day
from audit.finding import Explanation, NotAssessable, Observation
from checkpoints.conflict import Conflict
from trajectories.minutes import MINUTE_MS

BY_CAMERAS = "plates"
_LIKELIEST = {
    "clone": ("另有车辆使用该号牌(套牌)", "another car wears the plate (a clone)"),
    "tampered": ("终端轨迹并非该车实际行驶", "the track is not where the car went"),
}


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    least_passages: float
    odds_ratio: float


def assess(day: VehicleDay, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield one observation of all contradictory passages of the day that no error explains."""
    for reason in (day.doubts.plates, day.doubts.register, day.doubts.positions):
        if reason is not None:
            yield whole_day(day, reason)
            return
    if not day.is_heard:
        yield whole_day(day, day.doubts.fixes or "no-fixes")
        return
    conflict = day.conflict
    if conflict is None or len(conflict.passages) < p.least_passages:
        return
    if conflict.log10_odds >= math.log10(p.odds_ratio):
        yield _observation(day, conflict, p)


def _observation(day: VehicleDay, conflict: Conflict, p: Params) -> Observation:
    first, last = conflict.passages[0].t_ms, conflict.passages[-1].t_ms
    zh, en = _LIKELIEST[conflict.leading]
    furthest = max((c.nearest_m for c in conflict.passages if not math.isnan(c.nearest_m)), default=math.nan)
    reach_m = max(c.out_of_reach_m for c in conflict.passages)
    n = len(conflict.passages)
    return Observation(
        first,
        last + 1000,
        row_span(day, first - 10 * MINUTE_MS, last + 10 * MINUTE_MS, "where the car was meanwhile"),
        measured={
            "passages": n,
            "cameras": len({c.passage.camera_id for c in conflict.passages}),
            "furthest_km": (reach_m if math.isnan(furthest) else furthest) / 1000,
            "explained_zh": zh,
            "explained_en": en,
            "confirmed": conflict.confirmed,
            "missed": conflict.missed,
            **{f"log10_{name}": value for name, value in sorted(conflict.log10.items())},
        },
        margins={
            "out_of_reach_s": min(c.margin_s for c in conflict.passages),
            "log10_odds_over": conflict.log10_odds - math.log10(p.odds_ratio) or 1e-6,
        },
        excluded=(
            Explanation("misread-plate", conflict.log10["misread"], conflict.log10[conflict.leading]),
            Explanation("camera-clock", conflict.log10["clock"], conflict.log10[conflict.leading]),
        ),
        seen=tuple(passage_seen(c, day.day.local) for c in conflict.passages),
    )
