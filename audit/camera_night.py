"""What cameras tell of a night, once every track was seen: clocks, whose passages, contradictions, crews."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from audit.analysis import Motion
from audit.crew_night import CREW_RULES, CrewNight
from audit.facts import Facts
from audit.lesson import Lesson
from audit.night import Presence
from audit.plate_story import PlateStory
from audit.registry import Rule
from audit.seats import NEAREST_SITES, Desk, Roster
from audit.witness import CameraNight
from checkpoints.camera_passes import CameraPasses, Sites, Steps
from checkpoints.passage import Passage
from checkpoints.positions import CheckedPassage, check_positions, whereabouts, windows
from checkpoints.settle import Settled, Sorted, settle, sort_out, time_sigma_s
from zones.places import KIND_CODES
from zones.zone import ZoneKind

PASS_GAP_MS = 60_000
"""Between fixes further apart a car need not have gone straight: no drive past a camera is read into that."""

ReadAgain = Callable[[Collection[str]], Iterator[Motion]]
"""Yields the observed tracks of some cars, and of no others."""


class Told(NamedTuple):
    """What cameras tell, and the passages that are no registered car's after all: those are to be dropped."""

    night: CameraNight
    strangers: tuple[Passage, ...]


def steps_of(motion: Motion) -> Steps:
    """Return a batch's fixes as the cameras' kernels take them."""
    return Steps(motion.fleet.offsets, motion.fleet.t_ms, motion.east_m, motion.north_m, motion.ok)


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
    unseen = _unseen(sites, seen.passages, found, settled, read_again)
    checked = {v: _by_time(found.there.get(v, ()), unseen.get(v, ())) for v in sorted({*found.there, *unseen})}
    story = PlateStory(facts, sites, ids, passes, settled, found, checked, present)
    conflicts = {v: c for v in sorted(unseen) if (c := story.conflict(v)) is not None}
    crews = CrewNight() if seen.crew_doubt is not None else _crews(story, lessons, rules)
    night = CameraNight(checked, conflicts, crews, settled.clocks, frozenset(present))
    return Told(night, tuple(seen.passages[i] for i in sorted(found.strangers)))


def _by_time(*groups: Sequence[CheckedPassage]) -> tuple[CheckedPassage, ...]:
    return tuple(sorted((c for g in groups for c in g), key=lambda c: (c.t_ms, c.passage.passage_id)))


def _unseen(
    sites: Sites, passages: Sequence[Passage], found: Sorted, settled: Settled, read_again: ReadAgain
) -> dict[str, list[CheckedPassage]]:
    """Hold the passages of cars that were not seen to go by against their tracks."""
    by_car: dict[str, list[Passage]] = {}
    for i, vehicle_id in found.unseen:
        by_car.setdefault(vehicle_id, []).append(passages[i])
    out: dict[str, list[CheckedPassage]] = {}
    for motion in read_again(frozenset(by_car)) if by_car else ():
        asked = [(k, p) for k, v in enumerate(motion.fleet.vehicle_ids) for p in by_car.get(v, ())]
        for (k, p), near, margin in zip(asked, *_positions(motion, sites, asked, settled), strict=True):
            vehicle_id = motion.fleet.vehicle_ids[k]
            out.setdefault(vehicle_id, []).append(_checked(p, vehicle_id, settled, near, margin))
    for v in set(by_car) - set(out):
        out[v] = [_checked(p, v, settled, float("nan"), float("nan")) for p in by_car[v]]
    return out


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
    desk = Desk(roster, facts.vehicles, facts.sessions, facts.exams, lessons, story.found.there, near)
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
