"""Buses with the shapes and the timetable their operator approved: what is true of them, told from raw positions.

Nothing here uses the product's own geometry: distances are shapely's in UTM metres that pyproj gives.
The operator's terms allow no map or list of these positions, so only counts, lengths and times leave this file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

FILE, SHAPES, TIMETABLE = "wmata_bus_dev.parquet", "wmata_shapes.geojson", "wmata_schedule.csv.gz"
TIMEZONE = "America/New_York"
DAY = "2026-02-16"
UTM_ZONE_18_NORTH = 32618

Bools = npt.NDArray[np.bool_]


class Away(NamedTuple):
    """A stretch away from a line: minutes between its fixes that are away, metres driven, and the farthest fix."""

    minutes: float
    length_m: float
    farthest_m: float


@dataclass(frozen=True)
class Trip:
    """A trip of one bus: its rows in the source, the line it was to keep to, and its hours in the timetable."""

    vehicle_id: str
    trip_id: str
    shape_id: str
    rows: pd.DataFrame
    due: pd.Timestamp
    over: pd.Timestamp

    @property
    def start(self) -> pd.Timestamp:
        return pd.Timestamp(self.rows["t"].iloc[0])

    @property
    def end(self) -> pd.Timestamp:
        return pd.Timestamp(self.rows["t"].iloc[-1])


@dataclass(frozen=True)
class Buses:
    """All trips with two fixes or more, and the approved lines, as the source has them and in UTM metres."""

    trips: tuple[Trip, ...]
    shapes_deg: dict[str, list[list[float]]]
    shapes_m: dict[str, shapely.LineString]

    @property
    def vehicle_ids(self) -> list[str]:
        return sorted({trip.vehicle_id for trip in self.trips})

    def of(self, vehicle_id: str) -> list[Trip]:
        return [trip for trip in self.trips if trip.vehicle_id == vehicle_id]

    def fixes(self, vehicle_id: str, start: str, end: str) -> pd.DataFrame:
        """The fixes of one bus from `start` to `end` (ISO), of whatever trip."""
        rows = pd.concat([trip.rows for trip in self.of(vehicle_id)]).sort_values("t")
        return rows[(rows.t >= pd.Timestamp(start)) & (rows.t <= pd.Timestamp(end))]


def load(data: Path) -> Buses:
    """Read buses, shapes and timetable from the folder of real data."""
    rows = pd.read_parquet(data / "routes" / FILE)
    times = pd.read_csv(data / "routes" / TIMETABLE, dtype={"trip_id": str})
    hours = times.groupby("trip_id").agg(due=("departure_time", "min"), over=("arrival_time", "max"))
    midnight = pd.Timestamp(DAY, tz=TIMEZONE)
    trips = []
    for (vehicle_id, trip_id), of_trip in rows.groupby(["vehicle_id", "trip_id"], sort=True):
        if len(of_trip) < 2:
            continue
        due, over = (midnight + pd.Timedelta(seconds=float(hours.loc[trip_id, c])) for c in ("due", "over"))
        shape_id = of_trip["shape_id"].iloc[0]
        trips.append(Trip(str(vehicle_id), str(trip_id), str(shape_id), of_trip.sort_values("t"), due, over))
    features = json.loads((data / "routes" / SHAPES).read_text(encoding="utf-8"))["features"]
    shapes_deg = {f["properties"]["shape_id"]: f["geometry"]["coordinates"] for f in features}
    shapes_m = {name: shapely.LineString(_to_metres(np.array(line))) for name, line in shapes_deg.items()}
    return Buses(tuple(trips), shapes_deg, shapes_m)


def stretches_away(
    rows: pd.DataFrame, lines: Iterable[shapely.LineString], limit_m: float, back_min: float = 2.0
) -> list[Away]:
    """The stretches further than `limit_m` from all lines; a return of less than `back_min` doesn't end one."""
    at_m = _to_metres(rows[["lon", "lat"]].to_numpy())
    distance_m = np.min([shapely.distance(shapely.points(at_m), line) for line in lines], axis=0)
    at_min = rows["t"].astype("int64").to_numpy() / 60_000
    away = np.flatnonzero(distance_m > limit_m)
    if len(away) == 0:
        return []
    parts = np.split(away, np.flatnonzero(np.diff(at_min[away]) >= back_min) + 1)
    return [_measured(part, at_m, at_min, distance_m) for part in parts]


def driven_m(rows: pd.DataFrame) -> float:
    """Metres from fix to fix."""
    return float(np.hypot(*np.diff(_to_metres(rows[["lon", "lat"]].to_numpy()), axis=0).T).sum())


def minutes_outside(trip: Trip, windows: Iterable[tuple[pd.Timestamp, pd.Timestamp]]) -> float:
    """Minutes of a trip's time in the timetable in which the bus was seen and that lie in none of the windows."""
    at = np.arange(max(trip.due, trip.start).timestamp(), min(trip.over, trip.end).timestamp(), 10.0)
    outside = np.ones(len(at), np.bool_)
    for since, until in windows:
        outside &= (at < since.timestamp()) | (at >= until.timestamp())
    return float(outside.sum()) / 6


def _measured(part: npt.NDArray[np.intp], at_m: npt.NDArray[np.float64], at_min: npt.NDArray[np.float64],
              distance_m: npt.NDArray[np.float64]) -> Away:  # fmt: skip
    next_to = np.diff(part) == 1
    minutes = float(np.diff(at_min[part])[next_to].sum())
    span = at_m[part[0] : part[-1] + 1]
    return Away(minutes, float(np.hypot(*np.diff(span, axis=0).T).sum()), float(distance_m[part].max()))


def _to_metres(lon_lat_deg: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    to_utm = pyproj.Transformer.from_crs(4326, UTM_ZONE_18_NORTH, always_xy=True)
    return np.column_stack(to_utm.transform(lon_lat_deg[:, 0], lon_lat_deg[:, 1]))
