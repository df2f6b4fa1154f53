"""Checkpoint records and a door for them, for tests that change one thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from checkpoints.passage import Passage
from checkpoints.plates import PlateBook
from feeds.ledger import Ledger
from feeds.passage_door import PassageDoor
from feeds.passage_files import read_passages
from feeds.passage_raw import Scale
from trajectories.clock import LocalTime

LOCAL = LocalTime("Asia/Shanghai")
START_MS, END_MS = 1_773_777_600_000, 1_773_864_000_000
"""2026-03-18T04:00+08:00 to the next."""
BOOK = PlateBook.build([("V1", "鲁A1001学", "16"), ("V2", "鲁A1008学", "16"), ("X1", "鲁A90011", "02")])
STAFF = ("P1", "P2", "P9")
SCALE = Scale(0.0, 1.0, 0.55, 3)


def line(**changes: Any) -> dict[str, Any]:
    """One good record of V1, with some keys changed; those changed to `...` are left out."""
    face = {"seat": "front_passenger", "quality": 0.7, "candidates": [{"person_id": "P1", "score": 0.9}]}
    record: dict[str, Any] = {
        "passage_id": "K1",
        "camera_id": "C1",
        "shot_time": "2026-03-18T08:00:00+08:00",
        "plate": "鲁A1001学",
        "plate_score": 0.97,
        "faces": [face],
    }
    return {key: value for key, value in (record | changes).items() if value is not ...}


def make_door(
    *, face_join: bool = True, enrolled: tuple[str, ...] = STAFF, start_ms: int = START_MS, end_ms: int = END_MS
) -> PassageDoor:
    """A door of 2026-03-18 with two cameras."""
    return PassageDoor(BOOK, enrolled, ("C1", "C2"), start_ms, end_ms, Ledger(), face_join=face_join)


def ndjson(*records: Any) -> bytes:
    """Records as lines."""
    texts = (record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records)
    return "".join(f"{text}\n" for text in texts).encode()


def read(
    folder: Path, *records: Any, door: PassageDoor | None = None, scale: Scale = SCALE
) -> tuple[tuple[Passage, ...], PassageDoor]:
    """What comes through a door from these lines; every account is right."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "passages.ndjson").write_bytes(ndjson(*records))
    return read_folder(folder, door, scale)


def read_folder(
    folder: Path, door: PassageDoor | None = None, scale: Scale = SCALE
) -> tuple[tuple[Passage, ...], PassageDoor]:
    """What comes through a door from a folder; every account is right."""
    door = make_door() if door is None else door
    passages = read_passages(folder, LOCAL, scale, door)
    assert door.count.balances()
    assert door.count.kept == len(passages)
    rows = door.ledger.rows().values()
    assert door.count.read == sum(account["read"] for account in rows)  # type: ignore[misc]
    assert door.count.kept == sum(account["kept"] for account in rows)  # type: ignore[misc]
    return passages, door
