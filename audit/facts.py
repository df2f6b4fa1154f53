"""What the audit of a night rests on besides the fixes: registers, places, hours, and the night facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from audit.day import NOTHING, UNKNOWN_SPREAD, Doubts, FeedBeside, FeedNight, Replay
from audit.witness import CameraNight, Witnesses
from trajectories.clock import ServiceDay
from trajectories.intervals import Intervals, intersect, intervals, union
from trajectories.passes import PassSpread
from trajectories.recipe import Recipe
from zones.declared import Exam, Permit, Session
from zones.places import Places
from zones.register import School, Vehicle
from zones.schedule import Calendar


@dataclass(frozen=True, slots=True)
class NightFacts:
    """What needs the whole night: small, and the same for every batch.

    `outages`: when each feed was down for everybody; `peers`: cars heard per feed; `feeds`: how each feed's positions
    fit; `suspect`: feeds whose positions are not trusted; `replays`: by vehicle; `beside`: by vehicle, other feeds that
    report it; `cameras`: what checkpoint cameras tell.
    """

    outages: Mapping[str, Intervals] = field(default_factory=dict)
    peers: Mapping[str, int] = field(default_factory=dict)
    feeds: tuple[FeedNight, ...] = ()
    suspect: frozenset[str] = frozenset()
    replays: Mapping[str, tuple[Replay, ...]] = field(default_factory=dict)
    beside: Mapping[str, tuple[FeedBeside, ...]] = field(default_factory=dict)
    cameras: CameraNight = field(default_factory=CameraNight)

    def passes_of(self, feeds: Sequence[str]) -> PassSpread:
        """Return how far apart the tracks of a car's feed pass one another."""
        return next((n.passes for n in self.feeds if n.feed in feeds), UNKNOWN_SPREAD)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything about one service day that isn't a fix. Mappings are by vehicle_id or school_id."""

    day: ServiceDay
    places: Places
    calendar: Calendar
    vehicles: Mapping[str, Vehicle]
    schools: Mapping[str, School]
    sessions: Mapping[str, tuple[Session, ...]]
    exams: Mapping[str, tuple[Exam, ...]]
    permits: tuple[Permit, ...]
    feeds: Mapping[str, tuple[str, ...]]
    doubts: Mapping[str, Doubts]
    damaged_trainees: frozenset[str] = frozenset()
    recipe: Recipe = field(default_factory=Recipe)
    night: NightFacts = field(default_factory=NightFacts)
    witnesses: Witnesses = field(default_factory=Witnesses)

    def outages_of(self, vehicle_id: str) -> Intervals:
        """Return when the feed of a car was down; a car with several feeds is silent only when all are."""
        feeds = self.feeds.get(vehicle_id, ())
        return reduce(intersect, (self.down(name) for name in feeds)) if feeds else NOTHING

    def down(self, feed: str) -> Intervals:
        """Return when a feed was down: all day where it has several cars and none was heard."""
        if feed not in self.night.peers and sum(feed in names for names in self.feeds.values()) > 1:
            return intervals([(self.day.start_ms, self.day.end_ms)])
        return self.night.outages.get(feed, NOTHING)

    def outages_beside(self, vehicle_id: str) -> Intervals:
        """Return when feeds that are not the car's were down."""
        out = NOTHING
        for name, when in self.night.outages.items():
            if name not in self.feeds.get(vehicle_id, ()):
                out = union(out, when)
        return out

    @property
    def crew_doubt(self) -> str | None:
        """Why the rules on people cannot be answered for anybody."""
        return self.witnesses.crew_doubt or self.night.cameras.crews.doubt

    def doubts_of(self, vehicle_id: str) -> Doubts:
        """Return the doubts about a car, with the datum of its feeds, and what cameras cannot tell of any."""
        seen = self.witnesses
        bad = any(f in self.night.cameras.contradicted for f in self.feeds.get(vehicle_id, ()))
        plates = seen.plate_doubt or ("tracks-contradicted" if bad else None)
        doubts = replace(self.doubts.get(vehicle_id, Doubts()), plates=plates, crew=self.crew_doubt)
        if any(name in self.night.suspect for name in self.feeds.get(vehicle_id, ())):
            return replace(doubts, positions="feed-datum")
        return doubts
