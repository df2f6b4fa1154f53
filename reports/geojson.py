"""`findings.geojson`: the findings for programs and for any GIS (RFC 7946), the same bytes for the same findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapely.geometry import mapping

from audit.finding import Finding
from reports.plain import json_text, storable
from reports.rows import columns, evidence, geometry, in_order, measures
from trajectories.clock import LocalTime

SCHEMA = 1


def findings_geojson(findings: Sequence[Finding], local: LocalTime) -> bytes:
    r"""Return the FeatureCollection as UTF-8, one feature a line, ordered by start, vehicle_id, rule, finding_id.

    The order in which `findings` come changes nothing. Numbers are written by Python, not by GEOS, whose digits
    differ between versions. Raises ReportFault for what must not be published (NaN, an id used twice ...).

    >>> print(findings_geojson([], LocalTime("Asia/Shanghai")).decode(), end="")
    {"type":"FeatureCollection","schema":1,"features":[
    ]}
    """
    lines = ",\n".join(json_text(feature(f, local)) for f in in_order(findings))
    head = json_text({"type": "FeatureCollection", "schema": SCHEMA})[:-1] + ',"features":[\n'
    return (head + lines + ("\n" if lines else "") + "]}\n").encode()


def feature(finding: Finding, local: LocalTime) -> dict[str, Any]:
    """Return one finding as a GeoJSON Feature; its members and properties in the order of the contract."""
    shape = geometry(finding)
    return {
        "type": "Feature",
        "geometry": None if shape is None else mapping(shape),
        "properties": {
            **columns(finding),
            "start": local.iso(finding.start_ms),
            "end": local.iso(finding.end_ms),
            **measures(finding),
            "summary": {"zh": storable(finding.summary_zh), "en": storable(finding.summary_en)},
            "evidence": evidence(finding),
        },
    }
