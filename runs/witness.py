"""Cameras in a night: passages read through the door, held against all tracks, and what follows for cars and crews."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from audit.analysis import Motion, observe
from audit.crew import CREW_RULES, CrewNight, MatcherScale, judge_crews
from audit.facts import Facts
from audit.lesson import Lesson
from audit.night import Presence
from audit.registry import Rule
from audit.seats import NEAREST_SITES, Desk, Roster
from audit.witness import NO_SITES, CameraNight, Witnesses
from checkpoints.camera_passes import CameraPasses, Sites, Steps, camera_passes
from checkpoints.conflict import Conflict, Traffic, Witness, explain
from checkpoints.passage import Passage
from checkpoints.plates import PlateBook
from checkpoints.positions import CheckedPassage, Whereabouts, check_positions, whereabouts, windows
from checkpoints.settle import Settled, Sorted, settle, sort_out, time_sigma_s
from feeds.bundle import Bundle
from feeds.bundle_files import is_there
from feeds.passage_door import PassageDoor
from feeds.passage_files import read_passages
from feeds.passage_raw import Scale
from geo.plane import LocalPlane
from runs.door import Batch, TrackDoor
from trajectories.clock import ServiceDay
from zones.places import KIND_CODES
from zones.zone import ZoneKind

LOOKALIKES = "lookalikes.csv"
FACE_JOIN = "face-track-join"
PASS_GAP_MS = 60_000
"""Between fixes further apart a car need not have gone straight: no drive past a camera is read into that."""
LEAST_WRONG_CAR = 5e-5
"""Share of lessons whose confirmed passages hold another car's, at least (evidence.md 4.1: with the gate, 95 % of
plates right, 5.6e-5)."""


@dataclass(slots=True)
class CameraDesk:
    """The cameras' side of one audit: the door of the passages, and the drives past cameras of all batches."""

    door: PassageDoor
    sites: Sites
    parts: list[CameraPasses] = field(default_factory=list)
    numbers: list[np.ndarray[tuple[int], np.dtype[np.int32]]] = field(default_factory=list)

    def passes_of(self, motion: Motion) -> CameraPasses:
        """Return the drives of a batch past the cameras; none where no passage was read."""
        return camera_passes(steps_of(motion), self.sites, PASS_GAP_MS)

    def add(self, batch: Batch, passes: CameraPasses, place: Mapping[str, int]) -> None:
        """Take in a batch's drives."""
        self.parts.append(passes)
        self.numbers.append(np.array([place.get(v, -1) for v in batch.vehicle_ids], np.int32))


def steps_of(motion: Motion) -> Steps:
    """Return a batch's fixes as the cameras' kernels take them."""
    return Steps(motion.fleet.offsets, motion.fleet.t_ms, motion.east_m, motion.north_m, motion.ok)


def open_cameras(bundle: Bundle, day: ServiceDay, doors: TrackDoor, plane: LocalPlane) -> tuple[CameraDesk, Witnesses]:
    """Read the passages of a bundle through the door: what is out of scope is gone when this returns."""
    on = day.date
    cameras = {c.camera_id: c for c in bundle.cameras if c.holds_on(on)}
    staff = tuple(s for s in bundle.staff if s.holds_on(on))
    mandate = bundle.config.mandate
    allowed = mandate is not None and mandate.allows(FACE_JOIN, on)
    book = PlateBook.build([(v.vehicle_id, v.plate, v.plate_class) for v in doors.vehicles().values()])
    door = PassageDoor(
        book, {s.person_id for s in staff}, cameras, day.start_ms, day.end_ms, doors.ledger, face_join=allowed
    )
    passages = read_passages(bundle.folder, day.local, Scale.of(bundle.config.matcher), door)
    if not door.count.read or not cameras:
        return CameraDesk(door, NO_SITES), Witnesses(crew_doubt="no-passages" if allowed else "no-mandate")
    lon, lat = (np.array([getattr(c, name) for c in cameras.values()]) for name in ("lon_deg", "lat_deg"))
    sites = Sites(tuple(cameras), *plane.to_metres(lon, lat))
    matcher = bundle.config.matcher
    scale = None if matcher is None else MatcherScale(matcher.threshold, matcher.top_k, matcher.score_range)
    pairs = {frozenset((p.person_id_a, p.person_id_b)): p.score for p in bundle.lookalikes}
    crew_doubt = "no-mandate" if not allowed else "no-matcher" if scale is None else None
    return CameraDesk(door, sites), Witnesses(
        sites=sites,
        passages=passages,
        n_read=door.count.read,
        staff=staff,
        scale=scale,
        lookalikes=pairs if is_there(bundle.folder, LOOKALIKES) else None,
        damaged_staff=frozenset(bundle.damaged.ids.get(("staff.csv", "person_id"), ())),
        plate_doubt=None,
        crew_doubt=crew_doubt,
    )


def camera_night(
    desk: CameraDesk,
    doors: TrackDoor,
    facts: Facts,
    heard: Sequence[Presence],
    lessons: Mapping[str, tuple[Lesson, ...]],
    rules: Sequence[Rule],
) -> CameraNight:
    """Return what the cameras tell of the night, once every track was seen."""
    present = {p.vehicle_id: p for p in heard}
    if not facts.witnesses.is_there:
        return CameraNight(heard=frozenset(present))
    ids = sorted(facts.vehicles)
    passes = CameraPasses.joined(desk.parts, desk.numbers)
    passages = facts.witnesses.passages
    settled = settle(passages, passes, desk.sites, ids)
    found = sort_out(passages, settled, passes, ids)
    desk.door.drop([passages[i] for i in sorted(found.strangers)])
    unseen = _unseen(desk.sites, doors, facts, passages, found, settled)
    checked = {v: _by_time(found.there.get(v, ()), unseen.get(v, ())) for v in sorted({*found.there, *unseen})}
    night = _Night(facts, desk.sites, ids, passes, settled, found, checked, present)
    conflicts = {v: c for v in sorted(unseen) if (c := night.conflict(v)) is not None}
    crews = CrewNight()
    if facts.witnesses.crew_doubt is None:
        crews = night.crews(lessons, rules)
    return CameraNight(checked, conflicts, crews, settled.clocks, frozenset(present))


def _by_time(*groups: Sequence[CheckedPassage]) -> tuple[CheckedPassage, ...]:
    return tuple(sorted((c for g in groups for c in g), key=lambda c: (c.t_ms, c.passage.passage_id)))


def _unseen(
    sites: Sites, doors: TrackDoor, facts: Facts, passages: Sequence[Passage], found: Sorted, settled: Settled
) -> dict[str, list[CheckedPassage]]:
    """Hold the passages of cars that were not seen to go by against their tracks, which are read again."""
    by_car: dict[str, list[Passage]] = {}
    for i, vehicle_id in found.unseen:
        by_car.setdefault(vehicle_id, []).append(passages[i])
    out: dict[str, list[CheckedPassage]] = {}
    for batch in doors.read_cars(by_car):
        motion = observe(batch.fleet, facts.places, facts.recipe)
        asked = [(k, v, p) for k, v in enumerate(batch.vehicle_ids) for p in by_car.get(v, ())]
        for (_, v, p), near, margin in zip(asked, *_positions(motion, sites, asked, settled), strict=True):
            out.setdefault(v, []).append(_checked(p, v, settled, near, margin))
    for v in set(by_car) - set(out):
        out[v] = [_checked(p, v, settled, float("nan"), float("nan")) for p in by_car[v]]
    return out


def _positions(
    motion: Motion, sites: Sites, asked: Sequence[tuple[int, str, Passage]], settled: Settled
) -> tuple[list[float], list[float]]:
    place = {c: i for i, c in enumerate(sites.ids)}
    clocks = [settled.clocks[p.camera_id] for _, _, p in asked]
    when = windows(
        np.array([p.shot_ms for _, _, p in asked], np.int64),
        np.array([c.offset_s for c in clocks]),
        np.array([time_sigma_s(c) for c in clocks]),
        np.array([c.is_trusted for c in clocks], np.bool_),
    )
    whose = np.array([k for k, _, _ in asked], np.int64)
    where = np.array([place[p.camera_id] for _, _, p in asked], np.int64)
    near, margin = check_positions(steps_of(motion), whose, sites, where, when, PASS_GAP_MS)
    return near.tolist(), margin.tolist()


def _checked(p: Passage, vehicle_id: str, settled: Settled, near: float, margin: float) -> CheckedPassage:
    clock = settled.clocks[p.camera_id]
    t_ms = p.shot_ms - round(1000 * clock.offset_s)
    return CheckedPassage(p, vehicle_id, t_ms, time_sigma_s(clock), whereabouts(near, margin), near, margin, clock)


@dataclass(frozen=True)
class _Night:
    """All that the explanations of conflicts and the crews of lessons are drawn from."""

    facts: Facts
    sites: Sites
    ids: list[str]
    passes: CameraPasses
    settled: Settled
    found: Sorted
    checked: Mapping[str, tuple[CheckedPassage, ...]]
    heard: Mapping[str, Presence]
    _cache: dict[str, Traffic] = field(default_factory=dict)

    def conflict(self, vehicle_id: str) -> Conflict | None:
        """Explain the contradictory passages of a car."""
        held = self.checked[vehicle_id]
        against = [c for c in held if c.whereabouts is Whereabouts.ELSEWHERE]
        mine = self.passes.vehicle_ix == self.ids.index(vehicle_id)
        cameras = self.passes.camera_ix[mine & ~self.settled.recorded].tolist()
        there = [c.passage.camera_id for c in held if c.whereabouts is Whereabouts.THERE and c.is_read_so]
        return explain(
            against, self._witnesses, there, [self.sites.ids[i] for i in cameras], self.traffic(), self.sites
        )

    def _witnesses(self, c: CheckedPassage) -> list[Witness]:
        """Return the registered cars that the passage may be of instead, and what is known of where they were."""
        out = []
        for reading in c.passage.others:
            state = self._state(reading.vehicle_id, c)
            if state is not None:
                out.append(Witness(reading.vehicle_id, reading.log_likelihood, state))
        return out

    def _state(self, vehicle_id: str, c: CheckedPassage) -> str | None:
        near = [
            o for o in self.found.there.get(vehicle_id, ())
            if o.passage.camera_id == c.passage.camera_id and abs(o.t_ms - c.t_ms) <= 4000 * (o.sigma_s + c.sigma_s)
        ]  # fmt: skip
        if near:
            return "recorded"
        presence = self.heard.get(vehicle_id)
        if presence is None or not presence.first_ms <= c.t_ms <= presence.last_ms:
            return "silent"
        return "silent" if any(a <= c.t_ms < b for a, b in presence.gaps.tolist()) else None

    def traffic(self) -> Traffic:
        """Return how dense passages are, and how often each camera reads a car that goes by."""
        if "" not in self._cache:
            self._cache[""] = _traffic(self.facts, self.sites, self.passes, self.settled, self.found)
        return self._cache[""]

    def crews(self, lessons: Mapping[str, tuple[Lesson, ...]], rules: Sequence[Rule]) -> CrewNight:
        """Judge who sat in the instructors' seats."""
        seen, on = self.facts.witnesses, self.facts.day.date
        assert seen.scale is not None
        values = {r.name: held[0] for r in rules if r.name in CREW_RULES and (held := r.resolve(on)) is not None}
        if not values:
            return CrewNight()
        roster = Roster.of(seen.staff)
        desk = Desk(
            roster,
            self.facts.vehicles,
            self.facts.sessions,
            self.facts.exams,
            lessons,
            self.found.there,
            self._near_officers(roster, lessons),
        )
        levels = {rule: v.false_discovery_share for rule, v in values.items()}
        pi_s = max(v.substituted_share for v in values.values())
        return judge_crews(desk, seen.scale, seen.lookalikes, self.wrong_car(), levels, pi_s)

    def wrong_car(self) -> float:
        """Return how likely it is that a lesson's confirmed passages hold another car's (evidence.md 4.1).

        So often a plate is read as another registered car's; that car is then within the gate by chance.
        """
        read = sum(p.vehicle_id is not None for p in self.facts.witnesses.passages)
        wrong = sum(not c.is_read_so for held in self.found.there.values() for c in held)
        wrong += sum(c.whereabouts is Whereabouts.ELSEWHERE for held in self.checked.values() for c in held)
        lessons = max(sum(len(held) for held in self.checked.values()), 1)
        return max(LEAST_WRONG_CAR, wrong / max(read, 1) * self.traffic().per_car * read / lessons)

    def _near_officers(self, roster: Roster, lessons: Mapping[str, tuple[Lesson, ...]]) -> dict[str, frozenset[str]]:
        """Return by car the officers of the exam sites nearest to where cameras saw it."""
        places = self.facts.places
        at = {
            z.zone_id: places.plane.to_metres(z.geometry.centroid.x, z.geometry.centroid.y)
            for z, kind in zip(places.zones, places.kind_code.tolist(), strict=True)
            if kind == KIND_CODES[ZoneKind.SITE]
        }
        where = {c: i for i, c in enumerate(self.sites.ids)}
        out: dict[str, frozenset[str]] = {}
        for vehicle_id in lessons:
            seen = [where[c.passage.camera_id] for c in self.found.there.get(vehicle_id, ())]
            if not at or not seen:
                out[vehicle_id] = frozenset(roster.officers) if not at else frozenset()
                continue
            east, north = float(self.sites.east_m[seen].mean()), float(self.sites.north_m[seen].mean())
            order = sorted(at, key=lambda z: (float(np.hypot(at[z][0] - east, at[z][1] - north)), z))
            out[vehicle_id] = roster.officers_at(order[:NEAREST_SITES])
        return out


def _traffic(facts: Facts, sites: Sites, passes: CameraPasses, settled: Settled, found: Sorted) -> Traffic:
    passages = facts.witnesses.passages
    times = [p.shot_ms for p in passages]
    minutes = max((max(times) - min(times)) / 60_000.0, 60.0)
    named = sum(p.vehicle_id is not None for p in passages)
    cells = minutes * len(sites)
    n_all = np.bincount(passes.camera_ix, minlength=len(sites))
    n_read = np.bincount(passes.camera_ix[settled.recorded], minlength=len(sites))
    overall = (n_read.sum() + 1.0) / (n_all.sum() + 2.0)
    detection = (n_read + 4.0 * overall) / (n_all + 4.0)  # a camera with few passes is taken to be like the others
    fitting: Counter[tuple[str, int]] = Counter(
        (c.passage.camera_id, c.t_ms // 3_600_000) for held in found.there.values() for c in held
    )
    return Traffic(
        minutes=minutes,
        per_car=max(named, 1) / max(len(facts.vehicles), 1) / cells,
        strangers=max(facts.witnesses.n_read, 1) / cells,
        detection=dict(zip(sites.ids, detection.tolist(), strict=True)),
        fitting=fitting,
    )


def with_cameras(facts: Facts, night: CameraNight) -> Facts:
    """Return the facts with what cameras tell."""
    return replace(facts, night=replace(facts.night, cameras=night))
