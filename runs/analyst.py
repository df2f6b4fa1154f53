"""A service day for people who analyse: GeoDataFrames and MovingPandas, for notebooks.

from runs.analyst import open_tracks

tracks = open_tracks("sample_data/city", "2026-03-18", ["V0001", "V0002"])
tracks.stops                                       # a GeoDataFrame
tracks.trajectories(split_at_gaps=True).hvplot()   # a movingpandas.TrajectoryCollection
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa

from reports.one_file import whole_file
from reports.track_gis import LAYERS, WGS84, write_layers
from reports.track_tables import FIXES, SPANS, STOPS, TRAININGS, TrackTables, track_tables, zone_table
from runs.vehicle_days import OpenDay, open_day

SCHEMAS = {"fixes": FIXES, "spans": SPANS, "stops": STOPS, "trainings": TRAININGS}
_INTEGERS = {pa.int32(): pd.Int32Dtype()}


@dataclass(frozen=True)
class Tracks:
    """Some vehicles' service day. The frames are in WGS-84; their columns are those of `TrackTables`.

    `silent`: the vehicles asked for that have no fix that day.
    """

    opened: OpenDay
    tables: tuple[TrackTables, ...]
    silent: tuple[str, ...]

    @cached_property
    def fixes(self) -> gpd.GeoDataFrame:
        """One row a fix, by vehicle and time; flagged ones are there, with their flags."""
        return _frame(self._table("fixes"))

    @cached_property
    def spans(self) -> gpd.GeoDataFrame:
        """Moving, standing and gap spans."""
        return _frame(self._table("spans"))

    @cached_property
    def stops(self) -> gpd.GeoDataFrame:
        """The standing spans, as points."""
        return _frame(self._table("stops"))

    @cached_property
    def trainings(self) -> gpd.GeoDataFrame:
        """The stretches of training, as the audit finds them."""
        return _frame(self._table("trainings"))

    @cached_property
    def zones(self) -> gpd.GeoDataFrame:
        """The places in force that day, as approved."""
        return _frame(self._table("zones"))

    def write_geopackage(self, path: Path | str) -> None:
        """Write all of it as layers of one GeoPackage, as `trajaudit track` does for one vehicle.

        An earlier file is replaced. Raises `OutRefused` where it cannot be written.
        """
        layers = {name: self._table(name) for name in LAYERS}
        with whole_file(Path(path), ".gpkg") as file:
            write_layers(file, self.opened.facts.day.date, layers)

    def _table(self, layer: str) -> pa.Table:
        if layer == "zones":
            return zone_table(self.opened.facts.places.zones)
        return pa.concat_tables([SCHEMAS[layer].empty_table(), *(getattr(t, layer) for t in self.tables)])

    @cached_property
    def utm(self) -> str:
        """The UTM zone of the city, in metres."""
        lon, lat = self.zones.total_bounds.reshape(2, 2).mean(axis=0)
        crs = gpd.GeoSeries.from_xy([lon], [lat], crs=WGS84).estimate_utm_crs()
        return f"EPSG:{crs.to_epsg()}"

    def trajectories(self, crs: str | None = None, split_at_gaps: bool = False) -> Any:
        """Return the usable fixes as a `movingpandas.TrajectoryCollection`, with all their columns.

        `crs`: whatever pyproj takes; None is the city's UTM zone (metres), which MovingPandas handles several times
        faster than degrees. A trajectory is a vehicle, or with `split_at_gaps` a piece between two silences
        (`trajectory_id`: `V0001_2`). The index is UTC without a zone, since MovingPandas drops a zone and keeps the
        clock. It holds no trajectory of one fix: a warning says how many there were.
        """
        fixes = self.fixes[self.fixes["usable"]].to_crs(crs or self.utm)
        piece = "_" + fixes["piece"].astype(str) if split_at_gaps else ""
        fixes = fixes.assign(trajectory_id=fixes["vehicle_id"] + piece, t=fixes["time"].dt.tz_localize(None))
        alone = int((fixes.groupby("trajectory_id").size() == 1).sum())
        if alone:
            warnings.warn(f"{alone} trajectories of a single fix cannot be held by MovingPandas", stacklevel=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # at import: of packages that it could use and we do not
            from movingpandas import TrajectoryCollection  # noqa: PLC0415 -- slow to import
        return TrajectoryCollection(fixes.set_index("t"), traj_id_col="trajectory_id")


def open_tracks(bundle: Path | str, day: date | str, vehicles: str | Collection[str] | None = None) -> Tracks:
    """Read one vehicle, several, or (None) all registered vehicles of a bundle's service day.

    Raises `UnusableInput` for a bundle that cannot be audited, and for vehicles that are not registered that day.
    """
    asked = date.fromisoformat(day) if isinstance(day, str) else day
    opened = open_day(Path(bundle), asked)
    wanted = {vehicles} if isinstance(vehicles, str) else set(opened.facts.vehicles if vehicles is None else vehicles)
    found = [track_tables(v, opened.door.sources.trace) for v in opened.vehicle_days(wanted)]
    found.sort(key=lambda t: t.vehicle_id)
    return Tracks(opened, tuple(found), tuple(sorted(wanted - {t.vehicle_id for t in found})))


def trajectories(
    bundle: Path | str,
    day: date | str,
    vehicles: str | Collection[str] | None = None,
    crs: str | None = None,
    split_at_gaps: bool = False,
) -> Any:
    """Return vehicles' service day as a `movingpandas.TrajectoryCollection`, in one call (see `Tracks`)."""
    return open_tracks(bundle, day, vehicles).trajectories(crs, split_at_gaps)


def _frame(table: pa.Table) -> gpd.GeoDataFrame:
    frame = table.to_pandas(types_mapper=_INTEGERS.get)  # integers stay integers where some are missing
    return gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries.from_wkb(frame["geometry"], crs=WGS84))
