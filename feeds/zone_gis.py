"""Zones from GeoPackage and Shapefile, through GDAL. A file's own CRS wins over the bundle's datum."""

from __future__ import annotations

import codecs
import tempfile
import warnings
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyogrio
import pyogrio.errors
import shapely
from shapely.geometry.base import BaseGeometry

from feeds.bundle_files import decode_chinese, is_there, open_bytes
from feeds.crs_names import CrsFault, is_undefined
from feeds.faults import Fault
from feeds.ledger import Ledger
from feeds.text import UnreadableFile
from feeds.zone_crs import way_to_wgs84
from feeds.zone_rows import ShapeFault, ZoneRow
from geo.datum import Datum

GPKG = "zones.gpkg"
SHAPEFILES = ("zones_polygon", "zones_line")
FULL_NAMES = {"vehicle_cl": "vehicle_classes", "approval_n": "approval_no", "recorded_a": "recorded_at"}
"""Field names as a Shapefile cuts them."""

# Names under which a .cpg file states the encodings in use here; everything else is asked of Python's list.
_ENCODINGS = {"936": "gb18030", "gbk": "gb18030", "cp936": "gb18030", "gb2312": "gb18030", "65001": "utf-8"}
_GPKG_BEGINS, _SHP_BEGINS = b"SQLite format 3\x00", b"\x00\x00\x27\x0a"
"""GDAL goes by what a file holds, not by its name: text in its place may send it to addresses and files elsewhere."""
_DBF_GBK = 0x4D
_DBF_LDID_AT = 29


def read_gpkg(folder: Path, datum: Datum, ledger: Ledger, faults: list[Fault]) -> list[ZoneRow]:
    """The features of all spatial layers of zones.gpkg; `datum` is the bundle's."""
    data = open_bytes(folder, GPKG, faults)
    if data is None or not _begins(GPKG, data, _GPKG_BEGINS, "a GeoPackage", faults):
        return []
    with tempfile.TemporaryDirectory() as place:  # SQLite may write beside the file it opens
        path = Path(place, GPKG)
        path.write_bytes(data)
        return _Source(GPKG, path, datum, None, ledger, faults).rows()


def read_shapefiles(folder: Path, datum: Datum, ledger: Ledger, faults: list[Fault]) -> list[ZoneRow]:
    """The features of zones_polygon.shp and zones_line.shp, whichever are there; `datum` is the bundle's."""
    rows: list[ZoneRow] = []
    for stem in SHAPEFILES:
        if not is_there(folder, f"{stem}.shp"):
            ledger.warn(f"{stem}.shp: is not there, so no zone of that shape is known")
            continue
        needed = [f"{stem}.{end}" for end in ("shp", "shx", "dbf")]
        extra = [name for end in ("prj", "cpg") if is_there(folder, name := f"{stem}.{end}")]
        parts = {name: open_bytes(folder, name, faults) for name in needed + extra}
        found = {name: data for name, data in parts.items() if data is not None}
        shp = f"{stem}.shp"
        if len(found) < len(parts) or not _begins(shp, found[shp], _SHP_BEGINS, "a Shapefile", faults):
            continue
        with tempfile.TemporaryDirectory() as place:
            for name, data in found.items():
                Path(place, name).write_bytes(data)
            encoding = _dbf_encoding(found[f"{stem}.dbf"], found.get(f"{stem}.cpg"))
            if encoding != "utf-8":
                ledger.warn(f"{stem}.dbf: read as {encoding.upper()}, expected UTF-8")
            rows += _Source(f"{stem}.shp", Path(place, f"{stem}.shp"), datum, encoding, ledger, faults).rows()
    return rows


def _begins(file: str, data: bytes, start: bytes, kind: str, faults: list[Fault]) -> bool:
    if not data.startswith(start):
        faults.append(Fault(file, "cannot be read", expected=kind, hint="Save it again.", code="unreadable-file"))
        return False
    return True


def _dbf_encoding(dbf: bytes, cpg: bytes | None) -> str:
    """What the .cpg says, else the table's own language mark, else UTF-8 where that fits and GB18030 where not."""
    stated = (cpg or b"").decode("ascii", "replace").strip().lower()
    try:
        if stated:
            return codecs.lookup(_ENCODINGS.get(stated, stated)).name
    except LookupError:
        pass
    if len(dbf) > _DBF_LDID_AT and dbf[_DBF_LDID_AT] == _DBF_GBK:
        return "gb18030"
    body = dbf[int.from_bytes(dbf[8:10], "little") :]
    try:
        return decode_chinese(body)[1] or "utf-8"
    except UnreadableFile:  # a field cut within a character; GB18030 is what such tables are mostly in
        return "gb18030"


class _Source:
    """One data source of GDAL on its way to rows."""

    def __init__(
        self, file: str, path: Path, datum: Datum, encoding: str | None, ledger: Ledger, faults: list[Fault]
    ) -> None:
        self.file, self.path, self.datum, self.encoding = file, path, datum, encoding
        self.ledger, self.faults = ledger, faults

    def rows(self) -> list[ZoneRow]:
        """The features of all layers that have shapes, numbered through; [] with a fault where GDAL cannot read it."""
        rows: list[ZoneRow] = []
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                for name, geometry_type in pyogrio.list_layers(self.path):
                    if geometry_type is not None:
                        rows += self._layer(str(name), len(rows) + 1)
            except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as trouble:
                is_text = isinstance(trouble, UnicodeError)
                what = "its text is not in the stated encoding" if is_text else "cannot be read"
                found = str(trouble).replace(str(self.path.parent) + "/", "")
                self.faults.append(Fault(self.file, what, found=found, hint="Save it again.", code="unreadable-file"))
                return []
        for warning in said:
            self.ledger.warn(f"{self.file}: {str(warning.message).replace(str(self.path.parent) + '/', '')[:200]}")
        return rows

    def _layer(self, layer: str, first: int) -> list[ZoneRow]:
        meta, _, shapes, columns = pyogrio.raw.read(self.path, layer=layer, encoding=self.encoding)
        names = [_full_name(str(name)) for name in meta["fields"]]
        crs = None if is_undefined(meta["crs"]) else str(meta["crs"])
        way, trouble = None, None
        if crs is not None:
            if self.datum is not Datum.WGS84:
                note = "positions are taken as its own CRS says, not as the bundle's datum"
                self.ledger.warn(f"{self.file}: {note} {self.datum}: {crs[:60]}")
            try:
                way = way_to_wgs84(crs)
            except CrsFault as fault:
                trouble = ShapeFault(str(fault))
        datum = self.datum if crs is None else Datum.WGS84
        rows = []
        for at, wkb in enumerate([] if shapes is None else shapes):
            properties = _properties(names, [column[at] for column in columns])
            shape = trouble or _shape(wkb)
            if way is not None and not isinstance(shape, ShapeFault):
                shape = way(shape)
            rows.append(ZoneRow(self.file, first + at, properties, shape, datum))
        return rows


def _full_name(name: str) -> str:
    plain = name.strip().lower()
    return FULL_NAMES.get(plain, plain)


def _properties(names: list[str], values: list[object]) -> Mapping[str, object]:
    return {name: _plain(value) for name, value in zip(names, values, strict=True)}


def _plain(value: object) -> str | int | float | date | None:
    """A value of a column as a plain one; the many ways of saying "none" as None."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[ms]").item()
    elif isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, str | int | float | date) else str(value)


def _shape(wkb: bytes | None) -> BaseGeometry | ShapeFault:
    if wkb is None:
        return ShapeFault("it has no geometry")
    try:
        shape: BaseGeometry = shapely.from_wkb(wkb)
    except shapely.errors.ShapelyError as trouble:
        text = str(trouble)
        if "closed" in text:
            return ShapeFault("a ring is not closed", hint="Repeat the first position at the end of the ring.")
        hint = "Curves must be turned into straight pieces."
        return ShapeFault(f"its geometry cannot be read: {text[:80]}", hint=hint)
    return shape
