"""Is part of the car's track another car's, or another day's, sent again? The later one is the copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.day import Replay, VehicleDay
from audit.doubt import row_span, thin_sampling, whole_day
from audit.finding import Explanation, NotAssessable, Observation
from trajectories.minutes import MINUTE_MS

_BY_CHANCE_SHARE = 0.08  # what different drives reach (see trajectories.replay)
_CONVOY_MIN = 2.0  # cars that follow one another are closer in time


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    synchronous_share: float
    moving_min: float


def assess(day: VehicleDay, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield each stretch that repeats another track fix by fix."""
    if day.track is None or day.doubts.register is not None:
        yield whole_day(day, day.doubts.register or day.doubts.fixes or "no-fixes")
        return
    copies = [
        replay
        for replay in day.replays
        if replay.synchronous_share > p.synchronous_share and replay.moving_ms > p.moving_min * MINUTE_MS
    ]
    for copy in copies:
        yield _observation(day, copy, p)
    moved_ms = day.moving_ms(day.day.start_ms, day.day.end_ms)
    if not copies and moved_ms > p.moving_min * MINUTE_MS and thin_sampling(day, day.seen):
        yield whole_day(day, "sampling-too-thin")  # two cars are compared where their fixes are, and these are too few


def _observation(day: VehicleDay, replay: Replay, p: Params) -> Observation:
    shift_min = replay.shift_ms / MINUTE_MS
    return Observation(
        replay.start_ms,
        replay.end_ms,
        row_span(day, replay.start_ms, replay.end_ms, "the copy"),
        measured={
            "minutes": (replay.end_ms - replay.start_ms) / MINUTE_MS,
            "moving_min": replay.moving_ms / MINUTE_MS,
            "source": f"{replay.source_vehicle_id} ({replay.source_date})",
            "shift_min": shift_min,
            "share": 100 * replay.synchronous_share,
            "median_m": replay.median_m,
        },
        margins={
            "synchronous_share_over": replay.synchronous_share - p.synchronous_share,
            "moving_min_over": replay.moving_ms / MINUTE_MS - p.moving_min,
        },
        excluded=(
            Explanation("same-route", replay.synchronous_share, _BY_CHANCE_SHARE),
            Explanation("convoy", abs(shift_min), _CONVOY_MIN),
        ),
    )
