"""Which datum a feed's positions truly are in is told from where its cars were declared to be."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from shapely import Polygon

from audit.analysis import observe
from audit.datum_check import check_feed, hypotheses, shifted
from audit.rules.feed_datum import best_other
from geo.datum import Datum, from_wgs84, to_wgs84
from geo.plane import LocalPlane
from tests.rules.guilty import MIDDLE, guilty
from tests.rules.world import DAY, Drive, World, checked, misread, only, session, silent, unanswered
from trajectories.fleet import build_fleet
from trajectories.recipe import Recipe
from zones.places import Places
from zones.zone import Zone

RULE = "feed-datum"
WRONG = [pair for pair in itertools.product(Datum, Datum) if pair[0] is not pair[1]]
HONEST = World(guilty(RULE).drives, guilty(RULE).sessions)
CITIES = {"Shanghai": (121.4737, 31.2304), "Urumqi": (87.6168, 43.8256), "Haikou": (110.1999, 20.0440)}
TO_AND_FRO_M = 0.5
"""What reading, undoing and reading right may leave: both inverses are iterated to far below it."""


@pytest.mark.parametrize(("declared", "truly"), WRONG, ids=str)
def test_every_datum_declared_as_every_other_is_told_apart(declared: Datum, truly: Datum) -> None:
    world = checked(HONEST, declared, truly)
    (night,) = world.night.feeds
    assert best_other(night) == str(truly)
    assert night.fits[str(truly)] > 0.95
    assert night.fits[str(declared)] < 0.05
    assert only(world.ask(RULE)).evidence["measured"]["fits"] == str(truly)


@pytest.mark.parametrize("declared", [Datum.GCJ02, Datum.BD09])
def test_a_feed_converted_once_too_often_is_told_apart_from_every_other_datum(declared: Datum) -> None:
    world = checked(HONEST, declared, None)
    assert best_other(world.night.feeds[0]) == f"{declared}-twice"
    only(world.ask(RULE))


@pytest.mark.parametrize("datum", Datum)
def test_the_right_datum_is_silent(datum: Datum) -> None:
    world = checked(HONEST, datum, datum)
    assert world.night.feeds[0].fits[str(datum)] > 0.95
    assert silent(world.ask(RULE))


@pytest.mark.parametrize(("declared", "truly"), WRONG, ids=str)
def test_read_as_what_they_truly_are_positions_come_back_to_their_place(declared: Datum, truly: Datum) -> None:
    for lon, lat in CITIES.values():
        plane = LocalPlane(lon, lat)
        read = misread(np.array([lon]), np.array([lat]), declared, truly)
        back = plane.to_metres(*shifted(*read, declared, truly))
        assert np.hypot(*plane.to_metres(*read))[0] > 80, "the wrong datum is off by far more than any fence forgives"
        assert np.hypot(*back)[0] < TO_AND_FRO_M


@pytest.mark.parametrize("declared", [Datum.GCJ02, Datum.BD09])
def test_a_second_conversion_is_undone(declared: Datum) -> None:
    lon, lat = (np.array([v]) for v in CITIES["Shanghai"])
    twice = from_wgs84(*from_wgs84(lon, lat, declared), declared)
    back = shifted(*to_wgs84(*twice, declared), declared, None)
    assert np.hypot(*LocalPlane(lon[0], lat[0]).to_metres(*back))[0] < TO_AND_FRO_M


def test_the_declared_datum_leaves_every_digit_as_it_is() -> None:
    lon, lat = np.array([121.4737]), np.array([31.2304])
    for datum in Datum:
        assert [v.tolist() for v in shifted(lon, lat, datum, datum)] == [[121.4737], [31.2304]]


def test_wgs84_cannot_have_been_converted_twice() -> None:
    assert set(hypotheses(Datum.WGS84)) == {"wgs84", "gcj02", "bd09"}
    assert set(hypotheses(Datum.BD09)) == {"wgs84", "gcj02", "bd09", "bd09-twice"}


def abroad(lon_deg: float, lat_deg: float) -> tuple[Places, LocalPlane]:
    """G1 somewhere else."""
    plane = LocalPlane(lon_deg, lat_deg)
    ring = plane.to_degrees(np.array([0.0, 100, 100, 0]), np.array([0.0, 0, 120, 120]))
    g1 = World().zones[0]
    zone = Zone("G1", g1.kind, g1.name, Polygon(np.column_stack(ring)), g1.school_ids, g1.parts)
    return Places.build([zone], plane, 15.0), plane


def test_outside_china_gcj02_and_wgs84_are_one_and_nothing_is_told() -> None:
    places, plane = abroad(-87.6, 41.9)
    t_ms, east, north, _ = Drive("9:00", MIDDLE).yard(30).fixes()
    lon, lat = plane.to_degrees(east, north)
    fleet = build_fleet(["V1"], np.zeros(len(t_ms), np.int32), t_ms, lon, lat)
    sessions = {"V1": (session("9:00", "9:30"), session("9:30", "10:00", session_id="K2"))}
    night = check_feed("amap", Datum.GCJ02, observe(fleet, places, Recipe()), places, sessions, DAY, Recipe())
    assert night.fits["wgs84"] == night.fits["gcj02"] > 0.95
    assert silent(World(night=replace(World().night, feeds=(night,))).ask(RULE))


def test_one_session_of_road_work_is_too_little_to_tell() -> None:
    drive = Drive("9:00", (500, 500)).to((1400, 500), (1400, 1100))
    world = checked(World({"V1": drive}, [session("9:00", "9:03", "R1", 3)]), Datum.WGS84, Datum.GCJ02)
    assert world.night.feeds[0].n_sessions == 1
    assert unanswered(world.ask(RULE)) == {"few-places"}


def test_yard_work_without_any_session_tells_the_datum_too() -> None:
    undeclared = replace(HONEST, sessions=())
    only(checked(undeclared, Datum.WGS84, Datum.GCJ02).ask(RULE))
    assert silent(checked(undeclared, Datum.WGS84, Datum.WGS84).ask(RULE))


def test_cars_that_stand_tell_nothing() -> None:
    parked = World({"V1": Drive("9:00", MIDDLE).park(60)}, HONEST.sessions)
    (night,) = checked(parked, Datum.WGS84, Datum.GCJ02).night.feeds
    assert night.n_sessions == 0
    assert set(night.fits.values()) == {0.0}


def test_a_night_says_from_when_to_when_the_feed_was_heard() -> None:
    (night,) = checked(HONEST, Datum.WGS84, Datum.WGS84).night.feeds
    assert (night.feed, night.declared, night.n_vehicles) == ("amap", "wgs84", 2)
    assert night.last_ms - night.first_ms == 30 * 60_000
