"""plate-conflict: cameras read the plate where the car cannot have been."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from audit.day import Doubts
from tests.rules.filmed import CAMERAS, Film, Shot, car, crowd, drives_past, joined
from tests.rules.guilty import guilty
from tests.rules.world import DATE, HOME, Drive, World, at, only, reasons, session, silent, unanswered, vehicle
from zones.register import Use

RULE = "plate-conflict"


def standing(*seen: tuple[str, str], **more: object) -> Film:
    """V1 stands at home from 8:00 to 12:00 while cameras read its plate."""
    home = Drive("8:00", HOME).park_until("12:00")
    return joined(home, [Shot(camera, at(clock), "V1") for camera, clock in seen], **more)


def test_the_finding_lasts_from_the_first_to_the_last_passage_that_the_track_contradicts() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert (finding.vehicle_id, finding.person_id) == ("V1", None)
    assert abs(finding.start_ms - at("9:00")) < 5_000
    assert abs(finding.end_ms - at("9:40")) < 5_000
    assert "3 条卡口过车记录" in finding.summary_zh
    assert [s["camera_id"] for s in finding.evidence["seen"]] == ["D3", "D6", "D3"]
    assert all(s["whereabouts"] == "elsewhere" and s["file"] == "passages.ndjson" for s in finding.evidence["seen"])


def test_each_explanation_has_its_likelihood_and_the_clone_leads_by_the_odds_asked_for() -> None:
    measured = only(guilty(RULE).ask(RULE)).evidence["measured"]
    errors = max(measured["log10_misread"], measured["log10_clock"])
    assert max(measured["log10_clone"], measured["log10_tampered"]) - errors >= 3


def test_one_contradictory_passage_is_no_finding_and_the_second_makes_one() -> None:
    assert silent(standing(("D3", "9:00")).watched().ask(RULE))
    only(standing(("D3", "9:00"), ("D6", "9:20")).watched().ask(RULE))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    only(guilty(RULE).ask_under(RULE, "least_passages", 4, 3, since=DATE))
    assert silent(guilty(RULE).ask_under(RULE, "least_passages", 4, 3, since=date(2026, 3, 19)))


def test_a_car_that_may_have_been_there_while_its_terminal_was_silent_is_not_contradicted() -> None:
    """From home to D3 and back it is 10 km: two silences of 40 minutes suffice."""
    quiet = Drive("8:00", HOME).park_until("8:40").silent(40).park(1).silent(40).park_until("12:00")
    seen = [Shot("D3", at("9:00"), "V1"), Shot("D6", at("9:41"), "V1")]
    assert silent(joined(quiet, seen).watched().ask(RULE))


@pytest.mark.parametrize("off_s", [-600.0, -120.0, 240.0, 800.0])
def test_a_camera_that_is_minutes_off_contradicts_nobody(off_s: float) -> None:
    """Its clock is found from the cars that pass, and their passages fit again."""
    shots = [replace(s, off_s=off_s) if s.camera_id in {"C1", "D2"} else s for s in crowd().shots]
    world = replace(crowd(), shots=shots).watched()
    clocks = world.night.cameras.clocks
    assert abs(clocks["C1"].offset_s - off_s) < 2
    assert clocks["C1"].is_trusted
    assert not world.ask(RULE).findings


def test_a_camera_whose_clock_nobody_tells_contradicts_only_what_no_time_of_the_quarter_hour_would_fit() -> None:
    """X9 stands where nobody drives. V1 is 4 km away, and near it ten minutes later."""
    cameras = {**CAMERAS, "X9": (3600.0, -500.0)}
    far = [Shot("X9", at("9:00"), "V1"), Shot("X9", at("10:30"), "V1")]
    home = Drive("8:00", HOME).park_until("12:00")
    only(joined(home, far, cameras=cameras).watched().ask(RULE))
    near = Drive("8:00", HOME).park_until("9:02").to((3600, -500), kmh=40).to(HOME, kmh=40).park_until("10:20")
    near = near.to((3600, -500), kmh=40).to(HOME, kmh=40).park_until("12:00")
    assert silent(joined(near, far, cameras=cameras).watched().ask(RULE))


def test_a_plate_misread_as_another_registered_car_s_is_given_to_the_car_that_went_by() -> None:
    """V2's plate differs from V1's in a 3 read as 8; V2 drives past four cameras, and each time V1 is read."""
    base = standing()
    twins = [replace(car("V1", 1), plate="沪A8308学"), replace(car("V2", 2), plate="沪A3308学")]
    round_trip = Drive("9:00", (500, 500), seed=5).drive_round([(500, 500), (1400, 500), (1400, 1100)], 1)
    shots = [
        Shot(c, t, "V2", read_as="沪A8308学") for c in ("C1", "C2", "C3") for t in drives_past(round_trip, CAMERAS[c])
    ]
    world = replace(
        base.world, drives={**base.world.drives, "V2": round_trip}, vehicles=[*twins, *base.world.vehicles[2:]]
    )
    watched = replace(base, world=world, shots=[*base.shots, *shots]).watched()
    assert len(shots) >= 3
    assert not watched.ask(RULE).findings
    mine = [c for c in watched.night.cameras.passages["V2"] if not c.is_read_so]
    assert len(mine) == len(shots)


def test_a_made_up_track_is_told_from_a_clone_by_the_cameras_that_never_saw_it() -> None:
    """V1's track makes nine rounds of R1 that no camera saw, while its plate is read elsewhere."""
    drive = Drive("8:00", (500, 500), every_s=10, seed=3).drive_round(
        [(500, 500), (1400, 500), (1400, 1100), (500, 1100), (500, 500)], 9
    )
    seen = [Shot("D3", at("8:20"), "V1"), Shot("D6", at("8:40"), "V1"), Shot("D3", at("9:00"), "V1")]
    finding = only(joined(drive, seen, [session("8:00", "9:00", "R1", 3, instructor_id="A01")]).watched().ask(RULE))
    assert "轨迹并非该车实际行驶" in finding.summary_zh
    assert finding.evidence["measured"]["missed"] > 20


def test_exam_cars_are_judged_too() -> None:
    base = standing(("D3", "9:00"), ("D6", "9:20"))
    exam = replace(base.world, vehicles=[car("V1", 1, use=Use.EXAM), *base.world.vehicles[1:]])
    assert only(replace(base, world=exam).watched().ask(RULE)).vehicle_id == "V1"


def test_without_passages_it_is_not_assessable() -> None:
    bare = replace(World({"V1": Drive("8:00", HOME).park_until("9:00")}), vehicles=[vehicle()])
    doubtful = replace(bare, witnesses=replace(bare.witnesses, plate_doubt="no-passages"))
    assert unanswered(doubtful.ask(RULE)) == {"no-passages"}


def test_a_car_without_a_track_is_not_assessable() -> None:
    assert unanswered(replace(guilty(RULE), drives={}, night=World().night).ask(RULE)) == {"no-fixes"}


def test_where_the_register_or_the_datum_is_in_doubt_nothing_is_said() -> None:
    for doubts, reason in ((Doubts(register="register-damaged"), "register-damaged"),):
        assert reasons(replace(guilty(RULE), doubts=doubts).ask(RULE)) == {reason}
    world = guilty(RULE)
    suspect = replace(world, night=replace(world.night, suspect=frozenset({"amap"})))
    assert unanswered(suspect.ask(RULE)) == {"feed-datum"}
