"""One night from bundle to verdicts: every car as it is read, what the whole night tells, the cars it concerns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

import numpy as np

from audit.analysis import Motion, observe
from audit.datum_check import MAX_CARS, check_feed, hypotheses
from audit.day import Doubts, FeedBeside, FeedNight
from audit.engine import (
    Sources,
    Verdicts,
    ask_by_cameras,
    audit_batch,
    audit_feeds,
    audit_trainees,
)
from audit.facts import Facts, NightFacts
from audit.finding import NotAssessed, Observation
from audit.night import Pair, Presence, Trail, check_pairs, crossings_of, feed_outages, presences, replay_pairs, trail
from audit.registry import Rule
from audit.rules.feed_datum import best_other
from checkpoints.camera_passes import CameraPasses
from runs.asking import Asking
from runs.door import CACHE_ROWS, Batch, TrackDoor
from runs.progress import Progress, Stopwatch
from runs.witness import CameraDesk, camera_facts
from trajectories.replay import Crossings
from trajectories.side_by_side import Fixes, side_by_side

T = TypeVar("T")
Tap = Callable[[TrackDoor, Batch, Motion], None]
"""Sees a batch in the thread that collects, in the order of reading."""


@dataclass(frozen=True, slots=True)
class Night:
    """What a run found: the facts with their night facts, and the verdicts."""

    facts: Facts
    verdicts: Verdicts
    n_without_fixes: int


class Seen(NamedTuple):
    """What is kept of a batch for the facts of the night: when its cars were heard, and fingerprints of their tracks.

    `older` are those of other days; `passes` are drives past cameras.
    """

    heard: list[Presence]
    crossings: Crossings
    older: Crossings | None
    passes: CameraPasses


@dataclass(slots=True)
class Survey:
    """What all batches were seen to do; `names` has (vehicle, date, whether of the day) for each numbered track."""

    date: str
    heard: list[Presence] = field(default_factory=list)
    parts: list[Crossings] = field(default_factory=list)
    names: list[tuple[str, str, bool]] = field(default_factory=list)

    def add(self, batch: Batch, seen: Seen) -> None:
        """Take in a batch."""
        self.heard += seen.heard
        self.parts.append(_numbered(seen.crossings, len(self.names)))
        self.names += [(v, self.date, True) for v in batch.vehicle_ids]
        if batch.history is not None and seen.older is not None:
            self.parts.append(_numbered(seen.older, len(self.names)))
            dated = zip(batch.history.vehicle_ids, batch.history_dates, strict=True)
            self.names += [(v, d, False) for v, d in dated]

    def pairs(self) -> list[Pair]:
        """Return the pairs of tracks that may be one."""
        return replay_pairs(self.parts, [n[2] for n in self.names], [n[0] for n in self.names])

    def cars_of(self, pairs: Iterable[Pair]) -> set[str]:
        """Return the cars of which the tracks are."""
        return {self.names[i][0] for p in pairs for i in (p.early, p.late)}


def audit_night(
    door: TrackDoor,
    cameras: CameraDesk,
    facts: Facts,
    rules: Sequence[Rule],
    sources: Sources,
    progress: Progress,
    watch: Stopwatch,
    jobs: int = 1,
    asking: Asking | None = None,
    tap: Tap | None = None,
) -> Night:
    """Audit one service day. `asking`: what is asked about whom (the night facts still come from all); `tap`: sees
    every batch as it was read and observed.

    Every car is audited as it is read, by what is known then; once all were read, those are audited again that the
    facts of the night concern (docs/decisions/0005-two-passes-over-batches.md). The rules by cameras are asked at the
    end only: they rest on clocks that all cars together tell.
    """
    asking = asking or Asking(rules)
    with watch.measure("datum"):
        facts = replace(facts, night=datum_facts(door, facts, rules, progress))
    with watch.measure("audit"):
        survey = Survey(facts.day.date.isoformat())
        verdicts = _audit(door, cameras, facts, asking, sources, progress, jobs, tap, survey)
    with watch.measure("night"):
        before, facts = facts, _night_facts(door, facts, survey)
    door.read_strangers()
    facts = replace(facts, doubts=_with_lost_fixes(door, facts.doubts))
    with watch.measure("cameras"):
        facts = camera_facts(cameras, door, facts, survey.heard, verdicts.lessons, rules)
        asking.settle(facts, verdicts.coverage)
        listed = {v for cars in door.cars.values() for v in cars.values()}
        wanted = [v for v in sorted(facts.vehicles) if asking.is_wanted(v)]
        by_sight, accused = _by_sight([v for v in wanted if v in listed], facts, asking, sources)
    with watch.measure("again"):
        concerned = _concerned(before, facts, verdicts) | accused | (asking.moved() & listed)
        verdicts = verdicts.without(concerned)
        verdicts.add(by_sight.without(concerned))
        verdicts.add(_audit_again(door, facts, asking, sources, progress, concerned))
        for cars, asked in asking.groups([v for v in wanted if v not in listed]):
            verdicts.add(audit_batch(None, cars, facts, asked, sources))
        verdicts.not_assessed += [n for n in _lost_cars(door, facts, rules) if asking.is_wanted(n.vehicle_id or "")]
        verdicts.add(audit_trainees(facts, verdicts.records, rules, sources))
        verdicts.add(audit_feeds(facts, rules, sources))
    return Night(facts, verdicts, len(facts.vehicles) - len({p.vehicle_id for p in survey.heard} & set(facts.vehicles)))


def _by_sight(
    vehicle_ids: Sequence[str], facts: Facts, asking: Asking, sources: Sources
) -> tuple[Verdicts, frozenset[str]]:
    """Ask the rules by cameras about cars whose track is not at hand (see `ask_by_cameras`)."""
    out, accused = Verdicts(), set[str]()
    for cars, asked in asking.groups(vehicle_ids):
        told, whom = ask_by_cameras(cars, facts, asked, sources)
        out.add(told)
        accused |= whom
    return out, frozenset(accused)


def _lost_cars(door: TrackDoor, facts: Facts, rules: Sequence[Rule]) -> Iterator[NotAssessed]:
    """Yield "not assessable" for cars of which the register's row was rejected: they are in no other answer."""
    day = facts.day
    lost = door.bundle.damaged.ids.get(("vehicles.csv", "vehicle_id"), frozenset()) - set(facts.vehicles)
    for vehicle_id in sorted(lost):
        for rule in rules:
            if rule.subject == "vehicle" and not rule.is_retired:
                yield NotAssessed(day.date, vehicle_id, rule.name, day.start_ms, day.end_ms, "register-damaged")


def _with_lost_fixes(door: TrackDoor, doubts: Mapping[str, Doubts]) -> dict[str, Doubts]:
    """Return the doubts, with the cars of which a provider left something out."""
    out = dict(doubts)
    for vehicle_id, reason in door.broken().items():
        if vehicle_id in out:
            out[vehicle_id] = replace(out[vehicle_id], fixes=reason)
    return out


def _concerned(before: Facts, facts: Facts, verdicts: Verdicts) -> frozenset[str]:
    """Return the cars audited so far of which the night's facts may change an answer.

    Whether others of the feed fell silent matters to a car with silence in a session, and an outage to any silence;
    beside these a car is concerned by a copy, by another feed that reports it, and by fixes known to be missing.
    """
    out = {*facts.night.replays, *facts.night.beside}
    out |= {v for v, doubts in facts.doubts.items() if doubts != before.doubts.get(v)}
    for car in verdicts.coverage:
        silent = car.silent_ms > 0 or car.outage_ms > 0
        in_session = car.declared_seen_ms < car.declared_ms
        if in_session or (silent and len(facts.outages_of(car.vehicle_id))):
            out.add(car.vehicle_id)
    return frozenset(out & {car.vehicle_id for car in verdicts.coverage})


def datum_facts(door: TrackDoor, facts: Facts, rules: Sequence[Rule], progress: Progress) -> NightFacts:
    """Compare each feed's positions with the approved places; a feed of another datum is read anew as that datum."""
    rule = next((r for r in rules if r.subject == "feed"), None)
    resolved = rule.resolve(facts.day.date) if rule is not None else None
    nights: list[FeedNight] = []
    suspect = set()
    progress.stage("datum", len(door.feeds))
    for name, feed in door.feeds.items():
        plan = door.plan(name)
        if plan:
            declared = feed.context.config.datum
            batch = door.read(name, plan[0][:MAX_CARS] if door.rows() > CACHE_ROWS else plan[0])
            motion = observe(batch.fleet, facts.places, facts.recipe)
            night = check_feed(name, declared, motion, facts.places, facts.sessions, facts.day, facts.recipe)
            nights.append(night)
            if rule and resolved and any(isinstance(a, Observation) for a in rule.assess(night, resolved[0])):
                suspect.add(name)
                door.corrected[name] = hypotheses(declared)[best_other(night)]
        progress.advance(1)
    # Until all were read, every feed is taken to be up.
    heard = {name: len(cars) for name, cars in door.cars.items()}
    return NightFacts(peers=heard, feeds=tuple(nights), suspect=frozenset(suspect))


def _night_facts(door: TrackDoor, facts: Facts, survey: Survey) -> Facts:
    """Return the facts with what only all cars together tell: outages, copies of tracks, feeds of one car compared."""
    names, pairs = survey.names, survey.pairs()
    trails = _trails(door, facts, names, {i for p in pairs for i in (p.early, p.late)})
    peers = Counter(feed for p in survey.heard for feed in p.feeds)
    outages, replays = feed_outages(survey.heard), check_pairs(pairs, trails)
    night = replace(facts.night, outages=outages, peers=peers, replays=replays, beside=_beside(door, facts))
    return replace(facts, night=night)


def _numbered(crossings: Crossings, first: int) -> Crossings:
    return Crossings(crossings.key, crossings.t_ms, crossings.track + first)


def _trails(
    door: TrackDoor, facts: Facts, names: Sequence[tuple[str, str, bool]], wanted: set[int]
) -> dict[int, Trail]:
    """Read the tracks that are to be compared fix by fix again."""
    out = {}
    by_car: dict[str, list[int]] = {}
    for i in sorted(wanted):
        by_car.setdefault(names[i][0], []).append(i)
    for batch in door.read_cars(by_car):
        today = observe(batch.fleet, facts.places, facts.recipe)
        before = None if batch.history is None else observe(batch.history, facts.places, facts.recipe)
        older = {} if before is None else _older(before, batch.history_dates)
        for k, vehicle_id in enumerate(batch.vehicle_ids):
            for i in by_car.get(vehicle_id, ()):
                _, date, of_day = names[i]
                if of_day:
                    out[i] = trail(today, k, date, of_day)
                elif before is not None:
                    out[i] = trail(before, older[vehicle_id, date], date, of_day)
        door.keep(batch, by_car)  # those that turn out to be copies are audited again, and drawn
    return out


def _older(before: Motion, dates: Sequence[str]) -> dict[tuple[str, str], int]:
    """Return which track of a batch's history is which car's and day's."""
    return {key: k for k, key in enumerate(zip(before.fleet.vehicle_ids, dates, strict=True))}


def _beside(door: TrackDoor, facts: Facts) -> dict[str, tuple[FeedBeside, ...]]:
    """Compare the feeds of each car that several report."""
    out: dict[str, tuple[FeedBeside, ...]] = {}
    for batch in door.read_beside():
        other = observe(batch.fleet, facts.places, facts.recipe)
        cars = {v: k for k, v in enumerate(batch.vehicle_ids)}
        for home in door.read_cars(cars):
            one = observe(home.fleet, facts.places, facts.recipe)
            for k, vehicle_id in enumerate(home.vehicle_ids):
                seen = side_by_side(_fixes(one, k), _fixes(other, cars[vehicle_id]))
                if seen is not None:
                    found = FeedBeside(home.feed, batch.feed, seen)
                    out[vehicle_id] = (*out.get(vehicle_id, ()), found)
    return out


def _fixes(motion: Motion, k: int) -> Fixes:
    lo, hi = (int(o) for o in motion.fleet.offsets[k : k + 2])
    rows = lo + np.flatnonzero(motion.ok[lo:hi])
    return Fixes(motion.fleet.t_ms[rows], motion.east_m[rows], motion.north_m[rows], motion.moving[rows])


def _audit(
    door: TrackDoor,
    cameras: CameraDesk,
    facts: Facts,
    asking: Asking,
    sources: Sources,
    progress: Progress,
    jobs: int,
    tap: Tap | None,
    survey: Survey,
) -> Verdicts:
    """Audit every car as it is read, and survey all batches."""
    out = Verdicts()
    place = {v: i for i, v in enumerate(sorted(facts.vehicles))}
    progress.stage("audit", door.rows())

    def judge(batch: Batch) -> tuple[Motion, Seen, Verdicts]:
        motion = observe(batch.fleet, facts.places, facts.recipe)
        heard = presences(batch.fleet, facts.recipe.gap_ms, facts.feeds)
        crossings = crossings_of(batch.fleet, motion.east_m, motion.north_m, 0)
        seen = Seen(heard, crossings, _older_crossings(batch, facts), cameras.passes_of(motion))
        told = Verdicts()
        for cars, asked in asking.early(facts, motion, batch.vehicle_ids):
            told.add(audit_batch(motion, cars, facts, asked, sources))
        return motion, seen, told

    with _mapped(jobs) as run:
        for batch, (motion, seen, verdicts) in run(judge, door.batches()):
            door.count_flags([motion.fleet], batch.feed)
            if tap is not None:
                tap(door, batch, motion)
            survey.add(batch, seen)
            cameras.add(batch, seen.passes, place)
            door.keep(batch, _needed_again(verdicts) | _look_alike(batch, seen, survey.date))
            out.add(verdicts)
            progress.advance(batch.fleet.n_fixes)
            del batch, motion, seen, verdicts  # before the next one is read: its memory is used again
    return out


def _older_crossings(batch: Batch, facts: Facts) -> Crossings | None:
    if batch.history is None:
        return None
    return crossings_of(batch.history, *facts.places.plane.to_metres(batch.history.lon_deg, batch.history.lat_deg), 0)


def _look_alike(batch: Batch, seen: Seen, date: str) -> set[str]:
    """Return the cars of a batch that look like one another, or like their other days: they will be compared.

    A copy is mostly found beside its original. Which pairs are compared is settled when all batches were seen.
    """
    alone = Survey(date)
    alone.add(batch, seen)
    return alone.cars_of(alone.pairs())


def _needed_again(verdicts: Verdicts) -> set[str]:
    """Return the cars that will be drawn, or audited again."""
    silent = {car.vehicle_id for car in verdicts.coverage if car.declared_seen_ms < car.declared_ms}
    return silent | {f.vehicle_id for f in verdicts.findings if f.vehicle_id is not None}


def _audit_again(
    door: TrackDoor, facts: Facts, asking: Asking, sources: Sources, progress: Progress, cars: frozenset[str]
) -> Verdicts:
    out = Verdicts()
    progress.stage("again", len(cars))
    for batch in door.read_cars(cars):
        motion = observe(batch.fleet, facts.places, facts.recipe)
        wanted = [v for v in batch.vehicle_ids if v in cars]
        for asked_of, asked in asking.groups(wanted):
            out.add(audit_batch(motion, asked_of, facts, asked, sources))
        progress.advance(len(wanted))
    return out


class _Mapped:
    """A map over batches, in order: plain, or with threads (the kernels leave the interpreter's lock)."""

    def __init__(self, pool: ThreadPoolExecutor | None, jobs: int) -> None:
        self.pool, self.jobs = pool, jobs

    def __call__(self, work: Callable[[Batch], T], batches: Iterator[Batch]) -> Iterator[tuple[Batch, T]]:
        if self.pool is None:
            for batch in batches:
                yield batch, work(batch)
            return
        waiting: list[tuple[Batch, Future[T]]] = []
        for batch in batches:
            waiting.append((batch, self.pool.submit(work, batch)))
            if len(waiting) > self.jobs:
                done, future = waiting.pop(0)
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()


@contextmanager
def _mapped(jobs: int) -> Iterator[_Mapped]:
    if jobs <= 1:
        yield _Mapped(None, 1)
        return
    with ThreadPoolExecutor(jobs) as pool:
        yield _Mapped(pool, jobs)
