"""One night from bundle to verdicts: night facts first, then every car, then trainees and feeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np

from audit.analysis import Motion, observe
from audit.datum_check import MAX_CARS, check_feed, hypotheses
from audit.day import FeedBeside, FeedNight
from audit.engine import Sources, Verdicts, audit_batch, audit_feeds, audit_trainees
from audit.facts import Facts, NightFacts
from audit.finding import Observation
from audit.night import Presence, Trail, check_pairs, crossings_of, feed_outages, presences, replay_pairs, trail
from audit.registry import Rule
from audit.rules.feed_datum import best_other
from runs.door import Batch, TrackDoor
from runs.progress import Progress, Stopwatch
from trajectories.replay import Crossings
from trajectories.side_by_side import Fixes, side_by_side

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Night:
    """What a run found: the facts with their night facts, and the verdicts."""

    facts: Facts
    verdicts: Verdicts
    n_without_fixes: int


class Seen(NamedTuple):
    """What the survey keeps of a batch: when its cars were heard, and fingerprints of the day and of older days."""

    heard: list[Presence]
    crossings: Crossings
    older: Crossings | None


def audit_night(
    door: TrackDoor,
    facts: Facts,
    rules: Sequence[Rule],
    sources: Sources,
    progress: Progress,
    watch: Stopwatch,
    jobs: int = 1,
    only: frozenset[str] | None = None,
) -> Night:
    """Audit one service day. `only`: audit just these cars (the night facts still come from all)."""
    with watch.measure("datum"):
        facts = replace(facts, night=datum_facts(door, facts, rules, progress))
    with watch.measure("survey"):
        facts = replace(facts, night=_survey(door, facts, progress, jobs))
    with watch.measure("beside"):
        facts = replace(facts, night=replace(facts.night, beside=_beside(door, facts)))
    door.read_strangers()
    doubts = dict(facts.doubts)
    for vehicle_id, reason in door.broken().items():
        if vehicle_id in doubts:
            doubts[vehicle_id] = replace(doubts[vehicle_id], fixes=reason)
    facts = replace(facts, doubts=doubts)
    with watch.measure("audit"):
        verdicts, heard = _audit(door, facts, rules, sources, progress, jobs, only)
        verdicts.add(audit_trainees(facts, verdicts.records, rules, sources))
        verdicts.add(audit_feeds(facts, rules, sources))
    return Night(facts, verdicts, len(set(facts.vehicles) - heard))


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
            batch = door.read(name, plan[0][:MAX_CARS] if door.rows() > 1_500_000 else plan[0])
            motion = observe(batch.fleet, facts.places, facts.recipe)
            night = check_feed(name, declared, motion, facts.places, facts.sessions, facts.day, facts.recipe)
            nights.append(night)
            if rule and resolved and any(isinstance(a, Observation) for a in rule.assess(night, resolved[0])):
                suspect.add(name)
                door.corrected[name] = hypotheses(declared)[best_other(night)]
        progress.advance(1)
    return NightFacts(feeds=tuple(nights), suspect=frozenset(suspect))


def _survey(door: TrackDoor, facts: Facts, progress: Progress, jobs: int) -> NightFacts:
    """First pass: outages, and tracks that repeat one another."""
    heard: list[Presence] = []
    parts: list[Crossings] = []
    names: list[tuple[str, str, bool]] = []
    progress.stage("survey", door.rows())
    with _mapped(jobs) as run:
        for batch, seen in run(_surveyor(facts), door.batches()):
            heard += seen.heard
            parts.append(_numbered(seen.crossings, len(names)))
            names += [(v, facts.day.date.isoformat(), True) for v in batch.vehicle_ids]
            if batch.history is not None and seen.older is not None:
                parts.append(_numbered(seen.older, len(names)))
                dated = zip(batch.history.vehicle_ids, batch.history_dates, strict=True)
                names += [(v, d, False) for v, d in dated]
            progress.advance(batch.fleet.n_fixes)
    pairs = replay_pairs(parts, [n[2] for n in names], [n[0] for n in names])
    trails = _trails(door, facts, names, {i for p in pairs for i in (p.early, p.late)})
    peers: dict[str, int] = {}
    for p in heard:
        for feed in p.feeds:
            peers[feed] = peers.get(feed, 0) + 1
    outages = feed_outages(heard)
    return replace(facts.night, outages=outages, peers=peers, replays=check_pairs(pairs, trails))


def _surveyor(facts: Facts) -> Callable[[Batch], Seen]:
    def survey(batch: Batch) -> Seen:
        heard = presences(batch.fleet, facts.recipe.gap_ms, facts.feeds)
        older = None if batch.history is None else crossings_of(batch.history, facts.places, 0)
        return Seen(heard, crossings_of(batch.fleet, facts.places, 0), older)

    return survey


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
    facts: Facts,
    rules: Sequence[Rule],
    sources: Sources,
    progress: Progress,
    jobs: int,
    only: frozenset[str] | None,
) -> tuple[Verdicts, set[str]]:
    out = Verdicts()
    heard: set[str] = set()
    progress.stage("audit", door.rows())

    def judge(batch: Batch) -> tuple[Motion, Verdicts]:
        motion = observe(batch.fleet, facts.places, facts.recipe)
        wanted = [v for v in batch.vehicle_ids if only is None or v in only]
        return motion, audit_batch(motion, wanted, facts, rules, sources)

    with _mapped(jobs) as run:
        for batch, (motion, verdicts) in run(judge, door.batches()):
            door.count_flags([motion.fleet], batch.feed)
            counts = batch.fleet.offsets[1:] - batch.fleet.offsets[:-1]
            heard |= {v for v, n in zip(batch.vehicle_ids, counts, strict=True) if n}
            out.add(verdicts)
            progress.advance(batch.fleet.n_fixes)
    listed = {v for cars in door.cars.values() for v in cars.values()}
    silent = [v for v in sorted(facts.vehicles) if v not in listed and (only is None or v in only)]
    out.add(audit_batch(None, silent, facts, rules, sources))
    return out, heard


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
