"""What must not matter does not: names, an hour's shift of everything, a school that has nothing to do with it.

And what can only excuse does: a larger place never makes a training off-zone, longer hours never make one untimely.
Every world here goes through the real pipeline (tests/rules/world.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.engine import Verdicts
from audit.finding import Finding
from geo.datum import Datum
from tests.rules.guilty import MAKERS, MIDDLE, guilty
from tests.rules.world import (
    GROUND,
    HOME,
    NOWHERE,
    OTHER_GROUND,
    PLANE,
    ROUTE,
    STREETS,
    WINDOWS,
    ZONES,
    Box,
    Drive,
    SentAgain,
    World,
    area,
    checked,
    daily,
    in_degrees,
    session,
    surveyed,
)
from trajectories.intervals import Intervals, intervals, subtract, total_ms
from zones.schedule import Window
from zones.zone import Zone, ZoneKind

HOUR_MS = 3_600_000
QUICK, HEAVY = settings(max_examples=30), settings(max_examples=400)


def times(verdicts: Verdicts, rule: str) -> Intervals:
    return intervals((f.start_ms, f.end_ms) for f in verdicts.findings if f.rule == rule)


def told(verdicts: Verdicts, names: dict[str | None, str] | None = None, later_ms: int = 0) -> list[tuple[Any, ...]]:
    """What an audit says, under other names and at another time: findings with their margins, and open questions."""

    def named(key: str | None) -> str | None:
        return (names or {}).get(key, key)

    def finding(f: Finding) -> tuple[Any, ...]:
        keys = tuple(named(k) for k in (f.vehicle_id, f.session_id, f.trainee_id, f.person_id))
        margins = tuple((name, round(value, 4)) for name, value in sorted(f.evidence["margins"].items()))
        return (f.rule, *keys, f.start_ms + later_ms, f.end_ms + later_ms, f.zone_id, str(f.severity), margins)

    open_ = [(n.rule, named(n.vehicle_id), n.reason) for n in verdicts.not_assessed]
    return sorted([*map(finding, verdicts.findings), *open_], key=str)


# ---------------------------------------------------------------- a car's day near places
def moved(box: Box, east_m: float, north_m: float) -> Box:
    return (box[0] + east_m, box[1] + north_m, box[2] + east_m, box[3] + north_m)


@st.composite
def days(
    draw: st.DrawFn,
    kinds: tuple[str, ...] = ("yard", "edge", "nowhere", "rounds"),
    grounds: tuple[Box, ...] = (GROUND, OTHER_GROUND),
) -> World:
    """A day of one car that practises in, at the edge of and outside approved places, and drives rounds of streets."""
    drive = Drive("8:00", HOME, seed=draw(st.integers(0, 50)))
    for _ in range(draw(st.integers(1, 3))):
        kind, minutes = draw(st.sampled_from(kinds)), draw(st.integers(11, 35))
        if kind == "rounds":
            drive.laps(draw(st.sampled_from([STREETS, ROUTE])), draw(st.integers(2, 4)))
            continue
        box = NOWHERE if kind == "nowhere" else draw(st.sampled_from(grounds))
        if kind == "edge":
            box = moved(box, draw(st.floats(10, 140)), draw(st.floats(0, 120)))
        drive.to((box[0] + 30, box[1] + 30)).yard(minutes, box)
    drive.park(15)
    declared = draw(st.lists(st.sampled_from([("8:00", "9:00"), ("9:00", "10:00")]), max_size=2, unique=True))
    sessions = [session(a, b, session_id=f"K{i}") for i, (a, b) in enumerate(declared)]
    return World({"V1": drive}, sessions)


def buffered(zone: Zone, metres: float) -> Zone:
    """The zone, larger by so many metres on every side; a route in its width."""
    if zone.kind is ZoneKind.ROUTE:
        return replace(zone, width_m=(zone.width_m or 0) + 2 * metres)
    corners = shapely.transform(zone.geometry, lambda xy: np.column_stack(PLANE.to_metres(xy[:, 0], xy[:, 1])))
    return replace(zone, geometry=in_degrees(corners.buffer(metres)))


def an_enlarged_zone_excuses_only(world: World, metres: float, which: int) -> None:
    larger = replace(world, zones=[buffered(z, metres) if i == which else z for i, z in enumerate(world.zones)])
    before, after = (times(w.audit(), "off-zone-training") for w in (world, larger))
    assert total_ms(subtract(after, before)) == 0, (before.tolist(), after.tolist())


@QUICK
@given(days(), st.floats(0.5, 150), st.integers(0, len(ZONES) - 1))
def test_enlarging_a_zone_never_creates_an_off_zone_finding(world: World, metres: float, which: int) -> None:
    an_enlarged_zone_excuses_only(world, metres, which)


@pytest.mark.slow
@HEAVY
@given(days(), st.floats(0.5, 150), st.integers(0, len(ZONES) - 1))
def test_enlarging_a_zone_never_creates_an_off_zone_finding_in_many_days(
    world: World, metres: float, which: int
) -> None:
    an_enlarged_zone_excuses_only(world, metres, which)


def longer_hours_excuse_only(world: World, hours: tuple[int, int], earlier: int, later: int) -> None:
    opens, closes = hours

    def with_hours(start: int, end: int) -> World:
        windows = [replace(w, start_min=start, end_min=end) if w.zone_id == "G1" else w for w in WINDOWS]
        return replace(world, windows=windows)

    before = times(with_hours(opens, closes).audit(), "out-of-hours")
    after = times(with_hours(opens - earlier, closes + later).audit(), "out-of-hours")
    assert total_ms(subtract(after, before)) == 0, (before.tolist(), after.tolist())


LESSONS = days(("yard", "edge"), (GROUND,))  # from about 8:02 to between 8:15 and 9:50
G1_HOURS = st.tuples(st.integers(8 * 60, 8 * 60 + 40), st.integers(8 * 60 + 45, 10 * 60))


@QUICK
@given(LESSONS, G1_HOURS, st.integers(0, 120), st.integers(0, 120))
def test_lengthening_hours_never_creates_an_out_of_hours_finding(
    world: World, hours: tuple[int, int], earlier: int, later: int
) -> None:
    longer_hours_excuse_only(world, hours, earlier, later)


@pytest.mark.slow
@HEAVY
@given(LESSONS, G1_HOURS, st.integers(0, 120), st.integers(0, 120))
def test_lengthening_hours_never_creates_an_out_of_hours_finding_in_many_days(
    world: World, hours: tuple[int, int], earlier: int, later: int
) -> None:
    longer_hours_excuse_only(world, hours, earlier, later)


# ---------------------------------------------------------------- names, times, bystanders
def worked_out_again(world: World, rule: str) -> World:
    """The world with its night facts made anew."""
    if rule == "replayed-track":
        return surveyed(world)
    return checked(world, Datum.WGS84, Datum.GCJ02) if rule == "feed-datum" else world


NAMES = st.text("ABCXYZ0129", min_size=3, max_size=6)


@pytest.mark.parametrize("rule", MAKERS)
@settings(max_examples=4)
@given(st.lists(NAMES, min_size=8, max_size=8, unique=True))
def test_other_names_of_cars_sessions_and_people_give_the_same_findings_under_those_names(
    rule: str, fresh: list[str]
) -> None:
    world = guilty(rule)
    keys = ["V1", "V2", "K1", "K2", "P1", "L1", "L2"]
    names: dict[str | None, str] = dict(zip(keys, fresh, strict=False))
    renamed = replace(
        world,
        drives={names[v]: d for v, d in world.drives.items()},
        vehicles=[replace(v, vehicle_id=names[v.vehicle_id]) for v in world.vehicles],
        sessions=[
            replace(
                s,
                session_id=names[s.session_id],
                vehicle_id=names[s.vehicle_id],
                instructor_id=names[s.instructor_id],
                trainee_id=names[s.trainee_id],
            )
            for s in world.sessions
        ],
    )
    again = worked_out_again(renamed, rule).audit()
    assert world.audit().findings
    assert told(again) == told(world.audit(), names)


class Later(Drive):
    """A drive some time later, fix by fix."""

    def __init__(self, drive: Drive, later_ms: int) -> None:
        super().__init__("0:00")
        self.drive, self.later_ms = drive, later_ms

    def fixes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        t_ms, east, north, speed = self.drive.fixes()
        return t_ms + self.later_ms, east, north, speed


def hours_later(window: Window, hours: int) -> Window:
    return replace(window, start_min=window.start_min + 60 * hours, end_min=window.end_min + 60 * hours)


@pytest.mark.parametrize("hours", [-2, 1, 2])
@pytest.mark.parametrize("rule", MAKERS)
def test_everything_some_hours_later_gives_the_same_findings_those_hours_later(rule: str, hours: int) -> None:
    """From two hours earlier (the service day begins at 4:00, hours at 6:00) to two later (they end at 24:00)."""
    world, later_ms = guilty(rule), hours * HOUR_MS
    shifted = replace(
        world,
        drives={v: Later(d, later_ms) for v, d in world.drives.items()},
        sessions=[replace(s, start_ms=s.start_ms + later_ms, end_ms=s.end_ms + later_ms) for s in world.sessions],
        windows=[hours_later(w, hours) for w in world.windows],
    )
    assert told(worked_out_again(shifted, rule).audit()) == told(world.audit(), later_ms=later_ms)


@pytest.mark.parametrize("rule", [rule for rule in MAKERS if rule != "feed-datum"])
def test_a_place_and_a_car_that_have_nothing_to_do_with_it_change_nothing(rule: str) -> None:
    """A ground of a school without cars, 20 km away, and a car of another school that stands there all day.

    Not asked of feed-datum, which is about all cars of a feed, from the first fix of any to the last.
    """
    world = guilty(rule)
    far = area("G9", moved(GROUND, 20_000, 20_000), "S9")
    bystander = replace(world.vehicles[0], vehicle_id="V9", school_id="S9", terminal_id="T-V9", plate="沪A·V9学")
    beside = replace(
        world,
        zones=[*world.zones, far],
        windows=[*world.windows, daily("G9")],
        vehicles=[*world.vehicles, bystander],
        drives={**world.drives, "V9": Drive("8:00", (20_050, 20_060)).park(120)},
    )
    assert told(worked_out_again(beside, rule).audit()) == told(world.audit())


def test_the_days_that_are_drawn_do_bring_findings_of_both_kinds() -> None:
    """Else the two properties of excuses would hold of nothing."""
    drive = Drive("8:00").to((30, 30)).yard(30, moved(GROUND, 130, 0)).to(MIDDLE).yard(30)
    world = World({"V1": drive}, windows=[daily("G1", "12:00"), *(w for w in WINDOWS if w.zone_id != "G1")])
    found = {f.rule for f in world.audit().findings}
    assert {"off-zone-training", "out-of-hours"} <= found
    assert isinstance(guilty("replayed-track").drives["V2"], SentAgain)
