"""The engine asks every rule about every subject, puts the evidence under each answer, and accuses. Rules only see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from audit.analysis import Analysis, Motion, analyse
from audit.card import Value
from audit.coverage import CarCoverage, car_coverage
from audit.day import FeedNight, SessionRecord, TraineeDay, VehicleDay
from audit.doubt import thin_sampling
from audit.evidence import Trace, canonical, digest, finding_id, row_inputs, track_line
from audit.explanations import because
from audit.facts import Facts
from audit.finding import Finding, NotAssessable, NotAssessed, Observation
from audit.lesson import Lesson
from audit.lessons import find_lessons
from audit.registry import Rule
from audit.training import find_trainings
from trajectories.intervals import intersect, interval, intervals, subtract, total_ms
from trajectories.minutes import MINUTE_MS
from zones.declared import Session
from zones.register import Vehicle
from zones.zone import Zone

_UNTRAINED_MS = 10 * MINUTE_MS  # shorter breaks belong to a lesson

Subject = VehicleDay | TraineeDay | FeedNight
"""What a rule is asked about."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where evidence points to: rows of files with their digests, and the versions of the tools.

    `witnessed`: digests of what only the rules by cameras rest on.
    """

    trace: Trace
    sha256: Mapping[str, str]
    versions: Mapping[str, str]
    witnessed: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Verdicts:
    """Answers of the audit: findings, what was not assessable, how far sessions were confirmed and cars were seen."""

    findings: list[Finding] = field(default_factory=list)
    not_assessed: list[NotAssessed] = field(default_factory=list)
    records: list[SessionRecord] = field(default_factory=list)
    coverage: list[CarCoverage] = field(default_factory=list)
    lessons: dict[str, tuple[Lesson, ...]] = field(default_factory=dict)

    def without(self, vehicle_ids: Collection[str]) -> Verdicts:
        """Return the answers that are not about these cars."""
        return Verdicts(
            [f for f in self.findings if f.vehicle_id not in vehicle_ids],
            [n for n in self.not_assessed if n.vehicle_id not in vehicle_ids],
            [r for r in self.records if r.vehicle.vehicle_id not in vehicle_ids],
            [c for c in self.coverage if c.vehicle_id not in vehicle_ids],
            {v: held for v, held in self.lessons.items() if v not in vehicle_ids},
        )

    def add(self, other: Verdicts) -> None:
        """Take in the answers of another batch."""
        self.findings += other.findings
        self.not_assessed += other.not_assessed
        self.records += other.records
        self.coverage += other.coverage
        self.lessons |= other.lessons


def audit_batch(
    motion: Motion | None, vehicle_ids: Sequence[str], facts: Facts, rules: Sequence[Rule], sources: Sources
) -> Verdicts:
    """Audit one batch of vehicles: a pure function of its arguments. Exam cars are judged by cameras only.

    `motion`: the observed fleet of those of `vehicle_ids` that have fixes (None where none has).
    """
    out = Verdicts()
    analysis = None if motion is None else analyse(motion, facts.places, facts.day, facts.recipe)
    rows = {} if motion is None else {v: k for k, v in enumerate(motion.fleet.vehicle_ids)}
    for vehicle_id in vehicle_ids:
        day = vehicle_day(analysis, rows.get(vehicle_id), facts, vehicle_id)
        if facts.witnesses.is_there and (lessons := find_lessons(day)):
            out.lessons[vehicle_id] = lessons
        if day.is_coach_car:
            out.records += [session_record(day, s) for s in day.sessions]
            out.coverage.append(car_coverage(day))
        asked = rules if day.is_coach_car else by_cameras(rules)
        out.add(_ask_all(asked, "vehicle", day, facts, sources))
    return out


def by_cameras(rules: Sequence[Rule], wanted: bool = True) -> tuple[Rule, ...]:
    """Return the rules that rest on what cameras tell of the whole night, or the others."""
    return tuple(rule for rule in rules if bool(rule.by_cameras) == wanted)


def ask_by_cameras(
    vehicle_ids: Iterable[str], facts: Facts, rules: Sequence[Rule], sources: Sources
) -> tuple[Verdicts, set[str]]:
    """Ask the rules by cameras about cars whose track is not at hand: what they cannot answer, and whom they accuse.

    Those have to be asked again with their track, which belongs to the evidence.
    """
    out, accused = Verdicts(), set[str]()
    for_all = {"plates": facts.witnesses.plate_doubt, "crew": facts.crew_doubt}
    asked = by_cameras(rules)
    if all(for_all[rule.by_cameras] and rule.resolve(facts.day.date) for rule in asked):
        for vehicle_id in vehicle_ids:
            out.not_assessed += [_for_all(rule, facts, vehicle_id, for_all[rule.by_cameras] or "") for rule in asked]
        return out, accused
    for vehicle_id in vehicle_ids:
        told = _ask_all(asked, "vehicle", vehicle_day(None, None, facts, vehicle_id), facts, sources)
        if told.findings:
            accused.add(vehicle_id)
        else:
            out.add(told)
    return out, accused


def _for_all(rule: Rule, facts: Facts, vehicle_id: str, reason: str) -> NotAssessed:
    day = facts.day
    return NotAssessed(day.date, vehicle_id, rule.name, day.start_ms, day.end_ms, reason)


def audit_trainees(facts: Facts, records: Iterable[SessionRecord], rules: Sequence[Rule], sources: Sources) -> Verdicts:
    """Ask the rules on trainees, across cars."""
    by_trainee: dict[str, list[SessionRecord]] = {}
    for record in records:
        by_trainee.setdefault(record.session.trainee_id, []).append(record)
    out = Verdicts()
    for trainee_id in sorted(by_trainee):
        held = sorted(by_trainee[trainee_id], key=lambda r: (r.session.start_ms, r.session.session_id))
        day = TraineeDay(facts.day, trainee_id, tuple(held), trainee_id in facts.damaged_trainees)
        out.add(_ask_all(rules, "trainee", day, facts, sources))
    return out


def audit_feeds(facts: Facts, rules: Sequence[Rule], sources: Sources) -> Verdicts:
    """Ask the rules on feeds."""
    out = Verdicts()
    for night in facts.night.feeds:
        out.add(_ask_all(rules, "feed", night, facts, sources))
    return out


def vehicle_day(analysis: Analysis | None, k: int | None, facts: Facts, vehicle_id: str) -> VehicleDay:
    """Put together everything known of one vehicle on the service day."""
    vehicle = facts.vehicles[vehicle_id]
    sessions = facts.sessions.get(vehicle_id, ())
    feeds = facts.feeds.get(vehicle_id, ())
    heard = analysis if k is not None else None
    cameras = facts.night.cameras
    return VehicleDay(
        day=facts.day,
        vehicle=vehicle,
        school=facts.schools.get(vehicle.school_id or ""),
        feeds=feeds,
        places=facts.places,
        calendar=facts.calendar,
        sessions=sessions,
        exams=facts.exams.get(vehicle_id, ()),
        permits=facts.permits,
        outages=facts.outages_of(vehicle_id),
        other_outages=facts.outages_beside(vehicle_id),
        feed_peers=max((facts.night.peers.get(f, 0) for f in feeds), default=0),
        replays=facts.night.replays.get(vehicle_id, ()),
        doubts=facts.doubts_of(vehicle_id),
        passes=facts.night.passes_of(feeds),
        beside=facts.night.beside.get(vehicle_id, ()),
        analysis=heard,
        k=k or 0,
        gap_ms=facts.recipe.gap_ms,
        is_heard=heard is not None or vehicle_id in cameras.heard,
        passages=cameras.passages.get(vehicle_id, ()),
        conflict=cameras.conflicts.get(vehicle_id),
        cases=cameras.crews.cases.get(vehicle_id, ()),
        unseen_lessons=cameras.crews.unseen.get(vehicle_id, ()),
        doubtful_lessons=cameras.crews.doubtful.get(vehicle_id, ()),
        trainings=() if heard is None else find_trainings(heard, k or 0, facts.places, sessions, facts.recipe),
    )


def session_record(day: VehicleDay, session: Session) -> SessionRecord:
    """Return how far the track confirms a session: its time without silence and without long untrained pieces."""
    when = interval(session.start_ms, session.end_ms)
    seen = intersect(when, day.seen)
    unseen_ms = total_ms(when) - total_ms(seen)
    idle = subtract(when, day.trained_time)
    long_idle = intervals((a, b) for a, b in idle.tolist() if b - a >= _UNTRAINED_MS)
    reason = None
    if day.track is None:
        reason = day.doubts.fixes or "no-fixes"
    elif unseen_ms > _UNTRAINED_MS:
        reason = "silent"
    confirmed = subtract(seen, long_idle)
    if day.track is not None and total_ms(confirmed) < total_ms(when) and thin_sampling(day, when):
        unseen_ms, reason = total_ms(when) - total_ms(confirmed), "sampling-too-thin"  # idle only so far as one can see
    return SessionRecord(session, day.vehicle, confirmed, unseen_ms, reason)


def _ask_all(rules: Sequence[Rule], kind: str, subject: Subject, facts: Facts, sources: Sources) -> Verdicts:
    out = Verdicts()
    for rule in rules:
        if rule.subject == kind and not rule.is_retired:
            _ask(rule, subject, facts, sources, out)
    return out


def _ask(rule: Rule, subject: Subject, facts: Facts, sources: Sources, out: Verdicts) -> None:
    """Ask one rule about one subject, wrap what it saw and add it to `out`."""
    day = subject.day
    resolved = rule.resolve(day.date)
    if resolved is None:
        early = NotAssessable(day.start_ms, day.end_ms, "not-in-force")
        out.not_assessed.append(_not_assessed(rule, subject, early))
        return
    params, values = resolved
    answers = list(rule.assess(subject, params))
    if not answers:
        return
    counted: Counter[Any] = Counter()
    seen = sorted((a for a in answers if isinstance(a, Observation)), key=lambda o: (o.start_ms, o.end_ms))
    for observation in seen:
        key = (observation.person_id, observation.trainee_id, observation.session_id)
        case = _Case(rule, values, subject, observation, facts, sources)
        out.findings.append(case.finding(counted[key]))
        counted[key] += 1
    unanswered = dict.fromkeys(a for a in answers if isinstance(a, NotAssessable))
    out.not_assessed += [_not_assessed(rule, subject, a) for a in unanswered]


def _not_assessed(rule: Rule, subject: Subject, answer: NotAssessable) -> NotAssessed:
    car = _car(subject)
    vehicle_id = None if car is None else car.vehicle_id
    return NotAssessed(subject.day.date, vehicle_id, rule.name, answer.start_ms, answer.end_ms, answer.reason)


def _car(subject: Subject) -> Vehicle | None:
    """Return the car a subject is, or (a trainee's) ended in; a feed is none."""
    if isinstance(subject, VehicleDay):
        return subject.vehicle
    return subject.records[-1].vehicle if isinstance(subject, TraineeDay) else None


@dataclass(frozen=True, slots=True)
class _Case:
    """One observation, and all that its finding is made of."""

    rule: Rule
    values: Mapping[str, Value]
    subject: Subject
    seen: Observation
    facts: Facts
    sources: Sources

    @property
    def day(self) -> VehicleDay | None:
        """The vehicle's day, where the rule was asked about a vehicle."""
        return self.subject if isinstance(self.subject, VehicleDay) else None

    @property
    def vehicle(self) -> Vehicle | None:
        """The car the observation names, or else the subject's."""
        named = self.seen.vehicle_id
        return _car(self.subject) if named is None else self.facts.vehicles[named]

    @property
    def feed(self) -> str | None:
        """The feed the observation names, or else the car's first."""
        return self.seen.feed or (self.day.feeds[0] if self.day is not None and self.day.feeds else None)

    def finding(self, ordinal: int) -> Finding:
        """Return the finding; `ordinal` counts the stretches of one matter on the day."""
        rule, seen, vehicle = self.rule, self.seen, self.vehicle
        school = self.facts.schools.get((vehicle.school_id if vehicle is not None else None) or "")
        who = vehicle.vehicle_id if vehicle is not None else seen.feed
        said = {**seen.measured, "feed": seen.feed}
        found = Finding(
            finding_id=finding_id(self.subject.day.date, rule.name, who, seen, ordinal),
            content_digest="",
            service_date=self.subject.day.date,
            rule=rule.name,
            rule_version=rule.card.version,
            severity=rule.card.severity,
            vehicle_id=vehicle.vehicle_id if vehicle is not None else None,
            plate=vehicle.plate if vehicle is not None else None,
            school_id=vehicle.school_id if vehicle is not None else None,
            district=school.district if school is not None else None,
            zone_id=seen.zone_id,
            session_id=seen.session_id,
            person_id=seen.person_id,
            trainee_id=seen.trainee_id,
            feed=self.feed,
            start_ms=seen.start_ms,
            end_ms=seen.end_ms,
            confidence=None if seen.confidence is None else round(seen.confidence, 4),
            confidence_basis=seen.confidence_basis,
            summary_zh=rule.card.explanation_zh.format(**said),
            summary_en=rule.card.explanation_en.format(**said),
            evidence=self.evidence(),
            geometry=self.geometry(),
        )
        return replace(found, content_digest=content_digest(found))

    def geometry(self) -> Any:
        """Return the part of the track that shows it; None where there is none."""
        if self.day is None or self.day.track is None or not self.seen.rows:
            return None
        rows = [(r.start, r.stop) for r in self.seen.rows]
        return track_line(self.day.track, rows, self.day.columns.ok, self.facts.recipe.gap_ms)

    def evidence(self) -> dict[str, Any]:
        """Return what the finding rests on, JSON-ready."""
        seen, sources, card = self.seen, self.sources, self.rule.card
        track = self.day.track if self.day is not None else None
        out: dict[str, Any] = canonical(
            {
                "inputs": row_inputs(track, seen.rows, sources.trace, sources.sha256),
                "registers": self.registers(),
                "parameters": {
                    n: {"value": v.value, "unit": v.unit, "since": v.since, "source": v.source}
                    for n, v in self.values.items()
                },
                "measured": seen.measured,
                "margins": seen.margins,
                "excluded": [
                    {"explanation": e.code, "because": because(e.code), "measured": e.measured, "needed": e.needed}
                    for e in seen.excluded
                ],
                "zone": self.zone(),
                "rule": {"version": card.version, "basis": list(card.basis)},
                **({"seen": list(seen.seen)} if seen.seen else {}),
                **self.track(),
                "recipe": self.facts.recipe.digest,
                "versions": sources.versions,
            }
        )
        return out

    def registers(self) -> dict[str, str]:
        """Return the digests of the registers that the rule reads."""
        read = {f: d for f, d in self.sources.sha256.items() if "/" not in f}
        return {**read, **self.sources.witnessed} if self.rule.by_cameras else read

    def track(self) -> dict[str, Any]:
        """Return what is known of the track itself: whether it was matched to roads, and what another feed says."""
        day = self.day
        if day is None or not (day.passes.is_matched or day.beside):
            return {}
        beside = [{"feed": b.other_feed, **asdict(b.seen)} for b in day.beside]
        return {"track": {"matched": day.passes.is_matched, "passes_apart_m": day.passes.median_m, "beside": beside}}

    def zone(self) -> dict[str, Any] | None:
        """Return the version of the place that counted that day; None where the finding names none in force."""
        zone = next((z for z in self.facts.places.zones if z.zone_id == self.seen.zone_id), None)
        if zone is None:
            return None
        return zone_version(zone)


def zone_version(zone: Zone) -> dict[str, Any]:
    """Return a zone's version as evidence names it."""
    return {
        "zone_id": zone.zone_id,
        "approval_no": zone.approval_no,
        "valid_from": zone.valid_from,
        "valid_to": zone.valid_to,
        "geometry_sha256": digest(zone.geometry.wkt),
    }


def content_digest(found: Finding) -> str:
    """Return the digest of everything a finding says, its own digest left out."""
    fields = {name: getattr(found, name) for name in found.__slots__ if name not in {"content_digest", "geometry"}}
    return digest({**fields, "geometry": None if found.geometry is None else found.geometry.wkt})


def iter_sorted(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings in the order of the outputs: start, vehicle (none last), rule, id."""
    yield from sorted(
        findings, key=lambda f: (f.start_ms, f.vehicle_id is None, f.vehicle_id or "", f.rule, f.finding_id)
    )
