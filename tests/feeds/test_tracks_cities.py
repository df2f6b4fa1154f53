"""The feeds of the four cities, counted over again with the standard library."""

from __future__ import annotations

import csv
import json
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feeds.ledger import Ledger, SourceFiles
from feeds.track_feed import FeedConfig, open_track_feed
from geo.datum import Datum
from trajectories.clock import LocalTime

CITIES = ("city-a", "city-b", "city-c", "city-d")


@pytest.fixture(scope="module", params=CITIES)
def city(request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = root.parent / "shared" / "eval" / f"{request.param}.tar.gz"
    if not archive.is_file():
        pytest.fail(f"no city in {archive}", pytrace=False)
    folder = tmp_path_factory.mktemp("cities")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return next(path.parent for path in folder.rglob("bundle.toml"))


def plain_points(path: Path) -> list[tuple[int | None, float, float]]:
    """Time in ms (None for CSV), longitude and latitude as written."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [(None, float(row["lon"]), float(row["lat"])) for row in csv.DictReader(file)]
    document: dict[str, Any] = json.loads(path.read_bytes())
    if "status" in document:
        return [(1000 * p["loc_time"], p["longitude"], p["latitude"]) for p in document["points"]]
    points = [point for track in document["data"]["tracks"] for point in track["points"]]
    return [(p["locatetime"], *map(float, p["location"].split(","))) for p in points]  # type: ignore[misc]


def test_every_row_of_a_city_is_kept_or_a_zero_position(city: Path) -> None:
    bundle = tomllib.loads((city / "bundle.toml").read_text())
    for name, feed_config in bundle["feeds"].items():
        ledger, sources = Ledger(), SourceFiles()
        config = FeedConfig(name, feed_config["format"], Datum.parse(feed_config["datum"]))
        feed = open_track_feed(city, config, LocalTime(bundle["timezone"]), ledger, sources)
        table = feed.read()
        written = {path: plain_points(city / path) for path in feed.files()}
        everything = [point for points in written.values() for point in points]
        zeros = sum(lon == lat == 0 for _, lon, lat in everything)
        entry = ledger.rows()[f"tracks/{name}"]
        assert (entry["read"], entry["kept"]) == (len(everything), len(everything) - zeros)
        assert entry["rejected"] == ({"no-fix": zeros} if zeros else {})
        assert feed.broken_terminals() == {}
        for i in np.linspace(0, len(table) - 1, 50).astype(int):
            path, row = sources.locate(int(table.source[i]))
            t_ms, lon, lat = written[path][row - 1]
            assert t_ms in (None, table.t_ms[i])
            shift_deg = max(abs(lon - table.lon_deg[i]), abs(lat - table.lat_deg[i]))
            assert (shift_deg == 0) == (config.datum == Datum.WGS84)
            assert shift_deg < 0.02
