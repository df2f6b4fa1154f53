"""All checkpoint records of a bundle, through the door: `passages.ndjson`, then the payloads in `passages/`."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from checkpoints.passage import Passage
from feeds.bundle_files import decode_chinese
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger, Reject
from feeds.lines import open_stream
from feeds.passage_door import FILE, FOLDER, PassageDoor
from feeds.passage_raw import RawPassage, Scale, StrayFaces
from feeds.passages_ndjson import read_ndjson
from feeds.text import UnreadableFile, encoding_warning, find_file
from feeds.viid import read_viid
from feeds.viid_faces import Crosswalk, ViidContext
from trajectories.clock import LocalTime

MOST_PAYLOAD_BYTES = 32 << 20
"""Unpacked. A push of a second's passages has some kilobytes, with pictures some megabytes."""

Item = RawPassage | Reject | StrayFaces


def read_passages(
    folder: Path, local: LocalTime, scale: Scale, door: PassageDoor, crosswalk: Crosswalk | None = None
) -> tuple[Passage, ...]:
    """Return the passages of a bundle that may be of registered cars, in the order of its files; none without a file.

    `door.count` and the door's ledger say what became of the others. `crosswalk` leads from identity numbers in GA/T
    1400 payloads to register's keys; without one they lead to nobody. Raises `UnusableInput` where `passages.ndjson`
    lies there both plain and gzipped.
    """
    return tuple(stream_passages(folder, local, scale, door, crosswalk))


def stream_passages(
    folder: Path, local: LocalTime, scale: Scale, door: PassageDoor, crosswalk: Crosswalk | None = None
) -> Iterator[Passage]:
    """Yield the same one by one."""
    context = ViidContext(local, scale, door.enrolled, crosswalk)
    for item in _items(folder, context, door.ledger):
        passage = door.take(item)
        if passage is not None:
            yield passage


def _items(folder: Path, context: ViidContext, ledger: Ledger) -> Iterator[Item]:
    if (folder / FILE).is_file() and (folder / f"{FILE}.gz").is_file():
        hint = "Keep one of the two."
        raise UnusableInput([Fault(FILE, "lies in the bundle both plain and gzipped", hint=hint, code="two-files")])
    path = find_file(folder, FILE)
    if path is not None:
        ledger.account(FILE)
        yield from read_ndjson(path, FILE, context.local, context.scale, ledger)
    if (folder / FOLDER).is_dir():
        ledger.account(FOLDER)
        for path in sorted((folder / FOLDER).iterdir()):
            yield from _payload(path, context, ledger)


def _payload(path: Path, context: ViidContext, ledger: Ledger) -> Iterator[Item]:
    """What one payload holds; whatever is wrong with it costs no other."""
    file = f"{FOLDER}/{path.name}"
    if not path.is_file() or not path.name.removesuffix(".gz").endswith(".json"):
        ledger.warn(f"{FOLDER}: only files named *.json or *.json.gz are read")
        return
    try:
        payload = _decoded(path, ledger)
    except UnreadableFile as trouble:
        yield Reject(file, 0, trouble.message, "", "")
    else:
        yield from read_viid(payload, file, context)


def _decoded(path: Path, ledger: Ledger) -> object:
    """The payload of a file; raises `UnreadableFile` with a reason code."""
    try:
        with open_stream(path) as stream:
            data = stream.read(MOST_PAYLOAD_BYTES + 1)
    except (OSError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFile("unreadable-file") from error
    if len(data) > MOST_PAYLOAD_BYTES:
        raise UnreadableFile("file-too-large")
    try:
        text, note = decode_chinese(data)
    except UnreadableFile as error:
        raise UnreadableFile("bad-encoding") from error
    if note is not None:
        ledger.warn(encoding_warning(f"{FOLDER}/*.json", note))
    try:
        return json.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableFile("not-json") from error
