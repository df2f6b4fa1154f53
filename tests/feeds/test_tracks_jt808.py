"""JT/T 808 tracks: published frames are read as published, and nothing in a stream is lost or invented."""

from __future__ import annotations

import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feeds.jt808_frames import FrameFault, Head, encode, phone_text, read_frames
from feeds.track_table import TrackTable
from geo.datum import Datum
from tests.feeds.jt808_encoder import FIXED, batch, frame, in_parts, position, wrapped
from tests.feeds.track_builders import T0_MS, account, open_feed, write
from trajectories.fleet import Flag
from trajectories.recipe import Recipe

PHONE = "13800138000"
PLUGIN = 1 << 5


@pytest.fixture(scope="module")
def vectors(real_data: Path) -> dict[str, Any]:
    return json.loads((real_data / "coordinates" / "vectors.json").read_text(encoding="utf-8"))


def read(bundle: Path, *pieces: bytes, name: str = f"{PHONE}.bin", datum: Datum = Datum.WGS84) -> Any:
    """Read one file of these pieces: (table, rejects as (row, reason, found), ledger)."""
    write(bundle, name, b"".join(pieces))
    feed, ledger, _ = open_feed(bundle, "jt808", datum)
    table = feed.read()
    account(ledger)
    return table, [(r.row, r.reason, r.found) for r in ledger.rejects], ledger


def at(k: int, **changes: Any) -> bytes:
    return position(T0_MS + 5000 * k, 113.0 + k / 1000, 34.5, **changes)


def seconds(table: TrackTable) -> list[int]:
    """Which of the positions `at(k)` are in the table, by their times."""
    return ((table.t_ms - T0_MS) // 5000).tolist()


# ---------------------------------------------------------------- published frames


def decoded_positions(decoded: dict[str, Any]) -> list[dict[str, Any]]:
    return decoded.get("locations") or ([decoded["location"]] if "location" in decoded else [])


def test_published_frames_are_read_as_published(tmp_path: Path, vectors: dict[str, Any]) -> None:
    n_kept = n_swapped = 0
    for item in vectors["jt808_frames"]:
        decoded = item["decoded"]
        frames = read_frames(bytes.fromhex(item["hex"]))
        assert len(frames) == 1
        assert frames.fault.tolist() == [0]
        assert f"0x{frames.message[0]:04X}" == decoded["msg_id"].upper().replace("X", "x")
        assert phone_text(frames.phone[0]) == decoded["phone_bcd"].lstrip("0")
        assert frames.sequence[0] == decoded["seq"]
        assert frames.body_end[0] - frames.body[0] == decoded["body_len"]
        expected = decoded_positions(decoded)
        table, rejects, _ = read(
            tmp_path / item["id"], bytes.fromhex(item["hex"]), name=f"{phone_text(frames.phone[0])}.bin"
        )
        good = [place for place in expected if place["lat"] <= 90]
        assert rejects == [
            (row, "out-of-range", f"{place['lat']:.6f}") for row, place in enumerate(expected, 1) if place["lat"] > 90
        ]
        assert table.lon_deg.tolist() == [place["lon"] for place in good]
        assert table.lat_deg.tolist() == [place["lat"] for place in good]
        assert table.heading_deg.tolist() == [place["direction"] for place in good]
        assert np.allclose(table.speed_mps * 3.6, [place["speed_kmh"] for place in good], rtol=1e-6)
        times = [datetime.fromisoformat(place["time_gmt8"]).timestamp() * 1000 for place in good]
        assert table.t_ms.tolist() == times
        n_kept, n_swapped = n_kept + len(good), n_swapped + len(rejects)
    assert (n_kept, n_swapped) == (3, 8)  # the popular swapped sample is refused in every guise, never turned


def test_published_escapes_are_undone_as_published(vectors: dict[str, Any]) -> None:
    for item in vectors["jt808_unescape"]:
        frames = read_frames(bytes.fromhex(item["in"]))
        if "error" in item:
            assert frames.fault.tolist() == [FrameFault.BAD_ESCAPE]
            continue
        assert frames.bytes[1 : 1 + len(item["out"]) // 2].tobytes().hex() == item["out"]


def test_the_encoder_of_these_tests_writes_the_published_frames(vectors: dict[str, Any]) -> None:
    for item in vectors["jt808_frames"]:
        decoded = item["decoded"]
        bodies = [
            position(
                int(datetime.fromisoformat(place["time_gmt8"]).timestamp() * 1000),
                place["lon"],
                place["lat"],
                place["speed_kmh"],
                place["direction"],
                status=place["status"],
                alarm=place["alarm"],
                height_m=place["alt_m"],
                extras={int(kind, 16): bytes.fromhex(value) for kind, value in place["extras"].items()},
            )
            for place in decoded_positions(decoded)
        ]
        if not bodies:
            continue
        body = batch(bodies, decoded["type"]) if "count" in decoded else bodies[0]
        head = "2019" if decoded["version"] == "2019" else "2013"
        assert frame(
            int(decoded["msg_id"], 16), body, decoded["phone_bcd"], decoded["seq"], head=head
        ) == bytes.fromhex(item["hex"])


def test_published_replies_are_what_our_own_encoder_writes(vectors: dict[str, Any]) -> None:
    replies = [item for item in vectors["jt808_frames"] if item["decoded"]["msg_id"] == "0x8001"]
    assert len(replies) == 2
    for item in replies:
        frames, ack = read_frames(bytes.fromhex(item["hex"])), item["decoded"]["ack"]
        body = ack["seq"].to_bytes(2, "big") + int(ack["id"], 16).to_bytes(2, "big") + bytes([ack["result"]])
        assert encode(0x8001, body, frames.phone[0], item["decoded"]["seq"], Head(frames.head[0])).hex() == item["hex"]


def test_training_records_give_their_positions(tmp_path: Path, vectors: dict[str, Any]) -> None:
    frames = [bytes.fromhex(item["hex"]) for item in vectors["jt808_training_frames"]]
    assert len(frames) == 5
    table, rejects, _ = read(tmp_path, *frames)
    assert rejects == []
    # `01d2810f 0633eef1 015e 015a 005a 250314093000` in all five: 30.572815, 104.066801, recorder 35.0 and satellite
    # 34.6 km/h, 90 degrees, 2025-03-14 09:30:00 +08:00
    assert set(table.lat_deg.tolist()) == {30.572815}
    assert set(table.lon_deg.tolist()) == {104.066801}
    assert np.allclose(table.speed_mps * 3.6, 34.6)
    assert set(table.heading_deg.tolist()) == {90}
    assert set(table.t_ms.tolist()) == {int(datetime.fromisoformat("2025-03-14T09:30:00+08:00").timestamp() * 1000)}


def training(data: bytes, message: int = 0x0203, *, again: bool = False, width: int = 4, tail: int = 0) -> bytes:
    body = b"\x13" + message.to_bytes(2, "big") + int(again).to_bytes(2, "big") + b"\0\1" + b"1234567890123456"
    return frame(0x0900, body + len(data).to_bytes(width, "big") + data + bytes(tail), head="training")


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("tail", [0, 256])
def test_a_training_record_is_read_with_either_width_of_its_length_and_with_its_signature(
    tmp_path: Path, width: int, tail: int
) -> None:
    table, rejects, _ = read(tmp_path, training(bytes(76) + at(7)[:28] + bytes(10), width=width, tail=tail))
    assert (seconds(table), rejects) == ([7], [])
    assert table.lon_deg.tolist() == [113.007]


def test_a_training_record_sent_again_is_late(tmp_path: Path) -> None:
    records = [training(bytes(76) + at(k)[:28] + bytes(10), again=k == 1) for k in range(2)]
    table, _, _ = read(tmp_path, *records)
    assert (table.flags == Flag.LATE).tolist() == [False, True]


def test_a_training_record_of_another_length_than_it_says_is_refused(tmp_path: Path) -> None:
    table, rejects, _ = read(tmp_path, training(bytes(76) + at(0)[:28], tail=3), training(bytes(50)))
    assert len(table) == 0
    assert [reason for _, reason, _ in rejects] == ["short-body", "short-body"]
    assert all("3132" not in found for _, _, found in rejects)  # numbers of people in a record are never quoted


# ---------------------------------------------------------------- what terminals send


@pytest.mark.parametrize("head", ["2013", "2019", "training"])
def test_positions_under_every_head_are_read(tmp_path: Path, head: str) -> None:
    table, rejects, ledger = read(tmp_path, *(frame(0x0200, at(k), sequence=k, head=head) for k in range(5)))
    assert (seconds(table), rejects, ledger.warnings) == ([0, 1, 2, 3, 4], [], {})
    assert table.lon_deg.tolist() == [113.0, 113.001, 113.002, 113.003, 113.004]


def test_south_and_west_are_bits_of_the_status(tmp_path: Path) -> None:
    table, _, _ = read(tmp_path, frame(0x0200, position(T0_MS, -46.633309, -23.55052)))
    assert (table.lon_deg[0], table.lat_deg[0]) == (-46.633309, -23.55052)


def test_a_terminal_without_a_position_is_no_fix(tmp_path: Path) -> None:
    table, rejects, _ = read(tmp_path, frame(0x0200, position(T0_MS, 0.0, 0.0, status=0)), frame(0x0200, at(1)))
    assert seconds(table) == [1]
    assert rejects == [(1, "no-fix", "0.000000")]


def test_a_last_known_place_is_kept_as_too_poor_to_place_the_car(tmp_path: Path) -> None:
    table, rejects, _ = read(tmp_path, frame(0x0200, at(0, status=0)), frame(0x0200, at(1)))
    assert rejects == []
    assert table.accuracy_m[0] > Recipe().coarse_m  # beyond which cleaning labels a fix as coarse
    assert np.isnan(table.accuracy_m[1])


def test_a_time_that_no_calendar_has_is_refused(tmp_path: Path) -> None:
    for number, digits in enumerate(("250230120000", "2503141a0000", "000000000000", "250314240000")):
        body = at(0)[:22] + bytes.fromhex(digits)
        _, rejects, _ = read(tmp_path / str(number), frame(0x0200, body))
        assert rejects == [(1, "bad-time", digits)]


@pytest.mark.parametrize(("bit", "faulty"), [(3, False), (4, True), (5, True), (6, True), (7, False)])
def test_a_position_sent_with_an_alarm_of_receiver_or_antenna_is_flagged(
    tmp_path: Path, bit: int, faulty: bool
) -> None:
    """Alarm bits: 4 receiver faulty, 5 antenna open, 6 antenna short; 3 is danger, 7 undervoltage."""
    body = position(T0_MS, 113.0, 34.0, 20.0, 90, status=3, alarm=1 << bit)
    table, _, ledger = read(tmp_path, frame(0x0200, body))
    assert ((table.flags & Flag.GNSS_FAULT) != 0).tolist() == [faulty]
    assert account(ledger)["flagged"].get("gnss-fault", 0) == faulty


def test_a_batch_gives_all_its_positions_and_a_blind_area_upload_is_late(tmp_path: Path) -> None:
    table, rejects, ledger = read(
        tmp_path, frame(0x0200, at(9)), frame(0x0704, batch([at(0), at(1)], kind=1)), frame(0x0704, batch([at(10)]))
    )
    assert (seconds(table), rejects) == ([9, 0, 1, 10], [])
    assert ((table.flags & Flag.LATE) != 0).tolist() == [False, True, True, False]
    assert account(ledger)["flagged"]["late"] == 2


def test_a_batch_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    broken = batch([at(0), at(1)[:20], at(2)], count=5)
    table, rejects, _ = read(tmp_path, frame(0x0704, broken), frame(0x0704, batch([at(3), at(4)], count=1)))
    assert seconds(table) == [0, 2, 3]
    assert [(row, reason) for row, reason, _ in rejects] == [(2, "short-body"), (4, "batch-count"), (6, "batch-count")]


def test_a_message_in_parts_is_put_together_whatever_lies_between(tmp_path: Path) -> None:
    body = batch([at(k) for k in range(60)])
    parts = in_parts(0x0704, body, 500, sequence=0xFFFE)
    assert len(parts) == 4
    table, rejects, _ = read(
        tmp_path, parts[1], frame(0x0200, at(70)), parts[0], parts[3], frame(0x0002, b""), parts[2]
    )
    assert seconds(table) == [70, *range(60)]
    assert rejects == []


def test_parts_without_their_message_and_parts_sent_twice_are_told(tmp_path: Path) -> None:
    one, two = (in_parts(0x0704, batch([at(k) for k in range(first, first + 30)]), 500, first) for first in (0, 30))
    table, rejects, _ = read(tmp_path, one[0], one[0], one[1], two[1])
    assert seconds(table) == list(range(30))
    assert sorted(reason for _, reason, _ in rejects) == ["missing-part", "repeated-part"]


def test_an_encrypted_body_is_refused_and_never_read_as_a_position(tmp_path: Path) -> None:
    table, rejects, _ = read(tmp_path, frame(0x0200, at(0), encryption=1), frame(0x0200, at(1)))
    assert (seconds(table), [reason for _, reason, _ in rejects]) == ([1], ["encrypted"])


def test_coordinates_of_the_plugin_are_warned_of_where_the_feed_says_otherwise(tmp_path: Path) -> None:
    stream = frame(0x0200, at(0, status=FIXED | PLUGIN))
    for datum, warned in ((Datum.WGS84, 1), (Datum.GCJ02, 0)):
        _, _, ledger = read(tmp_path, stream, datum=datum)
        assert sum("plug-in" in warning for warning in ledger.warnings) == warned


# ---------------------------------------------------------------- whose frames


def test_a_file_named_otherwise_than_its_frames_is_read_and_warned_of_once(tmp_path: Path) -> None:
    table, rejects, ledger = read(tmp_path, *(frame(0x0200, at(k)) for k in range(9)), name="T7.bin")
    assert (len(table), rejects, table.terminal_ids) == (9, [], ("T7",))
    assert list(ledger.warnings) == [
        "tracks/f/T7.bin: frames are of terminal 13800138000; taken as T7, as the file is named"
    ]


def test_frames_of_a_second_terminal_in_a_file_are_not_this_cars(tmp_path: Path) -> None:
    stream = [frame(0x0200, at(0), "13900000001"), frame(0x0200, at(1)), frame(0x0200, at(2), head="2019")]
    table, rejects, ledger = read(tmp_path, *stream)
    assert (seconds(table), [(row, reason) for row, reason, _ in rejects]) == ([1, 2], [(1, "other-terminal")])
    assert ledger.warnings == {}


# ---------------------------------------------------------------- damage


def test_reading_is_in_step_again_after_garbage_and_half_frames(tmp_path: Path) -> None:
    whole = [frame(0x0200, at(k)) for k in range(6)]
    stream = [b"\x00garbage", whole[0], b"\xff\xff", whole[1], whole[2][:20], whole[3], whole[4][:-1] + whole[5]]
    table, rejects, _ = read(tmp_path, *stream)
    assert seconds(table) == [0, 1, 3, 4, 5]  # two frames with one mark between them are two
    assert [(row, reason) for row, reason, _ in rejects] == [(1, "too-short"), (3, "too-short"), (5, "bad-checksum")]
    assert [found for _, _, found in rejects] == ["byte 0, 8 bytes", "byte 51, 2 bytes", "byte 97, 19 bytes"]


def test_crumbs_side_by_side_are_one_row(tmp_path: Path) -> None:
    table, rejects, _ = read(tmp_path, b"\x7ea" * 5000, frame(0x0200, at(0)), b"\x7eb\x7e\x7ec", frame(0x0200, at(1)))
    assert seconds(table) == [0, 1]
    assert rejects == [(1, "too-short", "byte 1, 9999 bytes"), (3, "too-short", "byte 10044, 4 bytes")]


@pytest.mark.parametrize(
    ("lost", "why"),
    [
        ([frame(0x0200, at(3), encryption=1)], "1 encrypted frames cannot be read"),
        (in_parts(0x0704, batch([at(3)] * 30), 500)[1:], "1 frames are parts of messages that are not all there"),
        ([frame(0x0200, at(k))[:-3] + b"\0\0\x7e" for k in range(25)], "bytes on end cannot be read"),
        ([frame(0x0200, at(k))[:-3] + b"\0\0\x7e" for k in range(2)], None),
        (in_parts(0x0900, b"\x13\x03\x06" + bytes(900), 500)[1:], None),
        ([piece for k in range(25) for piece in (b"\0" * 50, frame(0x0200, at(k)))], None),
    ],
)
def test_positions_that_were_sent_and_cannot_be_read_are_no_silence(
    tmp_path: Path, lost: list[bytes], why: str | None
) -> None:
    write(tmp_path, f"{PHONE}.bin", b"".join([frame(0x0200, at(30)), *lost, frame(0x0200, at(31))]))
    feed, ledger, _ = open_feed(tmp_path, "jt808")
    assert {30, 31} <= set(seconds(feed.read()))
    assert feed.broken_terminals() == ({} if why is None else {PHONE: "unreadable-file"})
    assert [warning for warning in ledger.warnings if why is None or why not in warning] == []


def test_a_flipped_bit_a_wrong_length_and_a_stray_escape_have_reasons_of_their_own(tmp_path: Path) -> None:
    good = bytearray(frame(0x0200, at(0)))
    good[20] ^= 1
    long = wrapped(frame(0x0200, at(1))[1:-2] + b"\0")
    stray = frame(0x0200, at(2))[:-2] + b"\x7d\x09\x7e"
    _, rejects, _ = read(tmp_path, bytes(good), long, stray, frame(0x0200, at(3)[:27]))
    assert [reason for _, reason, _ in rejects] == ["bad-checksum", "bad-length", "bad-escape", "short-body"]


def test_messages_without_a_position_are_no_rows_and_are_named_once(tmp_path: Path) -> None:
    beats = [frame(0x0002, b"", sequence=k) for k in range(20)]
    photo = frame(0x0900, b"\x13\x03\x06" + bytes(20) + (4).to_bytes(4, "big") + bytes(4), head="training")
    _, rejects, ledger = read(tmp_path, *beats, frame(0x0200, at(0)), photo)
    assert (account(ledger)["read"], rejects) == (1, [])
    assert list(ledger.warnings) == [
        "tracks/f: messages 0x0002 hold no position and are not read",
        "tracks/f: messages 0x0900/0306 hold no position and are not read",
    ]


def test_an_empty_file_and_one_of_other_bytes_alone_are_accounted_for(tmp_path: Path) -> None:
    write(tmp_path, "E.bin", b"")
    write(tmp_path, "G.bin", bytes(1000))
    write(tmp_path, "notes.txt", b"hello")
    feed, ledger, _ = open_feed(tmp_path, "jt808")
    assert feed.terminals() == ("E", "G")
    assert len(feed.read()) == 0
    assert account(ledger)["rejected"] == {"bad-length": 1}
    assert "tracks/f/notes.txt: not read; expected a file named TERMINAL.bin" in ledger.warnings


def test_reading_in_batches_gives_the_same_account_as_reading_at_once(tmp_path: Path) -> None:
    for name in ("13800138000", "13800138001"):
        stream = [frame(0x0200, at(k), name) for k in range(5)] + [b"??"]
        write(tmp_path, f"{name}.bin", b"".join(stream))
    whole, ledger, _ = open_feed(tmp_path, "jt808")
    whole.read()
    parts, other, _ = open_feed(tmp_path, "jt808")
    for terminal in (*parts.terminals(), parts.terminals()[0]):
        parts.read((terminal,))
    assert account(ledger) == account(other)


def test_damaged_streams_never_crash_and_always_add_up(tmp_path: Path) -> None:
    rng = random.Random(808)
    kept = 0
    for _ in range(300):
        stream = bytearray()
        for k in range(6):
            stream += frame(0x0200, at(k), head=rng.choice(["2013", "2019", "training"]))
        stream += b"".join(in_parts(0x0704, batch([at(k) for k in range(20)]), 200)) + training(bytes(76) + at(1))
        for _spot in range(rng.randrange(1, 30)):
            spot = rng.randrange(len(stream))
            stream[spot : spot + rng.randrange(3)] = rng.randbytes(rng.randrange(4))
        if rng.random() < 0.5:  # mended checks let the damage through to the bodies
            stream = bytearray(b"".join(wrapped(piece[:-1]) for piece in stream.split(b"\x7e") if len(piece) > 1))
        table, rejects, ledger = read(tmp_path, bytes(stream), name=f"{PHONE}.bin")
        entry = account(ledger)
        assert entry["read"] == len(table) + len(rejects)
        assert [row for row, _, _ in rejects] == sorted({row for row, _, _ in rejects})
        kept += len(table)
    assert 300 < kept < 300 * 27


def test_any_bytes_are_cut_at_the_marks_as_a_plain_reading_cuts_them() -> None:
    rng = random.Random(2013)
    for _ in range(200):
        data = bytes(rng.choices([0x7E, 0x7D, 1, 2, 0, 0xFF], k=rng.randrange(60)))
        frames = read_frames(data)
        pieces = [piece for piece in data.split(b"\x7e") if piece]
        assert [data[a : a + n] for a, n in zip(frames.at, frames.size, strict=True)] == pieces
        for piece, fault in zip(pieces, frames.fault, strict=True):
            rest = piece.replace(b"\x7d\x01", b"-").replace(b"\x7d\x02", b"-")
            assert (fault == FrameFault.BAD_ESCAPE) == (b"\x7d" in rest)
