"""`findings.parquet`: the same rows as GeoParquet 1.1, for people who analyse."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from shapely.geometry.base import BaseGeometry

from audit.finding import Finding
from reports.plain import json_text, storable
from reports.rows import FLAT_COLUMNS, columns, evidence, geometry, in_order, measures
from trajectories.clock import LocalTime

# Written with pyarrow under a fixed schema, not with geopandas: that takes a column's type from what is in it, so a
# night without findings (or without one trainee) would have other column types than the next and not join with it.

GEOPARQUET_VERSION = "1.1.0"
LITTLE_ENDIAN = 1
NULLABLE = frozenset(
    {
        "vehicle_id", "plate", "school_id", "district", "zone_id", "session_id", "person_id", "trainee_id", "feed",
        "confidence", "confidence_basis", "geometry",
    }
)  # fmt: skip


def schema(local: LocalTime) -> pa.Schema:
    """Return the columns: the contract's order, `geometry` last; `start` and `end` as instants with the local zone."""
    instant = pa.timestamp("ms", tz=local.name)
    types = {
        "service_date": pa.date32(),
        "start": instant,
        "end": instant,
        "duration_s": pa.float64(),
        "confidence": pa.float64(),
        "geometry": pa.binary(),
    }
    names = (*FLAT_COLUMNS, "geometry")
    return pa.schema([pa.field(name, types.get(name, pa.string()), name in NULLABLE) for name in names])


def write_findings_parquet(path: Path, findings: Sequence[Finding], local: LocalTime) -> None:
    """Write the findings in the order of the contract; no finding gives a file with all columns and no row.

    `service_date` is a date, `start` and `end` are timestamps in ms with the local zone, `evidence` is JSON text
    (keys sorted), `geometry` is WKB in longitude, latitude (OGC:CRS84, the default). Raises ReportFault like
    `findings_geojson`, OSError where the file cannot be written.
    """
    pq.write_table(_table(findings, local), path, compression="zstd")


def findings_parquet(findings: Sequence[Finding], local: LocalTime) -> bytes:
    """Return the bytes of such a file, for whoever is sent it."""
    out = io.BytesIO()
    pq.write_table(_table(findings, local), out, compression="zstd")
    return out.getvalue()


def _table(findings: Sequence[Finding], local: LocalTime) -> pa.Table:
    rows = in_order(findings)
    shapes = [geometry(f) for f in rows]
    table = pa.Table.from_pylist([_row(f, shape) for f, shape in zip(rows, shapes, strict=True)], schema(local))
    return table.replace_schema_metadata({"geo": json_text(geo_metadata(shapes))})


def _row(finding: Finding, shape: BaseGeometry | None) -> dict[str, Any]:
    return {
        **columns(finding),
        "service_date": finding.service_date,
        "start": int(finding.start_ms),  # pyarrow refuses a numpy integer here
        "end": int(finding.end_ms),
        **measures(finding),
        "summary_zh": storable(finding.summary_zh),
        "summary_en": storable(finding.summary_en),
        "evidence": json_text(evidence(finding)),
        "geometry": None if shape is None else shapely.to_wkb(shape, byte_order=LITTLE_ENDIAN),
    }


def geo_metadata(shapes: Sequence[BaseGeometry | None]) -> dict[str, Any]:
    """Return the "geo" member of a GeoParquet 1.1 file for these geometries (None where there is none).

    >>> geo_metadata([None])["columns"]["geometry"]["geometry_types"]
    []
    """
    drawn = [shape for shape in shapes if shape is not None]
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted({shape.geom_type for shape in drawn}),
        "orientation": "counterclockwise",
    }
    if drawn:
        column["bbox"] = [float(side) for side in shapely.total_bounds(np.array(drawn, dtype=object))]
    return {"version": GEOPARQUET_VERSION, "primary_column": "geometry", "columns": {"geometry": column}}
