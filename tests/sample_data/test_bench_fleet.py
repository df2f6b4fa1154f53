"""The fleet for measuring: as many cars, fixes and row groups as asked for, sorted, and the same on every run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from geo.datum import Datum, from_wgs84
from sample_data.bench_fleet import make_fleet

CARS, FIXES_A_CAR = 60, 5760
ROUNDED_DEG = 1e-6


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fleet") / "bench"
    make_fleet(CARS, out, 1, Datum.WGS84)
    return out


def test_it_holds_every_car_for_eight_hours_in_row_groups_of_fifty(fleet: Path) -> None:
    file = pq.ParquetFile(fleet / "tracks" / "fleet" / "fixes.parquet")
    rows = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
    assert rows == [50 * FIXES_A_CAR, 10 * FIXES_A_CAR]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.schema_arrow.names == ["terminal_id", "time", "lon", "lat", "speed_kmh", "heading_deg"]


def test_it_is_sorted_by_terminal_and_then_by_time(fleet: Path) -> None:
    table = pq.read_table(fleet / "tracks" / "fleet" / "fixes.parquet")
    terminals = table["terminal_id"].to_numpy()
    t_ms = table["time"].cast("int64").to_numpy()
    assert (terminals[:-1] <= terminals[1:]).all()
    step_ms = np.diff(t_ms)[terminals[:-1] == terminals[1:]]
    assert (step_ms == 5000).all()


def test_about_two_in_a_hundred_train_on_the_lot_and_are_labelled(fleet: Path) -> None:
    truth = json.loads(fleet.with_name("bench.truth.json").read_text(encoding="utf-8"))
    assert [t["rule"] for t in truth["truth"]] == ["off-zone-training"]
    assert truth["vehicles"] == CARS


def test_it_is_the_same_on_every_run_and_may_be_written_in_another_datum(fleet: Path, tmp_path: Path) -> None:
    make_fleet(CARS, tmp_path / "bench", 1, Datum.GCJ02)
    a, b = (pq.read_table(p / "tracks" / "fleet" / "fixes.parquet") for p in (fleet, tmp_path / "bench"))
    assert a.drop(["lon", "lat"]).equals(b.drop(["lon", "lat"]))
    lon, lat = from_wgs84(a["lon"].to_numpy(), a["lat"].to_numpy(), Datum.GCJ02)
    np.testing.assert_allclose(b["lon"].to_numpy(), lon, atol=ROUNDED_DEG)
    np.testing.assert_allclose(b["lat"].to_numpy(), lat, atol=ROUNDED_DEG)
