"""`bundle.toml`: what a bundle says of itself: time zone, datums, feeds, mandate and face matcher."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from zoneinfo import available_timezones

from feeds.bundle_files import open_text
from feeds.faults import Fault
from feeds.hints import closest, did_you_mean
from feeds.ledger import Ledger
from feeds.track_reader import FeedConfig
from geo.datum import Datum
from geo.errors import DatumError
from trajectories.clock import LocalTime

FILE = "bundle.toml"
SCHEMA = 1
FORMATS = ("amap", "baidu", "csv", "gpx", "jt808", "mfjson", "parquet")
DATUMS = ("wgs84", "gcj02", "bd09", "cgcs2000", "bd09ll")
SCOPES = ("face-track-join",)
_BEIJING = ("asia/beijing", "beijing", "china", "cst", "utc+8", "gmt+8", "+08:00")


@dataclass(frozen=True, slots=True)
class Mandate:
    """The order under which face records may be joined with tracks; local dates, both included."""

    document: str
    authority: str
    scope: frozenset[str]
    valid_from: date
    valid_to: date

    def allows(self, scope: str, day: date) -> bool:
        """Whether this mandate covers `scope` and is in force on a local date."""
        return scope in self.scope and self.valid_from <= day <= self.valid_to


@dataclass(frozen=True, slots=True)
class Matcher:
    """The face matcher behind the passages: no candidate below `threshold`, at most `top_k` of them."""

    name: str
    version: str
    threshold: float
    top_k: int
    score_range: tuple[float, float]


@dataclass(frozen=True, slots=True)
class BundleConfig:
    """The contents of `bundle.toml`; `datum` is that of vector files which bring no CRS of their own."""

    schema: int
    name: str
    local: LocalTime
    datum: Datum
    feeds: tuple[FeedConfig, ...]
    mandate: Mandate | None = None
    matcher: Matcher | None = None

    @classmethod
    def empty(cls) -> BundleConfig:
        """A configuration that says nothing, for a bundle whose own cannot be read."""
        return cls(SCHEMA, "", LocalTime("Asia/Shanghai"), Datum.WGS84, ())


@dataclass(slots=True)
class _Section:
    """One table of the file, read key by key; a fault is noted and reading goes on with a harmless value."""

    place: str
    values: Mapping[str, object]
    faults: list[Fault]
    asked: set[str] = field(default_factory=set)

    def fault(self, key: str, message: str, expected: str, hint: str | None = None, code: str = "bad-value") -> None:
        found = None if key not in self.values else _as_written(self.values[key])
        self.faults.append(Fault(FILE, message, None, self.place + key, found, expected, hint, code))

    def take(self, key: str, expected: str) -> object | None:
        """The value of a key that must be there."""
        self.asked.add(key)
        if key not in self.values:
            near = closest(key, set(self.values) - self.asked)
            hint = f'Did you mean this by "{near}"?' if near else None
            self.fault(key, "is missing", expected, hint, "missing-key")
        return self.values.get(key)

    def text(self, key: str, expected: str = "text in quotes") -> str:
        value = self.take(key, expected)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if key in self.values:
            self.fault(key, "is not a text", expected, "Write it in quotes" if not isinstance(value, str) else None)
        return ""

    def day(self, key: str) -> date:
        value = self.take(key, "a date such as 2026-01-31")
        try:
            if isinstance(value, str):
                return date.fromisoformat(value)
        except ValueError:
            pass
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if key in self.values:
            self.fault(key, "is not a date", "a date such as 2026-01-31", code="bad-date")
        return date.min

    def number(self, key: str) -> float:
        value = self.take(key, "a number")
        if _is_number(value):
            return float(value)  # type: ignore[arg-type]  # _is_number said so
        if key in self.values:
            self.fault(key, "is not a number", "a finite number", code="bad-number")
        return math.nan

    def datum(self, key: str) -> Datum:
        name = self.text(key, "one of " + ", ".join(DATUMS))
        if not name:
            return Datum.WGS84
        try:
            return Datum.parse(name)
        except DatumError:
            expected = "one of " + ", ".join(DATUMS)
            self.fault(key, "is not a datum we know", expected, did_you_mean(name, DATUMS), "unknown-datum")
            return Datum.WGS84

    def leftovers(self, known: tuple[str, ...], ledger: Ledger) -> None:
        """Keys that nobody asked for: a fault where one looks like a misspelt key, otherwise noted as ignored."""
        for key in self.values:
            if key in known:
                continue
            near = closest(key, known)
            if near is not None and near not in self.values:
                hint = f'Did you mean "{near}"?'
                self.fault(key, "is not a key we know", "one of " + ", ".join(known), hint, "unknown-key")
            else:
                ledger.warn(f"{FILE}: key {self.place}{key} is not read")


def _as_written(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def read_config(folder: Path, ledger: Ledger, faults: list[Fault]) -> BundleConfig:
    """Read `bundle.toml`; every fault is added to `faults`.

    A value at fault is replaced by a harmless one, so that the other files can be looked through as well. Whoever
    finds `faults` longer than before must not audit with what this returns.
    """
    text = open_text(folder, FILE, ledger, faults)
    values: dict[str, object] = {}
    if text is not None:
        try:
            values = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as trouble:
            faults.append(Fault(FILE, "is not TOML", found=str(trouble), hint="See https://toml.io", code="not-toml"))
            text = None
    if text is None:  # the file's own fault is told; what it should have held needs no word each
        return BundleConfig.empty()
    return _config(folder, values, ledger, faults)


def _config(folder: Path, values: dict[str, object], ledger: Ledger, faults: list[Fault]) -> BundleConfig:
    top = _Section("", values, faults)
    schema = top.take("schema", str(SCHEMA))
    if schema is not None and (schema != SCHEMA or isinstance(schema, bool | float)):
        top.fault("schema", "is not a schema we read", str(SCHEMA), "Bundles of another schema need another release")
    config = BundleConfig(
        SCHEMA,
        top.text("name"),
        _time_zone(top),
        top.datum("datum"),
        _feeds(folder, values, ledger, faults),
        _mandate(values, ledger, faults),
        _matcher(values, ledger, faults),
    )
    top.leftovers(("schema", "name", "timezone", "datum", "feeds", "mandate", "matcher"), ledger)
    return config


def _time_zone(top: _Section) -> LocalTime:
    name = top.text("timezone", "a name of the IANA list such as Asia/Shanghai")
    try:
        local = LocalTime(name or "Asia/Shanghai")
        local.zone  # noqa: B018  # looks the name up
    except (KeyError, ValueError, OSError):
        meant = "Asia/Shanghai" if name.lower().replace(" ", "") in _BEIJING else closest(name, available_timezones())
        hint = f'Did you mean "{meant}"?' if meant else None
        expected = "a name of the IANA list such as Asia/Shanghai"
        top.fault("timezone", "is not a time zone we know", expected, hint, "unknown-timezone")
        return LocalTime("Asia/Shanghai")
    return local


def _table(values: Mapping[str, object], key: str, faults: list[Fault]) -> Mapping[str, object] | None:
    """A sub-table, or None where it is absent or, with a fault, something else."""
    value = values.get(key)
    if value is None or isinstance(value, dict):
        return value
    faults.append(Fault(FILE, "is not a table", None, key, _as_written(value), f"[{key}]", code="bad-value"))
    return None


def _feeds(folder: Path, values: Mapping[str, object], ledger: Ledger, faults: list[Fault]) -> tuple[FeedConfig, ...]:
    tables = _table(values, "feeds", faults) or {}
    if not tables and not isinstance(values.get("feeds"), list | str | int | float):
        hint = "Write one [feeds.NAME] for each folder under tracks/"
        faults.append(Fault(FILE, "names no feed", None, "feeds", hint=hint, code="missing-key"))
    feeds = tuple(_feed(folder, name, tables, ledger, faults) for name in tables)
    for name in _track_folders(folder):
        if name not in tables:
            ledger.warn(f"tracks/{name}: is not read, because {FILE} has no [feeds.{name}]")
    return feeds


def _track_folders(folder: Path) -> list[str]:
    tracks = folder / "tracks"
    return sorted(path.name for path in tracks.iterdir() if path.is_dir()) if tracks.is_dir() else []


def _feed(folder: Path, name: str, tables: Mapping[str, object], ledger: Ledger, faults: list[Fault]) -> FeedConfig:
    table = _table(tables, name, faults)
    section = _Section(f"feeds.{name}.", table or {}, faults)
    if not _is_folder_name(name):
        hint = "A feed is named like its folder under tracks/, without a slash"
        faults.append(Fault(FILE, "is not the name of a folder", None, "feeds", name, hint=hint, code="bad-value"))
    elif not (folder / "tracks" / name).is_dir():
        hint = did_you_mean(name, _track_folders(folder)) or f"Make the folder, or take [feeds.{name}] out of {FILE}"
        faults.append(Fault(f"tracks/{name}", "this feed's folder is missing", hint=hint, code="missing-folder"))
    if table is None:
        return FeedConfig(name, FORMATS[0], Datum.WGS84)
    format_ = section.text("format", "one of " + ", ".join(FORMATS))
    if format_ and format_ not in FORMATS:
        expected, meant = "one of " + ", ".join(FORMATS), did_you_mean(format_, FORMATS)
        section.fault("format", "is not a format we know", expected, meant, "unknown-format")
    feed = FeedConfig(name, format_, section.datum("datum"))
    section.leftovers(("format", "datum"), ledger)
    return feed


def _is_folder_name(name: str) -> bool:
    return bool(name.strip()) and not name.startswith(".") and not any(c in name for c in '/\\:*?"<>|\0\r\n')


def _mandate(values: Mapping[str, object], ledger: Ledger, faults: list[Fault]) -> Mandate | None:
    table = _table(values, "mandate", faults)
    if table is None:
        return None
    section = _Section("mandate.", table, faults)
    document, authority = section.text("document"), section.text("authority")
    valid_from, valid_to = section.day("from"), section.day("to")
    if valid_to < valid_from and valid_to != date.min:
        section.fault("to", "is before from", f"{valid_from} or later", code="end-before-start")
    scope = section.take("scope", "a list of texts")
    names = [name for name in scope if isinstance(name, str)] if isinstance(scope, list) else []
    if "scope" in table and (not isinstance(scope, list) or len(names) != len(scope)):
        section.fault("scope", "is not a list of texts", '["face-track-join"]')
    for name in names:
        if name not in SCOPES and (hint := did_you_mean(name, SCOPES)):
            section.fault("scope", f'"{name}" is not a scope we know', "face-track-join", hint)
    section.leftovers(("document", "authority", "scope", "from", "to"), ledger)
    return Mandate(document, authority, frozenset(names), valid_from, valid_to)


def _matcher(values: Mapping[str, object], ledger: Ledger, faults: list[Fault]) -> Matcher | None:
    table = _table(values, "matcher", faults)
    if table is None:
        return None
    section = _Section("matcher.", table, faults)
    name, version, threshold = section.text("name"), section.text("version"), section.number("threshold")
    top_k = section.take("top_k", "a whole number, 1 or more")
    if "top_k" in table and (not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1):
        section.fault("top_k", "is not a number of candidates", "a whole number, 1 or more", code="bad-number")
    scores = section.take("score_range", "two numbers, [lowest, highest]")
    low, high = math.nan, math.nan
    if isinstance(scores, list) and len(scores) == 2 and all(map(_is_number, scores)) and scores[0] < scores[1]:
        low, high = float(scores[0]), float(scores[1])
    elif "score_range" in table:
        section.fault("score_range", "is not a range", "two numbers, [lowest, highest]", code="bad-number")
    if threshold < low or threshold > high:
        section.fault("threshold", "lies outside score_range", f"{low} to {high}", code="bad-number")
    section.leftovers(("name", "version", "threshold", "top_k", "score_range"), ledger)
    return Matcher(name, version, threshold, top_k if isinstance(top_k, int) else 0, (low, high))
