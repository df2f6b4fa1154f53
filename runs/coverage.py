"""The coverage statement of a run: what was seen of whom, which feeds were down, how feeds of one car agree."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from audit.coverage import SchoolCoverage, by_school
from audit.day import FeedBeside
from audit.evidence import canonical
from audit.facts import Facts
from runs.night import Night
from trajectories.intervals import clip

_HOUR_MS = 3_600_000


def schools_of(night: Night) -> dict[str, SchoolCoverage]:
    """Return the coverage by school_id ("" for cars of none)."""
    verdicts = night.verdicts
    return by_school(verdicts.coverage, verdicts.not_assessed, night.facts.vehicles)


def statement(night: Night) -> dict[str, Any]:
    """Return the member `coverage` of `run.json`; hours rounded to 0.01."""
    facts = night.facts
    compared = sorted(facts.night.beside.items())
    out: dict[str, Any] = canonical(
        {
            "schools": {school: _school(sums) for school, sums in schools_of(night).items()},
            "feeds": {name: _feed(facts, name) for name in {f for names in facts.feeds.values() for f in names}},
            "side_by_side": [{"vehicle_id": v, **_beside(b)} for v, pairs in compared for b in pairs],
        }
    )
    return out


def hours(ms: int) -> float:
    """Return hours rounded to 0.01.

    >>> hours(5_400_000)
    1.5
    """
    return round(ms / _HOUR_MS, 2)


def _school(sums: SchoolCoverage) -> dict[str, Any]:
    return {
        "cars": sums.cars,
        "cars_without_fixes": sums.cars_without_fixes,
        "seen_h": hours(sums.seen_ms),
        "silent_h": hours(sums.silent_ms),
        "outage_h": hours(sums.outage_ms),
        "declared_h": hours(sums.declared_ms),
        "declared_seen_h": hours(sums.declared_seen_ms),
        "not_assessed": {rule: dict(reasons) for rule, reasons in sums.not_assessed.items()},
    }


def _feed(facts: Facts, name: str) -> dict[str, Any]:
    day, passes = facts.day, facts.night.passes_of((name,))
    down = clip(facts.down(name), day.start_ms, day.end_ms)
    return {
        "cars": sum(name in names for names in facts.feeds.values()),
        "cars_heard": facts.night.peers.get(name, 0),
        "down": [[day.local.iso(start), day.local.iso(end)] for start, end in down.tolist()],
        "passes_apart_m": passes.median_m,
        "passes": passes.n_pairs,
        "matched_to_roads": passes.is_matched,
    }


def _beside(beside: FeedBeside) -> dict[str, Any]:
    return {"feed": beside.feed, "other_feed": beside.other_feed, **asdict(beside.seen)}
