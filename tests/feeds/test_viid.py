"""GA/T 1400 payloads in every spelling become the same passages; who and what a face is beyond a key is never kept."""

from __future__ import annotations

import gzip
import hmac
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints.camera import Camera
from checkpoints.passage import Candidate, Face, Seat
from checkpoints.plates import PlateBook
from feeds.ledger import Ledger, Reject
from feeds.passage_door import PassageDoor
from feeds.passage_files import read_passages
from feeds.passage_raw import RawPassage, StrayFaces
from feeds.viid import Item, read_tollgates, read_viid
from feeds.viid_faces import Crosswalk, ViidContext
from geo.datum import Datum, from_wgs84
from tests.feeds.passage_makers import BOOK, END_MS, LOCAL, SCALE, STAFF, START_MS, line, ndjson
from tests.feeds.viid_makers import DEVICE, ID_NUMBER, PICTURE, SOURCE, T_MS, TOLLGATE, face, push, vehicle

SECRET = b"kept in a store of its own"
CROSSWALK = Crosswalk(SECRET, {hmac.digest(SECRET, ID_NUMBER.encode(), "sha256").hex(): "P1"})
CONTEXT = ViidContext(LOCAL, SCALE, frozenset(STAFF), CROSSWALK)
FILE = "passages/1.json"


def items(payload: Any, context: ViidContext = CONTEXT) -> list[Item]:
    return list(read_viid(payload, FILE, context))


def only(payload: Any, context: ViidContext = CONTEXT) -> RawPassage:
    (item,) = items(payload, context)
    assert isinstance(item, RawPassage), item
    return item


def refused(payload: Any) -> tuple[int, str, str]:
    (reject,) = (item for item in items(payload) if isinstance(item, Reject))
    assert (reject.file, reject.found) == (FILE, "")
    return reject.row, reject.reason, reject.field


def test_a_push_becomes_a_passage_with_its_face() -> None:
    raw = only(push([vehicle()], (face(),)))
    assert (raw.passage_id[:20], raw.camera_id, raw.shot_ms) == (DEVICE, TOLLGATE, T_MS)
    assert (raw.plate, raw.plate_score, raw.plate_class, raw.plate_color) == ("鲁A1001学", 0.96, "16", "GA/T 1400:6")
    assert (raw.heading_deg, raw.lane, raw.file, raw.row) == (180.0, 2, FILE, 1)
    assert raw.faces == ((Seat.FRONT_PASSENGER, None, (("P1", 0.93),), None),)


@pytest.mark.parametrize("v", ["MotorVehicleObjectList", "MotorVehicleListObject"])
@pytest.mark.parametrize("f", ["FaceObjectList", "FaceListObject"])
def test_both_spellings_of_both_lists_say_the_same(v: str, f: str) -> None:
    expected = only(push([vehicle()], (face(),)))
    assert only(push([vehicle()], (face(),), (v, f))) == expected
    assert only({v: {"MotorVehicleObject": [vehicle()]}, f: {"FaceObject": [face()]}}) == expected


def test_one_object_where_a_list_is_due_is_a_list_of_one() -> None:
    expected = only(push([vehicle()], (face(),)))
    assert only(push(vehicle(), face())) == expected
    inner = push(vehicle(), face())["SubscribeNotificationListObject"]["SubscribeNotificationObject"][0]
    assert only({"SubscribeNotificationListObject": {"SubscribeNotificationObject": inner}}) == expected
    assert only({"SubscribeNotificationObject": inner}) == expected
    assert only({"MotorVehicleObject": vehicle(), "FaceObject": [face()]}) == expected


def test_vehicles_and_faces_of_several_notifications_are_put_together() -> None:
    one, other = push([vehicle()]), push([], (face(),))
    key, name = "SubscribeNotificationListObject", "SubscribeNotificationObject"
    raw = only({key: {name: [*one[key][name], *other[key][name]]}})
    assert len(raw.faces) == 1


@pytest.mark.parametrize(
    "payload",
    [None, 5, "x", [], {}, {"KeepaliveObject": {}}, {"DispositionNotificationListObject": {}}, [push([vehicle()])]],
)
def test_a_payload_of_another_kind_is_one_reject(payload: Any) -> None:
    assert refused(payload) == (0, "not-viid", "")


@pytest.mark.parametrize(
    "payload",
    [
        {"MotorVehicleListObject": 5},
        {"MotorVehicleListObject": {"MotorVehicleObject": "x"}},
        {"FaceListObject": {"FaceObject": 1}},
        {"SubscribeNotificationListObject": {"SubscribeNotificationObject": [5]}},
    ],
)
def test_a_list_that_is_none_costs_the_payload(payload: Any) -> None:
    row, reason, _ = refused(payload)
    assert row == 0
    assert reason in {"bad-value", "not-an-object"}


@pytest.mark.parametrize(
    "payload", [{"MotorVehicleListObject": {}}, {"MotorVehicleListObject": None}, push([]), push(None, None)]
)
def test_an_empty_payload_is_nothing(payload: Any) -> None:
    assert items(payload) == []


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-18 08:00:00",
        "2026-03-18T08:00:00+08:00",
        "2026-03-18T00:00:00.000Z",
        20260318080000,
        "20260318080000000",
    ],
)
def test_times_in_every_form_are_the_same(written: Any) -> None:
    assert only(push([vehicle(PassTime=written)])).shot_ms == T_MS


def test_milliseconds_are_kept() -> None:
    assert only(push([vehicle(PassTime="20260318080000250")])).shot_ms == T_MS + 250
    assert only(push([vehicle(PassTime="2026-03-18 08:00:00.250")])).shot_ms == T_MS + 250


def test_a_blank_pass_time_falls_back_and_is_flagged() -> None:
    raw = only(push([vehicle(PassTime="", MarkTime="20260318080001")]))
    assert (raw.shot_ms, raw.flags) == (T_MS + 1000, {"no-pass-time"})


def test_numbers_may_be_texts_and_texts_numbers() -> None:
    expected = only(push([vehicle()]))
    told = vehicle(LaneNo="2", PlateClass=16, PlateColor=6, Direction=3, PlateReliability=96, HasPlate=1)
    assert only(push([told])) == expected
    assert only(push([vehicle(TollgateID=int(TOLLGATE))])) == expected


def test_the_camera_is_the_tollgate_else_the_device() -> None:
    assert only(push([vehicle(TollgateID=...)])).camera_id == DEVICE
    assert only(push([vehicle(TollgateID=" ")])).camera_id == DEVICE


@pytest.mark.parametrize(
    ("code", "heading_deg"),
    [("1", 90), ("2", 270), ("3", 180), ("4", 0), ("5", 45), ("6", 225), ("7", 135), ("8", 315)],
)
def test_a_direction_is_a_heading(code: str, heading_deg: float) -> None:
    assert only(push([vehicle(Direction=code)])).heading_deg == heading_deg


@pytest.mark.parametrize("code", ["9", "0", "01", "", None, "north", [], ...])
def test_a_direction_that_we_do_not_know_is_none(code: Any) -> None:
    assert only(push([vehicle(Direction=code)])).heading_deg is None


@pytest.mark.parametrize(
    "change", [{"HasPlate": "0"}, {"HasPlate": 0}, {"PlateNo": ...}, {"PlateNo": "无车牌"}, {"PlateNo": ""}]
)
def test_a_car_without_a_plate_is_dropped_as_such(change: dict[str, Any]) -> None:
    door = make_door()
    assert [door.take(item) for item in items(push([vehicle(**change)]))] == [None]
    assert door.count.dropped == {"no-plate": 1}


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"MotorVehicleID": ...}, "missing-value", "MotorVehicleID"),
        ({"MotorVehicleID": [1]}, "bad-value", "MotorVehicleID"),
        ({"TollgateID": "", "DeviceID": None}, "missing-value", "TollgateID"),
        ({"PassTime": "noon"}, "bad-time", "PassTime"),
        ({"PassTime": ..., "MarkTime": ...}, "missing-value", "PassTime"),
        ({"PlateNo": 5}, "bad-value", "PlateNo"),
        ({"PlateReliability": "101"}, "bad-number", "PlateReliability"),
        ({"PlateReliability": "high"}, "bad-number", "PlateReliability"),
        ({"PlateReliability": float("nan")}, "bad-number", "PlateReliability"),
    ],
)
def test_a_vehicle_at_fault_is_refused_and_its_face_is_nobodys(change: dict[str, Any], reason: str, field: str) -> None:
    payload = push([vehicle(**change), vehicle(MotorVehicleID="2", SourceID="other")], (face(),))
    assert refused(payload) == (1, reason, field)
    assert [item for item in items(payload) if isinstance(item, StrayFaces)] == [StrayFaces("no-vehicle", 1, 1)]
    assert [item.row for item in items(payload) if isinstance(item, RawPassage)] == [2]


def test_a_vehicle_that_is_no_object_is_refused() -> None:
    assert refused(push([5, vehicle()])) == (1, "not-an-object", "MotorVehicleObject")


def seat(**changes: Any) -> Seat:
    return only(push([vehicle()], (face(**changes),))).faces[0].seat


def images(*types: Any) -> dict[str, Any]:
    return {"SubImageInfoObject": [{"Type": kind, "Data": PICTURE} for kind in types]}


def test_the_seat_is_that_of_the_sub_image_else_the_drivers_by_is_driver() -> None:
    assert seat(SubImageList=images("01", "04")) is Seat.DRIVER
    assert seat(SubImageList=images("11", 5)) is Seat.FRONT_PASSENGER
    assert seat(SubImageList={"SubImageInfoObject": {"Type": "05"}}) is Seat.FRONT_PASSENGER
    assert seat(SubImageList=images(), IsDriver="1") is Seat.DRIVER
    for other in (2, 0, "2", "", None, [], ...):
        assert seat(SubImageList=..., IsDriver=other) is Seat.UNKNOWN


def test_seats_that_contradict_one_another_are_unknown() -> None:
    raw = only(push([vehicle()], (face(SubImageList=images("04", "05")),)))
    assert (raw.faces[0].seat, raw.flags) == (Seat.UNKNOWN, {"unknown-seat"})
    assert seat(SubImageList=images("05"), IsDriver=1) is Seat.UNKNOWN


def test_a_face_belongs_to_the_car_of_its_picture_whatever_the_time() -> None:
    cars = [vehicle(SourceID="S1", MotorVehicleID="1"), vehicle(SourceID="S2", MotorVehicleID="2")]
    found = items(push(cars, (face(SourceID="S2", FaceAppearTime="20200101000000"),)))
    assert [len(item.faces) for item in found if isinstance(item, RawPassage)] == [0, 1]


def test_a_picture_of_two_cars_tells_no_car() -> None:
    cars = [vehicle(MotorVehicleID="1"), vehicle(MotorVehicleID="2")]
    assert StrayFaces("several-vehicles", 1, 0) in items(push(cars, (face(),)))


@pytest.mark.parametrize(("second", "joined"), [("20260318080001", True), ("20260318080002", False)])
def test_a_face_without_a_picture_belongs_to_the_only_car_within_a_second(second: str, joined: bool) -> None:
    found = items(push([vehicle()], (face(SourceID=..., FaceAppearTime=second),)))
    assert (StrayFaces("no-vehicle", 1, 0) in found) is not joined


def test_a_second_car_at_that_second_leaves_the_face_to_nobody() -> None:
    for other in ({}, {"PlateNo": ""}, {"PassTime": "x", "MarkTime": ...}):
        cars = [vehicle(), vehicle(MotorVehicleID="2", SourceID="S2", **other)]
        assert StrayFaces("several-vehicles", 1, 0) in items(push(cars, (face(SourceID=""),)))


def test_a_face_of_another_device_belongs_to_no_car() -> None:
    assert StrayFaces("no-vehicle", 1, 0) in items(push([vehicle()], (face(SourceID=..., DeviceID="9"),)))


def test_a_face_told_twice_counts_once() -> None:
    found = items(push([vehicle()], (face(), face())))
    assert StrayFaces("duplicate-key", 1, 0) in found
    assert [len(item.faces) for item in found if isinstance(item, RawPassage)] == [1]


@pytest.mark.parametrize(
    "bad",
    [
        {"Similaritydegree": ...},
        {"Similaritydegree": 1.2},
        {"Similaritydegree": "x"},
        {"IDNumber": ["1"]},
        {"IDNumber": "9" * 99},
    ],
)
def test_a_bad_face_costs_only_itself(bad: dict[str, Any]) -> None:
    raw = only(push([vehicle()], (face(**bad), face(FaceID="2"))))
    assert (len(raw.faces), raw.lost_faces) == (1, ("bad-face",))


def test_a_face_that_names_nobody_has_no_candidate() -> None:
    for change in ({"IDNumber": ...}, {"IDNumber": " "}, {"IDNumber": None, "Similaritydegree": ...}):
        assert only(push([vehicle()], (face(**change),))).faces[0].candidates == ()


def person(id_number: Any, context: ViidContext) -> str | None:
    raw = only(push([vehicle()], (face(IDNumber=id_number),)), context)
    return raw.faces[0].candidates[0][0]


def test_a_registers_key_on_the_wire_is_taken_and_an_identity_number_never() -> None:
    bare = ViidContext(LOCAL, SCALE, frozenset(STAFF))
    assert person("P1", bare) == "P1"
    assert person("P99", bare) is None
    assert person(ID_NUMBER, bare) is None
    assert person(int(ID_NUMBER), CONTEXT) == "P1"
    assert person(f" {ID_NUMBER} ", CONTEXT) == "P1"
    assert person("510101199001010023", CONTEXT) is None


def test_the_crosswalk_is_hmac_sha_256_as_published() -> None:
    # RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?" (here in upper case, as numbers are read).
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hmac.digest(b"Jefe", b"what do ya want for nothing?", "sha256").hex() == digest
    upper = hmac.digest(b"Jefe", b"WHAT DO YA WANT FOR NOTHING?", "sha256").hex()
    assert Crosswalk(b"Jefe", {upper: "P7"}).person("what do ya want for nothing?") == "P7"


def test_neither_secret_nor_map_shows_when_printed() -> None:
    assert "P1" not in repr(CROSSWALK)
    assert SECRET.decode() not in repr(CONTEXT)


def make_door(*, face_join: bool = True) -> PassageDoor:
    return PassageDoor(BOOK, STAFF, (TOLLGATE, DEVICE, "C1"), START_MS, END_MS, Ledger(), face_join=face_join)


def write_payloads(folder: Path, **payloads: Any) -> Path:
    (folder / "passages").mkdir(exist_ok=True)
    for name, payload in payloads.items():
        data = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
        (folder / "passages" / f"{name}.json").write_bytes(data)
    return folder


def test_payloads_lie_in_a_folder_and_are_read_after_the_lines(tmp_path: Path) -> None:
    write_payloads(tmp_path, b=push([vehicle(MotorVehicleID="2")]), a=push([vehicle()], (face(),)))
    (tmp_path / "passages" / "c.json.gz").write_bytes(
        gzip.compress(json.dumps(push([vehicle(MotorVehicleID="3")])).encode())
    )
    (tmp_path / "passages.ndjson").write_bytes(ndjson(line()))
    door = make_door()
    passages = read_passages(tmp_path, LOCAL, SCALE, door, CROSSWALK)
    assert [passage.file for passage in passages] == [
        "passages.ndjson", "passages/a.json", "passages/b.json", "passages/c.json.gz",
    ]  # fmt: skip
    assert passages[1].faces == (Face(Seat.FRONT_PASSENGER, None, (Candidate("P1", 0.93),)),)
    rows = door.ledger.rows()
    assert rows["passages.ndjson"] == {"read": 1, "kept": 1, "flagged": {}, "rejected": {}}
    assert rows["passages"] == {"read": 3, "kept": 3, "flagged": {}, "rejected": {}}


def test_a_passage_told_on_both_ways_counts_once(tmp_path: Path) -> None:
    write_payloads(tmp_path, a=push([vehicle(MotorVehicleID="K1")]))
    (tmp_path / "passages.ndjson").write_bytes(ndjson(line()))
    door = make_door()
    assert len(read_passages(tmp_path, LOCAL, SCALE, door)) == 1
    assert door.ledger.rows()["passages"]["rejected"] == {"duplicate-key": 1}


def test_without_a_crosswalk_an_identity_number_leads_to_nobody(tmp_path: Path) -> None:
    door = make_door()
    (passage,) = read_passages(write_payloads(tmp_path, a=push([vehicle()], (face(),))), LOCAL, SCALE, door)
    assert passage.faces[0].candidates == ()
    assert door.count.candidates_dropped == {"not-enrolled": 1}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "not-json"),
        (b"", "not-json"),
        (b"\xff\xfe\xff", "bad-encoding"),
        (b"[" * 100_000, "not-json"),
        (b"5", "not-viid"),
        (b"\x1f\x8b\x08", "unreadable-file"),
    ],
)
def test_a_broken_payload_costs_only_itself(tmp_path: Path, data: bytes, reason: str) -> None:
    door = make_door()
    assert len(read_passages(write_payloads(tmp_path, a=data, b=push([vehicle()])), LOCAL, SCALE, door)) == 1
    (reject,) = door.ledger.rejects
    assert (reject.file, reject.row, reject.reason, reject.found) == ("passages/a.json", 0, reason, "")
    assert door.count.balances()


def test_a_payload_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.passage_files.MOST_PAYLOAD_BYTES", 1000)
    door = make_door()
    payload = gzip.compress(json.dumps(push([vehicle()], (face(),))).encode() + b" " * 10**6)
    assert read_passages(write_payloads(tmp_path, a=payload), LOCAL, SCALE, door) == ()
    assert door.count.rejected == {"file-too-large": 1}


def test_gb18030_payloads_are_read_and_noted(tmp_path: Path) -> None:
    door = make_door()
    data = json.dumps(push([vehicle()]), ensure_ascii=False).encode("gb18030")
    assert len(read_passages(write_payloads(tmp_path, a=data), LOCAL, SCALE, door)) == 1
    assert list(door.ledger.warnings) == ["passages/*.json: read as GB18030, expected UTF-8"]


def test_other_files_in_the_folder_are_noted_and_left(tmp_path: Path) -> None:
    write_payloads(tmp_path)
    (tmp_path / "passages" / "readme.txt").write_text("x")
    (tmp_path / "passages" / "deeper.json").mkdir()
    door = make_door()
    assert read_passages(tmp_path, LOCAL, SCALE, door) == ()
    assert list(door.ledger.warnings) == ["passages: only files named *.json or *.json.gz are read"]
    assert door.ledger.rows()["passages"]["read"] == 0


CANARIES = (
    ID_NUMBER, "张三", "USEDNAME", "ETHICCODE", "NATIONALITY", "JOBCATEGORY", "FEATUREDATA", "STORAGEURL", PICTURE[:18],
    "鲁B84710", "B84710", "鲁A1O01学", "510101199001010023",
)  # fmt: skip


@pytest.mark.parametrize("face_join", [True, False])
def test_nothing_of_a_stranger_and_no_attribute_of_anybody_survives(tmp_path: Path, face_join: bool) -> None:
    plates = ("鲁A1001学", "鲁A1O01学", "鲁B84710")
    cars = [vehicle(MotorVehicleID=f"{at}{plate}", PlateNo=plate, SourceID=plate) for at, plate in enumerate(plates)]
    cars += [
        vehicle(MotorVehicleID="7", PassTime="张三"),
        vehicle(MotorVehicleID=ID_NUMBER, SourceID="7"),
        vehicle(TollgateID="张三"),
    ]
    faces = [face(FaceID=plate, SourceID=plate) for plate in plates]
    faces += [
        face(FaceID="x", SourceID="鲁A1001学", IDNumber="510101199001010023"),
        face(FaceID="y", DeviceID="张三", SourceID=""),
    ]
    faces += [face(FaceID="z", SourceID="鲁A1001学", Similaritydegree="张三")]
    write_payloads(
        tmp_path, a=push(cars, tuple(faces)), b=json.dumps(push(cars, tuple(faces)), ensure_ascii=False).encode()[:-9]
    )
    door = make_door(face_join=face_join)
    passages = read_passages(tmp_path, LOCAL, SCALE, door, CROSSWALK)
    assert len(passages) == 3
    assert door.count.balances()
    assert bool(passages[0].faces) is face_join
    memory = {key: value for key, value in vars(door).items() if key not in {"book", "ledger"}}
    left = (passages, door.ledger.rejects, door.ledger.rows(), list(door.ledger.warnings), memory)
    for canary in CANARIES:
        assert canary not in repr(left)
        assert canary.encode() not in pickle.dumps(left)


def test_a_tollgate_becomes_a_camera_in_wgs84() -> None:
    lon, lat = from_wgs84([117.0], [36.65], Datum.GCJ02)
    told = {"TollgateID": TOLLGATE, "Longitude": str(lon[0]), "Latitude": float(lat[0]), "Status": "1", "Name": "西口"}
    (camera,) = read_tollgates({"TollgateListObject": {"TollgateObject": told}}, FILE, Datum.GCJ02)
    assert isinstance(camera, Camera)
    assert camera.camera_id == TOLLGATE
    assert np.allclose((camera.lon_deg, camera.lat_deg), (117.0, 36.65), rtol=0, atol=1e-9)  # 0.1 mm


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"TollgateID": ""}, "TollgateID"),
        ({"Longitude": ""}, "Longitude"),
        ({"Latitude": "91"}, "Latitude"),
        ({"Longitude": "1e999"}, "Longitude"),
        (5, "TollgateObject"),
    ],
)
def test_a_tollgate_that_cannot_be_placed_is_refused(told: Any, field: str) -> None:
    good = {"TollgateID": TOLLGATE, "Longitude": 117.0, "Latitude": 36.65}
    objects = [good, good | told if isinstance(told, dict) else told]
    camera, reject = read_tollgates({"TollgateListObject": {"TollgateObject": objects}}, FILE, Datum.WGS84)
    assert isinstance(camera, Camera)
    assert isinstance(reject, Reject)
    assert (reject.row, reject.field, reject.found) == (2, field, "")
    assert [r.reason for r in read_tollgates([], FILE, Datum.WGS84) if isinstance(r, Reject)] == ["not-viid"]


def test_the_makers_ids_have_the_lengths_of_the_standard() -> None:
    assert (len(DEVICE), len(TOLLGATE), len(SOURCE)) == (20, 20, 41)
    assert (len(vehicle()["MotorVehicleID"]), len(face()["FaceID"])) == (48, 48)
    assert PlateBook.build([("V1", "鲁A1001学", "16")]).exact("鲁A1001学", "16") == "V1"
