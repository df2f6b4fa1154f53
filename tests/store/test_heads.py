"""Heads of the access log at the second place: a file that is a chain itself."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from store.heads import FIRST_LINE, Head, HeadsRefused, read_heads, write_head
from tests.stores import START_MS

DIGESTS = [f"{n:064x}" for n in range(1, 6)]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "heads.ndjson"
    for n, digest in enumerate(DIGESTS):
        assert write_head(path, 10 * n, digest, START_MS + n, f"R{n}")
    return path


def test_heads_come_back_as_they_were_written(written: Path) -> None:
    assert read_heads(written) == [Head(10 * n, d, START_MS + n, f"R{n}") for n, d in enumerate(DIGESTS)]


def test_a_line_is_one_head_as_json_with_the_digest_of_the_line_before(written: Path) -> None:
    first, second = map(json.loads, written.read_bytes().splitlines()[:2])
    assert first == {"at_ms": START_MS, "digest": DIGESTS[0], "previous": FIRST_LINE, "run_id": "R0", "seq": 0}
    assert len(second["previous"]) == 64
    assert second["previous"] != FIRST_LINE


def test_the_file_is_for_nobody_else(written: Path) -> None:
    assert written.stat().st_mode & 0o777 == 0o600


def test_the_same_head_is_not_written_twice(written: Path) -> None:
    before = written.read_bytes()
    for n in (2, 4):
        assert not write_head(written, 10 * n, DIGESTS[n], START_MS + 99, "R99")
    assert written.read_bytes() == before
    assert write_head(written, 40, "f" * 64, START_MS + 99, "R99")  # another chain: that is what it is there to tell


def test_what_was_written_is_never_written_over(written: Path) -> None:
    before = written.read_bytes()
    write_head(written, 99, "a" * 64, START_MS, "R")
    assert written.read_bytes().startswith(before)


def test_it_is_on_the_disk_when_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(Path(f"/proc/self/fd/{fd}").readlink()), real(fd)))
    write_head(tmp_path / "heads", 1, DIGESTS[0], START_MS, "R")
    assert synced == [tmp_path / "heads", tmp_path]


def test_a_text_from_outside_stays_on_its_line(tmp_path: Path) -> None:
    path = tmp_path / "heads"
    write_head(path, 1, DIGESTS[0], START_MS, "R\n\u2028{}\x1b")
    assert len(path.read_bytes().splitlines()) == 1
    assert read_heads(path)[0].run_id == "R\n\u2028{}\x1b"


def test_many_at_once_make_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "heads"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: write_head(path, n, f"{n:064x}", START_MS, "R"), range(100)))
    assert sorted(head.seq for head in read_heads(path)) == list(range(100))


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(HeadsRefused, match="medium"):
        write_head(tmp_path / "not-mounted" / "heads", 1, DIGESTS[0], START_MS, "R")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HeadsRefused, match=r"nothing\.ndjson"):
        read_heads(tmp_path / "nothing.ndjson")


def test_every_changed_byte_is_refused_and_its_line_named(written: Path) -> None:
    """The last line has none after it: what it says of the log, the log itself answers."""
    raw = written.read_bytes()
    lines = raw.splitlines(keepends=True)
    told = read_heads(written)
    for at in range(len(raw)):
        line = raw[:at].count(b"\n") + 1
        written.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        if (found := heads_or_refusal(written)) == told or (isinstance(found, list) and line < len(lines)):
            pytest.fail(f"byte {at} of line {line}")
        assert isinstance(found, list) or f"line {line}:" in found or f"line {line + 1}:" in found


def heads_or_refusal(path: Path) -> list[Head] | str:
    try:
        return read_heads(path)
    except HeadsRefused as refused:
        return str(refused)


def test_a_line_taken_out_or_moved_is_refused(written: Path) -> None:
    lines = written.read_bytes().splitlines(keepends=True)
    for other in ([*lines[:2], *lines[3:]], lines[1:], [lines[1], lines[0], *lines[2:]], [lines[0], *lines]):
        written.write_bytes(b"".join(other))
        with pytest.raises(HeadsRefused, match="does not follow"):
            read_heads(written)


@pytest.mark.parametrize("rest", [b"{", b"\n", b'{"seq":1}\n', b"null\n", b"\xff\n"])
def test_a_torn_line_is_refused_and_nothing_added_behind_it(written: Path, rest: bytes) -> None:
    raw = written.read_bytes() + rest
    written.write_bytes(raw)
    with pytest.raises(HeadsRefused, match="line 6: is damaged"):
        read_heads(written)
    with pytest.raises(HeadsRefused, match="line 6: is damaged"):
        write_head(written, 99, "a" * 64, START_MS, "R")
    assert written.read_bytes() == raw


def test_a_line_as_another_program_would_write_it_is_refused(written: Path) -> None:
    lines = written.read_bytes().splitlines(keepends=True)
    spaced = json.dumps(json.loads(lines[-1])).encode() + b"\n"
    written.write_bytes(b"".join([*lines[:-1], spaced]))
    with pytest.raises(HeadsRefused, match="line 5"):
        read_heads(written)


def test_an_empty_file_has_no_heads(tmp_path: Path) -> None:
    (tmp_path / "heads").touch()
    assert read_heads(tmp_path / "heads") == []


def test_a_time_is_said_in_utc() -> None:
    assert Head(1, "", START_MS, "").when == "2026-03-19T01:00:00Z"
