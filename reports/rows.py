"""Findings as rows: one order, one set of columns and one rounding behind the GeoJSON, the Parquet and the CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import shapely
from shapely.geometry import LineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

from audit.finding import Finding
from reports.plain import ReportFault, finite, optional, plain, storable

COORDINATE_DECIMALS = 7  # about a centimetre; RFC 7946 section 11.2 calls 6 enough for most uses
CONFIDENCE_DECIMALS = 4

# The contract's properties, in its order, where a row is flat (CSV, Parquet).
FLAT_COLUMNS = (
    "finding_id", "content_digest", "service_date", "rule", "rule_version", "severity", "vehicle_id", "plate",
    "school_id", "district", "zone_id", "session_id", "person_id", "trainee_id", "feed", "start", "end", "duration_s",
    "confidence", "confidence_basis", "summary_zh", "summary_en", "evidence",
)  # fmt: skip


def place_in_order(finding: Finding) -> tuple[int, bool, str, str, str]:
    """Return the sort key of the contract: start, vehicle_id (nulls last), rule, finding_id."""
    vehicle_id = storable(finding.vehicle_id or "")
    return (finding.start_ms, finding.vehicle_id is None, vehicle_id, finding.rule, finding.finding_id)


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings in the order of the contract, whatever order they came in.

    Raises ReportFault when two findings share a finding_id: an id names one matter.
    """
    twice = sorted(key for key, n in Counter(f.finding_id for f in findings).items() if n > 1)
    if twice:
        raise ReportFault(f"finding_id used for more than one finding: {', '.join(twice[:5])}")
    return sorted(findings, key=place_in_order)


def columns(finding: Finding) -> dict[str, Any]:
    """Return the columns that every output has, in the order of the contract, up to `feed`."""
    return {
        "finding_id": storable(finding.finding_id),
        "content_digest": storable(finding.content_digest),
        "service_date": day(finding.service_date),
        "rule": storable(finding.rule),
        "rule_version": storable(finding.rule_version),
        "severity": str(finding.severity),
        "vehicle_id": optional(finding.vehicle_id),
        "plate": optional(finding.plate),
        "school_id": optional(finding.school_id),
        "district": optional(finding.district),
        "zone_id": optional(finding.zone_id),
        "session_id": optional(finding.session_id),
        "person_id": optional(finding.person_id),
        "trainee_id": optional(finding.trainee_id),
        "feed": optional(finding.feed),
    }


def measures(finding: Finding) -> dict[str, Any]:
    """Return `duration_s`, `confidence` (rounded) and `confidence_basis`.

    Raises ReportFault for an end before the start and for a confidence that is not between 0 and 1.
    """
    if finding.end_ms < finding.start_ms:
        raise ReportFault(f"finding {finding.finding_id}: ends {finding.start_ms - finding.end_ms} ms before it starts")
    confidence = finding.confidence
    if confidence is not None:
        confidence = round(finite(confidence, f"finding {finding.finding_id}, confidence"), CONFIDENCE_DECIMALS) + 0.0
        if not 0 <= confidence <= 1:
            raise ReportFault(f"finding {finding.finding_id}: confidence {confidence} is not between 0 and 1")
    return {
        "duration_s": float(finding.duration_s),
        "confidence": confidence,
        "confidence_basis": optional(finding.confidence_basis),
    }


def evidence(finding: Finding) -> dict[str, Any]:
    """Return the evidence in its one plain form (keys sorted); ReportFault names what is not JSON."""
    written: dict[str, Any] = plain(finding.evidence, f"finding {finding.finding_id}, evidence")
    return written


def day(value: date) -> str:
    """Return a date as ISO text."""
    return value.isoformat()


def geometry(finding: Finding) -> BaseGeometry | None:
    """Return the geometry as every output writes it, or None where there is none to draw.

    Two-dimensional, rounded to 7 decimals, polygons by the right-hand rule (RFC 7946 section 3.1.6). Raises
    ReportFault for coordinates that are not longitude and latitude in degrees.
    """
    shape = finding.geometry
    if shape is None or shape.is_empty:
        return None
    flat = shapely.transform(shapely.force_2d(shape), lambda lon_lat: np.round(lon_lat, COORDINATE_DECIMALS) + 0.0)
    lon_deg, lat_deg = shapely.get_coordinates(flat).T
    # Written so that NaN fails too.
    if not (np.all(np.abs(lon_deg) <= 180) and np.all(np.abs(lat_deg) <= 90)):
        raise ReportFault(
            f"finding {finding.finding_id}: geometry is not longitude, latitude in degrees: {shape.wkt[:80]}"
        )
    return _right_handed(flat)


def _right_handed(shape: BaseGeometry) -> BaseGeometry:
    if shape.geom_type == "LinearRing":  # GeoJSON and GeoParquet know no such type
        return LineString(shape.coords)
    if isinstance(shape, Polygon):
        return orient(shape)
    if isinstance(shape, MultiPolygon):
        return MultiPolygon([orient(part) for part in shape.geoms])
    if shape.geom_type == "GeometryCollection":
        return shapely.GeometryCollection([_right_handed(part) for part in shape.geoms])
    return shape
