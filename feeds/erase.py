"""Erasing what a bundle holds of people: one person's face records, or all that are past their time.

Passages stay for the rule on plates; faces and candidates go. What was erased stands in `erased.json`: when, in which
files, how many, and the files' digests before and after, so that a finding can say that what it rested on is gone. Not
who. A file is replaced whole or not at all; a line that cannot be read and holds the person's key goes as a whole.

GA/T 1400 payloads name people by identity number, which no register holds: to erase somebody there, name that number.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from feeds.bundle_files import decode_chinese
from feeds.digest import file_sha256
from feeds.lines import encoding_of, lines_of
from feeds.passage_door import FILE, FOLDER
from feeds.text import find_file, read_bytes

TOMBSTONES = "erased.json"
LOOKALIKES = "lookalikes.csv"
SCHEMA = 1

Keep = Callable[[dict[str, Any]], tuple[dict[str, Any], int]]
"""Takes a record and gives it back without what is to go, and how many pieces went."""


@dataclass(frozen=True, slots=True)
class ErasedFile:
    """One file from which something was erased; digests are SHA-256 in hex."""

    file: str
    sha256_before: str
    sha256_after: str
    erased: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure: on which date, `person` or `faces-before` (with that date), and from which files."""

    on: date
    what: str
    before: date | None
    files: tuple[ErasedFile, ...]


def erase_person(folder: Path, person_id: str, on: date) -> Erasure:
    """Erase one person's face records from a bundle, and the pairs of the look-alike list that name the person."""
    files = [*_passages(folder, lambda record: _without(record, person_id), person_id)]
    files += _lookalikes(folder, person_id)
    return _told(folder, Erasure(on, "person", None, tuple(files)))


def erase_faces_before(folder: Path, before: date, on: date) -> Erasure:
    """Erase all faces of passages shot before a date (by the date that the record states)."""
    files = tuple(_passages(folder, lambda record: _faceless(record, before), None))
    return _told(folder, Erasure(on, "faces-before", before, files))


def erasures(folder: Path) -> tuple[Erasure, ...]:
    """Return what was erased from a bundle, the first first; nothing where nothing was, or the file is not ours."""
    try:
        told = json.loads((folder / TOMBSTONES).read_text("utf-8"))["erasures"]
        return tuple(
            Erasure(
                date.fromisoformat(e["on"]),
                str(e["what"]),
                None if e["before"] is None else date.fromisoformat(e["before"]),
                tuple(
                    ErasedFile(f["file"], f["sha256_before"], f["sha256_after"], int(f["erased"])) for f in e["files"]
                ),
            )
            for e in told
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _told(folder: Path, erasure: Erasure) -> Erasure:
    held = [*erasures(folder), erasure]
    told = [
        {
            "on": e.on.isoformat(),
            "what": e.what,
            "before": None if e.before is None else e.before.isoformat(),
            "files": [{name: getattr(f, name) for name in ErasedFile.__slots__} for f in e.files],
        }
        for e in held
    ]
    _replace(folder / TOMBSTONES, json.dumps({"schema": SCHEMA, "erasures": told}, indent=2).encode())
    return erasure


def _passages(folder: Path, keep: Keep, key: str | None) -> Iterator[ErasedFile]:
    path = find_file(folder, FILE)
    if path is not None:
        yield from _rewritten(folder, path, *_lines(path, keep, key))
    if (folder / FOLDER).is_dir():
        for payload in sorted((folder / FOLDER).glob("*.json*")):
            yield from _rewritten(folder, payload, *_payload(payload, keep))


def _lines(path: Path, keep: Keep, key: str | None) -> tuple[bytes, int]:
    """Return a file of records, one a line, without what is to go, and how many pieces went."""
    encoding, _ = encoding_of(path)
    out, total = [], 0
    for line in lines_of(path):
        if line is None:
            continue  # too long to be a record: nobody reads it, and nobody knows whom it names
        try:
            record = json.loads(line.removeprefix(BOM_UTF8).decode(encoding))
            kept, n = keep(record) if isinstance(record, dict) else (record, 0)
        except (ValueError, RecursionError):
            kept, n = None, 0
            if key is not None and key.encode(encoding, "replace") in line:
                total += 1
                continue
        total += n
        out.append(json.dumps(kept, ensure_ascii=False).encode(encoding) if n else line)
    return b"".join(piece + b"\n" for piece in out), total


def _payload(path: Path, keep: Keep) -> tuple[bytes, int]:
    """Return a GA/T 1400 payload without what is to go; one that cannot be read is kept as it is and counts nothing."""
    data = read_bytes(path)
    text, note = decode_chinese(data)
    try:
        kept, n = _walked(json.loads(text), keep)
    except (ValueError, RecursionError):
        return data, 0
    encoding = "gb18030" if note == "gb18030" else "utf-8"
    return json.dumps(kept, ensure_ascii=False).encode(encoding), n


def _walked(value: Any, keep: Keep) -> tuple[Any, int]:
    """Return a GA/T 1400 payload without the faces that are to go, wherever their lists stand."""
    if isinstance(value, list):
        walked = [_walked(v, keep) for v in value]
        return [v for v, _ in walked], sum(n for _, n in walked)
    if not isinstance(value, dict):
        return value, 0
    total, out = 0, {}
    for name, held in value.items():
        faces = held if isinstance(held, list) else [held]
        if name == "FaceObject":
            kept = [f for f in faces if not (isinstance(f, dict) and keep({"faces": [f]})[1])]
            total, out[name] = total + len(faces) - len(kept), kept
        else:
            out[name], n = _walked(held, keep)
            total += n
    return out, total


def _without(record: dict[str, Any], person_id: str) -> tuple[dict[str, Any], int]:
    """Return a passage without a person's candidates (and a GA/T 1400 face of that key counts as one)."""
    n, faces = 0, record.get("faces")
    out = []
    for face in faces if isinstance(faces, list) else ():
        held = face.get("candidates") if isinstance(face, dict) else None
        if isinstance(held, list):
            kept = [c for c in held if not (isinstance(c, dict) and c.get("person_id") == person_id)]
            n += len(held) - len(kept)
            told = {**face, "candidates": kept}
            if len(kept) < len(held):  # it may be of the same person
                told.pop("declared_score", None)
            face = told  # noqa: PLW2901 -- the face as it stays
        elif isinstance(face, dict) and face.get("IDNumber") == person_id:
            n += 1
        out.append(face)
    return ({**record, "faces": out}, n) if n else (record, 0)


def _faceless(record: dict[str, Any], before: date) -> tuple[dict[str, Any], int]:
    """Return a passage without faces where it was shot before a date."""
    faces = record.get("faces")
    shot = record.get("shot_time")
    if shot is None and isinstance(faces, list) and faces and isinstance(faces[0], dict):
        shot = faces[0].get("FaceAppearTime") or faces[0].get("LocationMarkTime")
    digits = "".join(c for c in str(shot)[:10] if c.isdigit())[:8]
    if not isinstance(faces, list) or not faces or not digits < before.strftime("%Y%m%d"):
        return record, 0
    return {**record, "faces": []}, len(faces)


def _lookalikes(folder: Path, person_id: str) -> Iterator[ErasedFile]:
    path = find_file(folder, LOOKALIKES)
    if path is None:
        return
    text = read_bytes(path).decode("utf-8-sig", "replace")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    kept = [row for row in rows if person_id not in [cell.strip() for cell in row]]
    out = io.StringIO(newline="")
    csv.writer(out).writerows(kept)
    yield from _rewritten(folder, path, out.getvalue().encode("utf-8-sig"), len(rows) - len(kept))


def _rewritten(folder: Path, path: Path, data: bytes, n: int) -> Iterator[ErasedFile]:
    if not n:
        return
    before = file_sha256(path)
    _replace(path, gzip.compress(data, mtime=0) if path.name.endswith(".gz") else data)
    yield ErasedFile(path.relative_to(folder).as_posix(), before, file_sha256(path), n)


def _replace(path: Path, data: bytes) -> None:
    """Put new contents in a file's place, whole or not at all; a link stays, and the file keeps its mode."""
    path = path.resolve()
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    beside = path.with_name(f".{path.name}.erasing")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.chmod(mode)
    beside.replace(path)
