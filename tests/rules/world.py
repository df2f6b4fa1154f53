"""A city small enough to reckon with, and cars that drive in it, for the tests of the rules.

Everything is drawn in metres of one plane and goes through the real pipeline: fixes, cleaning, spans, minutes,
visits, trainings, the rule, the engine. East and north of the places:

    G1  ground of school S1, 100 x 120 m at (0, 0), part 2, open 06:00 to 22:00
    G2  ground of school S2, the same size at (3000, 0), part 2, open 06:00 to 22:00
    X1  exam site, the same size at (-3000, 0)
    R1  route of S1, a rectangle of 900 x 600 m (one round = 3 km) at (500, 500), 40 m wide, part 3
    R2  route of S2, a rectangle of the same size at (3000, 1000)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time
from functools import cached_property
from typing import Any

import numpy as np
from shapely import LineString, Polygon, box, get_coordinates, set_coordinates
from shapely.geometry.base import BaseGeometry

from audit.analysis import Motion, observe
from audit.card import Value
from audit.datum_check import check_feed
from audit.day import Doubts, FeedNight
from audit.engine import Sources, Verdicts, audit_batch, audit_feeds, audit_trainees
from audit.facts import Facts, NightFacts
from audit.finding import Finding
from audit.night import check_pairs, crossings_of, feed_outages, presences, replay_pairs, trail
from audit.registry import Rule, load_rules
from audit.witness import Witnesses
from geo.datum import Datum, from_wgs84, to_wgs84
from geo.plane import LocalPlane
from trajectories.clock import LocalTime, ServiceDay
from trajectories.fleet import F8, Fleet, build_fleet
from trajectories.passes import PassSpread
from trajectories.recipe import Recipe
from zones.declared import Exam, Permit, Session
from zones.places import Places
from zones.register import School, Use, Vehicle
from zones.schedule import Calendar, HoursException, Window
from zones.zone import Zone, ZoneKind

DATE = date(2026, 3, 18)
LOCAL = LocalTime("Asia/Shanghai")
DAY = ServiceDay(DATE, LOCAL)
PLANE = LocalPlane(121.0, 31.0)
MARGIN_M = 15.0
MINUTE_MS = 60_000
NOISE_M = 3.0

Box = tuple[float, float, float, float]
Point = tuple[float, float]
GROUND: Box = (0, 0, 100, 120)
OTHER_GROUND: Box = (3000, 0, 3100, 120)
SITE: Box = (-3000, 0, -2900, 120)
NOWHERE: Box = (-2000, -2000, -1900, -1880)
HOME: Point = (-500, -500)


def loop(east: float, north: float, width: float = 900, height: float = 600) -> list[Point]:
    """A closed rectangle, anticlockwise from its south-western corner."""
    far = east + width, north + height
    return [(east, north), (far[0], north), far, (east, far[1]), (east, north)]


ROUTE, OTHER_ROUTE, STREETS = loop(500, 500), loop(3000, 1000), loop(-2500, 2000)


def at(clock: str, day: date = DATE) -> int:
    """Local wall time of the service day's date as ms UTC; 24:00 and later is the next day's night."""
    hour, minute = (int(part) for part in clock.split(":"))
    return LOCAL.at(day, time(0)) + (hour * 60 + minute) * MINUTE_MS


def in_degrees(metres: BaseGeometry) -> Any:
    lon_deg, lat_deg = PLANE.to_degrees(*get_coordinates(metres).T)
    return set_coordinates(metres.__class__(metres), np.column_stack([lon_deg, lat_deg]))


def area(zone_id: str, corners: Box, school: str | None = "S1", kind: ZoneKind = ZoneKind.GROUND, **more: Any) -> Zone:
    schools = None if school is None else frozenset({school})
    shape: Polygon = in_degrees(box(*corners))
    return Zone(zone_id, kind, f"{zone_id} 号场地", shape, **{"school_ids": schools, "parts": frozenset({2}), **more})


def route(zone_id: str, line: Sequence[Point], school: str = "S1", **more: Any) -> Zone:
    given = {"school_ids": frozenset({school}), "parts": frozenset({3}), "width_m": 40.0, **more}
    return Zone(zone_id, ZoneKind.ROUTE, f"{zone_id} 号路线", in_degrees(LineString(line)), **given)


def daily(zone_id: str, opens: str = "6:00", closes: str = "22:00") -> Window:
    start, end = (int(h) * 60 + int(m) for h, m in (c.split(":") for c in (opens, closes)))
    return Window(zone_id, frozenset(range(1, 8)), start, end)


G1, G2 = area("G1", GROUND), area("G2", OTHER_GROUND, "S2")
X1 = area("X1", SITE, None, ZoneKind.SITE)
R1, R2 = route("R1", ROUTE), route("R2", OTHER_ROUTE, "S2")
ZONES = (G1, G2, X1, R1, R2)
WINDOWS = tuple(daily(z.zone_id) for z in ZONES)


def vehicle(vehicle_id: str = "V1", school: str | None = "S1", use: Use = Use.TRAINING, feed: str = "amap") -> Vehicle:
    return Vehicle(vehicle_id, f"沪A·{vehicle_id}学", "16", use, school, None, "C1", feed, f"T-{vehicle_id}")


def session(start: str, end: str, zone_id: str | None = "G1", part: int = 2, **more: Any) -> Session:
    given = {"session_id": "K1", "vehicle_id": "V1", "instructor_id": "P1", "trainee_id": "L1", **more}
    return Session(part=part, zone_id=zone_id, start_ms=at(start), end_ms=at(end), **given)


def permit(start: str, end: str, zone_id: str | None = None, vehicle_id: str | None = "V1") -> Permit:
    school = None if vehicle_id is not None else "S1"
    return Permit("PM1", vehicle_id, school, "road works", at(start), at(end), zone_id)


class Drive:
    """A car's way through its day: where it is at each second, then fixes of it with noise."""

    def __init__(self, start: str, where: Point = HOME, every_s: int = 5, seed: int = 1) -> None:
        self.every_s, self.seed = every_s, seed
        self.random = np.random.default_rng(seed)
        self.way: list[tuple[float, float, float]] = [(at(start) / 1000, *where)]
        self.silences: list[tuple[float, float]] = []

    @property
    def now_s(self) -> float:
        return self.way[-1][0]

    def park(self, minutes: float) -> Drive:
        _, east, north = self.way[-1]
        self.way.append((self.now_s + 60 * minutes, east, north))
        return self

    def park_until(self, clock: str) -> Drive:
        return self.park((at(clock) / 1000 - self.now_s) / 60)

    def to(self, *points: Point, kmh: float = 30.0) -> Drive:
        for east, north in points:
            _, was_east, was_north = self.way[-1]
            took_s = np.hypot(east - was_east, north - was_north) / (kmh / 3.6)
            self.way.append((self.now_s + took_s, east, north))
        return self

    def laps(self, line: Sequence[Point], rounds: int, kmh: float = 30.0, light_s: float = 20.0) -> Drive:
        """Round and round a closed line, a red light at each corner: 3 km at 30 km/h and 4 x 20 s are 7 min 20 s."""
        self.to(line[0], kmh=kmh)
        for _ in range(rounds):
            for corner in line[1:]:
                self.to(corner, kmh=kmh).park(light_s / 60)
        return self

    def drive_round(self, line: Sequence[Point], rounds: int) -> Drive:
        """As `laps`, each round at a pace of its own, as people drive."""
        for _ in range(rounds):
            self.laps(line, 1, kmh=self.random.uniform(22, 36), light_s=self.random.uniform(5, 40))
        return self

    def yard(self, minutes: float, within: Box = GROUND) -> Drive:
        """Manoeuvres at 5 to 10 km/h with pauses of 5 to 20 s, to the second as long as asked for."""
        end_s = self.now_s + 60 * minutes
        west, south, east, north = within
        while self.now_s < end_s:
            spot = self.random.uniform(west + 12, east - 12), self.random.uniform(south + 12, north - 12)
            self.to(spot, kmh=self.random.uniform(5, 10)).park(self.random.uniform(5, 20) / 60)
        t_s, e, n = np.array(self.way).T
        self.way = [p for p in self.way if p[0] < end_s]
        self.way.append((end_s, float(np.interp(end_s, t_s, e)), float(np.interp(end_s, t_s, n))))
        return self

    def yard_until(self, clock: str, within: Box = GROUND) -> Drive:
        return self.yard((at(clock) / 1000 - self.now_s) / 60, within)

    def silent(self, minutes: float) -> Drive:
        """Stand without sending: from the last fix before to the first fix after it is as long as asked for."""
        start_s = self.now_s
        self.park(minutes)
        self.silences.append((start_s, self.now_s))
        return self

    def fixes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Times (ms UTC), east, north, speed (m/s)."""
        way_s, way_east, way_north = np.array(self.way).T
        t_s = np.arange(way_s[0], way_s[-1] + 0.001, self.every_s)
        for start_s, end_s in self.silences:
            t_s = t_s[(t_s <= start_s) | (t_s >= end_s)]
        east, north = np.interp(t_s, way_s, way_east), np.interp(t_s, way_s, way_north)
        behind = np.interp(t_s - 1, way_s, way_east), np.interp(t_s - 1, way_s, way_north)
        speed = np.hypot(east - behind[0], north - behind[1])
        noise = np.random.default_rng([self.seed, len(t_s)]).normal(0, NOISE_M / np.sqrt(2), (2, len(t_s)))
        return np.round(t_s * 1000).astype(np.int64), east + noise[0], north + noise[1], speed


class SentAgain(Drive):
    """Another car's fixes, sent later and each moved a little, as a forger does it."""

    def __init__(self, original: Drive, after_minutes: float, jitter_m: float = 1.0, seed: int = 7) -> None:
        super().__init__("0:00", seed=seed)
        self.original, self.after_ms, self.jitter_m = original, round(60_000 * after_minutes), jitter_m

    def fixes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        t_ms, east, north, speed = self.original.fixes()
        jitter = np.random.default_rng(self.seed).normal(0, self.jitter_m / np.sqrt(2), (2, len(t_ms)))
        return t_ms + self.after_ms, east + jitter[0], north + jitter[1], speed


def fleet_of(drives: Mapping[str, Drive]) -> Fleet:
    """The fixes of several cars, in WGS-84 and in the order of their names."""
    names = sorted(drives)
    columns = [drives[name].fixes() for name in names]
    owner = np.repeat(np.arange(len(names)), [len(c[0]) for c in columns]).astype(np.int32)
    t_ms, east, north, speed = (np.concatenate([c[i] for c in columns] or [np.empty(0)]) for i in range(4))
    lon_deg, lat_deg = PLANE.to_degrees(east, north)
    return build_fleet(names, owner, t_ms.astype(np.int64), lon_deg, lat_deg, speed_mps=speed.astype(np.float32))


def surveyed(world: World, history: Mapping[str, Drive] | None = None, known_as: str = "2026-03-17") -> World:
    """The same world with what the real first pass makes of it: outages, peers, replays (also of earlier days)."""
    assert world.motion is not None
    motions = [(world.motion, DATE.isoformat(), True)]
    if history:
        motions.append((observe(fleet_of(history), world.places, Recipe()), known_as, False))
    parts, trails = [], {}
    names: list[tuple[str, bool]] = []
    for motion, day, of_day in motions:
        parts.append(crossings_of(motion.fleet, motion.east_m, motion.north_m, len(names)))
        for k, vehicle_id in enumerate(motion.fleet.vehicle_ids):
            trails[len(names)] = trail(motion, k, day, of_day)
            names.append((vehicle_id, of_day))
    pairs = replay_pairs(parts, [n[1] for n in names], [n[0] for n in names])
    heard = presences(world.motion.fleet, Recipe().gap_ms, world.facts.feeds)
    peers = Counter(feed for p in heard for feed in p.feeds)
    night = NightFacts(outages=feed_outages(heard), peers=peers, replays=check_pairs(pairs, trails))
    return replace(world, night=night)


def checked(world: World, declared: Datum, truly: Datum | None) -> World:
    """The same world whose feed is declared as one datum and is truly another (None: converted once too often)."""
    fleet = fleet_of(world.drives)
    lon, lat = misread(fleet.lon_deg, fleet.lat_deg, declared, truly)
    read = observe(replace(fleet, lon_deg=lon, lat_deg=lat), world.places, Recipe())
    facts = world.facts
    night = check_feed("amap", declared, read, world.places, facts.sessions, DAY, Recipe())
    return replace(world, night=NightFacts(peers={"amap": 3}, feeds=(night,)))


def feed_night(passes: PassSpread) -> FeedNight:
    """A night of the feed in which all fits, and its tracks pass one another so far apart."""
    return FeedNight(DAY, "amap", "gcj02", {"gcj02": 1.0, "wgs84": 0.0}, 3, 9, DAY.start_ms, DAY.end_ms, 500.0, passes)


def misread(lon_deg: F8, lat_deg: F8, declared: Datum, truly: Datum | None) -> tuple[F8, F8]:
    """Where true positions come to lie when a provider sends them in one datum and we read them as another."""
    if truly is None:  # sent in the declared datum already, and converted to it once more
        return from_wgs84(lon_deg, lat_deg, declared)
    sent = from_wgs84(lon_deg, lat_deg, truly)
    return to_wgs84(sent[0], sent[1], declared)


def trace(source: Any) -> list[tuple[str, int, int, int]]:
    rows = np.asarray(source)
    return [("tracks/amap/T1.csv", int(rows[0]), int(rows[-1]), len(rows))] if len(rows) else []


SOURCES = Sources(trace, {"tracks/amap/T1.csv": "ab" * 32, "zones.geojson": "cd" * 32}, {"program": "0.1"})


@dataclass(frozen=True)
class World:
    """A service day of the city. What a test does not say is in order: registers whole, everybody heard."""

    drives: Mapping[str, Drive] = field(default_factory=dict)
    sessions: Sequence[Session] = ()
    permits: Sequence[Permit] = ()
    exams: Sequence[Exam] = ()
    zones: Sequence[Zone] = ZONES
    windows: Sequence[Window] = WINDOWS
    exceptions: Sequence[HoursException] = ()
    vehicles: Sequence[Vehicle] = (vehicle(), vehicle("V2"))
    doubts: Doubts = field(default_factory=Doubts)
    damaged_trainees: frozenset[str] = frozenset()
    night: NightFacts = field(default_factory=lambda: NightFacts(peers={"amap": 3}))
    witnesses: Witnesses = field(default_factory=lambda: Witnesses(plate_doubt=None, crew_doubt=None))

    @cached_property
    def places(self) -> Places:
        return Places.build(self.zones, PLANE, MARGIN_M)

    @cached_property
    def motion(self) -> Motion | None:
        return observe(fleet_of(self.drives), self.places, Recipe()) if self.drives else None

    @property
    def facts(self) -> Facts:
        def by_car(declared: Sequence[Any]) -> dict[str, tuple[Any, ...]]:
            return {v.vehicle_id: tuple(d for d in declared if d.vehicle_id == v.vehicle_id) for v in self.vehicles}

        return Facts(
            day=DAY,
            places=self.places,
            calendar=Calendar(tuple(self.windows), tuple(self.exceptions), LOCAL),
            vehicles={v.vehicle_id: v for v in self.vehicles},
            schools={s: School(s, f"{s} 驾校", "310115") for s in ("S1", "S2")},
            sessions=by_car(self.sessions),
            exams=by_car(self.exams),
            permits=tuple(self.permits),
            feeds={v.vehicle_id: (v.provider,) for v in self.vehicles},
            doubts={v.vehicle_id: self.doubts for v in self.vehicles},
            damaged_trainees=self.damaged_trainees,
            night=self.night,
            witnesses=self.witnesses,
        )

    def audit(self, rules: Sequence[Rule] | None = None) -> Verdicts:
        """Ask all rules about all cars that drove or have a session, about trainees and about feeds."""
        rules = load_rules() if rules is None else rules
        facts = self.facts
        concerned = {*self.drives, *(s.vehicle_id for s in self.sessions)} or {v.vehicle_id for v in self.vehicles}
        out = audit_batch(self.motion, sorted(concerned), facts, rules, SOURCES)
        out.add(audit_trainees(facts, out.records, rules, SOURCES))
        out.add(audit_feeds(facts, rules, SOURCES))
        return out

    def ask(self, rule: str, **values: float) -> Verdicts:
        """Ask one rule, some of its values set anew."""
        return self.audit([with_values(rule, {name: [(date(2000, 1, 1), v)] for name, v in values.items()})])

    def ask_under(self, rule: str, name: str, until_then: float, from_then: float, since: date) -> Verdicts:
        """Ask one rule of which one value changed on a date."""
        return self.audit([with_values(rule, {name: [(date(2000, 1, 1), until_then), (since, from_then)]})])


def rule_named(name: str) -> Rule:
    return next(r for r in load_rules() if r.name == name)


def with_values(name: str, values: Mapping[str, Sequence[tuple[date, float]]]) -> Rule:
    """A rule whose card has other dated values, and none beside them for those parameters."""
    card = rule_named(name).card
    unit = {parameter: held[-1].unit for parameter, held in card.parameters.items()}
    dated = {
        p: [Value(held.since, v[0][1], unit[p], "test") for held in card.parameters[p]]
        + [Value(since, value, unit[p], "test") for since, value in v]
        for p, v in values.items()
    }
    return next(r for r in load_rules({name: dated}) if r.name == name)


def only(verdicts: Verdicts) -> Finding:
    """The one finding there is."""
    told = [(f.rule, LOCAL.iso(f.start_ms), LOCAL.iso(f.end_ms)) for f in verdicts.findings]
    assert len(told) == 1, told
    return verdicts.findings[0]


def silent(verdicts: Verdicts) -> bool:
    """Nothing found and nothing left open."""
    return not verdicts.findings and not verdicts.not_assessed


def reasons(verdicts: Verdicts) -> set[str]:
    return {n.reason for n in verdicts.not_assessed}


def unanswered(verdicts: Verdicts) -> set[str]:
    """Why nothing was found: the reasons, where there is no finding."""
    assert not verdicts.findings
    return reasons(verdicts)


def minutes(finding: Finding) -> float:
    return (finding.end_ms - finding.start_ms) / MINUTE_MS


def share_within(finding: Finding, start: str, end: str) -> float:
    """How much of a finding and of a time is common to both (intersection over union)."""
    a, b = at(start), at(end)
    both = min(finding.end_ms, b) - max(finding.start_ms, a)
    return both / (max(finding.end_ms, b) - min(finding.start_ms, a))
