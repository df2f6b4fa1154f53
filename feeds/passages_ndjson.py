"""`passages.ndjson`: one checkpoint record a line. Only the keys that the contract lists are read.

A line is read alone: whatever is wrong with it costs that line and no other. `passage_id`, `camera_id`, `shot_time`,
`plate` and `plate_score` must be right, else the line is refused; a plate that is missing or null was not read, and a
score that is missing or null was not told. Of the optional fields, a wrong one counts as not told and flags the
passage; a face with a wrong field is left out and flags it: half a list of candidates would be worse than none.

Limits: a line of 1 MiB, an identifier of 128 characters, a plate of 20, 20 faces, 100 candidates. Blank lines are
passed over. `row` is the number of the line.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from checkpoints.passage import Seat
from feeds.ledger import Ledger, Reject
from feeds.lines import encoding_of, lines_of, text_of
from feeds.passage_raw import (
    MOST_CANDIDATES,
    BadField,
    Rated,
    RawFace,
    RawPassage,
    Scale,
    identifier,
    number,
    plate_class,
    plate_text,
    rated,
    within,
)
from feeds.tables import iso_moment
from feeds.text import UnreadableFile, encoding_warning
from trajectories.clock import LocalTime, to_ms

_SEATS = {str(seat): seat for seat in Seat}
_MOST_LANES = 99


def read_ndjson(path: Path, file: str, local: LocalTime, scale: Scale, ledger: Ledger) -> Iterator[RawPassage | Reject]:
    """Yield the records of a file in order, a `Reject` for each line that is none.

    Times without an offset are local; one warning says so. Where the file itself cannot be read (to its end), the last
    thing yielded is a reject that says so.
    """
    lines = _Lines(file, local, scale)
    encoding, note = encoding_of(path)
    if note is not None:
        ledger.warn(encoding_warning(file, note))
    row = 0
    try:
        for row, line in enumerate(lines_of(path), 1):
            item = lines.item(line, encoding, row)
            if item is not None:
                yield item
    except UnreadableFile as trouble:
        ledger.warn(f"{file}: {trouble.message} after line {row}; what follows is lost. {trouble.hint}")
        yield Reject(file, row + 1, "unreadable-file", "", "")
    if lines.has_naive_times:
        ledger.warn(f"{file}: times without an offset were taken as {local.name}")


@dataclass(slots=True)
class _Lines:
    """What is common to the lines of one file."""

    file: str
    local: LocalTime
    scale: Scale
    has_naive_times: bool = field(default=False)

    def item(self, line: bytes | None, encoding: str, row: int) -> RawPassage | Reject | None:
        """A line as a record or a reject, None for a blank one."""
        if line is None:
            return Reject(self.file, row, "line-too-long", "", "")
        if row == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        text = text_of(line, encoding)
        if text is None:
            return Reject(self.file, row, "bad-encoding", "", "")
        if not text or text.isspace():
            return None
        try:
            record = json.loads(text)
        except (ValueError, RecursionError, MemoryError):
            return Reject(self.file, row, "not-json", "", "")
        if not isinstance(record, dict):
            return Reject(self.file, row, "not-an-object", "", "")
        try:
            return self._passage(record, row)
        except BadField as trouble:
            return Reject(self.file, row, trouble.reason, trouble.field, "")

    def _passage(self, record: Mapping[str, object], row: int) -> RawPassage:
        flags: set[str] = set()
        passage_id = identifier(record.get("passage_id"), "passage_id")
        camera_id = identifier(record.get("camera_id"), "camera_id")
        shot_ms = self._time(record.get("shot_time"))
        plate = plate_text(record.get("plate"), "plate")
        plate_score = number(record.get("plate_score"), "plate_score", 0.0, 1.0)
        if plate_score is None:
            flags.add("no-plate-score")
        faces, lost = _faces(record.get("faces"), self.scale, flags)
        return RawPassage(
            passage_id,
            camera_id,
            shot_ms,
            plate,
            plate_score,
            _plate_class(record, flags),
            _plate_color(record, flags),
            _heading(record, flags),
            _lane(record, flags),
            faces,
            self.file,
            row,
            frozenset(flags),
            lost,
        )

    def _time(self, value: object) -> int:
        if value is None:
            raise BadField("missing-value", "shot_time")
        when = iso_moment(value.strip()) if isinstance(value, str) else None
        if when is None:
            raise BadField("bad-time", "shot_time")
        if when.tzinfo is None:
            self.has_naive_times = True
            when = when.replace(tzinfo=self.local.zone)
        return to_ms(when)


def _plate_class(record: Mapping[str, object], flags: set[str]) -> str | None:
    try:
        return plate_class(record.get("plate_class"), "plate_class")
    except BadField:
        flags.add("bad-plate-class")
        return None


def _plate_color(record: Mapping[str, object], flags: set[str]) -> str | None:
    value = record.get("plate_color")
    if value is None:
        return None
    try:
        return identifier(value, "plate_color")
    except BadField:
        flags.add("bad-plate-color")
        return None


def _heading(record: Mapping[str, object], flags: set[str]) -> float | None:
    try:
        heading_deg = number(record.get("heading_deg"), "heading_deg", 0.0, 360.0)
    except BadField:
        flags.add("bad-heading")
        return None
    return 0.0 if heading_deg == 360.0 else heading_deg


def _lane(record: Mapping[str, object], flags: set[str]) -> int | None:
    value = record.get("lane")
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_LANES:
        return value
    flags.add("bad-lane")
    return None


def _faces(value: object, scale: Scale, flags: set[str]) -> tuple[tuple[RawFace, ...], tuple[str, ...]]:
    """The faces that can be used, and why others cannot."""
    if not value:
        return (), ()
    if not isinstance(value, list):
        return (), ("bad-face",)
    faces, lost = [], []
    for face in value:
        try:
            faces.append(_face(face, scale, flags))
        except BadField:
            lost.append("bad-face")
    return within(faces, lost)


def _face(face: object, scale: Scale, flags: set[str]) -> RawFace:
    if not isinstance(face, dict):
        raise BadField("bad-value", "faces")
    seat, told = face.get("seat"), face.get("candidates")
    if isinstance(seat, str) and seat in _SEATS:
        known = _SEATS[seat]
    else:
        known = Seat.UNKNOWN
        flags.add("unknown-seat")
    quality = number(face.get("quality"), "quality", 0.0, 1.0)
    declared = face.get("declared_score")
    declared_score = None if declared is None else scale.score(declared, "declared_score")
    if told is None:
        return RawFace(known, quality, (), declared_score)
    if not isinstance(told, list) or len(told) > MOST_CANDIDATES:
        raise BadField("bad-value", "candidates")
    candidates = rated(map(partial(_candidate, scale), told))
    flags.update(scale.oddities(candidates))
    return RawFace(known, quality, candidates, declared_score)


def _candidate(scale: Scale, value: object) -> Rated:
    if not isinstance(value, dict):
        raise BadField("bad-value", "candidates")
    return identifier(value.get("person_id"), "person_id"), scale.score(value.get("score"), "score")
