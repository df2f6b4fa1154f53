"""For each rule a world in which it fires once, and no other rule does. The tests of each rule start from there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from geo.datum import Datum
from tests.rules.filmed import Film, Shot, joined, taught_by
from tests.rules.world import (
    HOME,
    NOWHERE,
    OTHER_GROUND,
    ROUTE,
    Drive,
    SentAgain,
    World,
    at,
    checked,
    session,
    surveyed,
)

MIDDLE = (50.0, 60.0)
"""The middle of G1."""
HOME_ROAD = [(1400.0, -2500.0), (1400.0, 500.0)]
"""From the south-eastern corner of R1 3 km to the south, and back."""


def off_zone_training() -> World:
    """Forty minutes of yard work on a field that nobody approved."""
    return World({"V1": Drive("8:50", (-1950, -1940)).park_until("9:00").yard_until("9:40", NOWHERE).park(20)})


def off_route() -> World:
    """A round of R1, 6 km away from it and back at 30 km/h (12 min), the rest of the round and another."""
    drive = Drive("8:50", ROUTE[0]).park_until("9:00").laps(ROUTE, 1).to(ROUTE[1], *HOME_ROAD).to(*ROUTE[2:])
    return World({"V1": drive.laps(ROUTE, 1).park(10)}, [session("9:00", "9:40", "R1", 3)])


def out_of_hours() -> World:
    """An hour in G1 from 21:30 on; G1 closes at 22:00."""
    drive = Drive("21:20", MIDDLE).park_until("21:30").yard_until("22:30").park(20)
    return World({"V1": drive}, [session("21:30", "22:30")])


def wrong_zone() -> World:
    """Forty minutes on the ground of another school."""
    return World({"V1": Drive("8:50", (3050, 60)).park_until("9:00").yard_until("9:40", OTHER_GROUND).park(20)})


def undeclared_training() -> World:
    """Forty minutes on the school's own ground by day, and no session."""
    return World({"V1": Drive("8:50", MIDDLE).park_until("9:00").yard_until("9:40").park(20)})


def ghost_session() -> World:
    """A session of an hour while the car stands at home."""
    return World({"V1": Drive("8:00", HOME).park_until("11:00")}, [session("9:00", "10:00")])


def signal_gap() -> World:
    """A session of an hour with twenty minutes of silence."""
    drive = Drive("8:50", MIDDLE).park_until("9:00").yard(20).silent(20).yard(20).park(10)
    return World({"V1": drive}, [session("9:00", "10:00")])


def replayed_track() -> World:
    """V2's track is V1's, sent again forty minutes later; both lessons are declared."""
    lesson = Drive("8:00", MIDDLE).yard(40).to(HOME)
    sessions = [session("8:00", "8:40"), session("8:40", "9:20", session_id="K2", vehicle_id="V2", trainee_id="L2")]
    return surveyed(World({"V1": lesson, "V2": SentAgain(lesson, 40)}, sessions))


def over_hours() -> World:
    """Two lessons of one trainee, in two cars: 150 + 100 = 250 min, of 240 + 5 allowed."""
    sessions = [
        session("8:00", "10:30"),
        session("13:00", "14:40", session_id="K2", vehicle_id="V2"),
    ]
    first = Drive("8:00", MIDDLE, every_s=10).yard_until("10:30")
    return World({"V1": first, "V2": Drive("13:00", MIDDLE, every_s=10, seed=2).yard_until("14:40")}, sessions)


def feed_datum() -> World:
    """Two lessons in G1; the feed sends GCJ-02 and is declared as WGS-84."""
    sessions = [session("9:00", "9:30"), session("9:00", "9:30", session_id="K2", vehicle_id="V2", trainee_id="L2")]
    drives = {v: Drive("9:00", MIDDLE, seed=i).yard(30) for i, v in enumerate(("V1", "V2"))}
    return checked(World(drives, sessions), Datum.WGS84, Datum.GCJ02)


def plate_conflict() -> Film:
    """V1 stands at home all morning; two cameras 3 and 4 km away read its plate three times."""
    home = Drive("8:00", HOME).park_until("12:00")
    seen = (("D3", "9:00"), ("D6", "9:20"), ("D3", "9:40"))
    return joined(home, [Shot(camera, at(clock), "V1") for camera, clock in seen])


def safety_officer_instructing() -> Film:
    """In a declared lesson on R1 eight cameras see an exam safety officer beside the trainee."""
    return taught_by("O01")


def instructor_substitution() -> Film:
    """The same with another instructor of the school than the declared one."""
    return taught_by("A20")


FILMS: dict[str, Callable[[], Film]] = {
    "plate-conflict": plate_conflict,
    "safety-officer-instructing": safety_officer_instructing,
    "instructor-substitution": instructor_substitution,
}
"""The rules by cameras: a world and what was shot of it."""

MAKERS: dict[str, Callable[[], World]] = {
    "off-zone-training": off_zone_training,
    "off-route": off_route,
    "out-of-hours": out_of_hours,
    "wrong-zone": wrong_zone,
    "undeclared-training": undeclared_training,
    "ghost-session": ghost_session,
    "signal-gap": signal_gap,
    "replayed-track": replayed_track,
    "over-hours": over_hours,
    "feed-datum": feed_datum,
}
"""The rules on tracks."""


@cache
def guilty(rule: str) -> World:
    """The world of one rule; made once, for worlds do not change."""
    return FILMS[rule]().watched() if rule in FILMS else MAKERS[rule]()
