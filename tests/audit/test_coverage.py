"""The coverage statement: silence is counted once, and what a whole feed's outage explains is not the car's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.coverage import CarCoverage, by_school
from tests.rules.world import MINUTE_MS, Drive, World, at, session, vehicle
from trajectories.intervals import intervals


def of(world: World) -> dict[str, CarCoverage]:
    return {c.vehicle_id: c for c in world.audit().coverage}


def minutes(ms: int) -> float:
    return ms / MINUTE_MS


def test_silence_in_a_session_and_before_the_first_fix_of_it_is_silence() -> None:
    drive = Drive("9:10").park(20).silent(15).park(25)  # heard from 9:10 to 9:30 and from 9:45 to 10:10
    car = of(World({"V1": drive}, [session("9:00", "10:00")]))["V1"]
    assert minutes(car.seen_ms) == pytest.approx(45, abs=0.1)
    assert minutes(car.silent_ms) == pytest.approx(25, abs=0.1)
    assert (minutes(car.declared_ms), minutes(car.declared_seen_ms)) == pytest.approx((60, 35), abs=0.1)
    assert car.outage_ms == 0


def test_what_an_outage_of_the_feed_explains_is_subtracted_from_the_silence() -> None:
    world = World({"V1": Drive("9:00").park(20).silent(15).park(25)}, [session("9:00", "10:00")])
    night = replace(world.night, outages={"amap": intervals([(at("9:25"), at("9:40"))])})
    car = of(replace(world, night=night))["V1"]
    assert (minutes(car.silent_ms), minutes(car.outage_ms)) == pytest.approx((5, 10), abs=0.1)


def test_a_car_without_a_fix_is_silent_for_all_of_its_sessions() -> None:
    car = of(World({}, [session("9:00", "10:00")]))["V1"]
    assert not car.has_fixes
    assert (car.seen_ms, minutes(car.silent_ms), car.declared_seen_ms) == (0, 60, 0)


def test_schools_sum_up_their_cars_and_what_could_not_be_assessed() -> None:
    cars = (vehicle(), vehicle("V2"), vehicle("V3", "S2"))
    world = World({"V1": Drive("9:00").park(60)}, [session("9:00", "10:00", vehicle_id="V2")], vehicles=cars)
    verdicts = world.audit()
    schools = by_school(verdicts.coverage, verdicts.not_assessed, world.facts.vehicles)
    assert list(schools) == ["S1"], "only cars that were asked about"
    assert (schools["S1"].cars, schools["S1"].cars_without_fixes) == (2, 1)
    counted = sum(sum(reasons.values()) for reasons in schools["S1"].not_assessed.values())
    assert counted == len(verdicts.not_assessed) > 0
    assert set(schools["S1"].not_assessed["ghost-session"]) == {"no-fixes"}
