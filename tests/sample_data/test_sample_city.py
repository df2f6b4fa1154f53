"""The sample city: the same on every run, what is committed is what is made, and its labels are true of its fixes."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely import MultiPoint, points
from shapely.geometry import shape

from geo.datum import Datum, to_wgs84
from sample_data.cast import CARS, rng_of
from sample_data.city import build_city
from sample_data.episodes import Stage
from sample_data.labels import Labels
from sample_data.make import live, make

DAY_START, DAY_END = (datetime.fromisoformat(f"2026-03-{d}T04:00:00+08:00") for d in (18, 19))
COMMITTED_LIMIT_BYTES = 5_000_000
DATUM_OF = {"amap": Datum.GCJ02, "baidu": Datum.BD09, "terminal": Datum.WGS84, "depot": Datum.WGS84}
ALL_RULES = {
    "off-zone-training", "off-route", "out-of-hours", "wrong-zone", "undeclared-training", "ghost-session",
    "signal-gap", "replayed-track", "over-hours", "feed-datum", "plate-conflict", "safety-officer-instructing",
    "instructor-substitution",
}  # fmt: skip
LOOK_ALIKES = {
    "jam", "lunch-in-car-park", "circling", "errands", "petrol-queue", "detour", "drift-beside-boundary", "feed-outage",
    "repeated-rows", "out-of-order-rows", "spikes", "night-training", "transit-through-foreign-ground", "exam",
    "hours-extended-by-exception", "permit",
}  # fmt: skip
ERROR_M = 12.0  # a fix of these receivers is hardly ever further off
M_PER_DEG = 110_900.0

Rows = list[tuple[datetime, float, float]]


@pytest.fixture(scope="module")
def city(root: Path) -> Path:
    return root / "sample_data" / "city"


@pytest.fixture(scope="module")
def truth(root: Path) -> dict[str, Any]:
    return json.loads((root / "sample_data" / "city.truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("once") / "city"
    make(out, 1)
    return out


def files_of(folder: Path, unpack: bool) -> dict[str, bytes]:
    out = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        out[path.relative_to(folder).as_posix()] = gzip.decompress(data) if unpack and path.suffix == ".gz" else data
    return out


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, DAY_START.tzinfo)


def rows_of(path: Path, feed: str) -> Rows:
    text = gzip.decompress(path.read_bytes()).decode()
    if feed == "amap":
        found = [p for t in json.loads(text)["data"]["tracks"] for p in t["points"]]
        places = [tuple(map(float, p["location"].split(","))) for p in found]
        return [(local(p["locatetime"] / 1000), *at) for p, at in zip(found, places, strict=True)]
    if feed == "baidu":
        return [(local(p["loc_time"]), p["longitude"], p["latitude"]) for p in json.loads(text)["points"]]
    found = list(csv.DictReader(text.splitlines()))
    return [(datetime.fromisoformat(p["time"]), float(p["lon"]), float(p["lat"])) for p in found]


def track(city: Path, vehicle_id: str) -> Rows:
    """A car's fixes of the service day by time, in the datum its feed declares, as WGS-84."""
    car = next(c for c in CARS if c.vehicle_id == vehicle_id)
    pages = sorted((city / "tracks" / car.feed).glob(f"{car.terminal_id}.*"))
    rows = sorted(r for p in pages for r in rows_of(p, car.feed) if DAY_START <= r[0] < DAY_END)
    lon, lat = to_wgs84(np.array([r[1] for r in rows]), np.array([r[2] for r in rows]), DATUM_OF[car.feed])
    return [(r[0], x, y) for r, x, y in zip(rows, lon.tolist(), lat.tolist(), strict=True)]


def during(rows: Rows, label: dict[str, Any]) -> Rows:
    start, end = (datetime.fromisoformat(label[k]) for k in ("start", "end"))
    return [r for r in rows if start <= r[0] <= end]


def labelled(truth: dict[str, Any], rule: str) -> list[dict[str, Any]]:
    return [t for t in truth["truth"] if t["rule"] == rule]


def zone(city: Path, zone_id: str) -> Any:
    features = json.loads((city / "zones.geojson").read_text(encoding="utf-8"))["features"]
    return shape(next(f["geometry"] for f in features if f["properties"]["zone_id"] == zone_id))


def share_inside(rows: Rows, area: Any) -> float:
    return float(np.mean([area.contains(p) for p in points([(x, y) for _, x, y in rows])]))


def test_two_runs_make_the_same_bytes(made: Path, tmp_path: Path, root: Path) -> None:
    out = tmp_path / "city"
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(root)}
    subprocess.run(
        [sys.executable, "-m", "sample_data.make", "--out", str(out)], check=True, env=environment, cwd=tmp_path
    )
    assert files_of(out, unpack=False) == files_of(made, unpack=False)
    assert (tmp_path / "city.truth.json").read_bytes() == made.with_name("city.truth.json").read_bytes()


def test_another_seed_makes_another_city(made: Path, tmp_path: Path) -> None:
    make(tmp_path / "city", 2)
    assert (tmp_path / "city" / "zones.geojson").read_bytes() != (made / "zones.geojson").read_bytes()


def test_what_is_committed_is_what_the_generator_makes(made: Path, city: Path) -> None:
    # unpacked, because another build of zlib may pack the same content into other bytes
    ours, theirs = files_of(made, unpack=True), files_of(city, unpack=True)
    assert sorted(ours) == sorted(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert made.with_name("city.truth.json").read_bytes() == city.with_name("city.truth.json").read_bytes()


def test_the_committed_bundle_is_small(city: Path) -> None:
    assert sum(p.stat().st_size for p in city.rglob("*") if p.is_file()) < COMMITTED_LIMIT_BYTES


def test_a_folder_that_is_no_bundle_is_not_wiped(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        make(tmp_path, 1)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_every_label_lies_in_the_service_day_and_names_a_car_or_a_feed(city: Path, truth: dict[str, Any]) -> None:
    cars = {row["vehicle_id"]: row["provider"] for row in table(city / "vehicles.csv")}
    assert truth["vehicles"] == len(cars)
    for label in truth["truth"] + truth["benign"] + truth["grey"]:
        start, end = (datetime.fromisoformat(label[k]) for k in ("start", "end"))
        assert DAY_START <= start < end < DAY_END, label
        if label["vehicle_id"] is None:
            assert label["feed"] in set(cars.values())
        else:
            assert label["vehicle_id"] in cars


def test_every_rule_and_every_look_alike_is_there(truth: dict[str, Any]) -> None:
    assert {t["rule"] for t in truth["truth"]} == ALL_RULES
    assert {b["kind"] for b in truth["benign"]} == LOOK_ALIKES


def test_the_readme_tells_every_label_with_its_car_and_times(root: Path, truth: dict[str, Any]) -> None:
    text = (root / "sample_data" / "README.md").read_text(encoding="utf-8")
    for label in truth["truth"]:
        if label["vehicle_id"]:
            span = f"{label['start'][11:16]}-{label['end'][11:16]}"
            assert f"| {label['rule']} | {label['vehicle_id']} | {span} |" in text


def test_every_session_that_a_label_names_is_declared_for_its_car(city: Path, truth: dict[str, Any]) -> None:
    sessions = {row["session_id"]: row["vehicle_id"] for row in table(city / "sessions.csv")}
    named = [t for t in truth["truth"] if t.get("session_id")]
    assert len(named) == 8
    assert all(sessions[t["session_id"]] == t["vehicle_id"] for t in named)


def test_no_page_holds_more_points_than_its_provider_gives(city: Path) -> None:
    for path in (city / "tracks" / "amap").iterdir():
        (one,) = json.loads(gzip.decompress(path.read_bytes()))["data"]["tracks"]
        assert 0 < len(one["points"]) <= 999
    assert len(list((city / "tracks" / "amap").glob("TV0001.*"))) > 1


def test_off_zone_training_is_outside_every_approved_place(city: Path, truth: dict[str, Any]) -> None:
    places = [zone(city, z) for z in ("G01", "G02", "G03", "E01", "R01", "R02")]
    for label in labelled(truth, "off-zone-training"):
        rows = during(track(city, label["vehicle_id"]), label)
        assert len(rows) > 150
        where = MultiPoint([(x, y) for _, x, y in rows])
        assert min(p.distance(where) for p in places) * M_PER_DEG > 100.0


def test_wrong_zone_training_is_on_the_other_schools_ground(city: Path, truth: dict[str, Any]) -> None:
    (label,) = labelled(truth, "wrong-zone")
    rows = during(track(city, label["vehicle_id"]), label)
    assert share_inside(rows, zone(city, "G03").buffer(ERROR_M / M_PER_DEG)) > 0.99
    session = next(s for s in table(city / "sessions.csv") if s["session_id"] == label["session_id"])
    assert session["zone_id"] == "G02"


def test_off_route_driving_is_away_from_the_route(city: Path, truth: dict[str, Any]) -> None:
    (label,) = labelled(truth, "off-route")
    corridor = zone(city, "R01").buffer((28.0 + ERROR_M) / M_PER_DEG)
    assert share_inside(during(track(city, label["vehicle_id"]), label), corridor) < 0.1


def test_undeclared_training_overlaps_no_session(city: Path, truth: dict[str, Any]) -> None:
    (label,) = labelled(truth, "undeclared-training")
    assert share_inside(during(track(city, label["vehicle_id"]), label), zone(city, "G01")) > 0.98
    theirs = [s for s in table(city / "sessions.csv") if s["vehicle_id"] == label["vehicle_id"]]
    assert theirs
    assert all(s["end"] < label["start"] or s["start"] > label["end"] for s in theirs)


def test_a_ghost_sessions_car_hardly_leaves_its_spot(city: Path, truth: dict[str, Any]) -> None:
    for label in labelled(truth, "ghost-session"):
        rows = during(track(city, label["vehicle_id"]), label)
        west, south, east, north = MultiPoint([(x, y) for _, x, y in rows]).bounds
        assert len(rows) > 400
        assert max(east - west, north - south) * M_PER_DEG < 60.0


def test_the_signal_gap_is_silent_while_the_rest_of_the_feed_talks(city: Path, truth: dict[str, Any]) -> None:
    (label,) = labelled(truth, "signal-gap")
    assert during(track(city, label["vehicle_id"]), label) == []
    for car in CARS:
        if car.feed == "terminal" and car.vehicle_id != label["vehicle_id"]:
            assert len(during(track(city, car.vehicle_id), label)) > 200


def test_in_the_outage_the_whole_feed_is_silent_and_all_its_cars_were_on_the_road(
    city: Path, truth: dict[str, Any]
) -> None:
    outages = [b for b in truth["benign"] if b["kind"] == "feed-outage"]
    assert {b["vehicle_id"] for b in outages} == {c.vehicle_id for c in CARS if c.feed == "amap"}
    for label in outages:
        rows = track(city, label["vehicle_id"])
        assert during(rows, label) == []
        assert rows[0][0] < datetime.fromisoformat(label["start"])
        assert rows[-1][0] > datetime.fromisoformat(label["end"])


def test_the_replayed_track_is_the_other_cars_drive_of_the_day_before(city: Path, truth: dict[str, Any]) -> None:
    (label,) = labelled(truth, "replayed-track")
    copy = during(track(city, label["vehicle_id"]), label)
    old = rows_of(city / "tracks" / "terminal" / "TV0009.2026-03-17.csv.gz", "terminal")
    assert len(copy) == len(old)
    assert len({c[0] - o[0] for c, o in zip(copy, old, strict=True)}) == 1
    apart = [max(abs(c[1] - o[1]), abs(c[2] - o[2])) * M_PER_DEG for c, o in zip(copy, old, strict=True)]
    assert 0.05 < float(np.median(apart)) < 0.6


def test_the_trainee_over_hours_drives_more_than_four_in_two_cars(city: Path, truth: dict[str, Any]) -> None:
    (label,) = labelled(truth, "over-hours")
    theirs = [s for s in table(city / "sessions.csv") if s["trainee_id"] == label["trainee"]]
    hours = sum(
        (datetime.fromisoformat(s["end"]) - datetime.fromisoformat(s["start"])).total_seconds() / 3600.0 for s in theirs
    )
    assert len({s["vehicle_id"] for s in theirs}) == 2
    assert hours > 4.5


def test_the_depot_feed_fits_its_grounds_only_as_gcj02(city: Path) -> None:
    rows = track(city, "V0014")
    session = next(s for s in table(city / "sessions.csv") if s["vehicle_id"] == "V0014" and s["zone_id"] == "G01")
    declared = during(rows, session)
    lon, lat = to_wgs84(np.array([r[1] for r in declared]), np.array([r[2] for r in declared]), Datum.GCJ02)
    truly = [(r[0], x, y) for r, x, y in zip(declared, lon.tolist(), lat.tolist(), strict=True)]
    assert share_inside(declared, zone(city, "G01")) == 0.0
    assert share_inside(truly, zone(city, "G01")) > 0.97


def test_drift_beside_the_boundary_strays_into_the_foreign_ground(city: Path, truth: dict[str, Any]) -> None:
    (label,) = [b for b in truth["benign"] if b["kind"] == "drift-beside-boundary"]
    assert 0.05 < share_inside(during(track(city, label["vehicle_id"]), label), zone(city, "G02")) < 0.6


def test_passages_name_only_cameras_that_exist(city: Path) -> None:
    cameras = json.loads((city / "cameras.geojson").read_text(encoding="utf-8"))["features"]
    lines = (city / "passages.ndjson").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["camera_id"] for line in lines} <= {c["properties"]["camera_id"] for c in cameras}


@pytest.mark.parametrize("k", range(len(CARS)), ids=[c.vehicle_id for c in CARS])
def test_a_car_moves_like_a_car(k: int) -> None:
    most_mps, most_mps2, most_jump_m = 60.0 / 3.6, 2.5, 1.0
    motion = live(Stage(build_city(rng_of(1, "city")), Labels(), []), k, 1).motion()
    step_s = np.diff(motion.t_s)
    step_m = np.hypot(np.diff(motion.x_m), np.diff(motion.y_m))
    assert (step_s >= 0.0).all()
    assert step_m[step_s < 1e-6].max(initial=0.0) < most_jump_m
    assert (step_m <= np.maximum(step_s, 0.1) * most_mps + most_jump_m).all()
    whole = step_s > 0.5
    assert (np.abs(np.diff(motion.speed_mps))[whole] / step_s[whole]).max() < most_mps2
    assert all(a <= b for a, b in pairwise(motion.t_s.tolist()))
