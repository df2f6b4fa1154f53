"""Receivers and matched positions, told apart by how far apart tracks pass one another: real fleets of both kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geo.plane import LocalPlane
from trajectories.clean import label_fixes, usable
from trajectories.fleet import build_fleet
from trajectories.passes import LEAST_PAIRS, PassSpread, pass_spread
from trajectories.recipe import Recipe
from trajectories.segment import moving_mask

CARS = 40  # as many as tell a feed's datum
RAW = {
    "routes/chicago_shuttle_dev.parquet": "trip_id",
    "fleet/porto_taxi_dev.parquet": "trip_id",
    "fleet/cabspotting_dev.parquet": "vehicle_id",
}
MATCHED = "routes/wmata_bus_dev.parquet"
"""81 % of these positions lie within 1 m of their route: the operator matches them (README of the data)."""


def spread_of(file: Path, by: str) -> PassSpread:
    rows = pd.read_parquet(file)
    names = sorted(rows[by].unique())[:CARS]
    rows = rows[rows[by].isin(names)]
    when = rows["t"]
    at = pd.to_datetime(when, unit="ms", utc=True) if pd.api.types.is_numeric_dtype(when) else when
    t_ms = at.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[ms]").astype("int64").to_numpy()
    owner = np.searchsorted(names, rows[by].to_numpy()).astype(np.int32)
    fleet = build_fleet([str(n) for n in names], owner, t_ms, rows["lon"].to_numpy(), rows["lat"].to_numpy())
    east_m, north_m = LocalPlane.around(fleet.lon_deg, fleet.lat_deg).to_metres(fleet.lon_deg, fleet.lat_deg)
    fleet = label_fixes(fleet, east_m, north_m, Recipe())
    ok = usable(fleet)
    return pass_spread(fleet, east_m, north_m, ok, moving_mask(fleet, east_m, north_m, ok, Recipe()))


@pytest.mark.parametrize("file", RAW)
def test_receivers_pass_one_another_by_metres(real_data: Path, file: str) -> None:
    found = spread_of(real_data / file, RAW[file])
    print(f"\n{file}: {found.median_m:.2f} m over {found.n_pairs} pairs")  # noqa: T201 -- the figure
    assert found.n_pairs > LEAST_PAIRS
    assert 2.0 < found.median_m < 5.0
    assert not found.is_matched


def test_positions_that_the_operator_matched_pass_one_another_on_one_line(real_data: Path) -> None:
    found = spread_of(real_data / MATCHED, "trip_id")
    print(f"\n{MATCHED}: {found.median_m:.2f} m over {found.n_pairs} pairs")  # noqa: T201 -- the figure
    assert found.is_matched
