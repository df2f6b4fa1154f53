"""A look at where a car was takes a reason and is on record; faces are counted, and named to few."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from store.access_log import recent
from store.lake import read_track
from tests.api.calls import get, kind_of
from tests.api.conftest import CITY, DAY, Server
from tests.api.edited import audited_again, edited
from tests.api.walking import DATE

CAR = "V0005"
JSON = "application/json"


def last(server: Server, n: int = 1) -> list[tuple[str, str, str, str]]:
    with server.store.reading() as session:
        return [(e.action, e.subject_kind, e.subject_id, e.reason) for e in recent(session, n)]


@pytest.mark.parametrize("what", ["track", "passages"])
def test_a_look_takes_a_reason_and_is_on_record(server: Server, what: str) -> None:
    path = f"/v1/vehicles/{CAR}/{what}?{DATE}"
    for told in ("", "%20", "...", "-"):
        answer = get(server, "auditor", path, x_reason=told)
        assert (answer.status_code, kind_of(answer)) == (400, "reason-needed")
    assert ("look", "vehicle", CAR, "") not in last(server, 10)
    for sent, kept in (("C17", "C17"), (quote("投诉核查"), "投诉核查")):
        answer = get(server, "auditor", path, x_reason=sent)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store"
        assert last(server) == [("look", "vehicle", CAR, kept)]
    assert get(server, "auditor", f"{path}&reason={quote('从参数')}").status_code == 200
    assert last(server) == [("look", "vehicle", CAR, "从参数")]
    assert get(server, "auditor", path, x_reason="x" * 501).status_code == 400


@pytest.mark.parametrize("what", ["track", "passages"])
@pytest.mark.parametrize("name", ["admin", "school-1", "platform"])
def test_only_who_looks_at_vehicles_may(reading_server: Server, what: str, name: str) -> None:
    answer = get(reading_server, name, f"/v1/vehicles/{CAR}/{what}?{DATE}", x_reason="x")
    assert (answer.status_code, kind_of(answer)) == (403, "not-allowed")


@pytest.mark.parametrize("what", ["track", "passages"])
def test_another_districts_car_is_not_there_and_the_look_denied_on_record(server: Server, what: str) -> None:
    for car in (CAR, "V7777"):
        answer = get(server, "auditor-elsewhere", f"/v1/vehicles/{car}/{what}?{DATE}", x_reason="x")
        assert (answer.status_code, kind_of(answer)) == (404, "not-found")
        assert last(server) == [("look-denied", "vehicle", car, "x")]
    assert get(server, "auditor-here", f"/v1/vehicles/{CAR}/{what}?{DATE}", x_reason="x").status_code == 200


def test_a_track_is_the_lakes(reading_server: Server) -> None:
    with reading_server.store.reading() as session:
        lake = read_track(reading_server.store, session, DAY, CAR).to_pylist()
    told = get(reading_server, "auditor", f"/v1/vehicles/{CAR}/track?{DATE}", x_reason="x", accept=JSON).json()["items"]
    assert [(f["lon_deg"], f["lat_deg"], f["file"], f["row"]) for f in told] == [
        (r["lon_deg"], r["lat_deg"], r["file"], r["row"]) for r in lake
    ]
    assert {f["vehicle_id"] for f in told} == {CAR}
    assert any(f["flags"] for f in told)
    assert len(told) > 500


def test_a_track_as_known_before_a_late_file(server: Server, tmp_path: Path) -> None:
    def fixes(query: str = "") -> int:
        path = f"/v1/vehicles/{CAR}/track?{DATE}{query}"
        return len(get(server, "auditor", path, x_reason="x").json()["features"])

    before = fixes()
    bundle = edited(tmp_path / "city")
    text = (bundle / "vehicles.csv").read_text("utf-8").replace(f"baidu,T{CAR}", "baidu,TV0000")
    (bundle / "vehicles.csv").write_text(text, "utf-8")
    moment = quote(audited_again(server, bundle))
    assert fixes() == 0
    assert fixes(f"&as_known={moment}") == before > 500


def test_faces_are_counted_and_named_to_who_asks_and_may(server: Server) -> None:
    path = f"/v1/vehicles/{CAR}/passages?{DATE}"
    told = get(server, "auditor", path, x_reason="x")
    faces = [face for p in told.json()["items"] for face in p["faces"]]
    assert {tuple(sorted(face)) for face in faces} == {("n_candidates", "person_ids", "seat")}
    assert {face["person_ids"] for face in faces} == {None}
    assert '"P0' not in told.text
    named = get(server, "auditor", f"{path}&people=true", x_reason="C17").json()["items"]
    people = {p for passage in named for face in passage["faces"] for p in face["person_ids"]}
    assert [f["n_candidates"] for f in faces] == [len(f["person_ids"]) for p in named for f in p["faces"]]
    staff = {line.split(",")[0] for line in (CITY / "staff.csv").read_text("utf-8").splitlines()[1:]}
    assert people <= staff
    assert people
    log = last(server, len(people) + 1)
    assert log == [("look", "vehicle", CAR, "C17"), *(("look", "person", p, "C17") for p in sorted(people))]


def test_passages_tell_no_plate_and_only_this_cars(reading_server: Server) -> None:
    answer = get(reading_server, "auditor", f"/v1/vehicles/{CAR}/passages?{DATE}&people=true", x_reason="x")
    assert 'plate"' not in answer.text
    plates = [json.loads(line)["plate"] for line in (CITY / "passages.ndjson").read_text("utf-8").splitlines()]
    assert not [plate for plate in set(plates) if plate in answer.text]
    sent = {r["passage_id"]: r for r in map(json.loads, (CITY / "passages.ndjson").read_text("utf-8").splitlines())}
    own = next(v.split(",")[1] for v in (CITY / "vehicles.csv").read_text("utf-8").splitlines() if v.startswith(CAR))
    told = answer.json()["items"]
    assert {sent[p["passage_id"]]["plate"] for p in told if p["is_as_read"]} == {own}
    assert [p["time"] for p in told] == sorted(p["time"] for p in told)
