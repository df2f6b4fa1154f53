"""A bundle with other zones or hours in place of its own reads like a bundle that holds them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from feeds.bundle import Bundle, read_bundle
from feeds.digest import bundle_digests
from feeds.faults import UnusableInput
from feeds.ledger import Ledger
from geo.datum import Datum
from runs.stand_in import standing_in
from tests.feeds.bundle_maker import collection, ground, make_bundle
from tests.feeds.test_zone_files import frame, save

MINE = {"zones.geojson": collection(ground(zone_id="MINE"))}
NAMES = {
    "gpkg": "zones.gpkg",
    "geojson": "zones.geojson",
    "shp": "zones_line.shp",
    "kml": "zones.kml",
}


def read(folder: Path) -> Bundle:
    return read_bundle(folder, Ledger())


@pytest.mark.parametrize("form", ["gpkg", "geojson", "shp"])
@pytest.mark.parametrize("held", ["geojson", "shp"])
def test_zones_of_any_format_stand_in_for_zones_of_any_other(tmp_path: Path, form: str, held: str) -> None:
    bundle, trial, like = (tmp_path / name for name in ("bundle", "trial", "like"))
    make_bundle(bundle, MINE if held == "geojson" else {"zones.geojson": None})
    for folder, kind in ((trial, form), (like, form), *([(bundle, "shp")] if held == "shp" else [])):
        folder.mkdir(exist_ok=True)
        save(folder, kind, frame(Datum.WGS84))
    make_bundle(like, {"zones.geojson": None}) if form != "geojson" else make_bundle(
        like, {"zones.geojson": (trial / "zones.geojson").read_bytes()}
    )
    with standing_in(bundle, trial / NAMES[form], None) as folder:
        found, expected = read(folder), read(like)
    assert [z.zone_id for z in found.zones] == [z.zone_id for z in expected.zones]
    assert found.zones == expected.zones


@pytest.mark.parametrize("stem", ["new_polygon.shp", "new_line.shp"])
def test_a_shapefile_brings_its_parts_and_its_twin_under_any_name(tmp_path: Path, stem: str) -> None:
    bundle, trial = make_bundle(tmp_path / "bundle", MINE), tmp_path / "trial"
    trial.mkdir()
    save(trial, "shp", frame(Datum.WGS84))
    for file in list(trial.iterdir()):
        file.rename(trial / file.name.replace("zones_", "new_"))
    with standing_in(bundle, trial / stem, None) as folder:
        kinds = {str(z.kind) for z in read(folder).zones}
    assert {"ground", "route"} <= kinds


def test_the_rest_of_the_bundle_is_the_same_files_and_only_the_replaced_digest_differs(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    hours = tmp_path / "mine.csv"
    hours.write_text("zone_id,weekdays,start,end,valid_from,valid_to\nG1,1-7,06:00,23:00,,\n", encoding="utf-8")
    with standing_in(bundle, None, hours) as folder:
        mine, theirs = bundle_digests(folder)[0], bundle_digests(bundle)[0]
        assert [(w.start_min, w.end_min) for w in read(folder).windows] == [(360, 1380)]
    assert set(mine) == set(theirs)
    assert {name for name in mine if mine[name] != theirs[name]} == {"schedules.csv"}
    assert not folder.exists()


def test_a_bundle_with_a_packed_file_of_hours_keeps_only_the_one_to_try(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", {"schedules.csv": None, "schedules.csv.gz": b"\x1f\x8b broken"})
    hours = tmp_path / "mine.csv"
    hours.write_text("zone_id,weekdays,start,end,valid_from,valid_to\nG1,1-7,06:00,23:00,,\n", encoding="utf-8")
    with standing_in(bundle, None, hours) as folder:
        assert len(read(folder).windows) == 1


def test_without_anything_to_replace_it_is_the_bundle_itself(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    with standing_in(bundle, None, None) as folder:
        assert folder == bundle


def test_links_and_relative_names_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    (tmp_path / "real.csv").write_bytes((bundle / "schedules.csv").read_bytes())
    (tmp_path / "link.csv").symlink_to("real.csv")
    monkeypatch.chdir(tmp_path)
    with standing_in(Path("bundle"), None, Path("link.csv")) as folder:
        assert os.path.realpath(folder / "schedules.csv") == str(tmp_path.resolve() / "real.csv")
        assert read(folder).windows == read(bundle).windows


def test_the_folder_of_links_is_gone_after_a_fault_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "temp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    bad = tmp_path / "bad.csv"
    bad.write_text("zone_id,weekdays,start,end,valid_from,valid_to\nG1,8,06:00,23:00,,\n", encoding="utf-8")
    with (
        pytest.raises(UnusableInput, match=r"bad\.csv, row 1, field weekdays"),
        standing_in(make_bundle(tmp_path / "b"), None, bad),
    ):
        pass
    assert list(place.iterdir()) == []
