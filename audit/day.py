"""What a rule is asked about: everything known of one vehicle on one service day, of one trainee, of one feed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.analysis import Analysis
from audit.lesson import Case, Lesson
from audit.training import Training
from checkpoints.conflict import Conflict
from checkpoints.positions import CheckedPassage
from trajectories.clock import ServiceDay
from trajectories.fleet import F8, I8, Track
from trajectories.intervals import Intervals, intersect, interval, intervals, subtract, total_ms
from trajectories.minutes import MINUTE_MS
from trajectories.passes import PassSpread
from trajectories.side_by_side import SideBySide
from trajectories.spans import SpanKind, Spans
from zones.declared import Exam, Permit, Session
from zones.permits import excused_during
from zones.places import KIND_CODES, Places
from zones.register import School, Use, Vehicle
from zones.schedule import Calendar
from zones.visits import Visits
from zones.zone import Zone, ZoneKind

NOTHING = intervals([])
_GAP = int(SpanKind.GAP)
UNKNOWN_SPREAD = PassSpread(float("nan"), 0)


@dataclass(frozen=True, slots=True)
class Replay:
    """A part of this car's track that repeats another track; times are ms UTC."""

    start_ms: int
    end_ms: int
    source_vehicle_id: str
    source_date: str
    shift_ms: int
    synchronous_share: float
    moving_ms: int
    median_m: float


@dataclass(frozen=True, slots=True)
class FeedBeside:
    """Another feed reports the car, too: how it compares with the one the car was audited by."""

    feed: str
    other_feed: str
    seen: SideBySide


@dataclass(frozen=True, slots=True)
class Doubts:
    """Why some answers about a car cannot be given: reason codes, None where there is no doubt."""

    positions: str | None = None  # where it was cannot be trusted (datum of the feed)
    plates: str | None = None  # what cameras read cannot be judged
    crew: str | None = None  # who sat in the car cannot be judged
    fixes: str | None = None  # fixes are missing for a reason that is not the car's (provider's error)
    register: str | None = None  # a rejected row may have been about the car itself
    sessions: str | None = None  # a session of the car may be missing
    permits: str | None = None  # a permit of the car may be missing
    hours: frozenset[str] = frozenset()  # zones of which hours may be missing
    unknown_zones: frozenset[str] = frozenset()  # named by sessions, but on file in no version


class Columns(NamedTuple):
    """A track's fixes as the rules read them: the time, where in the city's plane, usable, moving; shape (n,) each."""

    t_ms: I8
    east_m: F8
    north_m: F8
    ok: npt.NDArray[np.bool_]
    moving: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class VehicleDay:
    """One vehicle's service day. Unit of audit, of parallel work and of evidence.

    `outages`: when its feed was down for everybody; `other_outages`: when another feed was. `passes`: whether its
    feed's positions were moved to a line; `beside`: other feeds that report the car. `track` and what hangs on it is
    None where the car has no fix that day. `is_heard`: whether it has one, also where the track is not at hand.
    `passages` and below are what cameras tell: checked passages, a conflict of its plate, cases of its crew, lessons in
    which too few faces were seen, and such of which the register may lack what excuses the person seen.
    """

    day: ServiceDay
    vehicle: Vehicle
    school: School | None
    feeds: tuple[str, ...]
    places: Places
    calendar: Calendar
    sessions: tuple[Session, ...] = ()
    exams: tuple[Exam, ...] = ()
    permits: tuple[Permit, ...] = ()
    outages: Intervals = field(default_factory=lambda: NOTHING)
    other_outages: Intervals = field(default_factory=lambda: NOTHING)
    feed_peers: int = 0
    replays: tuple[Replay, ...] = ()
    doubts: Doubts = field(default_factory=Doubts)
    passes: PassSpread = UNKNOWN_SPREAD
    beside: tuple[FeedBeside, ...] = ()
    analysis: Analysis | None = None
    k: int = 0
    trainings: tuple[Training, ...] = ()
    gap_ms: int = 180_000
    is_heard: bool = False
    passages: tuple[CheckedPassage, ...] = ()
    conflict: Conflict | None = None
    cases: tuple[Case, ...] = ()
    unseen_lessons: tuple[Lesson, ...] = ()
    doubtful_lessons: tuple[Lesson, ...] = ()
    memo: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)  # what several rules work out alike

    @property
    def is_coach_car(self) -> bool:
        """Whether the rules on tracks concern this vehicle (use = training)."""
        return self.vehicle.use is Use.TRAINING

    @property
    def whole(self) -> Intervals:
        """The whole service day."""
        return interval(self.day.start_ms, self.day.end_ms)

    @cached_property
    def track(self) -> Track | None:
        """The car's track, None without fixes."""
        if self.analysis is None:
            return None
        track = self.analysis.motion.fleet.track(self.k)
        return track if len(track) else None

    @cached_property
    def spans(self) -> Spans:
        """The car's spans (rows count in the fleet)."""
        assert self.analysis is not None
        return self.analysis.motion.spans.of(self.k)

    @cached_property
    def visits(self) -> Visits:
        """The car's visits of places (rows count in the fleet)."""
        assert self.analysis is not None
        return self.analysis.visits.of(self.k)

    @cached_property
    def gaps(self) -> Intervals:
        """When the car was silent between its first and last fix."""
        if self.track is None:
            return NOTHING
        gap = self.spans.kind == _GAP
        return intervals(zip(self.spans.start_ms[gap].tolist(), self.spans.end_ms[gap].tolist(), strict=True))

    @cached_property
    def seen(self) -> Intervals:
        """When the car was seen: from first to last fix without the gaps."""
        if self.track is None:
            return NOTHING
        return subtract(interval(int(self.track.t_ms[0]), int(self.track.t_ms[-1]) + 1), self.gaps)

    @cached_property
    def placed(self) -> Intervals:
        """When it is known where the car was: from usable fix to usable fix, no longer apart than silence begins."""
        if self.analysis is None or self.track is None:
            return NOTHING
        t_ms = self.columns.t_ms[self.columns.ok]
        if not len(t_ms):
            return NOTHING
        cuts = np.flatnonzero(np.diff(t_ms) > self.gap_ms)
        starts, ends = t_ms[np.append(0, cuts + 1)], t_ms[np.append(cuts, len(t_ms) - 1)] + 1
        return intervals(zip(starts.tolist(), ends.tolist(), strict=True))

    @cached_property
    def columns(self) -> Columns:
        """The track's fixes, row by row; only where there is a track."""
        assert self.analysis is not None
        assert self.track is not None
        rows, m = slice(self.track.start, self.track.stop), self.analysis.motion
        return Columns(self.track.t_ms, m.east_m[rows], m.north_m[rows], m.ok[rows], m.moving[rows])

    def rows(self, start_ms: int, end_ms: int) -> tuple[int, int]:
        """Return the half-open row range (from the track's first fix) of a time range."""
        if self.track is None:
            return 0, 0
        start, stop = self.track.t_ms.searchsorted((start_ms, end_ms)).tolist()
        return start, stop

    def moving_ms(self, start_ms: int, end_ms: int) -> int:
        """Return how long the car was in motion within a time range, in ms (by whole minutes at its ends)."""
        if self.analysis is None:
            return 0
        table = self.analysis.table
        lo, hi = max(table.minute_of(start_ms), 0), min(table.minute_of(end_ms - 1) + 1, table.n_minutes)
        return int(1000 * self.analysis.table.moving_s[self.k, lo:hi].sum())

    def fixes_per_min(self, when: Intervals) -> float:
        """Return the number of usable fixes a minute while the car was seen within `when`; NaN where it was not."""
        seen = intersect(self.seen, when)
        if self.track is None or total_ms(seen) < MINUTE_MS:
            return float("nan")
        c = self.columns
        inside = sum(np.count_nonzero(c.ok[slice(*c.t_ms.searchsorted(pair))]) for pair in seen.tolist())
        return inside * MINUTE_MS / total_ms(seen)

    @cached_property
    def fixes_per_min_seen(self) -> float:
        """Number of usable fixes a minute while the car was seen at all; NaN where it was not."""
        return self.fixes_per_min(self.seen)

    def excused(self, zone_id: str | None = None) -> Intervals:
        """Return when signed permits excuse the car in a zone, those that excuse anywhere included.

        None: outside every zone, where only permits that excuse anywhere count.
        """
        if not self.permits:
            return NOTHING
        return excused_during(self.permits, self.vehicle.vehicle_id, self.vehicle.school_id, zone_id)

    def approves(self, zone_ix: int, part: int | None = None) -> bool:
        """Whether a place is approved for the car's school and class, and for a part or any."""
        school_id = self.vehicle.school_id or ""
        return bool(self.places.approved_for(school_id, self.vehicle.vehicle_class, part)[zone_ix])

    def approved_places(self, part: int | None = None) -> tuple[int, ...]:
        """Return the places approved for the car's school and class, and for a part or any, by index."""
        return self.places.approved_ixs(self.vehicle.school_id or "", self.vehicle.vehicle_class, part)

    def zone(self, zone_ix: int) -> Zone:
        """Return a place by its index."""
        return self.places.zones[zone_ix]

    def is_route(self, zone_ix: int) -> bool:
        """Whether a place is a route."""
        return int(self.places.kind_code[zone_ix]) == KIND_CODES[ZoneKind.ROUTE]

    def declared_time(self, grace_ms: int = 0) -> Intervals:
        """Return when sessions of the car were declared, each longer by `grace_ms` at both ends."""
        return intervals((s.start_ms - grace_ms, s.end_ms + grace_ms) for s in self.sessions)

    def trained_in_places(self, least_p: float) -> Iterator[tuple[int, Training]]:
        """Yield the trainings in a place that are at least so likely, with the place's index, the longest first."""
        for t in sorted(self.trainings, key=lambda t: (-t.minutes, t.start_ms)):
            if t.zone_ix is not None and t.p >= least_p:
                yield t.zone_ix, t

    def hours(self, zone_ix: int) -> Intervals | None:
        """Return a place's approved hours; None where none are on file, or a row about them was rejected."""
        zone_id = self.zone(zone_ix).zone_id
        return None if zone_id in self.doubts.hours else self.calendar.open_during(zone_id, self.day)

    @cached_property
    def trained_time(self) -> Intervals:
        """When the car trained, wherever."""
        return intervals((t.start_ms, t.end_ms) for t in self.trainings)

    def time_in(self, zone_ixs: list[int]) -> Intervals:
        """Return when the car was in one of these places."""
        return intervals(pair for zone_ix in zone_ixs for pair in self._stays.get(zone_ix, ()))

    @property
    def visited(self) -> frozenset[int]:
        """The places the car was in at any time, by index."""
        return frozenset(self._stays)

    @cached_property
    def _stays(self) -> dict[int, list[tuple[int, int]]]:
        """When the car was in each place it visited."""
        out: dict[int, list[tuple[int, int]]] = {}
        if self.analysis is None:
            return out
        t_ms, v = self.analysis.motion.fleet.t_ms, self.visits
        starts, ends = t_ms[v.start].tolist(), (t_ms[v.stop - 1] + 1).tolist()
        for zone_ix, start, end in zip(v.zone_ix.tolist(), starts, ends, strict=True):
            out.setdefault(zone_ix, []).append((start, end))
        return out


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A declared session and how far its car's track confirms it; `reason` says why it cannot be told."""

    session: Session
    vehicle: Vehicle
    confirmed: Intervals
    unseen_ms: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TraineeDay:
    """All sessions of one trainee on one service day, across cars, by start."""

    day: ServiceDay
    trainee_id: str
    records: tuple[SessionRecord, ...]
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class FeedNight:
    """One feed's night: how well its positions fit the approved places, as declared and under other datums.

    `fits`: hypothesis to share of the declared training time spent in the declared places; `n_vehicles`,
    `n_sessions`: what the shares rest on; `passes`: how far apart its tracks pass one another.
    """

    day: ServiceDay
    feed: str
    declared: str
    fits: Mapping[str, float]
    n_vehicles: int
    n_sessions: int
    first_ms: int
    last_ms: int
    offset_m: float
    passes: PassSpread = UNKNOWN_SPREAD
