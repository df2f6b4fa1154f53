"""Lines and payloads broken or hostile: nothing crashes, everything is accounted for, nothing of a stranger is left."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path
from typing import Any

import pytest

from checkpoints.passage import Passage
from feeds.ledger import Ledger
from feeds.passage_door import PassageDoor
from feeds.passage_files import read_passages
from feeds.viid import read_viid
from feeds.viid_faces import ViidContext
from tests.feeds.passage_makers import BOOK, END_MS, LOCAL, SCALE, STAFF, START_MS, line, read_folder
from tests.feeds.test_tracks_mutated import damage, mutate
from tests.feeds.test_viid import CROSSWALK
from tests.feeds.viid_makers import DEVICE, ID_NUMBER, TOLLGATE, face, push, vehicle

STRANGER = "鲁B84710"
NAMES = (STRANGER, "B84710", "STRANGER", "张三", ID_NUMBER)
MANY = 10_000


def nested(depth: int, kind: str) -> str:
    return "[" * depth + "]" * depth if kind == "list" else '{"a":' * depth + "1" + "}" * depth


HOSTILE: list[Any] = [
    None, True, False, 0, -1, 1e308, -1e308, 10**30, 10**400, 5e-324, "", " ", "\x00", "\ud800", "1e999", "NaN", "null",
    float("nan"), float("inf"), float("-inf"), [], {}, [[]], [{}], {"a": {}}, "x" * 5000, [None] * 50, "2026-03-18",
    "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00-23:59", "20260318080000", STRANGER, "\u202e鲁A1001学", "ﷺ" * 20,
]  # fmt: skip
RAW = [
    b"", b"\x00" * 50, b"\xff\xfe\x00", b"NaN", b"-Infinity", b"[1,2", b'{"passage_id":', b"9" * 5000, b"{}" * 3, b"\\",
    nested(50_000, "list").encode(), nested(50_000, "dict").encode(), b'"' + b"\\ud800" * 40 + b'"', b"\xe9\xb2",
    b'{"passage_id": "K", "passage_id": "L", "faces": ' + nested(900, "list").encode() + b"}",
]  # fmt: skip


def hostile(value: Any, rng: random.Random) -> Any:
    """Change a place or two of a JSON value, to something harmless or not."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        value = mutate(value, rng) if rng.random() < 0.6 else struck(value, rng)
    return value


def struck(value: Any, rng: random.Random) -> Any:
    """Put something hostile at a place of a JSON value."""
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        value = value.copy()
        value[key] = struck(value[key], rng)
        return value
    return rng.choice(HOSTILE)


def a_line(rng: random.Random, number: int) -> bytes:
    """One line of a file, good, bad or hostile; never with a line end in it."""
    told = [{"person_id": person, "score": 0.9} for person in rng.sample(("P1", "P2", "STRANGER"), 2)]
    faces = [{"seat": "driver", "quality": 0.5, "candidates": told, "name": "张三"}] * rng.randrange(3)
    plate = rng.choice(("鲁A1001学", "鲁A1O01学", STRANGER, "无车牌"))
    record: Any = line(passage_id=f"K{number // 2}", plate=plate, faces=faces, name="张三", id=ID_NUMBER)
    if rng.random() < 0.7:
        record = hostile(record, rng)
    data = json.dumps(record, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if rng.random() < 0.2:
        data = damage(data, rng)
    return (rng.choice(RAW) if rng.random() < 0.05 else data).replace(b"\n", b" ")


def assert_nobody_is_left(passages: tuple[Passage, ...], door: PassageDoor) -> None:
    memory = {key: value for key, value in vars(door).items() if key not in {"book", "ledger"}}
    left = (passages, door.ledger.rejects, door.ledger.rows(), list(door.ledger.warnings), memory)
    for name in NAMES:
        assert name not in repr(left)
        assert name.encode() not in pickle.dumps(left)
    assert all(reject.found == "" for reject in door.ledger.rejects)
    assert {c.person_id for p in passages for f in p.faces for c in f.candidates} <= set(STAFF)


def check_lines(folder: Path, n: int, seed: int) -> None:
    rng = random.Random(seed)
    lines = [a_line(rng, number) for number in range(n)]
    (folder / "passages.ndjson").write_bytes(b"\n".join(lines))
    passages, door = read_folder(folder)
    blank = sum(not text.strip(b" \t\r\f\v\x1c\x1d\x1e\x1f") for text in lines)
    assert door.count.read == n - blank
    assert len(passages) > n / 50  # not all was broken,
    assert door.count.rejected.total() > n / 20  # and much was
    assert_nobody_is_left(passages, door)


def a_payload(rng: random.Random, number: int) -> tuple[list[Any], list[Any]]:
    """Vehicles and faces of a payload, each of them good, bad or hostile."""
    plates = ("鲁A1001学", "鲁A1O01学", STRANGER, "无车牌", "")
    cars: list[Any] = [
        vehicle(MotorVehicleID=f"{number}-{at}", PlateNo=rng.choice(plates), SourceID=f"S{rng.randrange(4)}")
        for at in range(rng.randrange(4))
    ]
    faces: list[Any] = [
        face(
            FaceID=f"{number}-{rng.randrange(9)}",
            SourceID=f"S{rng.randrange(5)}",
            IDNumber=rng.choice((ID_NUMBER, "P2", "")),
        )
        for _ in range(rng.randrange(5))
    ]
    return ([hostile(car, rng) if rng.random() < 0.6 else car for car in cars],
            [hostile(each, rng) if rng.random() < 0.6 else each for each in faces])  # fmt: skip


def new_door() -> PassageDoor:
    return PassageDoor(BOOK, STAFF, (TOLLGATE, DEVICE), START_MS, END_MS, Ledger(), face_join=True)


def check_objects(n: int, seed: int) -> None:
    """Hostile objects in sound lists: every vehicle and every face is counted exactly once."""
    rng, door, context = random.Random(seed), new_door(), ViidContext(LOCAL, SCALE, frozenset(STAFF), CROSSWALK)
    passages, n_cars, n_faces = [], 0, 0
    for number in range(n):
        cars, faces = a_payload(rng, number)
        n_cars, n_faces = n_cars + len(cars), n_faces + len(faces)
        taken = (door.take(item) for item in read_viid(push(cars, tuple(faces)), f"passages/{number}.json", context))
        passages += [passage for passage in taken if passage is not None]
    assert (door.count.read, door.count.faces_read) == (n_cars, n_faces)
    assert (door.count.balances(), door.count.kept) == (True, len(passages))
    assert len(passages) > n / 10
    assert_nobody_is_left(tuple(passages), door)


def check_files(folder: Path, n: int, seed: int) -> None:
    """Hostile files: the envelope itself is struck, or the bytes are."""
    rng, door = random.Random(seed), new_door()
    (folder / "passages").mkdir()
    for number in range(n):
        payload = push(*a_payload(rng, number))
        if rng.random() < 0.5:
            payload = hostile(payload, rng)
        data = json.dumps(payload, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
        data = damage(data, rng) if rng.random() < 0.3 else rng.choice(RAW) if rng.random() < 0.05 else data
        (folder / "passages" / f"{number}.json").write_bytes(data)
    passages = read_passages(folder, LOCAL, SCALE, door, CROSSWALK)
    assert (door.count.balances(), door.count.kept) == (True, len(passages))
    account = door.ledger.rows()["passages"]
    assert (account["read"], account["kept"]) == (door.count.read, len(passages))
    assert len(passages) > n / 20
    assert_nobody_is_left(passages, door)


def test_ten_thousand_hostile_lines_never_crash_and_all_are_accounted_for(tmp_path: Path) -> None:
    check_lines(tmp_path, MANY, 20260318)


def test_ten_thousand_hostile_payloads_never_crash_and_every_object_is_accounted_for() -> None:
    check_objects(MANY, 20260318)


def test_ten_thousand_hostile_files_never_crash_and_all_are_accounted_for(tmp_path: Path) -> None:
    check_files(tmp_path, MANY, 20260318)


@pytest.mark.parametrize("kind", ["list", "dict"])
@pytest.mark.parametrize("depth", [50, 300, 900, 990, 5000, 300_000])
def test_nesting_of_every_depth_is_survived(tmp_path: Path, kind: str, depth: int) -> None:
    deep = nested(depth, kind)
    good = json.dumps(line(passage_id="K2"))
    for key in ("passage_id", "plate", "faces", "lane", "whatever"):
        text = json.dumps(line(**{key: "@"})).replace('"@"', deep)
        (tmp_path / "passages.ndjson").write_text(f"{text}\n{good}\n")
        passages, door = read_folder(tmp_path)
        assert door.count.read == 2
        assert passages[-1].passage_id == "K2"
