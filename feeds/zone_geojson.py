"""Zones from GeoJSON (RFC 7946)."""

from __future__ import annotations

import json

from shapely.geometry.base import BaseGeometry

from feeds.crs_names import CrsFault, stated_crs
from feeds.faults import Fault
from feeds.zone_rows import ShapeFault, ZoneRow
from feeds.zone_shapes import from_geojson
from geo.datum import Datum


def read_geojson(file: str, text: str, datum: Datum, faults: list[Fault]) -> list[ZoneRow]:
    """The features of a FeatureCollection; `datum` is the bundle's. Faults of the file are added."""
    features, crs = read_features(file, text, faults)
    return [_row(file, number, feature, datum, crs) for number, feature in enumerate(features, 1)]


def read_features(file: str, text: str, faults: list[Fault]) -> tuple[list[object], str | None]:
    """The features of a FeatureCollection as they stand there, and the CRS it states; faults of the file are added."""
    try:
        root = json.loads(text)
    except json.JSONDecodeError as trouble:
        where = f"{trouble.msg}, line {trouble.lineno} column {trouble.colno}"
        faults.append(Fault(file, "is not JSON", found=where, hint="Was it cut off?", code="not-json"))
        return [], None
    except (ValueError, RecursionError) as trouble:  # a number of thousands of digits, brackets without end
        faults.append(Fault(file, "is not JSON that can be read", found=str(trouble)[:80], code="not-json"))
        return [], None
    features = root.get("features") if isinstance(root, dict) and root.get("type") == "FeatureCollection" else None
    if not isinstance(features, list):
        expected = '{"type": "FeatureCollection", "features": [...]}'
        faults.append(Fault(file, "is not a FeatureCollection", expected=expected, code="not-geojson"))
        return [], None
    return features, stated_crs(root)


def _row(file: str, number: int, feature: object, datum: Datum, crs: str | None) -> ZoneRow:
    if not isinstance(feature, dict):
        return ZoneRow(file, number, {}, ShapeFault("it is not a JSON object"), datum, is_json=True)
    properties = feature.get("properties")
    shape: BaseGeometry | ShapeFault
    try:
        shape = from_geojson(feature.get("geometry"))
        if crs is not None:
            shape, datum = _reprojected(shape, crs), Datum.WGS84
    except ShapeFault as fault:
        shape = fault
    return ZoneRow(file, number, properties if isinstance(properties, dict) else {}, shape, datum, is_json=True)


def _reprojected(shape: BaseGeometry, crs: str) -> BaseGeometry:
    from feeds.zone_crs import way_to_wgs84  # noqa: PLC0415  # PROJ is slow to load and rarely needed here

    try:
        return way_to_wgs84(crs)(shape)
    except CrsFault as fault:
        raise ShapeFault(str(fault)) from fault
