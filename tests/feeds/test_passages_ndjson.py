"""Every line of passages.ndjson becomes a passage, a count, or a reject that says nothing of what it held."""

from __future__ import annotations

from pathlib import Path

from checkpoints.passage import Candidate, Face, Seat
from tests.feeds.passage_makers import line, read, read_folder


def test_a_good_line_becomes_a_passage_without_its_plate(tmp_path: Path) -> None:
    (passage,), door = read(tmp_path, line(heading_deg=360, lane=2, plate_color="黄", plate_class=16))
    assert (passage.passage_id, passage.camera_id, passage.vehicle_id) == ("K1", "C1", "V1")
    assert passage.shot_ms == 1_773_792_000_000  # 2026-03-18T00:00Z
    assert (passage.plate_score, passage.heading_deg, passage.file, passage.row) == (0.97, 0.0, "passages.ndjson", 1)
    assert passage.faces == (Face(Seat.FRONT_PASSENGER, 0.7, (Candidate("P1", 0.9),)),)
    assert [reading.vehicle_id for reading in passage.others] == ["V2"]
    assert "鲁" not in repr(passage)
    assert door.ledger.rows() == {"passages.ndjson": {"read": 1, "kept": 1, "flagged": {}, "rejected": {}}}


def test_no_file_at_all_is_nothing_read(tmp_path: Path) -> None:
    passages, door = read_folder(tmp_path)
    assert (passages, door.count.read, door.ledger.rows()) == ((), 0, {})
