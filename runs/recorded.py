"""The results of an earlier run, read back from its folder as values; a fault names file, feature or row, and field."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from audit.causes import basis_of
from audit.compare import Answers
from audit.finding import Finding, NotAssessed, Severity
from feeds.faults import Fault, UnusableInput
from reports.csv_files import NOT_ASSESSED_COLUMNS, disarmed
from trajectories.clock import LocalTime, to_ms

Feature = dict[str, Any]
GEOJSON, PARQUET, NOT_ASSESSED = "findings.geojson", "findings.parquet", "not_assessed.csv"
_YEARS = (1971, 9990)  # such that the instant has a local time everywhere
_HINT = "Name the folder that `trajaudit audit` wrote."


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a run wrote, as far as two runs are compared by it."""

    run_id: str
    local: LocalTime
    answers: Answers


def recorded_features(out: Path) -> tuple[dict[str, Feature], dict[str, Any]]:
    """Return the findings of a run by id, as they stand in the file, and its `run.json`; `UnusableInput` for no run."""
    try:
        run = json.loads((out / "run.json").read_bytes())
        findings = json.loads((out / GEOJSON).read_bytes())
        date.fromisoformat(run["service_date"])
        run["bundle_sha256"][:16]
        features = {f["properties"]["finding_id"]: f for f in findings["features"]}
        if len(features) < len(findings["features"]):
            raise ValueError("a finding_id stands there twice")
        return features, run
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnusableInput([Fault(str(out), f"holds no run of trajaudit ({error})", hint=_HINT)]) from error


def read_recorded(out: Path) -> Recorded:
    """Read a run's findings, what it could not assess, and what it rested on; `UnusableInput` with all faults."""
    features, run = recorded_features(out)
    day = date.fromisoformat(run["service_date"])
    faults: list[Fault] = []
    findings = [_finding(out, n, f, faults) for n, f in enumerate(features.values(), 1)]
    not_assessed = _not_assessed(out, faults)
    local = _local(out, faults)
    versions, rows = run.get("versions"), run.get("rows")
    for name, held, kind in (("versions", versions, str), ("rows", rows, Mapping)):
        if not isinstance(held, Mapping) or not all(isinstance(v, kind) for v in held.values()):
            faults.append(Fault(f"{out}/run.json", "missing or of the wrong kind", field=name, expected="an object"))
    if faults or local is None or versions is None:
        raise UnusableInput(faults)
    told = [f for f in findings if f is not None]
    basis = basis_of(told, run["bundle_sha256"], versions, rows)
    return Recorded(str(run.get("run_id", "")), local, Answers(day, told, not_assessed, basis))


def _local(out: Path, faults: list[Fault]) -> LocalTime | None:
    """Return the city's time zone, which `findings.parquet` names in the type of its times."""
    try:
        local = LocalTime(str(pq.read_schema(out / PARQUET).field("start").type.tz))
        local.zone  # noqa: B018 -- an unknown name says so here
    except (OSError, KeyError, AttributeError, ValueError, pa.ArrowInvalid) as error:
        faults.append(Fault(f"{out}/{PARQUET}", f"does not tell the time zone ({error})", field="start", hint=_HINT))
        return None
    return local


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text")
    return value


def _optional(value: Any) -> str | None:
    return None if value is None else _text(value)


def _instant(value: Any) -> int:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None or not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise ValueError("ISO 8601 with an offset")
    return to_ms(moment)


def _share(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1, or null")
    return float(value)


def _evidence(value: Any) -> dict[str, Any]:
    """Return evidence whose parts have the shape that causes are looked up by."""
    if not isinstance(value, dict):
        raise ValueError("an object")
    inputs, parameters, zone = value.get("inputs") or [], value.get("parameters") or {}, value.get("zone")
    ways = (
        (isinstance(inputs, list) and all(isinstance(i, dict) and isinstance(i.get("file"), str) for i in inputs),
         "inputs as a list of objects with a file"),
        (isinstance(parameters, dict) and all(_is_value(p) for p in parameters.values()),
         "parameters with value, unit and since"),
        (zone is None or (isinstance(zone, dict) and isinstance(zone.get("zone_id"), str)), "a zone with zone_id"),
        *((isinstance(value.get(g) or {}, dict), f"{g} as an object") for g in ("registers", "measured", "margins")),
        (all(isinstance(e, dict) for e in value.get("excluded") or ()), "excluded as a list of objects"),
    )  # fmt: skip
    if wrong := [said for holds, said in ways if not holds]:
        raise ValueError(", ".join(wrong))
    return value


def _is_value(value: Any) -> bool:
    return (
        isinstance(value, dict) and {"value", "unit", "since"} <= set(value) and isinstance(value["value"], int | float)
    )


_PROPERTIES: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "finding_id": ("finding_id", _text, "a text"),
    "content_digest": ("content_digest", _text, "a text"),
    "service_date": ("service_date", date.fromisoformat, "a date"),
    "rule": ("rule", _text, "a rule's name"),
    "rule_version": ("rule_version", _text, "a text"),
    "severity": ("severity", Severity, f"one of {', '.join(Severity)}"),
    **{
        name: (name, _optional, "a text or null")
        for name in ("vehicle_id", "plate", "school_id", "district", "zone_id", "session_id", "person_id", "trainee_id")
    },
    "feed": ("feed", _optional, "a text or null"),
    "start": ("start_ms", _instant, "ISO 8601 with an offset"),
    "end": ("end_ms", _instant, "ISO 8601 with an offset"),
    "confidence": ("confidence", _share, "a number from 0 to 1, or null"),
    "evidence": ("evidence", _evidence, "the evidence that `trajaudit audit` wrote"),
}
"""Property to member of a `Finding`, how it is read, and what is expected."""


def _finding(out: Path, number: int, feature: Feature, faults: list[Fault]) -> Finding | None:
    told, values, file = feature["properties"], {}, f"{out}/{GEOJSON}"
    before = len(faults)
    for name, (member, read, expected) in _PROPERTIES.items():
        try:
            values[member] = read(told.get(name))
        except (ValueError, TypeError, OverflowError):
            faults.append(Fault(file, "is not what a run writes", number, name, _cut(told.get(name)), expected))
    summary = told.get("summary")
    if not isinstance(summary, dict) or not all(isinstance(summary.get(lang), str) for lang in ("zh", "en")):
        faults.append(Fault(file, "is not what a run writes", number, "summary", _cut(summary), "zh and en"))
    geometry = _geometry(file, number, feature.get("geometry"), faults)
    if len(faults) > before:
        return None
    basis = str(told.get("confidence_basis"))
    return Finding(
        **values, confidence_basis=basis, summary_zh=summary["zh"], summary_en=summary["en"], geometry=geometry
    )


def _geometry(file: str, number: int, told: Any, faults: list[Fault]) -> BaseGeometry | None:
    try:
        return None if told is None else shape(told)
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        faults.append(Fault(file, "is not what a run writes", number, "geometry", _cut(told), "a GeoJSON geometry"))
        return None


def _cut(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:80]


def _not_assessed(out: Path, faults: list[Fault]) -> list[NotAssessed]:
    file = f"{out}/{NOT_ASSESSED}"
    try:
        text = (out / NOT_ASSESSED).read_text("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        faults.append(Fault(file, f"cannot be read: {error}", hint=_HINT))
        return []
    if not rows or tuple(rows[0]) != NOT_ASSESSED_COLUMNS:
        found = ",".join(rows[0]) if rows else ""
        faults.append(Fault(file, "has other columns", found=found, expected=",".join(NOT_ASSESSED_COLUMNS)))
        return []
    return list(_answers(file, rows[1:], faults))


def _answers(file: str, rows: Iterable[list[str]], faults: list[Fault]) -> Iterable[NotAssessed]:
    ways: dict[str, Callable[[Any], Any]] = {
        "service_date": date.fromisoformat, "rule": _text, "start": _instant, "end": _instant, "reason": _text,
    }  # fmt: skip
    for number, cells in enumerate(rows, 1):
        row, values = dict(zip(NOT_ASSESSED_COLUMNS, map(disarmed, cells), strict=False)), {}
        for name, read in ways.items():
            try:
                values[name] = read(row.get(name))
            except (ValueError, TypeError):
                faults.append(Fault(file, "is not what a run writes", number, name, row.get(name)))
        if set(values) == set(ways):
            vehicle_id = row["vehicle_id"] or None
            yield NotAssessed(
                values["service_date"], vehicle_id, values["rule"], values["start"], values["end"], values["reason"]
            )
