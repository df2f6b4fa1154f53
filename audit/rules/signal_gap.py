"""Did the terminal fall silent inside a declared session, beyond what its feed's own outages explain?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.day import VehicleDay
from audit.doubt import lost_sessions, row_span, unless_permitted, whole_day
from audit.finding import Explanation, NotAssessable, Observation
from trajectories.intervals import Intervals, intersect, interval, intervals, ms_within, subtract, total_ms, union
from trajectories.minutes import MINUTE_MS
from zones.declared import Session


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    silence_min: float
    outage_edge_s: float


def assess(day: VehicleDay, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield each silence within each session; what the provider lost is no silence of the terminal."""
    if not day.sessions and day.doubts.sessions is None:
        return
    for reason in (day.doubts.register, day.doubts.fixes):
        if reason is not None:
            yield whole_day(day, reason)
            return
    yield from lost_sessions(day)
    for session in day.sessions:
        yield from _assess_session(day, session, p)


def _assess_session(day: VehicleDay, session: Session, p: Params) -> Iterator[Observation | NotAssessable]:
    when = interval(session.start_ms, session.end_ms)
    silent = subtract(when, day.seen)
    if not len(silent):
        return
    edge = int(p.outage_edge_s * 1000)
    outages = intervals((a - edge, b + edge) for a, b in (*day.outages.tolist(), *_same_cause(day, edge).tolist()))
    longest = p.silence_min * MINUTE_MS
    for start, end in subtract(silent, union(outages, day.excused(session.zone_id))).tolist():
        if end - start > longest:
            yield unless_permitted(day, _observation(day, session, start, end, p))
    lost = intersect(silent, outages)
    if total_ms(lost) > longest:
        yield NotAssessable(int(lost[0, 0]), int(lost[-1, 1]), "feed-outage")


def _same_cause(day: VehicleDay, edge: int) -> Intervals:
    """Return the car's silences that begin and end with another feed's outage: by chance that does not happen.

    Then what failed was common to both feeds (the network), not the terminal.
    """
    return intervals(
        (a, b)
        for a, b in day.gaps.tolist()
        for start, end in day.other_outages.tolist()
        if abs(a - start) <= edge and abs(b - end) <= edge
    )


def _observation(day: VehicleDay, session: Session, start: int, end: int, p: Params) -> Observation:
    minutes = (end - start) / MINUTE_MS
    whole = end - start >= session.end_ms - session.start_ms
    return Observation(
        start,
        end,
        row_span(day, start - 10 * MINUTE_MS, end + 10 * MINUTE_MS, "before and after the silence"),
        zone_id=session.zone_id,
        session_id=session.session_id,
        trainee_id=session.trainee_id,
        measured={
            "minutes": minutes,
            "cars_heard": day.feed_peers,
            "session_min": (session.end_ms - session.start_ms) / MINUTE_MS,
            "whole_zh": "(整个课时)" if whole else "",
            "whole_en": " (the whole session)" if whole else "",
        },
        margins={"minutes_over": minutes - p.silence_min},
        excluded=_excluded(day, start, end),
    )


def _excluded(day: VehicleDay, start: int, end: int) -> tuple[Explanation, ...]:
    """Return the explanations excluded; with no other car to compare with, an outage of the feed is none of them."""
    whole = Explanation("provider-error")
    if day.feed_peers <= 1:
        return (whole,)
    down_min = ms_within(day.outages, start, end) / MINUTE_MS
    return Explanation("feed-outage", down_min, 0.0), whole
