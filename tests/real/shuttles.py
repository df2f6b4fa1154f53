"""University shuttles of Chicago as coach cars: real fixes, and approved routes learnt from the other days.

The source gives vehicle, trip, time and place, and no route: a trip is a piece of one of the loops its driver knew.
So the routes are learnt. Trips that lie on one another make a pattern; its route is the trip on which most others lie,
moved at every vertex to the median of the trips that belong to it. A day is judged by what the other days taught, never
by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

F8 = npt.NDArray[np.float64]

FILE = "routes/chicago_shuttle_dev.parquet"
TIMEZONE = "America/Chicago"
LON0_DEG, LAT0_DEG = -87.66, 41.87
EAST_M_PER_DEG, NORTH_M_PER_DEG = 111_320 * np.cos(np.radians(LAT0_DEG)), 110_574.0

NOISE_P99_M = 28.0
"""Of these fixes against the nearest road edge, as their source measured it."""
HALF_ROAD_M = 12.0
"""From the middle of the widest street here (six lanes with parking) to its kerb."""
HALF_WIDTH_M = NOISE_P99_M + HALF_ROAD_M
"""A fix belongs to the route if the car may have been anywhere on the street and the receiver erred as 99 in 100 do."""

STEP_M = 10.0
CELL_M = 10.0
LIES_ON = 0.95
"""Share of a trip's way within the corridor of another from which it is a piece of the same pattern."""
AT_LEAST = 0.5
"""Share of the other trip that the piece must cover, so that no long trip swallows all patterns as one route."""
SEEN_BEFORE = 3
"""Trips of other days that a pattern needs to be a route."""
TEACHERS = 20
"""Of a pattern's trips so many, evenly over the days, move its line; all would move it by 1 to 3 m on average."""
TRANSFER_MPS = 10.0
"""From the end of one trip to the start of the next, as the crow flies: about 50 km/h on a grid of streets."""


@dataclass(frozen=True)
class Trip:
    """One trip: its rows in the source, and its way in local metres, resampled every `STEP_M`, shape (n, 2)."""

    vehicle_id: str
    trip_id: str
    day: date
    rows: pd.DataFrame
    way_m: F8

    @property
    def start(self) -> pd.Timestamp:
        return pd.Timestamp(self.rows["t"].iloc[0])

    @property
    def end(self) -> pd.Timestamp:
        return pd.Timestamp(self.rows["t"].iloc[-1])

    @property
    def minutes(self) -> float:
        return (self.end - self.start).total_seconds() / 60


@dataclass(frozen=True)
class Route:
    """A learnt route: its line in local metres, shape (n, 2), and how many trips taught it."""

    line_m: F8
    taught_by: int

    def lon_lat_deg(self) -> list[list[float]]:
        return [[float(lon), float(lat)] for lon, lat in to_lon_lat(self.line_m).round(7)]


@dataclass(frozen=True)
class Shuttles:
    """All trips, and how they lie on one another."""

    trips: tuple[Trip, ...]

    @cached_property
    def days(self) -> tuple[date, ...]:
        return tuple(sorted({trip.day for trip in self.trips}))

    @cached_property
    def lies_on(self) -> F8:
        """Share of trip i's way within the corridor of trip j's, shape (trips, trips)."""
        return share_within([trip.way_m for trip in self.trips], [trip.way_m for trip in self.trips])

    def learn_without(self, day: date) -> tuple[Route, ...]:
        """The routes that the trips of all other days teach, the one with most trips first."""
        left = {i for i, trip in enumerate(self.trips) if trip.day != day}
        among = np.array(sorted(left))
        belongs = (self.lies_on >= LIES_ON) & (self.lies_on.T >= AT_LEAST)
        routes = []
        while left:
            rest = np.array(sorted(left))
            votes = belongs[np.ix_(rest, among)].sum(0)
            best = int(among[np.argmax(votes)])
            if votes.max() < SEEN_BEFORE:
                break
            members = [int(i) for i in among if belongs[i, best]]
            routes.append(Route(_median_line(self.trips[best], [self.trips[i] for i in members]), len(members)))
            left -= set(members)
        return tuple(routes)

    def of(self, day: date) -> list[Trip]:
        """The trips of one day, in time order."""
        return [trip for trip in self.trips if trip.day == day]


def load(data: Path) -> Shuttles:
    """Read the shuttles from the folder of real data, trips in time order."""
    rows = pd.read_parquet(data / FILE)
    trips = []
    for (vehicle_id, trip_id), of_trip in rows.groupby(["vehicle_id", "trip_id"], sort=True):
        ordered = of_trip.sort_values("t")
        local = ordered["t"].iloc[0].tz_convert(TIMEZONE) - pd.Timedelta(hours=4)
        trips.append(Trip(str(vehicle_id), str(trip_id), local.date(), ordered, _resampled(to_metres(ordered))))
    return Shuttles(tuple(sorted(trips, key=lambda trip: (trip.start, trip.vehicle_id))))


def routes_driven(trips: list[Trip], routes: tuple[Route, ...]) -> list[tuple[int, float]]:
    """For each trip which of some routes it drove, as far as its fixes tell, and the share of its way in that corridor.

    Where a trip lies on several routes to the same share, the one of which it covers most.
    """
    ways, lines = [trip.way_m for trip in trips], [_resampled(route.line_m) for route in routes]
    share, covered = share_within(ways, lines), share_within(lines, ways).T
    best = [int(np.lexsort((c, s))[-1]) for s, c in zip(share, covered, strict=True)]
    return [(n, float(s[n])) for n, s in zip(best, share, strict=True)]


def minutes_away(trip: Trip, line_m: F8, margin_m: float, return_min: float = 2.0) -> float:
    """Minutes beyond the corridor and the margin in the trip's longest stretch.

    A return of less than `return_min` doesn't end the stretch, and its time is left out.
    """
    line = shapely.LineString(line_m)
    away = shapely.distance(shapely.points(to_metres(trip.rows)), line) > HALF_WIDTH_M + margin_m
    at_min = trip.rows["t"].astype("int64").to_numpy() / 60_000
    rows = np.flatnonzero(away)
    if len(rows) == 0:
        return 0.0
    stretches = np.split(rows, np.flatnonzero(np.diff(at_min[rows]) >= return_min) + 1)
    steps_min = np.where(away[1:] & away[:-1], np.diff(at_min), 0.0)
    return max(float(steps_min[part[0] : part[-1]].sum()) for part in stretches)


def shifts(trips: list[Trip]) -> list[list[Trip]]:
    """Hand the trips of one day to as few cars as can have driven them all: a whole day's work for each.

    The source numbers vehicles by trip, so that most of them are seen for eight minutes only. A car takes the next
    trip if it can be at its start in time, as the crow flies at `TRANSFER_MPS`.
    """
    cars: list[list[Trip]] = []
    for trip in trips:
        here = to_metres(trip.rows)[0]
        for car in cars:
            wait_s = (trip.start - car[-1].end).total_seconds()
            if wait_s > 0 and np.hypot(*(here - to_metres(car[-1].rows)[-1])) <= wait_s * TRANSFER_MPS:
                car.append(trip)
                break
        else:
            cars.append([trip])
    return cars


def to_metres(rows: pd.DataFrame) -> F8:
    """Local metres of fixes, shape (n, 2)."""
    east = (rows["lon"].to_numpy() - LON0_DEG) * EAST_M_PER_DEG
    north = (rows["lat"].to_numpy() - LAT0_DEG) * NORTH_M_PER_DEG
    return np.column_stack([east, north])


def to_lon_lat(line_m: F8) -> F8:
    """Degrees of local metres, shape (n, 2)."""
    return np.column_stack([line_m[:, 0] / EAST_M_PER_DEG + LON0_DEG, line_m[:, 1] / NORTH_M_PER_DEG + LAT0_DEG])


def share_within(ways: list[F8], lines: list[F8]) -> F8:
    """Share of each way's points within `HALF_WIDTH_M` of each line, to the grid's `CELL_M`, shape (ways, lines)."""
    everything = np.vstack([*ways, *lines])
    low = everything.min(0) - 2 * HALF_WIDTH_M
    shape = tuple(((everything.max(0) + 2 * HALF_WIDTH_M - low) // CELL_M + 1).astype(int))
    reach = int(HALF_WIDTH_M // CELL_M)
    around = [(i, j) for i in range(-reach, reach + 1) for j in range(-reach, reach + 1) if np.hypot(i, j) <= reach]
    cells = ((np.vstack(ways) - low) // CELL_M).astype(int)
    starts = np.concatenate([[0], np.cumsum([len(way) for way in ways])])[:-1]
    out = np.empty((len(ways), len(lines)))
    for column, line in enumerate(lines):
        inside = np.zeros(shape, dtype=np.bool_)
        for i, j in around:
            at = ((line - low) // CELL_M).astype(int) + np.array([i, j])
            inside[at[:, 0], at[:, 1]] = True
        out[:, column] = np.add.reduceat(inside[cells[:, 0], cells[:, 1]], starts, dtype=np.int64)
    n_points = np.array([len(way) for way in ways], dtype=np.float64)
    shares: F8 = out / n_points[:, None]
    return shares


def _resampled(way_m: F8) -> F8:
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(way_m, axis=0).T))])
    at = np.arange(0.0, along[-1], STEP_M)
    return np.column_stack([np.interp(at, along, way_m[:, 0]), np.interp(at, along, way_m[:, 1])])


def _median_line(middle: Trip, members: list[Trip]) -> F8:
    """The middle trip's way, each vertex moved to the median of the members' nearest points."""
    members = [middle, *members[:: len(members) // TEACHERS + 1]]
    nearest = np.full((len(members), len(middle.way_m), 2), np.nan)
    for row, member in zip(nearest, members, strict=True):
        tree = shapely.STRtree(shapely.points(member.way_m))
        found = tree.query_nearest(shapely.points(middle.way_m), max_distance=HALF_WIDTH_M, all_matches=False)
        row[found[0]] = member.way_m[found[1]]
    line = shapely.LineString(np.nanmedian(nearest, axis=0))
    return np.asarray(line.simplify(1.0).coords)
