"""The registers over HTTP: as known at a time, within bounds; nights and runs; lessons with people by labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from store.access_log import recent
from store.registers import register_rows
from tests.api.calls import get, kind_of
from tests.api.conftest import CITY, DAY, Server
from tests.api.edited import audited_again, edited
from tests.api.walking import DATE, items, pages

REGISTERS = {
    "schools": "school_id", "vehicles": "vehicle_id", "zones": "zone_id", "schedules": "zone_id",
    "cameras": "camera_id", "sessions": "session_id", "exams": "exam_id",
}  # fmt: skip
WHY = quote("投诉核查")


def keys(server: Server, name: str, register: str, query: str = DATE) -> list[str]:
    return [row[REGISTERS[register]] for row in items(server, name, f"/v1/{register}?{query}")]


@pytest.mark.parametrize("register", REGISTERS)
@pytest.mark.parametrize("limit", [1, 5, 1000])
def test_a_register_is_walked_once_in_the_order_of_its_file(reading_server: Server, register: str, limit: int) -> None:
    with reading_server.store.reading() as session:
        rows = register_rows(session, DAY, register)
    if register == "sessions":
        rows = [r for r in rows if r.session_id != "S000001"]  # of the day before
    told = [
        row[REGISTERS[register]]
        for page in pages(reading_server, "head", f"/v1/{register}?{DATE}", limit)
        for row in page
    ]
    assert told == [getattr(row, REGISTERS[register]) for row in rows]
    assert told


def test_a_register_that_changes_meanwhile_is_walked_as_it_began(server: Server, tmp_path: Path) -> None:
    bundle = edited(tmp_path / "city", ("vehicles.csv", "V0001,", "V9999,"))
    before = keys(server, "head", "vehicles")
    told = pages(server, "head", f"/v1/vehicles?{DATE}", 3, between=lambda: audited_again(server, bundle))
    assert [row["vehicle_id"] for page in told for row in page] == before
    assert "V9999" in keys(server, "head", "vehicles")


def test_as_known_before_an_edit_gives_the_registers_of_then(server: Server, tmp_path: Path) -> None:
    bundle = edited(
        tmp_path / "city",
        ("schools.csv", "柳湾驾校", "新柳湾驾校"),
        ("zones.geojson", "柳湾训练场", "新训练场"),
        ("schedules.csv", "G02,1-7,08:00,17:30", "G02,1-7,09:00,17:00"),
        ("vehicles.csv", "豫Z1020学", "豫Z9999学"),
    )
    moment = quote(audited_again(server, bundle))

    def told(query: str) -> tuple[str, ...]:
        school = items(server, "head", f"/v1/schools?{query}")[0]["name"]
        zone = get(server, "head", f"/v1/zones/G02?{query}").json()["properties"]["name"]
        hours = next(r for r in items(server, "head", f"/v1/schedules?{query}") if r["zone_id"] == "G02")["start"]
        return school, zone, hours, get(server, "head", f"/v1/vehicles/V0001?{query}").json()["plate"]

    assert told(DATE) == ("新柳湾驾校", "新训练场", "09:00", "豫Z9999学")
    assert told(f"{DATE}&as_known={moment}") == ("柳湾驾校", "柳湾训练场", "08:00", "豫Z1020学")
    assert get(server, "head", f"/v1/zones/G02?{DATE}&as_known=2020-01-01T00:00:00Z").status_code == 404
    assert get(server, "head", "/v1/zones/G02?date=2019-01-01").status_code == 404
    assert items(server, "head", "/v1/vehicles?date=2019-01-01") == []


def test_zones_are_those_of_the_bundle(reading_server: Server) -> None:
    told = {f["properties"]["zone_id"]: f for f in json.loads((CITY / "zones.geojson").read_text("utf-8"))["features"]}
    answer = get(reading_server, "head", f"/v1/zones?{DATE}", accept="application/geo+json").json()
    for feature in answer["features"]:
        properties = feature["properties"]
        assert feature["geometry"] == told[properties["zone_id"]]["geometry"]
        assert properties["name"] == told[properties["zone_id"]]["properties"]["name"]


# ---------------------------------------------------------------- who sees what
def test_an_account_sees_the_registers_of_its_districts(reading_server: Server) -> None:
    every = {row["vehicle_id"]: row["school_id"] for row in items(reading_server, "head", f"/v1/vehicles?{DATE}")}
    assert keys(reading_server, "auditor-here", "schools") == ["SCH01"]
    own = [vehicle for vehicle, school in every.items() if school == "SCH01"]
    assert keys(reading_server, "auditor-here", "vehicles") == own
    for vehicle in every:
        status = 200 if vehicle in own else 404
        assert get(reading_server, "auditor-here", f"/v1/vehicles/{vehicle}?{DATE}").status_code == status
    sessions = items(reading_server, "head", f"/v1/sessions?{DATE}")
    expected = [row["session_id"] for row in sessions if row["vehicle_id"] in own]
    assert keys(reading_server, "auditor-here", "sessions") == expected
    assert 0 < len(expected) < len(sessions)
    assert keys(reading_server, "auditor-here", "exams") == []
    assert keys(reading_server, "auditor-here", "cameras") == []


def test_places_go_with_the_schools_that_they_are_approved_for(reading_server: Server) -> None:
    zones = items(reading_server, "head", f"/v1/zones?{DATE}")
    own = [z["zone_id"] for z in zones if z["school_ids"] is None or "SCH01" in z["school_ids"]]
    assert keys(reading_server, "auditor-here", "zones") == own
    assert len(own) < len(zones)
    assert set(keys(reading_server, "auditor-here", "schedules")) <= set(own)
    for zone in zones:
        status = 200 if zone["zone_id"] in own else 404
        assert get(reading_server, "auditor-here", f"/v1/zones/{zone['zone_id']}?{DATE}").status_code == status


@pytest.mark.parametrize("register", REGISTERS)
def test_elsewhere_there_is_nothing(reading_server: Server, register: str) -> None:
    assert keys(reading_server, "auditor-elsewhere", register) == []


@pytest.mark.parametrize("register", REGISTERS)
def test_schools_read_no_register_and_administrators_none_with_people(reading_server: Server, register: str) -> None:
    path = f"/v1/{register}?{DATE}"
    assert kind_of(get(reading_server, "school-1", path)) == "not-allowed"
    assert get(reading_server, None, path).status_code == 401
    answer = get(reading_server, "admin", path)
    assert answer.status_code == (403 if register in {"sessions", "exams"} else 200)


def test_what_is_not_there_and_what_is_elsewhere_are_told_in_the_same_words(reading_server: Server) -> None:
    def told(path: str) -> dict[str, Any]:
        answer = get(reading_server, "auditor-here", path)
        assert answer.status_code == 404
        body: dict[str, Any] = answer.json()
        return {name: value for name, value in body.items() if name != "instance"}

    theirs = items(reading_server, "head", f"/v1/vehicles?{DATE}&school=SCH02")[0]["vehicle_id"]
    nothing = told(f"/v1/vehicles/V7777?{DATE}")
    for vehicle in ("V7777", theirs):
        assert told(f"/v1/vehicles/{vehicle}?{DATE}") == nothing
        for path in ("track", "passages"):
            assert told(f"/v1/vehicles/{vehicle}/{path}?{DATE}&reason=x") == nothing


# ---------------------------------------------------------------- lessons
def test_people_of_lessons_have_labels_unless_somebody_says_why(server: Server) -> None:
    with server.store.reading() as session:
        people = {(r.session_id, r.instructor_id, r.trainee_id) for r in register_rows(session, DAY, "sessions")}
    rows = items(server, "auditor", f"/v1/sessions?{DATE}")
    assert not {(r["session_id"], r["instructor_id"], r["trainee_id"]) for r in rows} & people
    assert {r["instructor_id"].rpartition("-")[0] for r in rows} == {"person"}
    answer = get(server, "auditor", f"/v1/sessions?{DATE}&limit=2", x_reason=WHY)
    named = {(r["session_id"], r["instructor_id"], r["trainee_id"]) for r in answer.json()["items"]}
    assert named < people
    assert answer.headers["cache-control"] == "private, no-store"
    with server.store.reading() as session:
        log = recent(session, 4)
    assert {(e.subject_kind, e.subject_id) for e in log} == {
        pair for _, person, trainee in named for pair in (("person", person), ("trainee", trainee))
    }
    masked = items(server, "platform", f"/v1/sessions?{DATE}&reason=x")
    assert {r["instructor_id"].rpartition("-")[0] for r in masked} == {"person"}


# ---------------------------------------------------------------- nights and runs
def test_nights_and_runs_say_what_came_of_them(reading_server: Server) -> None:
    night = get(reading_server, "auditor", "/v1/nights/2026-03-18").json()
    assert (night["state"], night["is_behind"], night["trouble"]) == ("done", False, {})
    assert night["counts"]["findings"]["off-route"] == 1
    run = get(reading_server, "auditor", f"/v1/runs/{night['run_id']}").json()
    assert (run["state"], run["counts"]["changes"]["new"]) == ("done", 15)
    assert get(reading_server, "auditor", "/v1/nights/2026-03-17").status_code == 404
    assert get(reading_server, "auditor", "/v1/runs/2026-03-18-00000000").status_code == 404
    assert get(reading_server, "school-1", "/v1/nights").status_code == 403
    assert get(reading_server, "admin", "/v1/nights").status_code == 200


def test_the_citys_numbers_are_for_who_sees_the_city(reading_server: Server) -> None:
    for path in ("nights", "runs"):
        (told,) = items(reading_server, "auditor-here", f"/v1/{path}")
        assert (told["state"], told["counts"], told["trouble"]) == ("done", None, None)


def test_runs_are_walked_from_the_latest(server: Server, tmp_path: Path) -> None:
    for i in range(2):
        audited_again(server, edited(tmp_path / f"{i}", ("exceptions.csv", "19:30", f"19:3{i + 1}")))
    walked = [row for page in pages(server, "head", f"/v1/runs?{DATE}", 2) for row in page]
    assert len({row["run_id"] for row in walked}) == len(walked) == 3
    assert [row["started"] for row in walked] == sorted((row["started"] for row in walked), reverse=True)
