"""Findings as models, and as rows of every form: what the files of an audit hold, written by what writes those."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from api.asking import Instant, Item, MaybeInstant, iso
from api.tables import GEOMETRY, Table
from audit.finding import Finding as Found
from reports.geojson import feature
from reports.parquet import schema
from store.tables.results import FindingRow
from trajectories.clock import LocalTime

_EXAMPLE: dict[str, Any] = {
    "finding_id": "F5673a671e5378bd7f91c", "content_digest": "ece2ee3db9b10c3a1448859d3a8cadaa",
    "service_date": "2026-03-18", "rule": "over-hours", "rule_version": "1", "severity": "minor",
    "vehicle_id": "V0010", "plate": "豫Z1083学", "school_id": "SCH01", "district": "419901", "zone_id": None,
    "session_id": None, "person_id": None, "trainee_id": "trainee-001", "feed": None,
    "start": "2026-03-18T08:11:11+08:00", "end": "2026-03-18T15:12:21+08:00", "duration_s": 25270.0,
    "confidence": None, "confidence_basis": "none: no confirmed findings to calibrate with",
    "summary": {"zh": "该学员当日 4 个课时,超过每日 240 分钟上限。", "en": "4 sessions, over the limit of 240 min."},
    "evidence": {"margins": {"minutes_over": 68.133333}}, "geometry": None,
}  # fmt: skip


class Summary(BaseModel):
    """What a finding says, in a sentence."""

    zh: str
    en: str


class Finding(Item):
    """One matter to be checked by a person. The members are those of `findings.geojson`."""

    finding_id: str = Field(description="Names the matter; it stays when the content changes.")
    content_digest: str
    service_date: dt.date
    rule: str
    rule_version: str
    severity: str = Field(description="notice, minor, major or critical.")
    vehicle_id: str | None
    plate: str | None
    school_id: str | None
    district: str | None
    zone_id: str | None
    session_id: str | None
    person_id: str | None = Field(description="A label of this answer alone (person-001), unless a look is on record.")
    trainee_id: str | None = Field(description="The same (trainee-001).")
    feed: str | None
    start: Instant
    end: Instant
    duration_s: float
    confidence: float | None
    confidence_basis: str | None
    summary: Summary
    evidence: dict[str, Any] = Field(description="Inputs, parameters, margins, explanations excluded, versions.")
    geometry: dict[str, Any] | None = Field(description="The part of the track that shows it; GeoJSON, WGS-84.")

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})


class Version(Finding):
    """A finding as it stood from `known_from` until `known_until` (null: it stands)."""

    known_from: Instant
    known_until: MaybeInstant
    run_id: str = Field(description="The run that said it.")
    ended_by: str | None = Field(description="The run that says it no more, or says otherwise.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE, "known_from": "2026-03-19T05:34:10+08:00", "known_until": None,
                    "run_id": "2026-03-18-a40aa43e", "ended_by": None,
                }
            ]
        }
    )  # fmt: skip


def finding_told(found: Found, local: LocalTime) -> dict[str, Any]:
    """Return a finding as its model has it: the properties of its feature, and its geometry."""
    made = feature(found, local)
    return {**made["properties"], GEOMETRY: made[GEOMETRY]}


def finding_table(findings: Sequence[Found], local: LocalTime) -> Table:
    """Return findings for every form; the flat ones have the columns of `findings.parquet` and `findings.csv`."""
    return Table(_columns(local), (finding_told(f, local) for f in findings), _place, _flat)


def version_told(found: Found, row: FindingRow, local: LocalTime) -> dict[str, Any]:
    """Return a version of a finding as its model has it."""
    when = {"known_from": local.iso(row.recorded_ms), "known_until": iso(local, row.superseded_ms)}
    return {**finding_told(found, local), **when, "run_id": row.run_id, "ended_by": row.ended_by}


def version_table(items: Sequence[dict[str, Any]], local: LocalTime) -> Table:
    """Return versions for every form."""
    instant, text = pa.timestamp("ms", tz=local.name), pa.string()
    more = [("known_from", instant), ("known_until", instant), ("run_id", text), ("ended_by", text)]
    columns = pa.schema([*_columns(local), *(pa.field(name, kind) for name, kind in more)])
    return Table(columns, items, _place, _flat)


def _columns(local: LocalTime) -> pa.Schema:
    return pa.schema([column for column in schema(local) if column.name != GEOMETRY])


def _place(item: Any) -> Any:
    return item[GEOMETRY]


def _flat(item: Any) -> dict[str, Any]:
    return {**item, "summary_zh": item["summary"]["zh"], "summary_en": item["summary"]["en"]}
