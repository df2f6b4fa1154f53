"""Every line of passages.ndjson becomes a passage, a count, or a reject that says nothing of what it held."""

from __future__ import annotations

import codecs
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from checkpoints.passage import Candidate, Face, Seat
from feeds.faults import UnusableInput
from feeds.lines import MOST_LINE_BYTES
from feeds.passage_raw import Scale
from tests.feeds.passage_makers import line, make_door, ndjson, read, read_folder

FILE = "passages.ndjson"


def face(**changes: Any) -> dict[str, Any]:
    good = {"seat": "front_passenger", "quality": 0.7, "candidates": [{"person_id": "P1", "score": 0.9}]}
    return {key: value for key, value in (good | changes).items() if value is not ...}


def test_a_good_line_becomes_a_passage_without_its_plate(tmp_path: Path) -> None:
    (passage,), door = read(tmp_path, line(heading_deg=360, lane=2, plate_color="黄", plate_class=16))
    assert (passage.passage_id, passage.camera_id, passage.vehicle_id) == ("K1", "C1", "V1")
    assert passage.shot_ms == 1_773_792_000_000  # 2026-03-18T00:00Z
    assert (passage.plate_score, passage.heading_deg, passage.file, passage.row) == (0.97, 0.0, FILE, 1)
    assert passage.faces == (Face(Seat.FRONT_PASSENGER, 0.7, (Candidate("P1", 0.9),)),)
    assert [reading.vehicle_id for reading in passage.others] == ["V2"]
    assert "鲁" not in repr(passage)
    assert door.ledger.rows() == {FILE: {"read": 1, "kept": 1, "flagged": {}, "rejected": {}}}


def test_no_file_at_all_is_nothing_read(tmp_path: Path) -> None:
    passages, door = read_folder(tmp_path)
    assert (passages, door.count.read, door.ledger.rows()) == ((), 0, {})


def test_an_empty_file_and_blank_lines_are_nothing_read(tmp_path: Path) -> None:
    passages, door = read(tmp_path, "", "  \t", "\r")
    assert (passages, door.count.read) == ((), 0)
    (tmp_path / FILE).write_bytes(b"")
    assert read_folder(tmp_path)[1].ledger.rows()[FILE]["read"] == 0


def test_a_row_is_the_number_of_its_line(tmp_path: Path) -> None:
    passages, door = read(tmp_path, "", line(), "", "{", line(passage_id="K2"))
    assert [passage.row for passage in passages] == [2, 5]
    assert [(reject.row, reject.reason) for reject in door.ledger.rejects] == [(4, "not-json")]


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(ndjson(line()).rstrip(b"\n"))
    assert len(read_folder(tmp_path)[0]) == 1


@pytest.mark.parametrize(
    ("encoding", "warnings"),
    [
        ("utf-8", []),
        ("utf-8-sig", ["passages.ndjson: read as UTF-8 with a BOM, expected UTF-8"]),
        ("gb18030", ["passages.ndjson: read as GB18030, expected UTF-8"]),
    ],
)
@pytest.mark.parametrize("name", [FILE, f"{FILE}.gz"])
def test_files_in_every_encoding_packed_or_not_say_the_same(
    tmp_path: Path, encoding: str, warnings: list[str], name: str
) -> None:
    data = ndjson(line(), line(passage_id="K2", plate="鲁A1008学")).decode().encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    passages, door = read_folder(tmp_path)
    assert [(passage.vehicle_id, passage.file) for passage in passages] == [("V1", FILE), ("V2", FILE)]
    assert list(door.ledger.warnings) == warnings


def test_one_line_in_another_encoding_costs_only_itself(tmp_path: Path) -> None:
    good, strange = ndjson(line()), ndjson(line(passage_id="K2", plate="鲁A1008学吴")).decode().encode("gb18030")
    (tmp_path / FILE).write_bytes(good + strange + b"\xff\xfe\n" + ndjson(line(passage_id="K3")))
    passages, door = read_folder(tmp_path)
    assert [passage.passage_id for passage in passages] == ["K1", "K3"]
    assert [(reject.row, reject.reason) for reject in door.ledger.rejects] == [(2, "bad-encoding"), (3, "bad-encoding")]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(codecs.BOM_UTF8 + ndjson(line()))
    assert len(read_folder(tmp_path)[0]) == 1


def test_plain_and_gzipped_together_are_unusable(tmp_path: Path) -> None:
    (tmp_path / f"{FILE}.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(UnusableInput, match="both plain and gzipped"):
        read(tmp_path, line())


def test_gzip_that_breaks_off_keeps_what_came_before_and_says_so(tmp_path: Path) -> None:
    lines = [line(passage_id=f"K{k}", plate_score=k % 997 / 1000) for k in range(3000)]
    (tmp_path / f"{FILE}.gz").write_bytes(gzip.compress(ndjson(*lines))[:-3000])
    passages, door = read_folder(tmp_path)
    assert 100 < len(passages) < 3000
    assert [(r.row, r.reason, r.found) for r in door.ledger.rejects] == [(len(passages) + 1, "unreadable-file", "")]
    assert any("what follows is lost" in warning for warning in door.ledger.warnings)


def test_times_without_an_offset_are_local_and_one_warning_says_so(tmp_path: Path) -> None:
    naive = [line(passage_id=f"K{k}", shot_time=f"2026-03-18 08:00:0{k}") for k in range(3)]
    passages, door = read(tmp_path, *naive)
    assert [passage.shot_ms - 1_773_792_000_000 for passage in passages] == [0, 1000, 2000]
    assert list(door.ledger.warnings) == ["passages.ndjson: times without an offset were taken as Asia/Shanghai"]


@pytest.mark.parametrize("text", ["2026-03-18T00:00:00Z", "2026-03-18T08:00:00.000+0800", " 2026-03-17T24:00:00Z "])
def test_times_in_every_form_of_iso_8601_are_the_same(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, line(shot_time=text))[0][0].shot_ms == 1_773_792_000_000


NESTED: Any = []
for _ in range(200):
    NESTED = [NESTED]
NO_TEXT = [None, True, 1.5, [], {}, NESTED, "", "  ", "x" * 200, "a\ud800", "a\nb", 10**200]


@pytest.mark.parametrize("key", ["passage_id", "camera_id"])
@pytest.mark.parametrize("value", [..., *NO_TEXT])
def test_a_line_without_an_id_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    expect_refused(tmp_path, key, value)


@pytest.mark.parametrize("value", [..., None, 1_773_792_000_000, "", "noon", "2026-02-30T00:00:00Z", "9" * 1000, []])
def test_a_line_without_a_time_is_refused(tmp_path: Path, value: Any) -> None:
    expect_refused(tmp_path, "shot_time", value)


@pytest.mark.parametrize("value", [5, True, ["鲁A1001学"], "鲁A1001学" * 10, {}])
def test_a_plate_that_is_no_text_is_refused(tmp_path: Path, value: Any) -> None:
    expect_refused(tmp_path, "plate", value)


@pytest.mark.parametrize("value", [-0.01, 1.01, 96, "0.9", True, float("nan"), float("inf"), 1e308, 10**400, [], "x"])
def test_a_plate_score_out_of_bounds_is_refused(tmp_path: Path, value: Any) -> None:
    expect_refused(tmp_path, "plate_score", value)


def expect_refused(folder: Path, key: str, value: Any) -> None:
    passages, door = read(folder, json.dumps(line(**{key: value})))
    assert passages == ()
    (reject,) = door.ledger.rejects
    assert (reject.file, reject.row, reject.field, reject.found) == (FILE, 1, key, "")
    assert reject.reason in {"missing-value", "bad-value", "bad-time", "bad-number"}


@pytest.mark.parametrize("value", [..., None])
def test_a_plate_score_that_is_not_told_is_none_and_flagged(tmp_path: Path, value: Any) -> None:
    (passage,), door = read(tmp_path, line(plate_score=value))
    assert passage.plate_score is None
    assert door.ledger.rows()[FILE]["flagged"] == {"no-plate-score": 1}


@pytest.mark.parametrize(
    ("key", "value", "flag"),
    [
        ("heading_deg", -1, "bad-heading"),
        ("heading_deg", 360.5, "bad-heading"),
        ("heading_deg", "north", "bad-heading"),
        ("heading_deg", float("nan"), "bad-heading"),
        ("lane", -1, "bad-lane"),
        ("lane", "2", "bad-lane"),
        ("lane", 10**50, "bad-lane"),
        ("plate_class", "yellow", "bad-plate-class"),
        ("plate_class", 116, "bad-plate-class"),
        ("plate_class", [16], "bad-plate-class"),
        ("plate_color", {"a": 1}, "bad-plate-color"),
        ("faces", {"seat": "driver"}, "bad-face"),
        ("faces", "two", "bad-face"),
    ],
)
def test_a_wrong_optional_field_counts_as_not_told(tmp_path: Path, key: str, value: Any, flag: str) -> None:
    (passage,), door = read(tmp_path, json.dumps(line(**{key: value})))
    assert passage.heading_deg is None
    assert door.ledger.rows()[FILE]["flagged"] == {flag: 1}


@pytest.mark.parametrize(
    "bad",
    [
        5,
        None,
        [],
        face(quality=1.1),
        face(quality=-0.1),
        face(quality="good"),
        face(quality=float("nan")),
        face(candidates={}),
        face(candidates=[5]),
        face(candidates=[{"person_id": "P1"}]),
        face(candidates=[{"person_id": "P1", "score": 1.01}]),
        face(candidates=[{"person_id": "P1", "score": "0.9"}]),
        face(candidates=[{"person_id": None, "score": 0.9}]),
        face(candidates=[{"person_id": "P1", "score": 0.9}, {"score": 0.8}]),
        face(candidates=[{"person_id": "P1", "score": 0.9}] * 101),
        face(declared_score=1.5),
        face(declared_score="0.5"),
    ],
)
def test_a_bad_face_costs_only_itself(tmp_path: Path, bad: Any) -> None:
    (passage,), door = read(tmp_path, json.dumps(line(faces=[bad, face(seat="driver")])))
    assert [found.seat for found in passage.faces] == [Seat.DRIVER]
    assert door.ledger.rows()[FILE]["flagged"] == {"bad-face": 1}
    assert door.count.faces_dropped == {"bad-face": 1}


@pytest.mark.parametrize("seat", ["codriver", None, 5, ["driver"], ...])
def test_a_seat_that_we_do_not_know_is_an_unknown_one(tmp_path: Path, seat: Any) -> None:
    (passage,), door = read(tmp_path, line(faces=[face(seat=seat)]))
    assert passage.faces[0].seat is Seat.UNKNOWN
    assert door.ledger.rows()[FILE]["flagged"] == {"unknown-seat": 1}


def test_what_a_face_need_not_tell_is_none(tmp_path: Path) -> None:
    (passage,), _ = read(
        tmp_path, line(faces=[{"seat": "rear"}, face(quality=None, candidates=None, declared_score=0.4)])
    )
    assert passage.faces == (Face(Seat.REAR, None), Face(Seat.FRONT_PASSENGER, None, (), 0.4))


def test_candidates_come_best_first_and_each_once(tmp_path: Path) -> None:
    told = [{"person_id": "P2", "score": 0.7}, {"person_id": "P1", "score": 0.9}, {"person_id": "P2", "score": 0.8}]
    (passage,), _ = read(tmp_path, line(faces=[face(candidates=told)]))
    assert passage.faces[0].candidates == (Candidate("P1", 0.9), Candidate("P2", 0.8))


def test_what_the_declared_matcher_would_not_return_is_kept_and_flagged(tmp_path: Path) -> None:
    told = [{"person_id": "P1", "score": 0.9}, {"person_id": "P2", "score": 0.3}]
    (passage,), door = read(tmp_path, line(faces=[face(candidates=told)]), scale=Scale(0.0, 1.0, 0.55, 1))
    assert len(passage.faces[0].candidates) == 2
    assert door.ledger.rows()[FILE]["flagged"] == {"below-threshold": 1, "more-than-top-k": 1}


def test_scores_without_a_matcher_are_any_finite_number(tmp_path: Path) -> None:
    told = [{"person_id": "P1", "score": -87.5}]
    (passage,), _ = read(tmp_path, line(faces=[face(candidates=told)]), scale=Scale.of(None))
    assert passage.faces[0].candidates == (Candidate("P1", -87.5),)


def test_surplus_faces_are_dropped_and_counted(tmp_path: Path) -> None:
    (passage,), door = read(tmp_path, line(faces=[face()] * 25))
    assert len(passage.faces) == 20
    assert door.count.faces_dropped == {"too-many-faces": 5}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "null",
        "5",
        '"x"',
        "[]",
        "nan",
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 5000,
        '{"a": 1' + "0" * 5000 + "}",
        "\x00",
    ],
)
def test_a_line_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    passages, door = read(tmp_path, text, line())
    assert len(passages) == 1
    assert [(reject.row, reject.field, reject.found) for reject in door.ledger.rejects] == [(1, "", "")]


def test_a_line_too_long_is_passed_over(tmp_path: Path) -> None:
    huge = json.dumps(line(junk="x" * (10 * MOST_LINE_BYTES)))
    passages, door = read(tmp_path, huge, line(passage_id="K2"), huge)
    assert [passage.passage_id for passage in passages] == ["K2"]
    assert [(reject.row, reject.reason) for reject in door.ledger.rejects] == [
        (1, "line-too-long"),
        (3, "line-too-long"),
    ]


def test_a_line_of_just_the_limit_is_read(tmp_path: Path) -> None:
    bare = len(ndjson(line(junk=""))) - 1
    passages, _ = read(tmp_path, line(junk="x" * (MOST_LINE_BYTES - bare)))
    assert len(passages) == 1


def test_of_two_lines_with_one_id_the_second_is_refused(tmp_path: Path) -> None:
    passages, door = read(tmp_path, line(), line(plate="鲁A1008学"))
    assert [passage.vehicle_id for passage in passages] == ["V1"]
    (reject,) = door.ledger.rejects
    assert (reject.row, reject.reason, reject.field, reject.found) == (2, "duplicate-key", "passage_id", "")


def test_whatever_else_a_line_holds_is_not_read(tmp_path: Path) -> None:
    extra = {"gender": float("nan"), "picture": [NESTED], "speed": 10**300, "owner": "\ud800"}
    told = {"person_id": "P1", "score": 0.9, "name": "n"}
    record = line(**extra, faces=[face(age=5, feature=[1.0] * 512, candidates=[told])])
    assert read(tmp_path, json.dumps(record))[0] == read(tmp_path, line())[0]


def test_refused_rows_beyond_the_limit_are_only_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.passage_door.MOST_REJECT_ROWS", 3)
    _, door = read(tmp_path, *["{"] * 10, door=make_door())
    assert len(door.ledger.rejects) == 3
    assert door.ledger.rows()[FILE]["rejected"] == {"not-json": 10}
    assert len(door.ledger.warnings) == 1
