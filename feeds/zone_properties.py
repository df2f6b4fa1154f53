"""The properties of a zone as values: what a GeoJSON writes as arrays, KML and GIS attributes write comma-joined."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypedDict

from feeds.faults import Fault
from feeds.hints import closest, did_you_mean, listed
from feeds.register_rows import PARTS
from feeds.text import clean_text
from feeds.zone_rows import ZoneRow
from zones.zone import ZoneKind

KNOWN = (
    "zone_id",
    "kind",
    "name",
    "school_ids",
    "parts",
    "vehicle_classes",
    "width_m",
    "valid_from",
    "valid_to",
    "approval_no",
    "recorded_at",
)
MOST_WIDTH_M = 10_000.0


class ZoneFields(TypedDict):
    """The arguments of a `Zone` without its geometry."""

    zone_id: str
    kind: ZoneKind
    name: str
    school_ids: frozenset[str] | None
    parts: frozenset[int] | None
    vehicle_classes: frozenset[str] | None
    width_m: float | None
    valid_from: date | None
    valid_to: date | None
    approval_no: str | None
    recorded_at: date | None


@dataclass(slots=True)
class _Reader:
    """The properties of one feature, read one by one; faults are noted and a harmless value given back."""

    row: ZoneRow
    values: Mapping[str, object]
    faults: list[Fault]

    def fault(self, key: str, message: str, expected: str, code: str = "bad-value", hint: str | None = None) -> None:
        value = self.values.get(key)
        found = None if value is None else clean_text(str(value))
        label = clean_text(_plain(self.values.get("zone_id")) or "")
        message = f"zone {label}: {message}" if label else message
        self.faults.append(Fault(self.row.file, message, self.row.row, key, found, expected, hint, code))

    def text(self, key: str) -> str | None:
        """A text or a number as text; None where it is blank."""
        value = self.values.get(key)
        plain = _plain(value)
        if plain is None and value is not None:
            self.fault(key, "is not a text", "a text")
        return clean_text(plain).strip() or None if plain else None

    def day(self, key: str) -> date | None:
        value = self.values.get(key)
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        text = self.text(key)
        if text is None:
            return None
        try:
            return date.fromisoformat(text[:10].replace("/", "-")) if _is_dated(text) else _refuse()
        except ValueError:
            self.fault(key, "is not a date", "a date such as 2026-03-18", "bad-date")
            return None

    def items(self, key: str) -> list[str] | None:
        """A list of texts; None is all, an empty list none."""
        value = self.values.get(key)
        if isinstance(value, list):
            plain = [_plain(item) for item in value]
            if all(plain):
                return [clean_text(item or "").strip() for item in plain]
            self.fault(key, "is not a list of texts or numbers", '["..."], null for all, [] for none')
            return None
        text = self.text(key)
        if text is None:
            if self.row.is_json and value is not None and isinstance(value, str):
                self.fault(key, "is a blank text in place of a list", "null for all, [] for none")
            return None
        items = [item.strip() for item in text.replace("\uff0c", ",").split(",")]
        if not all(items):
            self.fault(key, "has a blank among its items", "items joined by single commas")
        return items

    def width(self, kind: ZoneKind) -> float | None:
        text = self.text("width_m")
        expected = "the full corridor width in metres, more than 0"
        if text is None:
            if kind is ZoneKind.ROUTE:
                self.fault("width_m", "a route has no width", expected, "missing-value")
            return None
        try:
            width_m = float(text)
        except ValueError:
            width_m = math.nan
        if not 0 < width_m <= MOST_WIDTH_M and kind is ZoneKind.ROUTE:
            self.fault("width_m", "is not the width of a corridor", expected, "bad-number")
        return width_m if kind is ZoneKind.ROUTE else None


def _refuse() -> date:
    raise ValueError


def _is_dated(text: str) -> bool:
    """A date, alone or with a time behind it."""
    return len(text) == 10 or (len(text) > 10 and text[10] in "T ")


def _plain(value: object) -> str | None:
    """A text, or a number as text (2.0, as GIS columns with blanks have it, is 2); None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def read_properties(row: ZoneRow, faults: list[Fault]) -> ZoneFields | None:
    """The properties of a feature; None, with faults added, where any is wrong."""
    own: list[Fault] = []
    read = _Reader(row, row.properties, own)
    zone_id = read.text("zone_id")
    if zone_id is None:
        near = closest("zone_id", [key for key in row.properties if key not in KNOWN])
        hint = f'Did you mean this by "{near}"?' if near else None
        read.fault("zone_id", "the zone has no zone_id", "a text", "missing-value", hint)
    kind = _kind(read)
    valid_from, valid_to = read.day("valid_from"), read.day("valid_to")
    if valid_from is not None and valid_to is not None and valid_to < valid_from:
        read.fault("valid_to", "is before valid_from", f"{valid_from} or later", "end-before-start")
    schools = read.items("school_ids")
    fields = ZoneFields(
        zone_id=zone_id or "",
        kind=kind or ZoneKind.GROUND,
        name=read.text("name") or zone_id or "",
        school_ids=None if schools is None else frozenset(schools),
        parts=_parts(read),
        vehicle_classes=_classes(read),
        width_m=read.width(kind) if kind is not None else None,
        valid_from=valid_from,
        valid_to=valid_to,
        approval_no=read.text("approval_no"),
        recorded_at=read.day("recorded_at"),
    )
    _check_misspelt(read)
    faults.extend(own)
    return None if own else fields


def _kind(read: _Reader) -> ZoneKind | None:
    text = read.text("kind")
    if text is None:
        read.fault("kind", "the zone has no kind", "one of " + listed(ZoneKind), "missing-value")
        return None
    try:
        return ZoneKind(text)
    except ValueError:
        read.fault("kind", "is not a kind of zone", "one of " + listed(ZoneKind), hint=did_you_mean(text, ZoneKind))
        return None


def _parts(read: _Reader) -> frozenset[int] | None:
    items = read.items("parts")
    if items is None:
        return None
    allowed = {str(part): part for part in range(PARTS[0], PARTS[1] + 1)}
    if any(item not in allowed for item in items):
        read.fault("parts", "are not parts of the syllabus", f"whole numbers from {PARTS[0]} to {PARTS[1]}")
    return frozenset(allowed[item] for item in items if item in allowed)


def _classes(read: _Reader) -> frozenset[str] | None:
    items = read.items("vehicle_classes")
    if items is None:
        return None
    return frozenset(item.upper() for item in items)


def _check_misspelt(read: _Reader) -> None:
    """A property that looks like a misspelt one would silently open a zone to all, or for ever."""
    absent = [key for key in KNOWN[3:] if key not in read.values]
    for key in read.values:
        if key not in KNOWN and (hint := did_you_mean(key, absent)):
            read.fault(key, "is not a property we know", "one of " + listed(KNOWN, 20), "unknown-key", hint)
