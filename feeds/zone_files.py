"""The zones of a bundle, from whichever of the four GIS formats it brings, in WGS-84."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from feeds.bundle_files import is_there, open_text
from feeds.faults import Fault
from feeds.hints import listed
from feeds.ledger import Ledger
from feeds.registers import overlap
from feeds.text import clean_text
from feeds.zone_geojson import read_geojson
from feeds.zone_kml import read_kml
from feeds.zone_properties import KNOWN, read_properties
from feeds.zone_rows import ShapeFault, ZoneRow
from feeds.zone_shapes import usable
from geo.datum import Datum
from zones.zone import Zone

GEOJSON, KML, GPKG = "zones.geojson", "zones.kml", "zones.gpkg"
SHAPEFILES = ("zones_polygon.shp", "zones_line.shp")


@dataclass(frozen=True, slots=True)
class PlacedZone:
    """A zone and where it was read: file, and feature from 1."""

    zone: Zone
    file: str
    row: int


def read_zones(folder: Path, datum: Datum, ledger: Ledger, faults: list[Fault]) -> tuple[PlacedZone, ...]:
    """All versions of all zones. `datum` holds for files without a CRS of their own (GeoJSON and KML have none).

    Any fault of any zone is added to `faults` with its zone_id, what is wrong and where; such a zone is left out.
    """
    before = len(faults)
    rows = _rows(folder, datum, ledger, faults)
    if not rows and len(faults) == before:  # all training would be off-zone
        faults.append(Fault("zones", "the file of zones holds no zone", expected="at least one", code="no-zone"))
    placed = []
    for row in rows:
        account = ledger.account(row.file)
        account.read += 1
        zone = _zone(row, faults)
        if zone is None:
            account.rejected["invalid-zone"] += 1
            continue
        account.kept += 1
        placed.append(PlacedZone(zone, row.file, row.row))
    _note_extras(rows, ledger)
    faults.extend(_versions_at_once(placed))
    return tuple(placed)


def _rows(folder: Path, datum: Datum, ledger: Ledger, faults: list[Fault]) -> list[ZoneRow]:
    shapefiles = [name for name in SHAPEFILES if is_there(folder, name)]
    found = [name for name in (GEOJSON, GPKG, KML) if is_there(folder, name)] + shapefiles[:1]
    if len(found) != 1:
        message = f"several files hold zones: {listed(found)}" if found else "no file holds zones"
        expected = f"exactly one of {GEOJSON}, {GPKG}, {KML}, {SHAPEFILES[0]} (with {SHAPEFILES[1]})"
        code = "two-files" if found else "missing-file"
        faults.append(Fault(found[0] if found else GEOJSON, message, expected=expected, code=code))
        return []
    if found[0] in {GEOJSON, KML}:
        text = open_text(folder, found[0], ledger, faults)
        if text is None:
            return []
        return (read_geojson if found[0] == GEOJSON else read_kml)(found[0], text, datum, faults)
    from feeds import zone_gis  # noqa: PLC0415  # GDAL is slow to load, and most bundles bring GeoJSON

    return (zone_gis.read_gpkg if found[0] == GPKG else zone_gis.read_shapefiles)(folder, datum, ledger, faults)


def _zone(row: ZoneRow, faults: list[Fault]) -> Zone | None:
    fields = read_properties(row, faults)
    try:
        if isinstance(row.shape, ShapeFault):
            raise row.shape
        if fields is not None:
            return Zone(geometry=usable(row.shape, fields["kind"], row.datum), **fields)
    except ShapeFault as trouble:
        faults.append(_shape_fault(row, trouble))
    return None


def _shape_fault(row: ZoneRow, trouble: ShapeFault) -> Fault:
    zone_id = clean_text(str(row.properties.get("zone_id") or "without zone_id"))[:80]
    where = "" if trouble.place is None else f" at lon {trouble.place[0]:.7f}, lat {trouble.place[1]:.7f}"
    message = f"zone {zone_id}: {trouble.message}{where}"
    return Fault(row.file, message, row.row, "geometry", hint=trouble.hint, code="invalid-geometry")


def _note_extras(rows: Iterable[ZoneRow], ledger: Ledger) -> None:
    extras: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        extras[row.file].update(clean_text(key) for key in row.properties if key not in KNOWN)
    for file, names in extras.items():
        if names:
            ledger.warn(f"{file}: properties not read: {listed(sorted(names), 20)}")


def _versions_at_once(placed: list[PlacedZone]) -> Iterable[Fault]:
    """Two versions of one zone in force on one day: which approval would count is anybody's guess."""
    by_id: defaultdict[str, list[PlacedZone]] = defaultdict(list)
    for item in placed:
        zone = item.zone
        for other in by_id[zone.zone_id]:
            if overlap((zone.valid_from, zone.valid_to), (other.zone.valid_from, other.zone.valid_to)):
                message = f"zone {zone.zone_id}: two versions are in force at once, this one ({_dates(zone)}) and "
                message += f"{other.file} feature {other.row} ({_dates(other.zone)})"
                hint = "End the older version on the day before the newer one begins."
                yield Fault(item.file, message, item.row, "valid_from", hint=hint, code="overlapping-versions")
                break
        by_id[zone.zone_id].append(item)


def _dates(zone: Zone) -> str:
    return f"{zone.valid_from or 'open'} to {zone.valid_to or 'open'}"
