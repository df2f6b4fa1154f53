"""Zones from KML 2.2: Placemarks with ExtendedData. Positions are lon,lat[,height]."""

from __future__ import annotations

import xml.etree.ElementTree as ET  # only behind refuse_doctype, which stops every entity
from collections.abc import Iterator
from xml.parsers import expat

from shapely import LineString, Polygon

from feeds.faults import Fault
from feeds.safe_xml import DoctypeRefused, refuse_doctype
from feeds.zone_rows import ShapeFault, ZoneRow
from feeds.zone_shapes import gathered, line, polygon
from geo.datum import Datum

SHAPES = ("Polygon", "LineString", "MultiGeometry", "Point", "LinearRing", "Model", "Track", "MultiTrack")


def read_kml(file: str, text: str, datum: Datum, faults: list[Fault]) -> list[ZoneRow]:
    """The Placemarks of a KML document; `datum` is the bundle's. Faults of the file are added."""
    try:
        refuse_doctype(text)
        root = ET.fromstring(text)  # noqa: S314  # see above
    except DoctypeRefused:
        hint = "Take the DOCTYPE out."
        faults.append(Fault(file, "has a document type declaration, which KML never has", hint=hint, code="not-kml"))
        return []
    except (expat.ExpatError, ET.ParseError, ValueError) as trouble:
        faults.append(Fault(file, "is not XML", found=str(trouble), hint="Was it cut off?", code="not-kml"))
        return []
    if _name(root) != "kml":
        faults.append(Fault(file, "is not KML", found=f"<{_name(root)[:40]}>", expected="<kml>", code="not-kml"))
        return []
    marks = [mark for mark in root.iter() if _name(mark) == "Placemark"]
    return [_row(file, number, mark, datum) for number, mark in enumerate(marks, 1)]


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in element if _name(child) == name)


def _text(element: ET.Element | None) -> str:
    return "".join(element.itertext()).strip() if element is not None else ""


def _row(file: str, number: int, mark: ET.Element, datum: Datum) -> ZoneRow:
    properties: dict[str, object] = {}
    label = next(_children(mark, "name"), None)
    if label is not None:
        properties["name"] = _text(label)
    for extended in _children(mark, "ExtendedData"):
        properties |= _extended(extended)
    try:
        return ZoneRow(file, number, properties, gathered(list(_shapes(mark))), datum)
    except ShapeFault as fault:
        return ZoneRow(file, number, properties, fault, datum)


def _extended(extended: ET.Element) -> dict[str, object]:
    """Both ways of KML to attach values: Data with a value, SchemaData with SimpleData."""
    found: dict[str, object] = {}
    for data in _children(extended, "Data"):
        found[data.get("name", "")] = _text(next(_children(data, "value"), None))
    for schema in _children(extended, "SchemaData"):
        found |= {data.get("name", ""): _text(data) for data in _children(schema, "SimpleData")}
    return found


def _shapes(mark: ET.Element) -> Iterator[Polygon | LineString]:
    """Every polygon and line of a Placemark, out of its MultiGeometries."""
    pending = [child for child in mark if _name(child) in SHAPES]
    if not pending:
        raise ShapeFault("it has no geometry")
    while pending:
        element = pending.pop(0)
        kind = _name(element)
        if kind == "MultiGeometry":
            pending = [child for child in element if _name(child) in SHAPES] + pending
        elif kind == "Polygon":
            yield _polygon(element)
        elif kind == "LineString":
            yield line(_positions(element))
        else:
            raise ShapeFault(f"a zone is a Polygon or LineString, and this is a {kind}")


def _polygon(element: ET.Element) -> Polygon:
    outer = [ring for side in _children(element, "outerBoundaryIs") for ring in _children(side, "LinearRing")]
    inner = [ring for side in _children(element, "innerBoundaryIs") for ring in _children(side, "LinearRing")]
    if len(outer) != 1:
        raise ShapeFault(f"a Polygon has one outer ring, and this has {len(outer)}")
    return polygon([_positions(ring) for ring in outer + inner])


def _positions(element: ET.Element) -> list[list[float]]:
    text = _text(next(_children(element, "coordinates"), None))
    rows = []
    for at, word in enumerate(text.split(), 1):
        try:
            rows.append([float(number) for number in word.split(",")])
        except ValueError:
            hint = "Positions are lon,lat[,height] with a blank between two positions and none within."
            place = (rows[-1][0], rows[-1][1]) if rows and len(rows[-1]) > 1 else None
            raise ShapeFault(f"position {at} is not numbers: {word[:40]!r}", place, hint) from None
    return rows
