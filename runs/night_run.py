"""One night of the nightly: audited in memory, then written in one transaction with all that follows from it."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from audit.analysis import Motion
from audit.evidence import digest
from cases.prereview import pre_review
from cases.spot_checks import AuditedDay, draw
from reports.run_json import RunRecord, run_json
from runs.audit_run import record_of
from runs.audited import Audited
from runs.door import Batch, TrackDoor
from runs.ingest import Ingested
from runs.night import Tap
from runs.night_desk import Desk
from runs.night_plan import Plan, answers_from, audit_plan, reasons
from runs.persist import persistently
from runs.points import reached
from store import access_log, heads, lease
from store.access_log import Tip
from store.casework import follow_findings, has_draw, load_case, record_checks, record_events
from store.lake import LakeWriter, Written, record_partitions
from store.results import Answers, Changes, counted_not_assessed, findings_of, merge_answers
from store.tables.nights import Night
from store.tables.results import Notice, Run

KIND = "nightly"
DONE, DEGRADED, FAILED, UNCHANGED = "done", "degraded", "failed", "unchanged"


@dataclass(slots=True)
class NightReport:
    """What became of one night. `trouble`: what is missing or went wrong, by where; `delayed`: cars by feed."""

    service_date: date
    state: str = UNCHANGED
    run_id: str | None = None
    ingested: Ingested | None = None
    vehicle_days: int = 0
    audited: dict[str, int] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)
    cases_opened: int = 0
    cases_changed: int = 0
    pre_reviewed: int = 0
    drawn: int = 0
    trouble: dict[str, list[str]] = field(default_factory=dict)
    delayed: dict[str, int] = field(default_factory=dict)

    @property
    def is_failed(self) -> bool:
        """Whether the night was not audited."""
        return self.state == FAILED

    @property
    def is_whole(self) -> bool:
        """Whether it was audited from all that belongs to it."""
        return not self.is_failed and not self.trouble

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        told = {name: getattr(self, name) for name in self.__slots__ if name not in {"service_date", "ingested"}}
        came = () if self.ingested is None else self.ingested.changed
        return {"service_date": self.service_date.isoformat(), **told, "files_changed": len(came)}


def new_run_id(day: date) -> str:
    """Return the id of a run, as no other has it."""
    return f"{day.isoformat()}-{secrets.token_hex(4)}"


def run_night(desk: Desk, day: date, report: NightReport, *, again: bool = False) -> None:
    """Audit what is stale of a night and write down what follows; nothing is written where nothing is stale."""
    plan = persistently(desk.store, desk.wait_s, lambda: desk.plan(day, again=again))
    if not plan.is_stale:
        return
    report.run_id = new_run_id(day)
    _begin(desk, plan, report)
    reached("run-recorded")
    with LakeWriter(desk.store, day, desk.settings.store.buckets) as lake:
        audited = audit_plan(desk.store, plan, desk.progress, desk.settings.nightly.jobs, _tapped(lake))
        reached("audited")
        written = lake.finish()
    reached("lake-written")
    away: list[str] = []
    persistently(desk.store, desk.wait_s, lambda: _write(desk, plan, audited, written, report, away), away)
    reached("results-committed")
    if told := write_head_down(desk, report.run_id):
        report.trouble["heads"] = [told]
    reached("head-written")
    reached("run-ended")


def write_head_down(desk: Desk, run_id: str | None) -> str | None:
    """Write the access log's head down at its second place; return what is wrong where that cannot be done."""
    path = desk.settings.log.heads
    if path is None:
        return None

    def look() -> Tip:
        with desk.store.reading() as session:
            return access_log.head(session)

    tip = persistently(desk.store, desk.wait_s, look)
    try:
        if tip.seq:
            heads.write_head(path, tip.seq, tip.digest, desk.store.clock(), run_id or "")
    except (heads.HeadsRefused, OSError) as error:
        return str(error)
    return None


def _begin(desk: Desk, plan: Plan, report: NightReport) -> None:
    def begin() -> None:
        with desk.store.writing() as session:
            lease.check(session, desk.held)
            session.merge(  # the answer to the first try may have got lost
                Run(
                    run_id=report.run_id or "", kind=KIND, service_date=plan.service_date, state="running",
                    started_ms=desk.store.clock(), inputs=plan.inputs, actor=desk.actor,
                )
            )  # fmt: skip

    persistently(desk.store, desk.wait_s, begin)


def _tapped(lake: LakeWriter) -> Tap:
    """Return the tap that hands every batch to the lake."""

    def tap(door: TrackDoor, batch: Batch, motion: Motion) -> None:
        del batch
        fleet = motion.fleet
        file_ix, row = door.sources.split(fleet.source)
        columns = {
            name: getattr(fleet, name)
            for name in ("t_ms", "lon_deg", "lat_deg", "speed_mps", "heading_deg", "accuracy_m", "lag_ms", "flags")
        }
        lake.add(fleet.vehicle_ids, fleet.offsets, {**columns, "row": row}, door.sources.names, file_ix)

    return tap


# ---------------------------------------------------------------- one transaction
def _write(
    desk: Desk, plan: Plan, audited: Audited, written: list[Written], report: NightReport, away: list[str]
) -> None:
    """Write everything of the night, and tell the report."""
    now_ms, run_id = desk.store.clock(), report.run_id or ""
    told = NightReport(plan.service_date, trouble=dict(report.trouble), delayed=dict(report.delayed))
    with desk.store.writing() as session:
        lease.check(session, desk.held)
        run = session.get(Run, run_id)
        if run is not None and run.ended_ms is not None:  # written already: only the answer to the commit got lost
            _tell(report, json.loads(run.counts or "{}"))
            return
        answers = answers_from(audited, run_id)
        changes = merge_answers(session, answers, now_ms)
        record_partitions(session, plan.service_date, written, now_ms)
        reached("results-written")
        _follow(session, desk, plan, run_id, changes, told, now_ms)
        reached("cases-followed")
        told.trouble |= _silent_feeds(audited, told)
        if not told.delayed:  # else chance would have only those that were heard
            told.drawn = _draw(session, desk, answers, now_ms)
        told.vehicle_days, told.audited, told.changes = len(answers.vehicles), reasons(audited), changes.counts()
        if away:
            told.trouble["database"] = list(away)
        told.state = DEGRADED if told.trouble else DONE
        told.run_id, told.ingested = run_id, report.ingested
        _close(session, plan, audited, told, now_ms)
        session.add(_notice(session, plan, told, now_ms))
        reached("notices-written")
        entry = access_log.Entry(now_ms, desk.actor, "none", "audit", "night", plan.service_date.isoformat(), run_id)
        access_log.append(session, [entry])
        reached("results-before-commit")
    _tell(report, {name: getattr(told, name) for name in told.__slots__})


def _tell(report: NightReport, told: Mapping[str, Any]) -> None:
    """Enter into a report what was written down, `ingested` and day apart, which it knows."""
    for name in set(report.__slots__) - {"service_date", "ingested"}:
        setattr(report, name, told[name])


def _follow(
    session: Session, desk: Desk, plan: Plan, run_id: str, changes: Changes, report: NightReport, now_ms: int
) -> None:
    """Have the cases follow, then close what the office's list allows to be closed without a person."""
    basis = {"run_id": run_id, "changes": changes.counts()}
    found = findings_of(session, plan.service_date)
    followed = follow_findings(session, plan.service_date, found, now_ms, basis, desk.terms.due_ms)
    report.cases_opened = sum(is_new for _, is_new in followed)
    report.cases_changed = len(followed) - report.cases_opened
    for case, _ in followed:
        event = pre_review(case, desk.pre_reviews, plan.service_date, now_ms, desk.terms.due_ms)
        if event is not None:
            record_events(session, load_case(session, case.case_id), [event], run_id)
            report.pre_reviewed += 1


def _silent_feeds(audited: Audited, report: NightReport) -> dict[str, list[str]]:
    """Return the feeds of which no car was heard although several have sessions; their cars are delayed."""
    facts = audited.night.facts
    cars = Counter(feed for v, feeds in facts.feeds.items() if facts.sessions.get(v) for feed in feeds)
    silent = {f: n for f, n in cars.items() if n > 1 and not facts.night.peers.get(f) and f not in report.delayed}
    report.delayed |= silent
    return {f"feed:{feed}": ["not-heard"] for feed in sorted(silent)}


def _draw(session: Session, desk: Desk, answers: Answers, now_ms: int) -> int:
    """Draw the night's sample of vehicle-days that nobody suspects, once: later audits do not draw anew."""
    day, n = answers.service_date, desk.settings.cases.spot_checks
    if n == 0 or has_draw(session, day):
        return 0
    suspected = {f.vehicle_id for f in findings_of(session, day)}
    listed = [
        AuditedDay(v, place.school_id, v in suspected, v in answers.coverage and answers.coverage[v].has_fixes)
        for v, place in sorted(answers.vehicles.items())
        if place.use == "training"
    ]
    seed = desk.settings.cases.spot_check_seed.get_secret_value()
    drawn = draw(listed, day, seed, total=n)
    districts = {v: place.district for v, place in answers.vehicles.items()}
    return record_checks(session, drawn, districts, now_ms, seed_sha256=hashlib.sha256(seed.encode()).hexdigest())


def _close(session: Session, plan: Plan, audited: Audited, report: NightReport, now_ms: int) -> None:
    """Have the run ended and the night audited."""
    run = session.get(Run, report.run_id)
    assert run is not None, "the run was recorded when it began"
    run.state, run.ended_ms = report.state, now_ms
    run.versions = json.dumps(audited.versions, sort_keys=True)
    run.counts = json.dumps(report.as_dict(), ensure_ascii=False, sort_keys=True)
    run.trouble = json.dumps({**report.trouble, "delayed": report.delayed}, ensure_ascii=False, sort_keys=True)
    night = session.get(Night, plan.service_date)
    assert night is not None, "only nights of the store are planned"
    night.audited_inputs, night.audited_ms, night.run_id = plan.inputs, now_ms, report.run_id
    night.rules = json.dumps(plan.values, sort_keys=True)
    night.counts = run_json(_standing(session, audited, plan.service_date, report.run_id or "")).decode()


def _standing(session: Session, audited: Audited, day: date, run_id: str) -> RunRecord:
    """Return the account of the run, with all findings and unanswered questions that stand, asked now or before."""
    unanswered: dict[str, dict[str, int]] = {}
    for rule, reason, n in counted_not_assessed(session, day):
        unanswered.setdefault(rule, {})[reason] = n
    found = Counter(f.rule for f in findings_of(session, day))
    return replace(record_of(audited, day, run_id), findings=found, not_assessed=unanswered)


def _notice(session: Session, plan: Plan, report: NightReport, now_ms: int) -> Notice:
    """Return the notice of a night audited; the n-th one of a night has the same id, however often it was tried."""
    kind = "night.audited"
    told_before = select(func.count()).where(Notice.kind == kind, Notice.service_date == plan.service_date)
    told = {"service_date": plan.service_date.isoformat(), "state": report.state, "changes": report.changes}
    return Notice(
        event_id="E" + digest([plan.service_date, kind, session.scalar(told_before)])[:20],
        kind=kind,
        service_date=plan.service_date,
        payload=json.dumps(told, sort_keys=True),
        created_ms=now_ms,
    )
