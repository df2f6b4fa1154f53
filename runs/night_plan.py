"""What a night of the store rests on now, what it was audited from, and the audit of what differs: in memory alone.

The nightly writes what comes of it, a preview shows it. Both go through `audit_plan`, so that what a preview shows is
what happens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from audit.evidence import digest
from audit.finding import NotAssessed
from audit.recall import Recall
from audit.registry import Rule
from runs.asking import Why
from runs.audited import Again, Audited, audit_bundle
from runs.ingest import kept_passages
from runs.night import Tap
from runs.night_folder import Files, check_digests, night_folder
from runs.office import rules_with
from runs.progress import Progress
from runs.settings import Settings
from runs.witness import KeptPassages
from store.engine import Store
from store.nights import (
    answers_erased,
    any_erased,
    current_files,
    current_passages,
    history_dates,
    inputs_digest,
)
from store.results import Answers, Place, keys_of
from store.tables.nights import Night

RECORDS_ERASED = "records-erased"


@dataclass(frozen=True, slots=True)
class Plan:
    """One night as it would be audited now. `recall` None: nothing stands, or everything is to be asked anew."""

    service_date: date
    files: Files
    history: Mapping[date, Files]
    kept: KeptPassages | None
    rules: tuple[Rule, ...]
    values: Mapping[str, str]
    inputs: str
    audited_inputs: str | None
    recall: Recall | None
    is_erased: bool = False
    has_lost_faces: bool = False
    has_lost_passages: bool = False

    @property
    def is_stale(self) -> bool:
        """Whether anything that the answers rest on has changed since they were given.

        A night of which files were erased can no longer be asked: what stands of it stays. One of which the answers
        were erased is not: they would come back.
        """
        return not self.is_erased and self.inputs != self.audited_inputs

    @property
    def asked_rules(self) -> tuple[Rule, ...]:
        """The rules that can be asked: what rests on records that were erased stays as it was answered."""
        return tuple(r for r in self.rules if r not in self.unaskable)

    @property
    def unaskable(self) -> tuple[Rule, ...]:
        """The rules of which the records were erased: of faces, or of all passages."""
        if self.has_lost_passages:
            return tuple(r for r in self.rules if r.by_cameras)
        return tuple(r for r in self.rules if r.by_cameras == "crew" and self.has_lost_faces)


def rule_values(rules: Sequence[Rule], day: date) -> dict[str, str]:
    """Return each rule's values on a day as a digest: what an office's edit changes, and a new release does not."""
    out = {}
    for rule in rules:
        resolved = rule.resolve(day)
        values = None if resolved is None else {n: [v.value, v.unit, v.since, v.source] for n, v in resolved[1].items()}
        out[rule.name] = digest(values)
    return out


def plan_night(
    store: Store,
    settings: Settings,
    day: date,
    *,
    again: bool = False,
    files: Files | None = None,
    rules: tuple[Rule, ...] | None = None,
) -> Plan:
    """Return a night of the store as it would be audited now. `again`: everything anew, whatever stands.

    `files`, `rules`: these in place of the night's and the office's, to see what they would do.
    """
    rules = rules_with(settings.nightly.office) if rules is None else rules
    values = rule_values(rules, day)
    with store.reading() as session:
        night = session.get(Night, day)
        files = current_files(session, day) if files is None else files
        dates = history_dates(session, day, settings.nightly.history_days)
        history = {d: current_files(session, d) for d in dates}
        passages = current_passages(session, day)
        kept = kept_passages(store, passages)
        erased = {d for d in (day, *dates) if any_erased(session, d)}
        is_erased = day in erased or answers_erased(session, day)
        inputs = inputs_digest(session, day, settings.nightly.history_days, values)
        keys = keys_of(session, day)
    before = {} if night is None or night.rules is None else json.loads(night.rules)
    audited_inputs = None if night is None or again else night.audited_inputs
    recall = None
    if audited_inputs is not None:
        changed = frozenset(name for name, value in values.items() if before.get(name) != value)
        recall = Recall(keys, changed)
    no_faces = passages is not None and passages.faces_erased_ms is not None
    no_passages = passages is not None and passages.erased_ms is not None
    history = {d: held for d, held in history.items() if d not in erased}
    return Plan(
        day, files, history, kept, rules, values, inputs, audited_inputs, recall, is_erased, no_faces, no_passages
    )


@contextmanager
def planned_folder(store: Store, plan: Plan) -> Iterator[Path]:
    """Give the night as a bundle's folder."""
    with night_folder(store, plan.files, plan.history) as folder:
        yield folder


def audit_plan(
    store: Store, plan: Plan, progress: Progress, jobs: int = 1, tap: Tap | None = None, folder: Path | None = None
) -> Audited:
    """Audit what differs of a night; nothing is written. `folder`: the night as files, where it stands ready.

    Without a recall every car is asked about everything, and the keys are made all the same.
    """
    recall = plan.recall or Recall()
    again = Again(recall, plan.kept, tap)
    with nullcontext(folder) if folder is not None else planned_folder(store, plan) as place:
        audited = audit_bundle(place, plan.service_date, progress, jobs, rules=plan.asked_rules, again=again)
        check_digests(place, audited.files)
    audited.night.verdicts.not_assessed += _unasked(plan, audited)
    return audited


def _unasked(plan: Plan, audited: Audited) -> list[NotAssessed]:
    """Return that rules whose records were erased could not be asked about cars of which something is new."""
    day, why = audited.night.facts.day, audited.asking.why
    cars = [v for v in sorted(why) if why[v] is not Why.VALUES]
    return [
        NotAssessed(day.date, v, rule.name, day.start_ms, day.end_ms, RECORDS_ERASED)
        for rule in plan.unaskable
        for v in cars
    ]


def is_stale(store: Store, settings: Settings, day: date) -> bool:
    """Whether anything that a night's answers rest on has changed; reads no more than the database."""
    values = rule_values(rules_with(settings.nightly.office), day)
    with store.reading() as session:
        night = session.get(Night, day)
        if night is None or any_erased(session, day) or answers_erased(session, day):
            return False
        return inputs_digest(session, day, settings.nightly.history_days, values) != night.audited_inputs


def answers_from(audited: Audited, run_id: str) -> Answers:
    """Return an audit's answers as the store merges them."""
    facts, verdicts, asking = audited.night.facts, audited.night.verdicts, audited.asking
    vehicles = {}
    for vehicle_id, vehicle in facts.vehicles.items():
        school = facts.schools.get(vehicle.school_id or "")
        vehicles[vehicle_id] = Place(str(vehicle.use), vehicle.school_id, None if school is None else school.district)
    return Answers(
        service_date=facts.day.date,
        run_id=run_id,
        findings=audited.findings,
        not_assessed=verdicts.not_assessed,
        asked=asking.asked(facts.vehicles),
        whole_rules=frozenset(r.name for r in audited.rules if r.subject != "vehicle"),
        vehicles=vehicles,
        keys=asking.keys,
        coverage={c.vehicle_id: c for c in verdicts.coverage},
    )


def reasons(audited: Audited) -> dict[str, int]:
    """Return how many vehicle-days were audited again, by reason."""
    told = [why for _, why in sorted(audited.asking.why.items())]
    return {str(why): told.count(why) for why in Why if why in told}
