"""What the report of a night says: the numbers of the API's own resources, of one night, as one account is told them.

Everything is JSON-ready. What an account is not told is None; numbers of the whole city are told to whoever sees it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.coverage import CarCoverage, SchoolCoverage, by_school
from audit.finding import Finding, NotAssessed, Severity
from cases.roles import Permission, Place, Placed
from cases.states import DECIDED, UNDECIDED
from runs.coverage import hours
from runs.night_reader import NightReader, cases_told, findings_told, standing, standing_night
from store.ordering import by_code_points
from store.pages import register_content
from store.results import not_assessed_of
from store.tables.nights import Night
from store.tables.registers import ExamRow, SchoolRow, SessionRow
from store.tables.results import FindingRow, Run, VehicleDay
from trajectories.clock import LocalTime

Numbers = dict[str, Any]
MOST_NIGHTS = 14
"""Nights that are compared: this one and those before it."""


@dataclass(frozen=True, slots=True)
class NightAsked:
    """A night that stands, who reads of it, and when."""

    session: Session
    night: Night
    reader: NightReader
    local: LocalTime
    now_ms: int

    @property
    def is_city(self) -> bool:
        """Whether the whole city's numbers are told."""
        return self.reader.is_city(Permission.READ_FINDINGS)


def night_numbers(asked: NightAsked) -> Numbers:
    """Return the report of a night."""
    night, local = asked.night, asked.local
    found = findings_told(asked.session, night.service_date, asked.reader)
    return {
        "service_date": night.service_date.isoformat(),
        "timezone": night.timezone,
        "run_id": night.run_id,
        "state": state_of(asked.session, night),
        "audited": local.iso(night.audited_ms or 0),
        "is_behind": (night.audited_ms or 0) < night.changed_ms,
        "scope": asked.reader.scope,
        **_account(asked),
        **_fleet(asked),
        "findings": _found(asked, found),
        "history": _history(asked, found),
        "cases": _cases(asked),
    }


def state_of(session: Session, night: Night) -> str:
    """Return the state of the run that a night stands by."""
    run = session.get(Run, night.run_id)
    return "done" if run is None else run.state


# ---------------------------------------------------------------- the run, and what it read
def row_accounts(account: Mapping[str, Any]) -> list[Numbers]:
    """Return the rows of each file or feed of a `run.json`: read = kept + rejected; flagged ones are among the kept."""
    rows: Mapping[str, Mapping[str, Any]] = account["rows"]
    return [
        {
            "file": name,
            **{part: rows[name][part] for part in ("read", "kept", "flagged", "rejected")},
            "n_rejected": sum(rows[name]["rejected"].values()),
        }
        for name in sorted(rows)
    ]


def _account(asked: NightAsked) -> Numbers:
    if not asked.is_city:
        return dict.fromkeys(("runs", "inputs", "passages", "warnings", "trouble"))
    account = json.loads(asked.night.counts or "{}")
    run = asked.session.get(Run, asked.night.run_id)
    trouble = json.loads(run.trouble) if run is not None and run.trouble else {}
    return {
        "runs": _runs(asked),
        "inputs": row_accounts(account) if account else None,
        "passages": account.get("passages"),
        "warnings": account.get("warnings"),
        "trouble": {name: value for name, value in trouble.items() if value},
    }


def _runs(asked: NightAsked) -> list[Numbers]:
    row, local = Run, asked.local
    found = asked.session.scalars(
        select(row).where(row.service_date == asked.night.service_date).order_by(row.started_ms, row.run_id)
    )
    return [
        {
            "run_id": r.run_id,
            "kind": r.kind,
            "state": r.state,
            "started": local.iso(r.started_ms),
            "ended": None if r.ended_ms is None else local.iso(r.ended_ms),
            "stands": r.run_id == asked.night.run_id,
        }
        for r in found
    ]


# ---------------------------------------------------------------- cars
def _fleet(asked: NightAsked) -> Numbers:
    if not asked.reader.reads_findings:
        return dict.fromkeys(("fleet", "coverage", "sessions", "exams", "not_assessed"))
    days = vehicle_days(asked.session, asked.night.service_date, asked.reader.covers)
    unanswered, names = unanswered_of(asked, days), _school_names(asked)
    return {
        "fleet": _counted(days, unanswered),
        "coverage": [
            {**coverage_told(school, sums), "name": names.get(school)}
            for school, sums in coverage_of(days, unanswered).items()
        ],
        "sessions": _sessions(asked, days),
        "exams": len(_rows_that_day(asked, "exams", ExamRow, days)),
        "not_assessed": _not_assessed(unanswered),
    }


def vehicle_days(session: Session, service_date: date, covers: Callable[[Placed], bool]) -> dict[str, VehicleDay]:
    """Return the vehicle-days of a night by vehicle, as last audited, of the cars for which `covers` holds."""
    row = VehicleDay
    asked = select(row).where(row.service_date == service_date)
    rows = session.scalars(asked.order_by(by_code_points(session, row.vehicle_id)))
    return {d.vehicle_id: d for d in rows if covers(Place(d.district, d.school_id))}


def unanswered_of(asked: NightAsked, days: Mapping[str, VehicleDay]) -> list[NotAssessed]:
    """Return what could not be answered, as `/v1/not-assessed` tells it: what is about no car, to the city alone."""
    found = not_assessed_of(asked.session, asked.night.service_date)
    return found if asked.is_city else [n for n in found if n.vehicle_id in days]


def coverage_of(days: Mapping[str, VehicleDay], unanswered: Iterable[NotAssessed]) -> dict[str, SchoolCoverage]:
    """Return what was seen of some cars, by school_id ("" for cars of none)."""
    cars = [CarCoverage(d.vehicle_id, d.school_id, **json.loads(d.coverage)) for d in days.values() if d.coverage]
    return by_school(cars, unanswered, cast("Any", days))


def coverage_told(school: str, sums: SchoolCoverage) -> Numbers:
    """Return a school's coverage as `/v1/coverage` tells it; hours rounded to 0.01."""
    names = ("seen", "silent", "outage", "declared", "declared_seen")
    return {
        "school_id": school or None,
        "cars": sums.cars,
        "cars_without_fixes": sums.cars_without_fixes,
        **{f"{name}_h": hours(getattr(sums, f"{name}_ms")) for name in names},
        "not_assessed": {rule: dict(sorted(reasons.items())) for rule, reasons in sorted(sums.not_assessed.items())},
    }


def _counted(days: Mapping[str, VehicleDay], unanswered: Iterable[NotAssessed]) -> Numbers:
    """Return how many cars there are, and of how many coach cars all, some or no questions could be answered."""
    coach = [d for d in days.values() if d.use == "training"]
    asked_in_vain = {n.vehicle_id for n in unanswered}
    tracked = [d for d in coach if d.is_assessable]
    whole = sum(d.vehicle_id not in asked_in_vain for d in tracked)
    return {
        "cars": len(days),
        "exam_cars": sum(d.use == "exam" for d in days.values()),
        "coach_cars": len(coach),
        "with_tracks": len(tracked),
        "without_tracks": len(coach) - len(tracked),
        "assessed": whole,
        "assessed_in_part": len(tracked) - whole,
    }


def _sessions(asked: NightAsked, days: Mapping[str, VehicleDay]) -> Numbers:
    rows = _rows_that_day(asked, "sessions", SessionRow, days)
    cars = [json.loads(d.coverage) for d in days.values() if d.coverage]
    return {
        "declared": len(rows),
        "cars": len({r.vehicle_id for r in rows}),
        "by_part": {str(part): n for part, n in sorted(Counter(r.part for r in rows).items())},
        "declared_h": hours(sum(car["declared_ms"] for car in cars)),
        "declared_seen_h": hours(sum(car["declared_seen_ms"] for car in cars)),
    }


def _rows_that_day(asked: NightAsked, name: str, table: Any, days: Mapping[str, VehicleDay]) -> list[Any]:
    """Return the rows of a register of lessons or exams that lie in the service day, of the cars that are told."""
    day = asked.local.service_day(asked.night.service_date)
    content = register_content(asked.session, asked.night.service_date, name, None)
    wanted = select(table).where(table.content == content, table.start_ms < day.end_ms, table.end_ms > day.start_ms)
    rows = asked.session.scalars(wanted).all()
    return [r for r in rows if asked.is_city or r.vehicle_id in days]


def _not_assessed(unanswered: Sequence[NotAssessed]) -> Numbers:
    """Return how often and why; `items`: a car (None: a feed) and a reason, with the rules that it kept back."""
    by_rule: dict[str, Counter[str]] = {}
    items: dict[tuple[bool, str, str], list[NotAssessed]] = {}
    for n in unanswered:
        by_rule.setdefault(n.rule, Counter())[n.reason] += 1
        items.setdefault((n.vehicle_id is None, n.vehicle_id or "", n.reason), []).append(n)
    reasons = Counter(n.reason for n in unanswered)
    cars = Counter(reason for _, _, reason in items)
    return {
        "questions": len(unanswered),
        "by_rule": {rule: dict(sorted(counts.items())) for rule, counts in sorted(by_rule.items())},
        "by_reason": {reason: {"questions": n, "cars": cars[reason]} for reason, n in sorted(reasons.items())},
        "items": [
            {
                "vehicle_id": rows[0].vehicle_id, "reason": reason, "rules": sorted({n.rule for n in rows}),
                "questions": len(rows),
            }
            for (_, _, reason), rows in sorted(items.items())
        ],
    }  # fmt: skip


# ---------------------------------------------------------------- findings and cases
def _found(asked: NightAsked, found: Sequence[Finding]) -> Numbers:
    names = _school_names(asked)
    schools: dict[str | None, list[Finding]] = {}
    for f in found:
        schools.setdefault(f.school_id, []).append(f)
    return {
        "total": len(found),
        "by_rule": dict(sorted(Counter(f.rule for f in found).items())),
        "by_severity": _severities(str(f.severity) for f in found),
        "by_school": [
            {
                "school_id": school, "name": names.get(school or ""), "total": len(rows),
                "by_severity": _severities(str(f.severity) for f in rows),
            }
            for school, rows in sorted(schools.items(), key=lambda item: (item[0] is None, item[0] or ""))
        ],
    }  # fmt: skip


def _severities(severities: Iterable[str]) -> dict[str, int]:
    """Return how many of each, the gravest first; zeros, too, so that tables of nights are alike."""
    counts = Counter(severities)
    return {str(s): counts[str(s)] for s in reversed(Severity)}


def _school_names(asked: NightAsked) -> dict[str, str]:
    content = register_content(asked.session, asked.night.service_date, "schools", None)
    rows = asked.session.scalars(select(SchoolRow).where(SchoolRow.content == content))
    return {row.school_id: row.name for row in rows}


def _history(asked: NightAsked, found: Sequence[Finding]) -> list[Numbers]:
    """Return the findings that stand of this night and of those before it, the earliest first."""
    row, day = Night, asked.night.service_date
    dates = asked.session.scalars(
        select(row.service_date)
        .where(row.service_date < day, *standing())
        .order_by(row.service_date.desc())
        .limit(MOST_NIGHTS - 1)
    ).all()
    counts: dict[date, list[str]] = {before: [] for before in reversed(dates)}
    for before, severity in _severities_before(asked, dates):
        counts[before].append(severity)
    counts[day] = [str(f.severity) for f in found]
    return [
        {"service_date": night.isoformat(), "total": len(told), "by_severity": _severities(told)}
        for night, told in counts.items()
    ]


def _severities_before(asked: NightAsked, dates: Sequence[date]) -> list[tuple[date, str]]:
    if not asked.reader.reads_findings:
        return [(d, str(f.severity)) for d in dates for f in findings_told(asked.session, d, asked.reader)]
    row = FindingRow
    wanted = select(row.service_date, row.severity, row.district, row.school_id)
    rows = asked.session.execute(wanted.where(row.service_date.in_(dates), row.superseded_ms.is_(None)))
    return [(day, severity) for day, severity, *place in rows if asked.reader.covers(Place(*place))]


def _cases(asked: NightAsked) -> Numbers:
    rows = cases_told(asked.session, [asked.night.service_date], asked.reader)
    return {
        "opened": len(rows),
        "by_state": dict(sorted(Counter(r.state for r in rows).items())),
        "undecided": sum(r.state in UNDECIDED for r in rows),
        "decided": sum(r.state in DECIDED for r in rows),
        "overdue": sum(r.due_ms is not None and r.due_ms <= asked.now_ms for r in rows),
        "need_review": sum(r.needs_review for r in rows),
    }


def night_report(
    session: Session, local: LocalTime, now_ms: int, service_date: date, reader: NightReader
) -> Numbers | None:
    """Return the report of a night; None where no answers of it stand, or a school is told of none."""
    night = standing_night(session, service_date)
    if night is None:
        return None
    told = night_numbers(NightAsked(session, night, reader, local, now_ms))
    return None if reader.scope == "school" and not told["findings"]["total"] else told
