"""What cameras tell of a night, once every track was seen: clocks, whose passages, contradictions, crews."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numba import njit

from audit.analysis import Motion
from audit.crew_night import CREW_RULES, CrewNight
from audit.facts import Facts
from audit.lesson import Lesson
from audit.night import Presence
from audit.plate_story import PlateStory
from audit.registry import Rule
from audit.seats import NEAREST_SITES, Desk, Roster
from audit.witness import CameraNight
from checkpoints.camera_passes import CameraPasses, Mask, Sites, Steps
from checkpoints.conflict import Conflict
from checkpoints.passage import Passage
from checkpoints.positions import CheckedPassage, Whereabouts, check_positions, whereabouts, windows
from checkpoints.settle import Settled, Sorted, settle, sort_out, time_sigma_s
from trajectories.fleet import F8, I8
from zones.places import KIND_CODES
from zones.zone import ZoneKind

PASS_GAP_MS = 60_000
"""Between fixes further apart a car need not have gone straight: no drive past a camera is read into that."""
SEVERAL_CARS = 2
MANY_CARS, MANY_SHARE = 3, 0.25
"""Clones are rare: where so many cars of one feed are contradicted, its positions or clocks are."""
HUNG_MS, HUNG_MPS = 120_000, 20.0
"""A position that hung for two minutes and then jumps faster than 72 km/h from a standstill [A]."""

ReadAgain = Callable[[Collection[str]], Iterator[Motion]]
"""Yields the observed tracks of some cars, and of no others."""


class Told(NamedTuple):
    """What cameras tell, and the passages that are no registered car's after all: those are to be dropped."""

    night: CameraNight
    strangers: tuple[Passage, ...]


def steps_of(motion: Motion) -> Steps:
    """Return a batch's fixes as the cameras' kernels take them; of a position that hung, the first only."""
    fleet = motion.fleet
    ok = motion.ok & ~_hung(fleet.offsets, fleet.t_ms, motion.east_m, motion.north_m, motion.ok)
    return Steps(fleet.offsets, fleet.t_ms, motion.east_m, motion.north_m, ok)


@njit(cache=True, nogil=True)
def _hung(offsets: I8, t_ms: I8, east_m: F8, north_m: F8, ok: Mask) -> Mask:
    """Return the fixes that repeat a position to the last digit for minutes, until it jumps as no car starts off.

    A receiver without signal that goes on sending its last place says nothing of where the car is. A parked car whose
    terminal holds its place leaves it slowly. Unusable fixes among them are returned with them.
    """
    out = np.zeros(len(t_ms), np.bool_)
    for k in range(len(offsets) - 1):
        first = last = np.int64(-1)  # usable rows: where the position held was first sent, and where last
        for i in range(offsets[k], offsets[k + 1]):
            if not ok[i]:
                continue
            if last < 0 or east_m[i] != east_m[last] or north_m[i] != north_m[last]:
                if last > first and t_ms[last] - t_ms[first] >= HUNG_MS:
                    step_m = np.hypot(east_m[i] - east_m[last], north_m[i] - north_m[last])
                    out[first + 1 : last + 1] = 1000.0 * step_m / max(t_ms[i] - t_ms[last], 1) > HUNG_MPS
                first = np.int64(i)
            last = np.int64(i)
    return out


def camera_night(
    passes: CameraPasses,
    facts: Facts,
    heard: Sequence[Presence],
    lessons: Mapping[str, tuple[Lesson, ...]],
    rules: Iterable[Rule],
    read_again: ReadAgain,
) -> Told:
    """Settle a night's passages. `passes`: drives of all cars past cameras, cars counted as in sorted `facts.vehicles`.

    Cars of which a passage fits no drive of theirs are read again, to tell how far they were.
    """
    seen, present = facts.witnesses, {p.vehicle_id: p for p in heard}
    if not seen.is_there:
        return Told(CameraNight(heard=frozenset(present)), ())
    ids, sites = sorted(facts.vehicles), seen.sites
    settled = settle(seen.passages, passes, sites, ids)
    found = sort_out(seen.passages, settled, passes, ids)
    unseen, others = _unseen(sites, seen.passages, found, settled, read_again)
    suspect = _suspect_cameras(found.there, unseen)
    unseen = {v: [_trusting(c, suspect) for c in held] for v, held in unseen.items()}
    checked = {v: _by_time(found.there.get(v, ()), unseen.get(v, ())) for v in sorted({*found.there, *unseen})}
    story = PlateStory(facts, sites, ids, passes, settled, found, checked, others, present)
    conflicts = {v: c for v in sorted(unseen) if (c := story.conflict(v)) is not None}
    contradicted = _contradicted_feeds(conflicts, checked, facts)
    crews = CrewNight() if seen.crew_doubt is not None else _crews(story, lessons, rules)
    night = CameraNight(checked, conflicts, crews, settled.clocks, frozenset(present), suspect, contradicted)
    return Told(night, tuple(seen.passages[i] for i in sorted(found.strangers)))


def _suspect_cameras(
    there: Mapping[str, Sequence[CheckedPassage]], unseen: Mapping[str, Sequence[CheckedPassage]]
) -> frozenset[str]:
    """Return the cameras that contradict two cars or more, and at least as often as they agree with any."""
    agrees = Counter(c.passage.camera_id for held in there.values() for c in held if c.is_read_so)
    against = [c for held in unseen.values() for c in held if c.whereabouts is Whereabouts.ELSEWHERE]
    times = Counter(c.passage.camera_id for c in against)
    n_cars = Counter(camera_id for camera_id, _ in {(c.passage.camera_id, c.vehicle_id) for c in against})
    return frozenset(c for c, n in times.items() if n_cars[c] >= SEVERAL_CARS and n >= agrees[c])


def _trusting(c: CheckedPassage, suspect: frozenset[str]) -> CheckedPassage:
    """Return a passage as it counts: a suspect camera contradicts nobody."""
    if c.passage.camera_id in suspect and c.whereabouts is Whereabouts.ELSEWHERE:
        return replace(c, whereabouts=Whereabouts.POSSIBLE)
    return c


def _contradicted_feeds(
    conflicts: Mapping[str, Conflict], checked: Mapping[str, Sequence[CheckedPassage]], facts: Facts
) -> frozenset[str]:
    """Return the feeds of which three cars or more, and over a quarter of those seen twice, are contradicted twice."""
    seen: Counter[str] = Counter(f for v, held in checked.items() if len(held) > 1 for f in facts.feeds.get(v, ()))
    bad = Counter(f for v, c in conflicts.items() if len(c.passages) > 1 for f in facts.feeds.get(v, ()))
    return frozenset(f for f, n in bad.items() if n >= MANY_CARS and n > MANY_SHARE * seen[f])


def _by_time(*groups: Sequence[CheckedPassage]) -> tuple[CheckedPassage, ...]:
    return tuple(sorted((c for g in groups for c in g), key=lambda c: (c.t_ms, c.passage.passage_id)))


def _unseen(
    sites: Sites, passages: Sequence[Passage], found: Sorted, settled: Settled, read_again: ReadAgain
) -> tuple[dict[str, list[CheckedPassage]], dict[tuple[str, str], CheckedPassage]]:
    """Hold the passages of cars that were not seen to go by against their tracks, by vehicle.

    And against the tracks of the cars of which they may be a misreading: by (passage_id, vehicle_id).
    """
    asked_of: dict[str, list[Passage]] = {}
    for i, vehicle_id in found.unseen:
        for v in (vehicle_id, *(o.vehicle_id for o in passages[i].others)):
            asked_of.setdefault(v, []).append(passages[i])
    told: dict[tuple[str, str], CheckedPassage] = {}
    for motion in read_again(frozenset(asked_of)) if asked_of else ():
        asked = [(k, p) for k, v in enumerate(motion.fleet.vehicle_ids) for p in asked_of.get(v, ())]
        for (k, p), near, margin in zip(asked, *_positions(motion, sites, asked, settled), strict=True):
            vehicle_id = motion.fleet.vehicle_ids[k]
            told[p.passage_id, vehicle_id] = _checked(p, vehicle_id, settled, near, margin)
    named: dict[str, list[CheckedPassage]] = {}
    for i, vehicle_id in found.unseen:
        passage = passages[i]
        unknown = _checked(passage, vehicle_id, settled, float("nan"), float("nan"))
        named.setdefault(vehicle_id, []).append(told.get((passage.passage_id, vehicle_id), unknown))
    return named, told


def _positions(
    motion: Motion, sites: Sites, asked: Sequence[tuple[int, Passage]], settled: Settled
) -> tuple[list[float], list[float]]:
    place = {c: i for i, c in enumerate(sites.ids)}
    clocks = [settled.clocks[p.camera_id] for _, p in asked]
    when = windows(
        np.array([p.shot_ms for _, p in asked], np.int64),
        np.array([c.offset_s for c in clocks], np.float64),
        np.array([time_sigma_s(c) for c in clocks], np.float64),
        np.array([c.is_trusted for c in clocks], np.bool_),
    )
    whose = np.array([k for k, _ in asked], np.int64)
    where = np.array([place[p.camera_id] for _, p in asked], np.int64)
    near, margin = check_positions(steps_of(motion), whose, sites, where, when, PASS_GAP_MS)
    return near.tolist(), margin.tolist()


def _checked(p: Passage, vehicle_id: str, settled: Settled, near: float, margin: float) -> CheckedPassage:
    clock = settled.clocks[p.camera_id]
    t_ms = p.shot_ms - round(1000 * clock.offset_s)
    return CheckedPassage(p, vehicle_id, t_ms, time_sigma_s(clock), whereabouts(near, margin), near, margin, clock)


def _crews(story: PlateStory, lessons: Mapping[str, tuple[Lesson, ...]], rules: Iterable[Rule]) -> CrewNight:
    """Judge who sat in the instructors' seats, by the values of the rules as they stood that day."""
    from audit.crew import judge_crews  # noqa: PLC0415 -- SciPy is slow to import, and only faces need it

    facts = story.facts
    seen, on = facts.witnesses, facts.day.date
    assert seen.scale is not None, "without a matcher's scale there is a doubt about every crew"
    values = {r.name: held[0] for r in rules if r.name in CREW_RULES and (held := r.resolve(on)) is not None}
    if not values:
        return CrewNight()
    roster = Roster.of(seen.staff)
    near = _near_officers(story, roster, lessons)
    told = facts.vehicles, facts.sessions, facts.exams
    desk = Desk(roster, *told, lessons, story.found.there, near, doubted=seen.doubted)
    levels = {rule: v.false_discovery_share for rule, v in values.items()}
    pi_s = max(v.substituted_share for v in values.values())
    return judge_crews(desk, seen.scale, seen.lookalikes, story.wrong_car, levels, pi_s)


def _near_officers(
    story: PlateStory, roster: Roster, lessons: Mapping[str, tuple[Lesson, ...]]
) -> dict[str, frozenset[str]]:
    """Return by car the officers of the exam sites nearest to where cameras saw it; without a site on file, all."""
    places, sites = story.facts.places, story.sites
    at = {
        z.zone_id: places.plane.to_metres(z.geometry.centroid.x, z.geometry.centroid.y)
        for z, kind in zip(places.zones, places.kind_code.tolist(), strict=True)
        if kind == KIND_CODES[ZoneKind.SITE]
    }
    where = {c: i for i, c in enumerate(sites.ids)}
    out = {}
    for vehicle_id in lessons:
        seen = [where[c.passage.camera_id] for c in story.found.there.get(vehicle_id, ())]
        if not at:
            out[vehicle_id] = frozenset(roster.officers)
        elif seen:
            east, north = float(sites.east_m[seen].mean()), float(sites.north_m[seen].mean())
            order = sorted(at, key=lambda z: (float(np.hypot(at[z][0] - east, at[z][1] - north)), z))
            out[vehicle_id] = roster.officers_at(order[:NEAREST_SITES])
    return out
