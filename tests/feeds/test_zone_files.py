"""The same zones come out of every GIS format and datum; a zone at fault is named with the fault and its place."""

from __future__ import annotations

import gzip
import json
import math
import shutil
import time
import warnings
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from pyogrio.errors import DataSourceError
from shapely.geometry import shape

from feeds.faults import Fault
from feeds.ledger import Ledger
from feeds.zone_files import read_zones
from geo.datum import Datum, from_wgs84
from tests.feeds.bundle_maker import FAR, HOLE, ROUTE, SQUARE, collection, ground, route, site, write
from tests.notices.receiver import trapping
from zones.zone import Zone, ZoneKind

GOOD = (ground(), route(), site())

# The conversion there and back is right to a micrometre; KML and GeoJSON as written here keep 15 digits; PROJ's
# Gauss-Krueger series, passed twice, ends at some nanometres.
TOLERANCE_M = 1e-5
METRES_OF_A_DEGREE = 111_320.0


def zones_of(folder: Path, datum: Datum = Datum.WGS84) -> tuple[list[Zone], list[Fault], Ledger]:
    ledger, faults = Ledger(), []
    placed = read_zones(folder, datum, ledger, faults)
    ledger.rows()
    return [item.zone for item in placed], faults, ledger


def only_fault(folder: Path, *features: dict[str, Any]) -> Fault:
    write(folder, "zones.geojson", collection(*features))
    _, faults, _ = zones_of(folder)
    assert len(faults) == 1, faults
    return faults[0]


def in_datum(geometry: Any, datum: Datum) -> Any:
    return shapely.transform(geometry, lambda p: np.column_stack(from_wgs84(p[:, 0], p[:, 1], datum)))


def frame(datum: Datum) -> gpd.GeoDataFrame:
    """The good zones as a GIS table: lists comma-joined, blanks for none given."""
    rows = []
    for feature in GOOD:
        values = dict(feature["properties"])
        for key in ("school_ids", "parts", "vehicle_classes"):
            values[key] = ",".join(map(str, values[key])) or None
        values["width_m"] = values.get("width_m", math.nan)
        rows.append(values | {"geometry": in_datum(shape(feature["geometry"]), datum)})
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=None)


def save(folder: Path, form: str, table: gpd.GeoDataFrame, **options: Any) -> None:
    """Write the zones as an office would with its GIS."""
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names cut to 10 characters, no CRS: as meant
        if form == "shp":
            lines = table.geom_type == "LineString"
            table[~lines].to_file(folder / "zones_polygon.shp", driver="ESRI Shapefile", engine="pyogrio", **options)
            table[lines].to_file(folder / "zones_line.shp", driver="ESRI Shapefile", engine="pyogrio", **options)
        elif form == "gpkg":
            lines = table.geom_type == "LineString"
            table[~lines].to_file(folder / "zones.gpkg", driver="GPKG", layer="areas", engine="pyogrio")
            table[lines].to_file(folder / "zones.gpkg", driver="GPKG", layer="lines", engine="pyogrio")
        else:
            driver = {"kml": "KML", "geojson": "GeoJSON"}[form]
            extra = {"COORDINATE_PRECISION": 15} if form == "geojson" else {}
            table.to_file(folder / f"zones.{form}", driver=driver, engine="pyogrio", **extra)


def assert_same_places(found: list[Zone], tolerance_m: float) -> None:
    wanted = {feature["properties"]["zone_id"]: shape(feature["geometry"]) for feature in GOOD}
    assert {zone.zone_id for zone in found} == set(wanted)
    for zone in found:
        apart_deg = shapely.hausdorff_distance(zone.geometry.normalize(), wanted[zone.zone_id].normalize())
        assert zone.geometry.geom_type == wanted[zone.zone_id].geom_type
        assert apart_deg * METRES_OF_A_DEGREE < tolerance_m


def assert_same_properties(found: list[Zone]) -> None:
    by_id = {zone.zone_id: zone for zone in found}
    assert by_id["G1"].kind is ZoneKind.GROUND
    assert by_id["G1"].name == "一号场"
    assert by_id["G1"].school_ids == {"S1", "S2"}
    assert by_id["G1"].parts == {2}
    assert by_id["G1"].vehicle_classes == {"C1", "C2"}
    assert by_id["G1"].approval_no == "示交训场〔2025〕1号"
    assert (by_id["G1"].valid_from, by_id["G1"].valid_to) == (date(2025, 1, 1), None)
    assert (by_id["G1"].width_m, by_id["R1"].width_m) == (None, 60.0)


@pytest.mark.parametrize("datum", list(Datum))
@pytest.mark.parametrize("form", ["geojson", "gpkg", "shp", "kml"])
def test_every_format_in_every_datum_gives_the_same_zones(tmp_path: Path, form: str, datum: Datum) -> None:
    save(tmp_path, form, frame(datum))
    if form == "geojson":  # the contract's own form of lists; a GIS writes them joined
        root = json.loads((tmp_path / "zones.geojson").read_text())
        for feature, good in zip(root["features"], GOOD, strict=True):
            feature["properties"] = good["properties"]
        write(tmp_path, "zones.geojson", json.dumps(root))
    found, faults, _ = zones_of(tmp_path, datum)
    assert not faults
    assert_same_places(found, TOLERANCE_M)
    assert_same_properties(found)


@pytest.mark.parametrize("form", ["gpkg", "shp"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4490", "EPSG:4549", "EPSG:32650"])
def test_a_gis_files_own_crs_wins_over_the_bundles_datum(tmp_path: Path, form: str, crs: str) -> None:
    # CGCS2000 and WGS-84 are one here, so the oracle, PROJ, projects without a shift.
    table = frame(Datum.WGS84).set_crs("EPSG:4490" if crs in {"EPSG:4490", "EPSG:4549"} else "EPSG:4326").to_crs(crs)
    save(tmp_path, form, table)
    found, faults, ledger = zones_of(tmp_path, Datum.GCJ02)
    assert not faults
    assert_same_places(found, TOLERANCE_M)
    assert any("as its own CRS says, not as the bundle's datum gcj02" in said for said in ledger.warnings)


def test_a_crs_whose_way_to_wgs84_is_secret_is_a_fault_for_each_zone(tmp_path: Path) -> None:
    save(tmp_path, "gpkg", frame(Datum.WGS84).set_crs("EPSG:4610"))  # Xian 1980
    _, faults, _ = zones_of(tmp_path)
    assert len(faults) == 3
    assert "Xian 1980) to WGS-84 is not known exactly; save it as CGCS2000" in faults[0].message


def test_a_geojson_that_states_a_projection_is_reprojected(tmp_path: Path) -> None:
    move = pyproj.Transformer.from_crs(4326, 32650, always_xy=True).transform
    metres = shapely.transform(shape(GOOD[0]["geometry"]), lambda p: np.column_stack(move(p[:, 0], p[:, 1])))
    root = json.loads(collection(ground(geometry=shapely.geometry.mapping(metres))))
    root["crs"] = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32650"}}
    write(tmp_path, "zones.geojson", json.dumps(root))
    (zone,), faults, _ = zones_of(tmp_path, Datum.BD09)
    assert not faults
    apart_deg = shapely.hausdorff_distance(zone.geometry, shape(GOOD[0]["geometry"]))
    assert apart_deg * METRES_OF_A_DEGREE < TOLERANCE_M


@pytest.mark.parametrize("keeps_cpg", [True, False])
def test_a_shapefile_in_gb18030_is_read_with_and_without_its_cpg(tmp_path: Path, keeps_cpg: bool) -> None:
    save(tmp_path, "shp", frame(Datum.WGS84), encoding="GB18030")
    if not keeps_cpg:
        (tmp_path / "zones_polygon.cpg").unlink()
        (tmp_path / "zones_line.cpg").unlink()
    found, faults, ledger = zones_of(tmp_path)
    assert not faults
    assert_same_properties(found)
    assert "zones_polygon.dbf: read as GB18030, expected UTF-8" in ledger.warnings


def test_the_polygons_alone_will_do_but_not_a_shapefile_without_its_table(tmp_path: Path) -> None:
    save(tmp_path, "shp", frame(Datum.WGS84))
    for path in tmp_path.glob("zones_line.*"):
        path.unlink()
    assert {zone.zone_id for zone in zones_of(tmp_path)[0]} == {"G1", "E1"}
    (tmp_path / "zones_polygon.dbf").unlink()
    assert [(fault.file, fault.code) for fault in zones_of(tmp_path)[1]] == [("zones_polygon.dbf", "missing-file")]


@pytest.mark.parametrize("form", ["geojson", "kml", "gpkg", "shp"])
def test_every_file_may_be_gzipped(tmp_path: Path, form: str) -> None:
    save(tmp_path, form, frame(Datum.WGS84))
    for path in list(tmp_path.iterdir()):
        write(tmp_path, path.name + ".gz", gzip.compress(path.read_bytes()))
        path.unlink()
    assert_same_places(zones_of(tmp_path)[0], TOLERANCE_M)


def test_reading_a_geopackage_leaves_nothing_behind_in_the_bundle(tmp_path: Path) -> None:
    save(tmp_path, "gpkg", frame(Datum.WGS84))
    before = (tmp_path / "zones.gpkg").read_bytes()
    zones_of(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["zones.gpkg"]
    assert (tmp_path / "zones.gpkg").read_bytes() == before


def test_none_and_several_files_of_zones_are_faults(tmp_path: Path) -> None:
    assert zones_of(tmp_path)[1][0].message == "no file holds zones"
    write(tmp_path, "zones.geojson", collection(*GOOD))
    save(tmp_path, "kml", frame(Datum.WGS84))
    assert zones_of(tmp_path)[1][0].message == "several files hold zones: zones.geojson, zones.kml"


def test_a_file_without_any_zone_is_a_fault_since_all_training_would_be_off_zone(tmp_path: Path) -> None:
    write(tmp_path, "zones.geojson", collection())
    assert [fault.code for fault in zones_of(tmp_path)[1]] == ["no-zone"]


def test_in_json_null_is_all_and_an_empty_list_none(tmp_path: Path) -> None:
    absent = ground(zone_id="G2", parts=None)
    del absent["properties"]["vehicle_classes"]
    write(tmp_path, "zones.geojson", collection(absent, ground(zone_id="G3", parts=[], school_ids=None)))
    all_, none = zones_of(tmp_path)[0]
    assert (all_.parts, all_.vehicle_classes) == (None, None)
    assert (none.parts, none.school_ids) == (frozenset(), None)


def test_in_attributes_a_blank_is_all(tmp_path: Path) -> None:
    table = frame(Datum.WGS84)
    table["parts"] = ""
    save(tmp_path, "gpkg", table)
    assert all(zone.parts is None for zone in zones_of(tmp_path)[0])


def test_numbers_and_dates_of_a_gis_are_as_good_as_text(tmp_path: Path) -> None:
    table = frame(Datum.WGS84)
    table["parts"] = [2.0, 3.0, math.nan]
    table["valid_to"] = gpd.pd.to_datetime(["2026-12-31", None, None])
    save(tmp_path, "gpkg", table)
    by_id = {zone.zone_id: zone for zone in zones_of(tmp_path)[0]}
    assert (by_id["G1"].parts, by_id["R1"].parts, by_id["E1"].parts) == ({2}, {3}, None)
    assert (by_id["G1"].valid_to, by_id["R1"].valid_to) == (date(2026, 12, 31), None)


def test_heights_are_dropped_and_the_pieces_of_a_route_are_joined_in_order(tmp_path: Path) -> None:
    raised = [[*position, 12.5] for position in SQUARE]
    pieces = {"type": "MultiLineString", "coordinates": [ROUTE, [ROUTE[-1], ROUTE[0]], [ROUTE[0], [117.0, 36.63]]]}
    write(
        tmp_path,
        "zones.geojson",
        collection(ground(geometry={"type": "Polygon", "coordinates": [raised]}), route(geometry=pieces)),
    )
    area, line = zones_of(tmp_path)[0]
    assert not area.geometry.has_z
    assert [list(xy) for xy in line.geometry.coords] == [*ROUTE, ROUTE[0], [117.0, 36.63]]


def test_pieces_out_of_order_are_joined_only_in_the_direction_they_are_driven(tmp_path: Path) -> None:
    first, second = ROUTE[:2], ROUTE[1:]
    pieces = {"type": "MultiLineString", "coordinates": [second, first]}
    write(tmp_path, "zones.geojson", collection(route(geometry=pieces)))
    assert [list(xy) for xy in zones_of(tmp_path)[0][0].geometry.coords] == ROUTE
    against = {"type": "MultiLineString", "coordinates": [second[::-1], first]}
    assert "these pieces do not join" in only_fault(tmp_path, route(geometry=against)).message


def test_versions_may_follow_each_other_but_not_overlap(tmp_path: Path) -> None:
    old, new = ground(valid_to="2026-02-28"), ground(valid_from="2026-03-01")
    write(tmp_path, "zones.geojson", collection(old, new))
    assert [zone.valid_to for zone in zones_of(tmp_path)[0]] == [date(2026, 2, 28), None]
    fault = only_fault(tmp_path, old, ground(valid_from="2026-02-28"))
    assert "zone G1: two versions are in force at once, this one (2026-02-28 to open)" in fault.message
    assert "zones.geojson feature 1 (2025-01-01 to 2026-02-28)" in fault.message


def ring(*positions: list[float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [list(positions)]}


BOW_TIE = ring([117.0, 36.0], [118.0, 37.0], [118.0, 36.0], [117.0, 37.0], [117.0, 36.0])
BAD_SHAPES = [
    (BOW_TIE, "self-intersection at lon 117.5000000, lat 36.5000000"),
    (ring(*SQUARE[:-1]), "ring is not closed: it ends elsewhere than it begins at lon 117.0000000, lat 36.61"),
    (ring(SQUARE[0], SQUARE[1], SQUARE[0]), "the outer ring has 3, a ring needs four at lon 117.0000000, lat 36.6"),
    (ring(SQUARE[0], SQUARE[1], SQUARE[0], SQUARE[0]), "too few points in geometry component at lon"),
    ({"type": "Polygon", "coordinates": [SQUARE, FAR]}, "hole lies outside shell at lon 117.02"),
    ({"type": "MultiPolygon", "coordinates": [[SQUARE], [HOLE]]}, "nested shells at lon"),
    ({"type": "Polygon", "coordinates": []}, "it is empty"),
    ({"type": "MultiPolygon", "coordinates": []}, "it is empty"),
    (None, "it has no geometry"),
    ({"type": "Point", "coordinates": [117, 36]}, "and this is 'Point'"),
    (
        {"type": "LineString", "coordinates": ROUTE},
        "needs a Polygon or MultiPolygon, and this is a LineString at lon 117.0",
    ),
    (ring(*[[lat, lon] for lon, lat in SQUARE]), "out of range: longitude within 180, latitude within 90 at lon 36.6"),
    (ring([43.8, 87.6], [43.9, 87.6], [43.9, 87.7], [43.8, 87.6]), "latitude seem to be swapped at lon 43.8"),
    (ring([500000, 4050000], [500100, 4050000], [500100, 4050100], [500000, 4050000]), "a position is out of range"),
    (ring([117, "36"], *SQUARE), "position 1 is not two finite numbers"),
    (ring([117, math.nan], *SQUARE), "position 1 is not two finite numbers"),
    (ring([117], *SQUARE), "position 1 is not [lon, lat]"),
]


@pytest.mark.parametrize(("geometry", "message"), BAD_SHAPES)
def test_a_bad_shape_is_told_with_its_zone_and_place(tmp_path: Path, geometry: Any, message: str) -> None:
    fault = only_fault(tmp_path, route(), ground(geometry=geometry))
    assert (fault.file, fault.row, fault.field) == ("zones.geojson", 2, "geometry")
    assert fault.message.startswith("zone G1: ")
    assert message in fault.message


BAD_LINES = [
    ({"type": "Polygon", "coordinates": [SQUARE]}, "a route needs a LineString, and this is a Polygon"),
    ({"type": "LineString", "coordinates": [ROUTE[0], ROUTE[0]]}, "at lon 117.0000000, lat 36.6200000"),
    ({"type": "LineString", "coordinates": [ROUTE[0]]}, "too few points: 1, a line needs two at lon 117.0"),
    (
        {"type": "MultiLineString", "coordinates": [ROUTE, [[118.0, 36.0], [118.1, 36.0]]]},
        "a route is one line, and these pieces do not join at lon 117.0200000, lat 36.6250000",
    ),
]


@pytest.mark.parametrize(("geometry", "message"), BAD_LINES)
def test_a_bad_route_is_told_with_its_place(tmp_path: Path, geometry: Any, message: str) -> None:
    assert message in only_fault(tmp_path, route(geometry=geometry)).message


@pytest.mark.parametrize(
    ("feature", "field", "found"),
    [
        (ground(zone_id=None), "zone_id", None),
        (ground(kind="yard"), "kind", "yard"),
        (ground(kind=None), "kind", None),
        (ground(parts=["two"]), "parts", "['two']"),
        (ground(parts=[2, None]), "parts", "[2, None]"),
        (ground(school_ids=""), "school_ids", ""),
        (ground(valid_from="2026-13-01"), "valid_from", "2026-13-01"),
        (ground(valid_to="2024-01-01"), "valid_to", "2024-01-01"),
        (ground(school_id=["S1"], school_ids=None), None, None),
        (route(width_m=None), "width_m", None),
        (route(width_m=0), "width_m", "0"),
        (route(width_m=-60), "width_m", "-60"),
        (route(width_m="wide"), "width_m", "wide"),
        (route(width_m=True), "width_m", "True"),
    ],
)
def test_a_bad_property_is_told_with_its_zone_field_and_text(
    tmp_path: Path, feature: dict[str, Any], field: str | None, found: str | None
) -> None:
    if field is None:  # a misspelt list would open the zone to all
        del feature["properties"]["school_ids"]
        field, found = "school_id", "['S1']"
    write(tmp_path, "zones.geojson", collection(feature))
    fault = zones_of(tmp_path)[1][0]
    assert (fault.row, fault.field, fault.found) == (1, field, found)
    assert fault.expected


def kml(inside: str, before: str = "") -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>{before}<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{inside}</Document></kml>'


def mark(shapes: str, **values: str) -> str:
    data = "".join(f'<Data name="{key}"><value>{value}</value></Data>' for key, value in values.items())
    return f"<Folder><Placemark><name>场</name><ExtendedData>{data}</ExtendedData>{shapes}</Placemark></Folder>"


def ring_text(positions: list[list[float]]) -> str:
    text = "\n ".join(f"{lon},{lat},0" for lon, lat in positions)
    return f"<LinearRing><coordinates>{text}</coordinates></LinearRing>"


def test_a_placemark_of_several_polygons_with_holes_is_one_multipolygon(tmp_path: Path) -> None:
    hole = f"<innerBoundaryIs>{ring_text(HOLE)}</innerBoundaryIs>"
    first = f"<Polygon><outerBoundaryIs>{ring_text(SQUARE)}</outerBoundaryIs>{hole}</Polygon>"
    second = f"<Polygon><outerBoundaryIs>{ring_text(FAR)}</outerBoundaryIs></Polygon>"
    shapes = f"<MultiGeometry>{first}<MultiGeometry>{second}</MultiGeometry></MultiGeometry>"
    write(tmp_path, "zones.kml", kml(mark(shapes, zone_id="E1", kind="site")))
    (zone,), faults, _ = zones_of(tmp_path)
    assert not faults
    assert zone.name == "场"
    assert zone.geometry.equals(shape(GOOD[2]["geometry"]))


def test_kml_with_entities_is_refused_before_any_is_expanded(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    text = kml("&l11;", f'<!DOCTYPE kml [<!ENTITY l0 "ha">{laughs}<!ENTITY f SYSTEM "file:///etc/passwd">]>')
    write(tmp_path, "zones.kml", text)
    (fault,) = zones_of(tmp_path)[1]
    assert fault.code == "not-kml"
    assert "document type declaration" in fault.message


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (f"<Polygon><outerBoundaryIs>{ring_text(SQUARE[:-1])}</outerBoundaryIs></Polygon>", "ring is not closed"),
        ("<LineString><coordinates>117.0, 36.6 117.1, 36.6</coordinates></LineString>", "position 1 is not numbers"),
        ("<LineString><coordinates>117.0,36.6 x,y</coordinates></LineString>", "is not numbers: 'x,y' at lon 117.0"),
        ("<Point><coordinates>117.0,36.6</coordinates></Point>", "this is a Point"),
        ("<Polygon/>", "a Polygon has one outer ring, and this has 0"),
        ("", "it has no geometry"),
        ("<MultiGeometry/>", "it is empty"),
    ],
)
def test_a_bad_placemark_is_told_with_its_zone(tmp_path: Path, shapes: str, message: str) -> None:
    write(tmp_path, "zones.kml", kml(mark(shapes, zone_id="G7", kind="ground")))
    (fault,) = zones_of(tmp_path)[1]
    assert fault.message.startswith("zone G7: ")
    assert message in fault.message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("zones.geojson", '{"type": "FeatureCollection", "features": ['),
        ("zones.geojson", "[" * 100_000),
        ("zones.geojson", '{"a": ' + "9" * 5000 + "}"),
        ("zones.geojson", '{"type": "Feature"}'),
        ("zones.geojson", ""),
        ("zones.geojson", "null"),
        ("zones.kml", "<kml><Document>"),
        ("zones.kml", "<gpx/>"),
        ("zones.kml", ""),
        ("zones.gpkg", b"SQLite format 3\x00 but not really"),
        ("zones.gpkg", b"<OGRVRTDataSource></OGRVRTDataSource>"),
        ("zones.gpkg", b""),
    ],
)
def test_a_file_of_another_kind_is_one_fault(tmp_path: Path, name: str, content: str | bytes) -> None:
    write(tmp_path, name, content)
    (fault,) = zones_of(tmp_path)[1]
    assert fault.file == name
    assert str(tmp_path) not in str(fault)


def escaped(feature: dict[str, Any]) -> str:
    """A collection in ASCII, which can carry half a surrogate pair."""
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


def test_hostile_text_in_every_property_stays_text_or_becomes_a_fault(tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>\ud800 ' OR 1=1 -- \x00"
    write(
        tmp_path,
        "zones.geojson",
        escaped(ground(zone_id=evil, name=evil, approval_no=evil)),
    )
    (zone,), faults, _ = zones_of(tmp_path)
    assert not faults
    assert zone.name.encode()  # any writer can encode it
    assert "<img src=x" in zone.name
    for key in ground()["properties"]:
        write(
            tmp_path,
            "zones.geojson",
            escaped(ground(**{key: {evil: evil}})),
        )
        assert all(str(fault).encode() for fault in zones_of(tmp_path)[1])
    write(tmp_path, "zones.geojson", escaped(ground(**{"zone_id": evil, evil: evil, "geometry": None})))
    _, faults, ledger = zones_of(tmp_path)
    assert all(said.encode() for said in [*map(str, faults), *ledger.warnings])


def test_a_geojson_saved_by_a_gis_with_joined_lists_is_understood(tmp_path: Path) -> None:
    write(tmp_path, "zones.geojson", collection(ground(school_ids="S1, S2", parts="2,3")))
    (zone,) = zones_of(tmp_path)[0]
    assert (zone.school_ids, zone.parts) == ({"S1", "S2"}, {2, 3})


def test_a_copied_real_multipolygon_file_is_read(tmp_path: Path, real_data: Path) -> None:
    """37 real polygons of San Francisco, outside the box where datums shift, so that any datum leaves them alone."""
    shutil.copy(real_data / "zones" / "sf_neighbourhoods.geojson", tmp_path / "raw.geojson")
    root = json.loads((tmp_path / "raw.geojson").read_text())
    for number, feature in enumerate(root["features"]):
        feature["properties"] = {"zone_id": f"N{number}", "kind": "ground"}
    (tmp_path / "zones.geojson").write_text(json.dumps(root))
    found, faults, _ = zones_of(tmp_path, Datum.GCJ02)
    bad = [n for n, feature in enumerate(root["features"]) if not shape(feature["geometry"]).is_valid]
    assert len(found) + len(faults) == 37
    assert {fault.row for fault in faults} == {n + 1 for n in bad}
    for zone in found:
        assert zone.geometry.equals(shape(root["features"][int(zone.zone_id[1:])]["geometry"]))


LEADS_ELSEWHERE = (
    (
        '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/vsicurl/{url}</SrcDataSource></OGRVRTLayer>'
        "</OGRVRTDataSource>"
    ),
    "<OGRWFSDataSource><URL>{url}</URL></OGRWFSDataSource>",
)
"""Texts with which GDAL itself fetches what they name, whatever the file is called."""


@pytest.mark.parametrize("text", LEADS_ELSEWHERE, ids=["vrt", "wfs"])
def test_a_file_that_is_no_geopackage_or_shapefile_sends_gdal_nowhere(tmp_path: Path, text: str) -> None:
    with trapping() as trap:
        told = text.format(url=f"http://127.0.0.1:{trap.port}/a.json").encode()
        save(tmp_path, "shp", frame(Datum.WGS84))
        (tmp_path / "zones_polygon.shp").write_bytes(told)
        assert [str(f).partition(";")[0] for f in zones_of(tmp_path)[1]] == [
            "zones_polygon.shp: cannot be read, expected a Shapefile. Save it again."
        ]
        for path in tmp_path.iterdir():
            path.unlink()
        (tmp_path / "zones.gpkg").write_bytes(told)
        (fault,) = zones_of(tmp_path)[1]
        assert (fault.file, fault.code) == ("zones.gpkg", "unreadable-file")
        assert trap.touched == []
        with suppress(DataSourceError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pyogrio.read_info(tmp_path / "zones.gpkg")  # as GDAL does by itself
        time.sleep(0.2)
        assert trap.touched
