"""A bundle with some of its files replaced, as a folder of links that is gone afterwards; the bundle stays as it is.

Everything that reads a bundle then reads the same files from the same names, so that a trial is judged, and leaves
evidence, exactly as a bundle that really held them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from feeds.bundle import survey_bundle
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger

SCHEDULES = "schedules.csv"
_SHAPE_ENDS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_ZONE_NAMES = {".geojson": "zones.geojson", ".json": "zones.geojson", ".kml": "zones.kml", ".gpkg": "zones.gpkg"}
_SHAPES = ("zones_polygon", "zones_line")
_EXPECTED = "a file that ends in .geojson, .kml, .gpkg (or any of them with .gz), _polygon.shp or _line.shp"


@contextmanager
def standing_in(bundle: Path, zones: Path | None, schedules: Path | None) -> Iterator[Path]:
    """Give the bundle's folder with these files in place of its own; the bundle itself where there are none.

    Raises `UnusableInput` with every fault of the files, also of single rows: a trial that was read in part would
    answer another question than the one asked.
    """
    if (zones is None and schedules is None) or not bundle.is_dir():  # that it is none, the audit says
        yield bundle
        return
    links = links_of(zones, schedules)
    with tempfile.TemporaryDirectory(prefix="trajaudit-trial-") as place:
        folder = Path(place)
        _link(bundle, folder, links, zones is not None, schedules is not None)
        _check(folder, links)
        yield folder


def links_of(zones: Path | None, schedules: Path | None) -> dict[str, Path]:
    """Return under which names a bundle would hold these files; raises `UnusableInput` for what cannot be."""
    faults: list[Fault] = []
    links: dict[str, Path] = {}
    if zones is not None:
        links |= _zone_links(zones, faults)
    if schedules is not None and _is_there(schedules, faults):
        links[SCHEDULES + (".gz" if schedules.suffix == ".gz" else "")] = schedules
    if faults:
        raise UnusableInput(faults)
    return links


def _link(bundle: Path, folder: Path, links: Mapping[str, Path], zones: bool, schedules: bool) -> None:
    for entry in bundle.iterdir():
        name = entry.name.removesuffix(".gz")
        replaced = (zones and holds_zones(name)) or (schedules and name == SCHEDULES)
        if not replaced:
            (folder / entry.name).symlink_to(entry.resolve())
    for name, file in links.items():
        (folder / name).symlink_to(file.resolve())


def holds_zones(name: str) -> bool:
    """Whether a file of a bundle, named without `.gz`, holds zones, in whichever format."""
    return name in _ZONE_NAMES.values() or name in {f"{stem}{end}" for stem in _SHAPES for end in _SHAPE_ENDS}


def _is_there(file: Path, faults: list[Fault]) -> bool:
    if not file.is_file():
        faults.append(Fault(str(file), "is no file", hint="Name a file to try in place of the bundle's own."))
        return False
    return True


def _zone_links(file: Path, faults: list[Fault]) -> dict[str, Path]:
    """Return under which names the bundle would hold these zones; a shapefile comes with all its parts and its twin."""
    if not _is_there(file, faults):
        return {}
    packed = ".gz" if file.suffix == ".gz" else ""
    plain = Path(file.name.removesuffix(packed))
    if plain.suffix in _ZONE_NAMES:
        return {_ZONE_NAMES[plain.suffix] + packed: file}
    for stem in _SHAPES:
        kind = stem.removeprefix("zones")
        if plain.suffix == ".shp" and plain.stem.endswith(kind):
            prefix = plain.stem.removesuffix(kind)
            return _shape_links(file.parent, prefix)
    faults.append(Fault(str(file), "is in no format of zones", found=file.name, expected=_EXPECTED))
    return {}


def _shape_links(folder: Path, prefix: str) -> dict[str, Path]:
    return {
        f"{stem}{end}{packed}": path
        for stem in _SHAPES
        for end in _SHAPE_ENDS
        for packed in ("", ".gz")
        if (path := folder / f"{prefix}{stem.removeprefix('zones')}{end}{packed}").is_file()
    }


def _check(folder: Path, links: Mapping[str, Path]) -> None:
    """Read the registers and zones as an audit would, and refuse faults, named by the files that were given."""
    survey = survey_bundle(folder, Ledger())
    given = {name.removesuffix(".gz"): str(path) for name, path in links.items()}
    rows = [f for f in survey.row_faults if f.file in given]
    faults = [replace(f, file=given.get(f.file, f.file)) for f in (*survey.faults, *rows)]
    if faults:
        raise UnusableInput(faults)
