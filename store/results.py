"""What an audit said, merged into what stands: what was not asked stays, and so does what says the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from shapely import from_wkb, to_wkb
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from audit.coverage import CarCoverage
from audit.finding import Finding, NotAssessed, Severity
from audit.recall import Keys
from cases.matter import substance_of
from store.ordering import by_code_points
from store.registers import as_known
from store.tables.results import FindingRow, NotAssessedRow, VehicleDay

_PLAIN = (
    "finding_id", "content_digest", "service_date", "rule", "rule_version", "vehicle_id", "plate", "school_id",
    "district", "zone_id", "session_id", "person_id", "trainee_id", "feed", "start_ms", "end_ms", "confidence",
    "confidence_basis", "summary_zh", "summary_en",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """To whom a vehicle belonged that day."""

    use: str
    school_id: str | None
    district: str | None


@dataclass(frozen=True, slots=True)
class Answers:
    """One audit of a night. `asked`: which rules were asked about which vehicle; `whole_rules`: those asked of all.

    `vehicles`: those registered that day; what stood about any other is replaced, too.
    """

    service_date: date
    run_id: str
    findings: Sequence[Finding]
    not_assessed: Sequence[NotAssessed]
    asked: Mapping[str, frozenset[str]]
    whole_rules: frozenset[str]
    vehicles: Mapping[str, Place]
    keys: Mapping[str, Keys]
    coverage: Mapping[str, CarCoverage]

    def replaces(self, rule: str, vehicle_id: str | None) -> bool:
        """Whether what stood of a rule about a vehicle (None: a feed) is replaced by what this audit said."""
        if vehicle_id is None or rule in self.whole_rules or vehicle_id not in self.vehicles:
            return True
        return rule in self.asked.get(vehicle_id, frozenset())

    def is_merely_resent(self, before: Finding, found: Finding) -> bool:
        """Whether an answer that is always asked for anew differs in digests of registers and versions alone."""
        if found.rule not in self.whole_rules:
            return False
        plain = [
            (substance_of(f), {k: v for k, v in f.evidence.items() if k not in {"registers", "versions"}})
            for f in (before, found)
        ]
        return plain[0] == plain[1]


@dataclass(slots=True)
class Changes:
    """What an audit changed. `changed`: pairs of before and after; `renewed` says the same on other evidence."""

    new: list[Finding] = field(default_factory=list)
    changed: list[tuple[Finding, Finding]] = field(default_factory=list)
    renewed: list[Finding] = field(default_factory=list)
    gone: list[Finding] = field(default_factory=list)
    n_same: int = 0

    def counts(self) -> dict[str, int]:
        """Return how many of each."""
        told = {name: len(getattr(self, name)) for name in ("new", "changed", "renewed", "gone")}
        return {**told, "same": self.n_same}


def findings_of(session: Session, service_date: date, known_ms: int | None = None) -> list[Finding]:
    """Return the findings of a night, in the order of the outputs, as known at a time (None: now)."""
    rows = session.scalars(
        select(FindingRow).where(FindingRow.service_date == service_date, *as_known(FindingRow, known_ms))
    )
    found = [to_finding(row) for row in rows]
    return sorted(found, key=lambda f: (f.start_ms, f.vehicle_id is None, f.vehicle_id or "", f.rule, f.finding_id))


def not_assessed_of(session: Session, service_date: date, known_ms: int | None = None) -> list[NotAssessed]:
    """Return the questions of a night that stand unanswered, as known at a time (None: now)."""
    row = NotAssessedRow
    found = session.scalars(select(row).where(row.service_date == service_date, *as_known(row, known_ms)))
    told = [NotAssessed(r.service_date, r.vehicle_id, r.rule, r.start_ms, r.end_ms, r.reason) for r in found]
    return sorted(
        told, key=lambda n: (n.vehicle_id is None, n.vehicle_id or "", n.rule, n.start_ms, n.end_ms, n.reason)
    )


def to_finding(row: FindingRow) -> Finding:
    """Return a row as the finding it was."""
    plain = {name: getattr(row, name) for name in _PLAIN}
    geometry = None if row.geometry is None else from_wkb(row.geometry)
    return Finding(**plain, severity=Severity(row.severity), evidence=json.loads(row.evidence), geometry=geometry)


def _row(found: Finding, run_id: str, at_ms: int) -> dict[str, Any]:
    return {
        **{name: getattr(found, name) for name in _PLAIN},
        "severity": str(found.severity),
        "substance": substance_of(found),
        "evidence": json.dumps(found.evidence, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
        "geometry": None if found.geometry is None else to_wkb(found.geometry, byte_order=1),
        "run_id": run_id,
        "recorded_ms": at_ms,
    }


def merge_answers(session: Session, answers: Answers, at_ms: int) -> Changes:
    """Merge an audit's answers into those that stand; return what changed."""
    changes = _merge_findings(session, answers, at_ms)
    _merge_not_assessed(session, answers, at_ms)
    _merge_vehicle_days(session, answers)
    return changes


def compare_findings(answers: Answers, standing: Iterable[Finding]) -> Changes:
    """Return what merging would change, without changing anything."""
    out, now = Changes(), {f.finding_id: f for f in answers.findings}
    held = {f.finding_id: f for f in standing if answers.replaces(f.rule, f.vehicle_id) or f.finding_id in now}
    for finding_id, found in now.items():
        before = held.get(finding_id)
        if before is None:
            out.new.append(found)
        elif before.content_digest == found.content_digest or answers.is_merely_resent(before, found):
            out.n_same += 1
        elif substance_of(before) == substance_of(found):
            out.renewed.append(found)
        else:
            out.changed.append((before, found))
    out.gone = [f for finding_id, f in held.items() if finding_id not in now]
    return out


def _merge_findings(session: Session, answers: Answers, at_ms: int) -> Changes:
    changes = compare_findings(answers, findings_of(session, answers.service_date))
    ended = [f.finding_id for f in (*changes.gone, *changes.renewed, *(b for b, _ in changes.changed))]
    for part in _parts(ended):
        session.execute(
            update(FindingRow)
            .where(FindingRow.finding_id.in_(part), FindingRow.superseded_ms.is_(None))
            .values(superseded_ms=at_ms, ended_by=answers.run_id)
        )
    fresh = [*changes.new, *(a for _, a in changes.changed), *changes.renewed]
    if fresh:
        session.execute(insert(FindingRow), [_row(f, answers.run_id, at_ms) for f in fresh])
    return changes


def _merge_not_assessed(session: Session, answers: Answers, at_ms: int) -> None:
    row = NotAssessedRow
    standing = session.execute(
        select(row.id, row.vehicle_id, row.rule, row.start_ms, row.end_ms, row.reason).where(
            row.service_date == answers.service_date, row.superseded_ms.is_(None)
        )
    )
    held: dict[tuple[Any, ...], int] = {}
    ended = []
    now = {(n.vehicle_id, n.rule, n.start_ms, n.end_ms, n.reason) for n in answers.not_assessed}
    for number, vehicle_id, rule, *when in standing:
        key = (vehicle_id, rule, *when)
        if answers.replaces(rule, vehicle_id) and (key not in now or key in held):
            ended.append(number)
        else:
            held[key] = number
    for part in _parts(ended):
        session.execute(update(row).where(row.id.in_(part)).values(superseded_ms=at_ms))
    names = ("vehicle_id", "rule", "start_ms", "end_ms", "reason")
    common = {"service_date": answers.service_date, "run_id": answers.run_id, "recorded_ms": at_ms}
    fresh = sorted((key for key in now if key not in held), key=str)
    if fresh:
        session.execute(insert(row), [{**common, **dict(zip(names, key, strict=True))} for key in fresh])


def _merge_vehicle_days(session: Session, answers: Answers) -> None:
    day = answers.service_date
    held = {v.vehicle_id: v for v in session.scalars(select(VehicleDay).where(VehicleDay.service_date == day))}
    lost = sorted(set(held) - set(answers.vehicles))
    for part in _parts(lost):
        session.execute(delete(VehicleDay).where(VehicleDay.service_date == day, VehicleDay.vehicle_id.in_(part)))
    for vehicle_id in sorted(answers.vehicles):
        told = _vehicle_day(answers, vehicle_id)
        row = held.get(vehicle_id)
        if row is None:
            session.add(VehicleDay(service_date=day, vehicle_id=vehicle_id, run_id=answers.run_id, **told))
        elif any(getattr(row, name) != value for name, value in told.items()):
            for name, value in told.items():
                setattr(row, name, value)
            row.run_id = answers.run_id


def _vehicle_day(answers: Answers, vehicle_id: str) -> dict[str, Any]:
    place, keys, seen = answers.vehicles[vehicle_id], answers.keys[vehicle_id], answers.coverage.get(vehicle_id)
    return {
        "use": place.use,
        "school_id": place.school_id,
        "district": place.district,
        "own_key": keys.own,
        "night_key": keys.night,
        "camera_key": keys.camera,
        "is_assessable": seen is not None and seen.has_fixes,
        "coverage": None if seen is None else json.dumps(_covered(seen), sort_keys=True),
    }


def _covered(seen: CarCoverage) -> dict[str, Any]:
    names = ("has_fixes", "seen_ms", "silent_ms", "outage_ms", "declared_ms", "declared_seen_ms")
    return {name: getattr(seen, name) for name in names}


def counted_not_assessed(session: Session, service_date: date) -> list[tuple[str, str, int]]:
    """Return (rule, reason, number) of the questions of a night that stand unanswered."""
    row = NotAssessedRow
    told = (
        select(row.rule, row.reason, func.count())
        .where(row.service_date == service_date, row.superseded_ms.is_(None))
        .group_by(row.rule, row.reason)
        .order_by(by_code_points(session, row.rule), by_code_points(session, row.reason))
    )
    return [(rule, reason, n) for rule, reason, n in session.execute(told)]


def keys_of(session: Session, service_date: date) -> dict[str, Keys]:
    """Return what the answers about each vehicle-day of a night rest on."""
    rows = session.scalars(select(VehicleDay).where(VehicleDay.service_date == service_date))
    return {row.vehicle_id: Keys(row.own_key, row.night_key, row.camera_key) for row in rows}


def _parts(items: Sequence[Any], most: int = 500) -> Iterable[Sequence[Any]]:
    """Yield a list in parts: databases take only so many parameters at once."""
    for i in range(0, len(items), most):
        yield items[i : i + most]
