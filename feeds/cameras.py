"""`cameras.geojson`: where checkpoint cameras stood, in WGS-84, in all their versions.

A feature at fault is left out with a reason, and what it may have hidden is remembered (`Damaged.camera`): passages of
a camera that is not known are refused, never placed by guess. A file that is no FeatureCollection at all makes the
bundle unusable, as a register does whose columns are missing: without any camera the passages of the whole city would
drop out, and no rule on them could answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from checkpoints.camera import Camera
from feeds.bundle_files import is_there, open_text
from feeds.crs_names import CrsFault
from feeds.damaged import DamageLog
from feeds.faults import Fault
from feeds.hints import closest, did_you_mean, listed
from feeds.ledger import Ledger, Reject
from feeds.passage_raw import BadField, identifier
from feeds.registers import overlap
from feeds.text import clean_text
from feeds.zone_geojson import read_features
from geo.columns import F8
from geo.datum import Datum, in_china, to_wgs84

FILE = "cameras.geojson"
KNOWN = ("camera_id", "valid_from", "valid_to")
_KEY = "camera_id"


def read_cameras(
    folder: Path,
    datum: Datum,
    ledger: Ledger,
    faults: list[Fault],
    row_faults: list[Fault] | None = None,
    damage: DamageLog | None = None,
) -> tuple[Camera, ...]:
    """All versions of all cameras; none where the bundle has no such file.

    `datum` is the bundle's; a CRS that the file states wins. `faults` are those of the file, `row_faults` those of
    features that are left out.
    """
    if not is_there(folder, FILE):
        return ()
    text = open_text(folder, FILE, ledger, faults)
    if text is None:
        return ()
    features, crs = read_features(FILE, text, faults)
    place = _way(datum, crs, faults)
    if place is None:
        return ()
    reader = _Reader(ledger, [] if row_faults is None else row_faults, damage or DamageLog(), place)
    for row, feature in enumerate(features, 1):
        reader.read(row, feature)
    reader.note_extras()
    return reader.cameras()


Place = Callable[[float, float], tuple[float, float]]


def _way(datum: Datum, crs: str | None, faults: list[Fault]) -> Place | None:
    """How a position of the file becomes one of WGS-84."""
    if crs is None:
        return lambda x, y: _first(*to_wgs84([x], [y], datum))
    from feeds.zone_crs import points_to_wgs84  # noqa: PLC0415  # PROJ is slow to load and rarely needed here

    try:
        move = points_to_wgs84(crs)
    except CrsFault as trouble:
        faults.append(Fault(FILE, str(trouble), field="crs", found=crs, code="unknown-crs"))
        return None
    return lambda x, y: _first(*move(np.array([[x, y]])).T)


def _first(lon_deg: F8, lat_deg: F8) -> tuple[float, float]:
    return float(lon_deg[0]), float(lat_deg[0])


@dataclass(slots=True)
class _Reader:
    """The features of one file, read one by one."""

    ledger: Ledger
    row_faults: list[Fault]
    damage: DamageLog
    place: Place
    kept: dict[str, list[tuple[Camera, int]]] = field(default_factory=lambda: defaultdict(list))
    extras: set[str] = field(default_factory=set)

    def read(self, row: int, feature: object) -> None:
        """Keep a feature, or refuse it."""
        self.ledger.account(FILE).read += 1
        properties = feature.get("properties") if isinstance(feature, dict) else None
        values: Mapping[str, object] = properties if isinstance(properties, dict) else {}
        self.extras.update(clean_text(key[:80]) for key in values if key not in KNOWN)
        own = _Feature(row, values)
        camera = own.camera(feature, self.place)
        if camera is None:
            self._refuse(own.faults, own.id)
        elif any(camera == other for other, _ in self.kept[camera.camera_id]):
            message = "says the same as an earlier feature"
            own.fault("duplicate-key", _KEY, camera.camera_id, message, "each camera once")
            self._refuse(own.faults, None, hides=False)
        else:
            self.kept[camera.camera_id].append((camera, row))

    def cameras(self) -> tuple[Camera, ...]:
        """Those of which no other version says otherwise for the same day, in the order of the file."""
        good: list[tuple[int, Camera]] = []
        for camera_id, versions in self.kept.items():
            for camera, row in versions:
                clash = next((at for other, at in versions if at != row and _at_once(camera, other)), None)
                if clash is None:
                    good.append((row, camera))
                    continue
                message = f"stands elsewhere at the same time by feature {clash}"
                expected = "versions whose dates do not overlap"
                self._refuse([Fault(FILE, message, row, _KEY, camera_id, expected, code="duplicate-key")], camera_id)
        self.ledger.account(FILE).kept += len(good)
        return tuple(camera for _, camera in sorted(good, key=lambda entry: entry[0]))

    def note_extras(self) -> None:
        """Say which properties nobody reads."""
        if self.extras:
            self.ledger.warn(f"{FILE}: properties not read: {listed(sorted(self.extras), 20)}")

    def _refuse(self, faults: list[Fault], camera_id: str | None, *, hides: bool = True) -> None:
        first = faults[0]
        reject = Reject(FILE, first.row or 0, first.code, first.field or "", first.found or "")
        self.ledger.reject(FILE, reject)
        self.row_faults.extend(faults)
        if hides:
            self.damage.add(FILE, _KEY, camera_id)


def _at_once(one: Camera, other: Camera) -> bool:
    return overlap((one.valid_from, one.valid_to), (other.valid_from, other.valid_to))


@dataclass(slots=True)
class _Feature:
    """One feature, read field by field; `id` is the camera it is about, None where it does not say."""

    row: int
    values: Mapping[str, object]
    id: str | None = None
    faults: list[Fault] = field(default_factory=list)

    def fault(
        self, code: str, name: str, found: object, message: str, expected: str | None = None, hint: str | None = None
    ) -> None:
        plain = found if isinstance(found, str | int | float | date) else type(found).__name__
        shown = None if found is None else clean_text(str(plain)[:200])
        self.faults.append(Fault(FILE, message, self.row, name, shown, expected, hint, code))

    def camera(self, feature: object, place: Place) -> Camera | None:
        """The feature as a camera, None with faults noted."""
        if not isinstance(feature, dict):
            self.fault("bad-row", "", None, "is not a JSON object", "a Feature")
            return None
        self._read_id()
        valid_from, valid_to = self._day("valid_from"), self._day("valid_to")
        if valid_from is not None and valid_to is not None and valid_to < valid_from:
            expected = f"{valid_from} or later"
            self.fault("end-before-start", "valid_to", valid_to, "is before valid_from", expected)
        self._check_misspelt()
        spot = self._spot(feature.get("geometry"), place)
        if self.faults or self.id is None or spot is None:
            return None
        return Camera(self.id, *spot, valid_from, valid_to)

    def _read_id(self) -> None:
        value = self.values.get(_KEY)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # GIS columns with blanks have 2.0 for 2
        try:
            self.id = identifier(value, _KEY)
        except BadField as trouble:
            near = closest(_KEY, [key for key in self.values if key not in KNOWN])
            hint = f'Did you mean this by "{near}"?' if near and value is None else None
            self.fault(trouble.reason, _KEY, value, "the camera has no id to go by", "a text", hint)

    def _day(self, name: str) -> date | None:
        value = self.values.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        try:
            if isinstance(value, str) and len(value.strip()) == 10:
                return date.fromisoformat(value.strip())
        except ValueError:
            pass
        self.fault("bad-date", name, value, "is not a date", "a date such as 2026-03-18")
        return None

    def _check_misspelt(self) -> None:
        """A misspelt date would leave a camera standing for ever, where it no longer is."""
        absent = [key for key in KNOWN[1:] if key not in self.values]
        for key in self.values:
            if key not in KNOWN and (hint := did_you_mean(key, absent)):
                self.fault("unknown-key", clean_text(key), None, "is not a property we know", listed(KNOWN), hint)

    def _spot(self, geometry: object, place: Place) -> tuple[float, float] | None:
        raw = geometry.get("coordinates") if isinstance(geometry, dict) and geometry.get("type") == "Point" else None
        if not isinstance(raw, list) or len(raw) < 2 or not all(map(_is_number, raw[:2])):
            kind = geometry.get("type") if isinstance(geometry, dict) else None
            self.fault("invalid-geometry", "geometry", kind, "is not a place", "a Point with [lon, lat] in degrees")
            return None
        lon_deg, lat_deg = place(float(raw[0]), float(raw[1]))
        swapped = bool(in_china(lat_deg, lon_deg)) and not bool(in_china(lon_deg, lat_deg))
        if abs(lon_deg) <= 180 and abs(lat_deg) <= 90 and not swapped:
            return lon_deg, lat_deg
        hint = "Longitude comes first." if swapped else None
        found = f"{raw[0]}, {raw[1]}"
        self.fault("invalid-geometry", "geometry", found, "is out of range", "longitude within 180, latitude 90", hint)
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
