"""Behind the door are registered cars and enrolled staff; everything else is a number."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from checkpoints.passage import Candidate
from checkpoints.plates import PlateBook
from feeds.ledger import Ledger
from feeds.passage_door import PassageDoor
from feeds.passage_raw import RawPassage, StrayFaces
from tests.feeds.passage_makers import BOOK, END_MS, START_MS, line, make_door, read

FILE = "passages.ndjson"


def raw(**changes: Any) -> RawPassage:
    good: dict[str, Any] = {"passage_id": "K1", "camera_id": "C1", "shot_ms": START_MS, "plate": "鲁A1001学"}
    return RawPassage(**{"file": FILE, "row": 1} | good | changes)


def dropped(**changes: Any) -> dict[str, int]:
    door = make_door()
    assert door.take(raw(**changes)) is None
    assert door.count.balances()
    return dict(door.count.dropped)


def test_a_registered_plate_comes_in_however_it_is_written() -> None:
    for plate in ("鲁A1001学", "鲁Ａ·１００１学", " 鲁a-1001学 "):
        passage = make_door().take(raw(plate=plate))
        assert passage is not None
        assert passage.vehicle_id == "V1"


def test_a_possible_misreading_comes_in_without_a_car_and_with_those_it_may_be() -> None:
    passage = make_door().take(raw(plate="鲁A1O01学"))
    assert passage is not None
    assert passage.vehicle_id is None
    assert [reading.vehicle_id for reading in passage.others] == ["V1"]


def test_a_plate_of_nobody_registered_is_out_of_scope() -> None:
    assert dropped(plate="鲁B84710") == {"out-of-scope": 1}


def test_the_service_day_is_closed_at_its_start_and_open_at_its_end() -> None:
    assert make_door().take(raw(shot_ms=START_MS)) is not None
    assert make_door().take(raw(shot_ms=END_MS - 1)) is not None
    assert dropped(shot_ms=START_MS - 1) == {"other-day": 1}
    assert dropped(shot_ms=END_MS) == {"other-day": 1}


@pytest.mark.parametrize("plate", ["", "车牌", "无车牌", " 无车牌 ", "无", "未识别", "unknown", "-", "null"])
def test_what_cameras_write_for_no_plate_is_none(plate: str) -> None:
    assert dropped(plate=plate) == {"no-plate": 1}


def test_a_registered_plate_of_another_class_is_another_vehicle() -> None:
    assert dropped(plate="鲁A90011", plate_class="01") == {"other-class": 1}


def test_a_plate_on_two_cars_may_be_either() -> None:
    book = PlateBook.build([("V1", "鲁A1001学", "16"), ("V7", "鲁A1001学", "16")])
    door = PassageDoor(book, (), ("C1",), START_MS, END_MS, Ledger(), face_join=True)
    passage = door.take(raw())
    assert passage is not None
    assert passage.vehicle_id is None
    assert [reading.vehicle_id for reading in passage.others] == ["V1", "V7"]


def test_a_passage_of_a_camera_that_is_not_known_is_refused() -> None:
    door = make_door()
    assert door.take(raw(camera_id="C9", row=7)) is None
    assert [(r.row, r.reason, r.field, r.found) for r in door.ledger.rejects] == [
        (7, "unknown-camera", "camera_id", "")
    ]
    assert door.count.rejected == {"unknown-camera": 1}


def test_a_stranger_before_an_unknown_camera_leaves_no_row() -> None:
    door = make_door()
    door.take(raw(plate="鲁B84710", camera_id="C9"))
    assert door.ledger.rejects == []


def test_an_id_that_stayed_out_does_not_bar_a_later_one() -> None:
    door = make_door()
    assert door.take(raw(plate="鲁B84710")) is None
    assert door.take(raw()) is not None


def test_candidates_off_the_staff_list_are_dropped_and_counted(tmp_path: Path) -> None:
    told = [{"person_id": person, "score": 0.9} for person in ("P1", "STRANGER", "370102199001010015")]
    (passage,), door = read(tmp_path, line(faces=[{"seat": "driver", "candidates": told}]))
    assert passage.faces[0].candidates == (Candidate("P1", 0.9),)
    assert (door.count.candidates_read, door.count.candidates_dropped) == (3, {"not-enrolled": 2})


def test_without_a_mandate_there_are_no_faces(tmp_path: Path) -> None:
    (passage,), door = read(tmp_path, line(), door=make_door(face_join=False))
    assert passage.faces == ()
    assert door.count.faces_dropped == {"no-mandate": 1}
    assert door.count.candidates_dropped == {"no-mandate": 1}


def test_faces_of_what_stays_out_are_counted_with_it(tmp_path: Path) -> None:
    _, door = read(tmp_path, line(plate="鲁B84710"), line(passage_id="K2", camera_id="C9"), line(), line())
    assert door.count.faces_dropped == {"out-of-scope": 1, "unknown-camera": 1, "duplicate-key": 1}
    assert (door.count.faces_read, door.count.faces_kept) == (4, 1)


def test_faces_of_no_car_are_counted() -> None:
    door = make_door()
    assert door.take(StrayFaces("no-vehicle", 3, 2)) is None
    assert door.count.balances()
    assert (door.count.read, door.count.faces_dropped) == (0, {"no-vehicle": 3})


def test_out_of_scope_counts_among_the_rejected_of_the_file_without_a_row(tmp_path: Path) -> None:
    _, door = read(tmp_path, line(), line(passage_id="K2", plate="鲁B84710"))
    assert door.ledger.rows()[FILE] == {"read": 2, "kept": 1, "flagged": {}, "rejected": {"out-of-scope": 1}}
    assert door.ledger.rejects == []


def test_passages_dropped_later_keep_every_account_right(tmp_path: Path) -> None:
    passages, door = read(
        tmp_path, line(lane=-1), line(passage_id="K2", plate="鲁A1O01学", lane=-1, faces=[{"seat": "x"}, 5])
    )
    assert door.ledger.rows()[FILE]["flagged"] == {"bad-lane": 2, "bad-face": 1, "unknown-seat": 1}
    door.drop(passages[1:], "out-of-scope")
    assert door.count.balances()
    assert (door.count.kept, door.count.dropped) == (1, {"out-of-scope": 1})
    assert door.count.faces_dropped == {"bad-face": 1, "out-of-scope": 1}
    assert door.ledger.rows()[FILE] == {
        "read": 2, "kept": 1, "flagged": {"bad-lane": 1}, "rejected": {"out-of-scope": 1},
    }  # fmt: skip


def test_a_passage_cannot_be_dropped_twice_nor_one_that_never_came_in(tmp_path: Path) -> None:
    (passage,), door = read(tmp_path, line())
    door.drop([passage])
    with pytest.raises(ValueError, match="K1"):
        door.drop([passage])
    assert door.count.balances()


def test_the_id_of_a_dropped_passage_stays_taken() -> None:
    door = make_door()
    passage = door.take(raw())
    assert passage is not None
    door.drop([passage])
    assert door.take(raw()) is None
    assert door.count.rejected == {"duplicate-key": 1}


@pytest.mark.parametrize(
    "name", ["2026-鲁A1O01学-7", "K7-a1-o01", "张三", "鲁B84710", "x370102199001010015", "11010519491231002X/7"]
)
def test_an_id_that_may_tell_who_somebody_is_is_replaced_by_its_place(name: str) -> None:
    passage = make_door().take(raw(passage_id=name, plate="鲁A1O01学", row=9))
    assert passage is not None
    assert passage.passage_id == "passages.ndjson#9"


def test_an_id_may_tell_a_registered_serial_and_digits_of_gat_1400() -> None:
    for name in ("2026-A1001-7", "510100000011900000010220250314093012000010200001"):
        passage = make_door().take(raw(passage_id=name))
        assert passage is not None
        assert passage.passage_id == name


CANARIES = ("鲁B84710", "鲁A1O01学", "A1O01", "B84710", "STRANGER", "张三", "370102199001010015", "DEADBEEF", "mongol")


def test_no_stranger_survives_the_door(tmp_path: Path) -> None:
    """Every kind of outcome, each with a name, number, ethnicity, picture and plate that nobody may ever see again."""
    secret = {"name": "张三", "id_number": "370102199001010015", "ethnicity": "mongol", "image": "DEADBEEF" * 50}
    told = [{"person_id": "P1", "score": 0.9} | secret, {"person_id": "STRANGER", "score": 0.8} | secret]
    face = {"seat": "driver", "quality": 0.5, "candidates": told} | secret
    records = [
        line(
            **{"passage_id": f"K-{plate}-{at}", "plate": plate, "faces": [face, face | {"quality": 5}]}
            | secret
            | change
        )
        for plate in ("鲁A1001学", "鲁A1O01学", "鲁B84710")
        for at, change in enumerate(
            (
                {},
                {"camera_id": "张三"},
                {"shot_time": "鲁B84710"},
                {"plate_score": "DEADBEEF"},
                {"plate_class": "张三", "lane": "张三", "plate_color": "张三", "heading_deg": "张三"},
                {"passage_id": "370102199001010015" + plate},
            )
        )
    ]
    texts = [json.dumps(record, ensure_ascii=False) for record in records]
    broken = [text[: len(text) // 2] for text in texts]
    passages, door = read(tmp_path, *texts, *texts, *broken)
    assert len(passages) == 6
    assert door.count.read == 3 * len(records)
    left = (passages, door.ledger.rejects, door.ledger.rows(), list(door.ledger.warnings), door.count)
    # What was enrolled and registered beforehand is no secret; the rest of the door's memory is looked through too.
    memory = {key: value for key, value in vars(door).items() if key not in {"book", "ledger"}}
    for canary in CANARIES:
        assert canary not in repr((left, memory))
        assert canary.encode() not in pickle.dumps((left, memory))
    assert "P1" in repr(left)
    assert BOOK is door.book
