"""`trajaudit track`: a vehicle's day, read back from each form by somebody else's reader.

V0011 of the sample city is the subject: its feed is a CSV file in WGS-84 with a row for each fix, so what must be in
an export can be read from the file itself; it has silences, spikes, and rows out of order.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pyogrio
import pytest

from runs.track_export import export_track, file_name
from tests.runs.conftest import CITY, DATE, Answer, Run, copy_city, edit, environment, run_record, trajaudit
from trajectories.fleet import UNUSABLE, Flag
from trajectories.recipe import Recipe

CAR = "V0011"
FILE = "tracks/terminal/TV0011.csv.gz"
FORMS = {"geopackage": ".gpkg", "geoparquet": ".parquet", "mfjson": ".mf.json", "gpx": ".gpx"}
GPX = {"g": "http://www.topografix.com/GPX/1/1", "x": "http://www.garmin.com/xmlschemas/TrackPointExtension/v2"}
ROUNDED_DEG = 0.6e-7  # GPX and MF-JSON write seven decimals
FLAG_COLUMNS = {flag: f"flag_{flag.name.lower()}" for flag in Flag}
GAP = timedelta(milliseconds=Recipe().gap_ms)


def track(car: str, form: str, cwd: Path, *options: str | Path, bundle: Path = CITY, date: str = DATE) -> Answer:
    env = {"PYTHONPATH": str(CITY.parents[1])}
    return trajaudit("track", bundle, car, "--date", date, "--as", form, *options, cwd=cwd, env=env)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """V0011 in all four forms."""
    folder = tmp_path_factory.mktemp("track")
    for form in FORMS:
        answer = track(CAR, form, folder, "--lang", "en")
        assert answer.code == 0, answer.err
    return folder


def export(folder: Path, form: str) -> Path:
    return folder / f"{CAR}-{DATE}{FORMS[form]}"


@pytest.fixture(scope="module")
def sent() -> list[dict[str, Any]]:
    """What the terminal sent, by time: the rows of its file with their numbers."""
    with gzip.open(CITY / FILE, "rt", encoding="utf-8") as file:
        rows = [{**row, "row": i} for i, row in enumerate(csv.DictReader(file), 1)]
    return sorted(rows, key=lambda row: datetime.fromisoformat(row["time"]))


@pytest.fixture(scope="module")
def fixes(folder: Path) -> gpd.GeoDataFrame:
    return gpd.read_parquet(export(folder, "geoparquet"))


def layer(folder: Path, name: str) -> gpd.GeoDataFrame:
    return pyogrio.read_dataframe(export(folder, "geopackage"), layer=name)


# ---------------------------------------------------------------- every row, as it was sent
def test_every_row_of_the_file_is_a_fix_with_its_time_place_and_source(
    fixes: gpd.GeoDataFrame, sent: list[dict[str, Any]]
) -> None:
    assert len(fixes) == len(sent) > 4000
    assert fixes["time"].tolist() == [datetime.fromisoformat(row["time"]) for row in sent]
    assert [datetime.fromisoformat(t).isoformat() for t in fixes["time_local"]] == [row["time"] for row in sent]
    assert sorted(fixes["row"]) == list(range(1, len(sent) + 1))
    assert set(fixes["file"]) == {FILE}
    by_row = fixes.set_index("row").sort_index()
    raw = sorted(sent, key=lambda row: row["row"])
    assert by_row["lon_deg"].tolist() == [float(row["lon"]) for row in raw]
    assert by_row["lat_deg"].tolist() == [float(row["lat"]) for row in raw]
    assert by_row["speed_mps"].to_numpy() * 3.6 == pytest.approx([float(row["speed_kmh"]) for row in raw], abs=1e-4)
    assert by_row["heading_deg"].tolist() == [float(row["heading_deg"]) for row in raw]
    assert fixes.crs.to_epsg() == 4326 or fixes.crs == "OGC:CRS84"
    assert (fixes.geometry.x == fixes["lon_deg"]).all()
    assert (fixes.geometry.y == fixes["lat_deg"]).all()


def test_rows_out_of_order_are_flagged_where_the_file_has_them(
    fixes: gpd.GeoDataFrame, sent: list[dict[str, Any]]
) -> None:
    """Without the flagged rows the file is in order, and with any of them it is not."""
    raw = sorted(sent, key=lambda row: row["row"])
    flagged = set(fixes.loc[fixes["flag_disorder"], "row"])
    times = [datetime.fromisoformat(row["time"]) for row in raw if row["row"] not in flagged]
    assert flagged
    assert times == sorted(times)


def test_usable_is_what_no_flag_speaks_against(fixes: gpd.GeoDataFrame) -> None:
    against = [FLAG_COLUMNS[flag] for flag in Flag if flag & UNUSABLE]
    assert (fixes["usable"] == ~fixes[against].any(axis=1)).all()
    assert not fixes["usable"].all()


def test_the_flags_of_a_feeds_vehicles_add_up_to_the_account_of_the_audit(sample_run: Run, tmp_path: Path) -> None:
    account = run_record(sample_run.out)["rows"]["tracks/terminal"]["flagged"]
    counted = dict.fromkeys(FLAG_COLUMNS, 0)
    for car in ("V0009", "V0010", CAR, "V0012", "X0001"):
        assert track(car, "geoparquet", tmp_path).code == 0
        table = gpd.read_parquet(tmp_path / f"{car}-{DATE}.parquet")
        for flag, column in FLAG_COLUMNS.items():
            counted[flag] += int(table[column].sum())
    ours = {flag.name.lower().replace("_", "-"): n for flag, n in counted.items() if n}
    assert ours == {name: n for name, n in account.items() if name != "other-day"}


# ---------------------------------------------------------------- the GeoPackage
def test_the_geopackage_holds_the_same_fixes(folder: Path, fixes: gpd.GeoDataFrame) -> None:
    ours = layer(folder, "fixes")
    assert [name for name, _ in pyogrio.list_layers(export(folder, "geopackage"))] == [
        "fixes", "spans", "stops", "trainings", "zones",
    ]  # fmt: skip
    assert ours["time"].tolist() == fixes["time"].tolist()
    assert (ours.geometry.x.to_numpy() == fixes["lon_deg"].to_numpy()).all()
    assert ours["zones"].tolist() == [",".join(z) for z in fixes["zones"]]
    for column in (*FLAG_COLUMNS.values(), "usable", "span", "row", "span_kind"):
        assert ours[column].tolist() == fixes[column].tolist(), column


def test_a_gap_is_two_points_and_no_line(folder: Path, fixes: gpd.GeoDataFrame) -> None:
    spans = layer(folder, "spans")
    gaps = spans[spans["kind"] == "gap"]
    assert len(gaps) == fixes["piece"].max() - 1 == 2
    assert set(gaps.geometry.geom_type) == {"MultiPoint"}
    silent = fixes["time"].diff() > GAP
    assert gaps["end"].tolist() == fixes.loc[silent, "time"].tolist()
    for gap, row in zip(gaps.itertuples(), np.flatnonzero(silent), strict=True):
        assert gap.geometry.equals(fixes.geometry.iloc[[row - 1, row]].union_all())
        assert gap.n_fixes == 0


def test_no_line_crosses_a_gap(folder: Path, fixes: gpd.GeoDataFrame) -> None:
    """Each vertex of a span's line is a fix of that span's piece."""
    spans = layer(folder, "spans")
    lines = spans[spans.geometry.geom_type == "LineString"]
    assert set(lines["kind"]) == {"moving"}
    for piece, theirs in lines.groupby("piece"):
        mine = fixes[(fixes["piece"] == piece) & fixes["usable"]]
        held = set(zip(mine["lon_deg"], mine["lat_deg"], strict=True))
        assert {xy for line in theirs.geometry for xy in line.coords} <= held


def test_spans_hold_every_fix_once_and_follow_each_other_without_a_hole(folder: Path, fixes: gpd.GeoDataFrame) -> None:
    spans = layer(folder, "spans")
    assert spans["n_fixes"].sum() == len(fixes)
    assert fixes["span"].value_counts().to_dict() == spans[spans["n_fixes"] > 0].set_index("span")["n_fixes"].to_dict()
    assert spans["start"].tolist()[1:] == spans["end"].tolist()[:-1]
    assert fixes["span_kind"].tolist() == spans.set_index("span")["kind"].loc[fixes["span"]].tolist()


def test_stops_are_the_standing_spans(folder: Path, fixes: gpd.GeoDataFrame) -> None:
    spans, stops = layer(folder, "spans"), layer(folder, "stops")
    standing = spans[spans["kind"] == "standing"]
    assert stops["span"].tolist() == standing["span"].tolist()
    assert stops["stop"].tolist() == list(range(1, len(stops) + 1))
    assert fixes.groupby("stop").size().tolist() == stops["n_fixes"].tolist()
    assert (fixes["stop"].notna() == (fixes["span_kind"] == "standing")).all()


def test_a_fix_lies_in_the_zones_that_a_spatial_join_says(folder: Path) -> None:
    """Oracle: GeoPandas, in degrees; routes are corridors about a line, so only areas are compared."""
    ours, zones = layer(folder, "fixes"), layer(folder, "zones")
    areas = zones[zones["kind"] != "route"]
    assert len(areas) > 2
    joined = gpd.sjoin(ours, areas[["zone_id", "geometry"]], predicate="within")
    theirs = {(row.Index, row.zone_id) for row in joined.itertuples()}
    known = set(areas["zone_id"])
    said = {(i, z) for i, text in enumerate(ours["zones"]) for z in text.split(",") if z in known}
    assert said == theirs
    assert said


def test_trainings_stand_in_the_fixes_they_are_made_of(folder: Path, fixes: gpd.GeoDataFrame) -> None:
    trainings = layer(folder, "trainings").set_index("training")
    assert len(trainings) > 1
    for number, mine in fixes.groupby("training"):
        told = trainings.loc[number]
        assert set(mine["activity"]) == {told["activity"]}
        assert set(mine["training_p"]) == {told["p"]}
        assert told["start"] <= mine["time"].min() <= mine["time"].max() <= told["end"]


def test_no_column_is_about_a_person(folder: Path) -> None:
    with (CITY / "sessions.csv").open(encoding="utf-8") as file:
        people = {row[key] for row in csv.DictReader(file) for key in ("instructor_id", "trainee_id", "session_id")}
    for form in FORMS:
        held = export(folder, form).read_bytes()
        assert not [person for person in people if person.encode() in held], form
    columns = {c for name in ("fixes", "spans", "stops", "trainings", "zones") for c in layer(folder, name).columns}
    assert not columns & {"plate", "instructor_id", "trainee_id", "person_id", "session_id", "officer_id"}


# ---------------------------------------------------------------- GPX
def test_the_gpx_holds_the_usable_fixes_cut_at_gaps(folder: Path, fixes: gpd.GeoDataFrame) -> None:
    points = pyogrio.read_dataframe(export(folder, "gpx"), layer="track_points")
    usable = fixes[fixes["usable"]]
    assert points["time"].tolist() == usable["time"].tolist()
    assert np.abs(points.geometry.x.to_numpy() - usable["lon_deg"].to_numpy()).max() <= ROUNDED_DEG
    assert points["track_seg_id"].tolist() == (usable["piece"] - 1).tolist()
    assert points["src"].tolist() == [f"{FILE}, row {row}" for row in usable["row"]]
    within = points.groupby("track_seg_id")["time"].diff().max()
    assert within <= GAP < points["time"].diff().max()


def test_a_gpx_point_has_its_elements_in_the_order_of_the_schema(folder: Path, fixes: gpd.GeoDataFrame) -> None:
    """GPX 1.1, wptType: time, cmt, src, type, extensions. TrackPointExtension v2: speed before course."""
    order = ["time", "cmt", "src", "type", "extensions"]
    points = ET.parse(export(folder, "gpx")).findall("g:trk/g:trkseg/g:trkpt", GPX)
    for point in points:
        names = [child.tag.partition("}")[2] for child in point]
        assert names == [name for name in order if name in names]
    flagged = [p.findtext("g:cmt", namespaces=GPX) for p in points]
    disorder = fixes.loc[fixes["usable"], "flag_disorder"].tolist()
    assert [text is not None and "disorder" in text for text in flagged] == disorder
    speeds = [float(p.findtext(".//x:speed", namespaces=GPX) or "nan") for p in points]
    assert speeds == pytest.approx(fixes.loc[fixes["usable"], "speed_mps"].tolist(), abs=5e-4)


def test_what_is_left_out_is_said(folder: Path, tmp_path: Path) -> None:
    n = int((~gpd.read_parquet(export(folder, "geoparquet"))["usable"]).sum())
    answer = track(CAR, "gpx", tmp_path, "--lang", "en")
    assert f"{n} unusable fixes" in answer.err
    assert "unusable" not in track(CAR, "geopackage", tmp_path, "--lang", "en").err
    told = track(CAR, "gpx", tmp_path, "--json")
    assert told.json()["unusable_left_out"] == n
    assert told.err == ""


def test_rows_that_were_refused_and_warnings_of_the_bundle_are_said(tmp_path: Path) -> None:
    city = copy_city(tmp_path)
    edit(city / FILE, "+08:00,", ",")
    with gzip.open(city / FILE, "at", encoding="utf-8") as file:
        file.write("TV0011,2026-03-18T09:00:00,513.6,34.8,0,0\n")
    answer = track(CAR, "geoparquet", tmp_path, "--lang", "en", bundle=city)
    assert answer.code == 0
    assert "1 rows of feed terminal were refused" in answer.err
    assert "Warning: " in answer.err
    assert gpd.read_parquet(export(tmp_path, "geoparquet"))["flag_no_time_zone"].all()
    assert track(CAR, "geoparquet", tmp_path, "--quiet", bundle=city) == Answer(0, "", "")


# ---------------------------------------------------------------- Moving Features JSON
def test_moving_features_are_read_by_movingpandas(folder: Path, fixes: gpd.GeoDataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from movingpandas import read_mf_json

        pieces = read_mf_json(export(folder, "mfjson"), "trajectory_id").trajectories
    usable = fixes[fixes["usable"]]
    assert [piece.id for piece in pieces] == [f"{CAR}_{n}" for n in sorted(set(usable["piece"]))]
    times = [t for piece in pieces for t in piece.df.index]
    assert times == usable["time"].dt.tz_localize(None).tolist()
    for name in ("span", "stop", "row", "training"):
        theirs = np.concatenate([piece.df[name].to_numpy(float) for piece in pieces])
        assert np.array_equal(theirs, usable[name].to_numpy(float), equal_nan=True), name
    flags = [text for piece in pieces for text in piece.df["flags"]]
    assert [isinstance(text, str) and "disorder" in text for text in flags] == usable["flag_disorder"].tolist()


def members_of(feature: Mapping[str, Any]) -> tuple[list[str], list[Mapping[str, Any]]]:
    (group,) = feature["temporalProperties"]
    return group["datetimes"], [value for name, value in group.items() if name != "datetimes"]


def test_moving_features_keep_to_the_standard(folder: Path) -> None:
    """OGC 19-045r3: instants increase strictly (7.2.1.1); each property has as many values as instants, is Measure or
    Text, and Text is never interpolated linearly (7.2.2.1); a unit is a code of three letters or a URL."""
    whole = json.loads(export(folder, "mfjson").read_bytes())
    assert whole["type"] == "FeatureCollection"
    assert whole["crs"]["properties"]["name"] == "urn:ogc:def:crs:OGC:1.3:CRS84"
    for feature in whole["features"]:
        moving = feature["temporalGeometry"]
        times = [datetime.fromisoformat(t) for t in moving["datetimes"]]
        assert moving["type"] == "MovingPoint"
        assert all(a < b for a, b in pairwise(times))
        assert len(times) == len(moving["coordinates"]) >= 2
        instants, values = members_of(feature)
        assert instants == moving["datetimes"]
        for value in values:
            assert len(value["values"]) == len(times)
            assert value["type"] == "Measure" or value["interpolation"] in ("Discrete", "Step")
            assert value["type"] in ("Measure", "Text")
            unit = value.get("form", "MTS")
            assert len(unit) == 3 or unit.startswith("http")


# ---------------------------------------------------------------- little to tell
def only(city: Path, minutes: list[float]) -> Path:
    """The city where V0011 sent a fix at these minutes after 08:00, from one place, and nothing else."""
    start = datetime.fromisoformat("2026-03-18T08:00:00+08:00")
    rows = [f"TV0011,{(start + timedelta(minutes=m)).isoformat()},113.59,34.80,0,90\n" for m in minutes]
    text = "terminal_id,time,lon,lat,speed_kmh,heading_deg\n" + "".join(rows)
    (city / FILE).write_bytes(gzip.compress(text.encode(), mtime=0))
    return city


def test_a_fix_alone_between_two_silences_is_kept_or_said_to_be_left_out(tmp_path: Path) -> None:
    city = only(copy_city(tmp_path), [0, 0.5, 10, 20, 20.5])
    day = datetime.fromisoformat(DATE).date()
    told = {form: export_track(city, CAR, day, form, tmp_path / f"x{FORMS[form]}") for form in FORMS}
    assert [told[form].fixes for form in FORMS] == [5, 5, 4, 5]
    assert [told[form].alone_left_out for form in FORMS] == [0, 0, 1, 0]
    spans = pyogrio.read_dataframe(tmp_path / "x.gpkg", layer="spans")
    assert spans["kind"].tolist() == ["standing", "gap", "standing", "gap", "standing"]
    assert spans["piece"].tolist() == [1, 1, 2, 2, 3]
    segments = ET.parse(tmp_path / "x.gpx").findall("g:trk/g:trkseg", GPX)
    assert [len(segment) for segment in segments] == [2, 1, 2]
    assert [f["properties"]["piece"] for f in json.loads((tmp_path / "x.mf.json").read_bytes())["features"]] == [1, 3]


def test_a_day_of_one_fix_is_a_day(tmp_path: Path) -> None:
    city = only(copy_city(tmp_path), [0])
    day = datetime.fromisoformat(DATE).date()
    for form in FORMS:
        told = export_track(city, CAR, day, form, tmp_path / form)
        assert (told.fixes, told.spans, told.stops, told.trainings) == (int(form != "mfjson"), 1, 1, 0)


# ---------------------------------------------------------------- the file itself
@pytest.mark.parametrize("form", FORMS)
def test_the_same_export_has_the_same_bytes(folder: Path, tmp_path: Path, form: str) -> None:
    assert track(CAR, form, tmp_path, "--out", tmp_path / f"again{FORMS[form]}").code == 0
    assert (tmp_path / f"again{FORMS[form]}").read_bytes() == export(folder, form).read_bytes()


def test_an_export_is_for_its_owner_alone_and_leaves_nothing_beside_it(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {export(folder, form).name for form in FORMS}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_the_positions_are_those_the_audit_judged(sample_run: Run, tmp_path: Path) -> None:
    """Feed depot says wgs84 and sends gcj02 (the sample city's truth); the audit finds it out, and so the map and the
    export show the cars where they were: in the ground of their lessons."""
    answer = track("V0013", "geopackage", tmp_path, "--lang", "en")
    assert answer.code == 0
    assert "Feed depot: declared as wgs84, read as gcj02" in answer.err
    trainings = pyogrio.read_dataframe(tmp_path / f"V0013-{DATE}.gpkg", layer="trainings")
    assert set(trainings["zone_id"]) == {
        row["zone_id"]
        for row in csv.DictReader((CITY / "sessions.csv").read_text(encoding="utf-8").splitlines())
        if row["vehicle_id"] == "V0013"
    }


# ---------------------------------------------------------------- what cannot be exported
def refused(answer: Answer, *words: str) -> None:
    assert answer.code == 2, answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert [word for word in words if word not in answer.err] == []


def test_a_vehicle_that_is_not_in_the_register_is_refused(tmp_path: Path) -> None:
    refused(track("V9999", "gpx", tmp_path), "vehicles.csv", "vehicle_id", "V9999")
    assert list(tmp_path.iterdir()) == []


def test_a_vehicle_that_is_not_registered_that_day_is_refused(tmp_path: Path) -> None:
    city = copy_city(tmp_path)
    text = (city / "vehicles.csv").read_text(encoding="utf-8").splitlines()
    dated = [text[0] + ",valid_to", *(f"{line},{'2026-03-17' if CAR in line else ''}" for line in text[1:])]
    (city / "vehicles.csv").write_text("\n".join(dated) + "\n", encoding="utf-8")
    refused(track(CAR, "gpx", tmp_path, bundle=city), CAR, "not registered on 2026-03-18")


def test_a_day_without_fixes_is_refused(tmp_path: Path) -> None:
    refused(track(CAR, "geopackage", tmp_path, date="2026-03-20"), "tracks/terminal", CAR, "2026-03-20")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("out", ["/dev/null", "/proc/none/x.gpx", "."])
def test_an_output_that_cannot_be_a_file_is_refused(tmp_path: Path, out: str) -> None:
    refused(track(CAR, "gpx", tmp_path, "--out", out), out)
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("form", ["geopackage", "gpx"])
def test_a_disk_that_is_full_is_told_and_leaves_nothing(tmp_path: Path, form: str) -> None:
    """No file of this process may grow over 40 KiB: the system answers as it does on a full disk, with an error."""
    limited = f"ulimit -f 40; exec {sys.executable} -m runs.cli track {CITY} {CAR} --date {DATE} --as {form}"
    env = environment({"PYTHONPATH": str(CITY.parents[1])})
    done = subprocess.run(
        ["bash", "-c", limited], cwd=tmp_path, env=env, check=False, capture_output=True, encoding="utf-8", timeout=300
    )
    refused(Answer(done.returncode, done.stdout, done.stderr), f"{CAR}-{DATE}", "cannot be written")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_earlier_file(tmp_path: Path) -> None:
    kept = tmp_path / "kept.gpx"
    kept.write_text("earlier", encoding="utf-8")
    refused(track("V9999", "gpx", tmp_path, "--out", kept))
    assert kept.read_text(encoding="utf-8") == "earlier"


# ---------------------------------------------------------------- names that mean harm
HOSTILE = "../../</name><script>&\x1b[31m]]>x"


@pytest.mark.parametrize("form", FORMS)
def test_a_hostile_name_stays_text_in_the_file_and_out_of_its_name(tmp_path: Path, form: str) -> None:
    city = copy_city(tmp_path)
    edit(city / "vehicles.csv", f"{CAR},", f"{HOSTILE},")
    here = tmp_path / "here"
    here.mkdir()
    answer = track(HOSTILE, form, here, bundle=city)
    assert answer.code == 0, answer.err
    (written,) = here.iterdir()
    assert set(tmp_path.iterdir()) == {city, here}
    assert written.name.replace("-", "").replace(".", "").isalnum()
    assert {c for c in answer.out + answer.err if not c.isprintable()} <= {"\n"}
    harmless = HOSTILE.replace("\x1b", "\ufffd")
    match form:
        case "geopackage":
            assert set(pyogrio.read_dataframe(written, layer="fixes")["vehicle_id"]) == {HOSTILE}
        case "geoparquet":
            assert set(gpd.read_parquet(written)["vehicle_id"]) == {HOSTILE}
        case "mfjson":
            features = json.loads(written.read_bytes())["features"]
            assert {feature["properties"]["vehicle_id"] for feature in features} == {HOSTILE}
        case "gpx":
            name = ET.parse(written).findtext("g:trk/g:name", namespaces=GPX)
            assert name == f"{harmless} {DATE}"


@pytest.mark.parametrize("name", ["", "..", "-rf", "a/b", "豫A1234学", "x" * 300, "CON\0", "\udcff"])
def test_no_name_leads_out_of_the_folder_or_looks_like_an_option(name: str) -> None:
    made = file_name(name, datetime(2026, 3, 18, tzinfo=UTC).date(), ".gpx")
    assert os.path.basename(made) == made  # noqa: PTH119 -- a text is asked about, not a path
    assert made[0].isalnum()
    assert len(made.encode()) < 100
    assert made != file_name(name + "!", datetime(2026, 3, 18, tzinfo=UTC).date(), ".gpx")
