"""Cameras in a night: passages read through the door, held against all tracks, and what follows for cars and crews."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from audit.analysis import Motion, observe
from audit.camera_night import PASS_GAP_MS, camera_night, steps_of
from audit.crew_night import MatcherScale
from audit.facts import Facts
from audit.lesson import Lesson
from audit.night import Presence
from audit.registry import Rule
from audit.witness import NO_SITES, Witnesses
from checkpoints.camera_passes import CameraPasses, Sites, camera_passes
from checkpoints.plates import PlateBook
from feeds.bundle import Bundle
from feeds.bundle_files import is_there
from feeds.passage_count import Readmitted
from feeds.passage_door import PassageDoor
from feeds.passage_files import read_passages
from feeds.passage_raw import Scale
from geo.plane import LocalPlane
from runs.door import Batch, TrackDoor
from trajectories.clock import ServiceDay
from zones.register import Role, StaffRole

LOOKALIKES = "lookalikes.csv"
FACE_JOIN = "face-track-join"


@dataclass(slots=True)
class CameraDesk:
    """The cameras' side of one audit: the door of the passages, and the drives past cameras of all batches."""

    door: PassageDoor
    sites: Sites
    parts: list[CameraPasses] = field(default_factory=list)
    numbers: list[npt.NDArray[np.int32]] = field(default_factory=list)

    def passes_of(self, motion: Motion) -> CameraPasses:
        """Return the drives of a batch past the cameras; none where no passage was read."""
        return camera_passes(steps_of(motion), self.sites, PASS_GAP_MS)

    def add(self, batch: Batch, passes: CameraPasses, place: Mapping[str, int]) -> None:
        """Take in a batch's drives."""
        self.parts.append(passes)
        self.numbers.append(np.array([place.get(v, -1) for v in batch.vehicle_ids], np.int32))


@dataclass(frozen=True, slots=True)
class KeptPassages:
    """Passages that were in scope when they came in; their records are gone.

    `sources`: name to SHA-256 of the files they were read from.
    """

    readmitted: Readmitted
    sources: Mapping[str, str]


def open_cameras(
    bundle: Bundle,
    day: ServiceDay,
    doors: TrackDoor,
    plane: LocalPlane,
    kept: KeptPassages | None = None,
    pushed: Readmitted | None = None,
) -> tuple[CameraDesk, Witnesses]:
    """Read the passages of a bundle through the door: what is out of scope is gone when this returns.

    `kept`: these in place of the bundle's; `pushed`: these besides.
    """
    on = day.date
    cameras = {c.camera_id: c for c in bundle.cameras if c.holds_on(on)}
    staff = tuple(s for s in bundle.staff if s.holds_on(on))
    mandate = bundle.config.mandate
    allowed = mandate is not None and mandate.allows(FACE_JOIN, on)
    book = PlateBook.build([(v.vehicle_id, v.plate, v.plate_class) for v in doors.vehicles().values()])
    door = PassageDoor(
        book, {s.person_id for s in staff}, cameras, day.start_ms, day.end_ms, doors.ledger, face_join=allowed
    )
    if kept is None:
        passages = read_passages(bundle.folder, day.local, Scale.of(bundle.config.matcher), door)
    else:
        passages = tuple(door.readmit(kept.readmitted, doors.vehicles()))
    if pushed is not None:
        passages = (*passages, *door.join(pushed, doors.vehicles()))
    if not passages or not cameras:
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
        doubted=_doubted(bundle, staff),
        plate_doubt=None,
        crew_doubt=crew_doubt,
    )


def _doubted(bundle: Bundle, staff: Sequence[StaffRole]) -> frozenset[str]:
    """Return the persons of whom a role, an exam or a look-alike may be missing.

    Whose exam a rejected row was is not known: it may have been any officer's.
    """
    damaged = bundle.damaged
    exams = any(file == "exams.csv" for file, _ in (*damaged.ids, *damaged.whole))
    return frozenset(
        s.person_id
        for s in staff
        if damaged.roles_of(s.person_id)
        or damaged.lookalikes_of(s.person_id)
        or (exams and s.role is Role.SAFETY_OFFICER)
    )


def camera_facts(
    desk: CameraDesk,
    doors: TrackDoor,
    facts: Facts,
    heard: Sequence[Presence],
    lessons: Mapping[str, tuple[Lesson, ...]],
    rules: Sequence[Rule],
) -> Facts:
    """Return the facts with what the cameras tell of the night, once every track was read.

    Passages that turn out to be no registered car's are dropped and counted.
    """

    def read_again(cars: Collection[str]) -> Iterator[Motion]:
        for batch in doors.read_cars(cars):
            yield observe(batch.fleet, facts.places, facts.recipe)

    passes = CameraPasses.joined(desk.parts, desk.numbers)
    told = camera_night(passes, facts, heard, lessons, rules, read_again)
    desk.door.drop(told.strangers)
    for camera_id in sorted(told.night.suspect):
        doors.ledger.warn(
            f"cameras.geojson: camera {camera_id} contradicts the tracks of several cars more often than not: check "
            "its place and clock. Until then it contradicts nobody"
        )
    return replace(facts, night=replace(facts.night, cameras=told.night))
