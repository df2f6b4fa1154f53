"""The frames and trajectories for notebooks; MovingPandas, GeoPandas and the command are the oracles."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest

from feeds.faults import UnusableInput
from reports.publish import OutRefused
from runs.analyst import Tracks, open_tracks, trajectories
from runs.track_export import export_track
from tests.runs.conftest import CITY, DATE

# MovingPandas still asks pandas to sort in place, which newer pandas announce to end.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

UTM_SCALE = 5e-4  # a transverse Mercator zone of scale 0.9996 is wrong by at most 0.04 %, ours is true to the ground
GEODESIC = (
    1e-4  # MovingPandas in degrees: geodesic on the ellipsoid, against our plane a few kilometres from its middle
)
CARS = ["V0001", "V0003", "V0011"]


@pytest.fixture(scope="module")
def tracks() -> Tracks:
    return open_tracks(CITY, DATE, CARS)


@pytest.fixture(scope="module")
def pieces(tracks: Tracks) -> Any:
    return tracks.trajectories(split_at_gaps=True)


def naive(times: pd.Series) -> pd.Series:
    return times.dt.tz_localize(None)


@pytest.mark.parametrize(("crs", "tolerance"), [(None, UTM_SCALE), ("EPSG:4326", GEODESIC)])
def test_the_length_of_each_moving_span_is_that_of_movingpandas(
    tracks: Tracks, crs: str | None, tolerance: float
) -> None:
    whole = tracks.trajectories(crs)
    moving = tracks.spans[tracks.spans["kind"] == "moving"]
    assert len(moving) > 80
    for span in moving.assign(start=naive(moving["start"]), end=naive(moving["end"])).itertuples():
        if span.length_m < 10:  # a step or two: nothing to take a share of
            continue
        (trajectory,) = [t for t in whole if t.id == span.vehicle_id]
        theirs = trajectory.get_segment_between(span.start, span.end).get_length()
        assert span.length_m == pytest.approx(theirs, rel=tolerance), span


def test_a_trajectory_has_the_usable_fixes_with_all_their_columns(tracks: Tracks) -> None:
    whole = tracks.trajectories("EPSG:4326")
    assert [t.id for t in whole] == CARS
    usable = tracks.fixes[tracks.fixes["usable"]]
    for t in whole:
        mine = usable[usable["vehicle_id"] == t.id]
        assert t.df.index.tolist() == naive(mine["time"]).tolist()
        assert set(tracks.fixes.columns) <= set(t.df.columns)
        for column in ("span", "stop", "flag_drift", "flag_disorder", "row", "lon_deg"):
            assert t.df[column].equals(mine.set_index(t.df.index)[column]), column
        assert np.array_equal(t.df.geometry.x.to_numpy(), mine["lon_deg"].to_numpy())


def test_pieces_are_cut_where_the_vehicle_was_silent(tracks: Tracks, pieces: Any) -> None:
    gaps = tracks.spans[tracks.spans["kind"] == "gap"]
    assert len(pieces) == len(CARS) + len(gaps)
    ends = {(t.id.partition("_")[0], t.get_end_time()) for t in pieces}
    for gap in gaps.itertuples():
        assert (gap.vehicle_id, gap.start.tz_localize(None).to_pydatetime()) in ends
    assert max(t.df.index.to_series().diff().max() for t in pieces) <= pd.Timedelta(minutes=3)
    assert sum(len(t.df) for t in pieces) == tracks.fixes["usable"].sum()


def test_the_collection_is_in_metres_unless_degrees_are_asked_for(tracks: Tracks, pieces: Any) -> None:
    """The city lies at 113.6 degrees east: zone 49 of UTM reaches from 108 to 114."""
    assert tracks.utm == "EPSG:32649"
    assert pieces.trajectories[0].crs == "EPSG:32649"
    assert tracks.trajectories("EPSG:4326").trajectories[0].crs == "EPSG:4326"


def test_one_vehicle_several_or_all_can_be_asked_for(tracks: Tracks) -> None:
    alone = trajectories(CITY, date.fromisoformat(DATE), "V0011")
    assert [t.id for t in alone] == ["V0011"]
    assert alone.trajectories[0].get_length() == tracks.trajectories().trajectories[2].get_length()
    everyone = open_tracks(CITY, DATE)
    assert len(set(everyone.fixes["vehicle_id"])) == 17
    mine = everyone.fixes[everyone.fixes["vehicle_id"] == "V0003"].reset_index(drop=True)
    assert mine.equals(tracks.fixes[tracks.fixes["vehicle_id"] == "V0003"].reset_index(drop=True))


def test_a_day_without_fixes_has_frames_with_the_same_columns_and_no_row(tracks: Tracks) -> None:
    empty = open_tracks(CITY, "2026-03-20", CARS)
    assert empty.silent == tuple(CARS)
    for name in ("fixes", "spans", "stops", "trainings"):
        frame, full = getattr(empty, name), getattr(tracks, name)
        assert len(frame) == 0
        assert frame.dtypes.to_dict() == full.dtypes.to_dict()
        assert frame.crs == full.crs == "EPSG:4326"
    assert len(empty.trajectories()) == 0


def test_a_vehicle_that_is_not_registered_is_refused_by_name() -> None:
    with pytest.raises(UnusableInput, match=r"V9998(.|\n)*V9999"):
        open_tracks(CITY, DATE, ["V0001", "V9999", "V9998"])


def test_the_geopackage_of_one_vehicle_is_that_of_the_command(tmp_path: Path) -> None:
    open_tracks(CITY, DATE, "V0011").write_geopackage(tmp_path / "ours.gpkg")
    export_track(CITY, "V0011", date.fromisoformat(DATE), "geopackage", tmp_path / "theirs.gpkg")
    assert (tmp_path / "ours.gpkg").read_bytes() == (tmp_path / "theirs.gpkg").read_bytes()


def test_the_geopackage_of_several_vehicles_holds_all_of_them(tracks: Tracks, tmp_path: Path) -> None:
    tracks.write_geopackage(tmp_path / "all.gpkg")
    for layer in ("fixes", "spans", "stops", "trainings", "zones"):
        frame: gpd.GeoDataFrame = pyogrio.read_dataframe(tmp_path / "all.gpkg", layer=layer)
        assert len(frame) == len(getattr(tracks, layer))
    with pytest.raises(OutRefused):
        tracks.write_geopackage(tmp_path)
