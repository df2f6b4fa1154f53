"""One line in metres, such as a route: where along it a fix lies, and how far off.

`project` takes each point by itself. `project_sequence` follows a car along a line that meets itself (a lap, a way
out and back on one road), where the nearest segment alone may be the wrong pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely import LineString

from geo.columns import F8, I8, floats, offsets_of, sealed_f8
from geo.distance import headings_deg, step_lengths_m
from geo.errors import ColumnError, GeometryError
from geo.plane import LocalPlane
from geo.polyline_kernels import BLOCK, follow_tracks, nearest_rows


@dataclass(frozen=True, slots=True, eq=False)
class Polyline:
    """A line of v vertices, no two neighbours alike: `east_m`, `north_m` and `along_m` (from its start), f8[v].

    Segment k runs from vertex k to vertex k + 1. `box_m` bounds each run of `BLOCK` segments, f8[blocks, 4]:
    whole runs out of reach are passed over.
    """

    east_m: F8
    north_m: F8
    along_m: F8
    box_m: F8

    @classmethod
    def from_shapely(cls, line: LineString, plane: LocalPlane) -> Polyline:
        """A LineString in WGS-84 degrees, in the metres of `plane`; repeated vertices are dropped.

        Raises GeometryError for another type, a coordinate that is no number, or no two different vertices.
        """
        if not isinstance(line, LineString):
            found = getattr(line, "geom_type", type(line).__name__)
            raise GeometryError(f"expected a LineString, found {found}; join a route's pieces in driving order")
        degrees = shapely.get_coordinates(line)
        return cls.from_metres(*plane.to_metres(degrees[:, 0], degrees[:, 1]))

    @classmethod
    def from_metres(cls, east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> Polyline:
        """The line through points of a plane; repeated vertices are dropped.

        >>> line = Polyline.from_metres([0, 0, 30, 30], [0, 40, 40, 40])
        >>> line.along_m.tolist(), line.length_m
        ([0.0, 40.0, 70.0], 70.0)
        """
        east, north = floats(east_m=east_m, north_m=north_m)
        if not (np.isfinite(east).all() and np.isfinite(north).all()):
            bad = int(np.flatnonzero(~(np.isfinite(east) & np.isfinite(north)))[0])
            raise GeometryError(f"vertex {bad} of the line is no place: expected finite coordinates")
        moved = np.append(True, (np.diff(east) != 0.0) | (np.diff(north) != 0.0))[: east.size]
        east, north = east[moved], north[moved]
        if east.size < 2:
            raise GeometryError(f"a line of {east.size} different vertices: expected two or more")
        along = np.concatenate(([0.0], np.cumsum(step_lengths_m(east, north))))
        columns = [sealed_f8(c) for c in (east, north, along, _boxes(east, north))]
        return cls(*columns)

    @property
    def length_m(self) -> float:
        """From start to end along the line."""
        return float(self.along_m[-1])

    @property
    def heading_deg(self) -> F8:
        """The heading of each segment, degrees clockwise from grid north, f8[v - 1]."""
        return headings_deg(self.east_m, self.north_m)

    def at(self, along_m: npt.ArrayLike) -> tuple[F8, F8]:
        """East and north of the places at `along_m`; the ends beyond the ends, NaN for NaN."""
        (along,) = floats(along_m=along_m)
        return np.interp(along, self.along_m, self.east_m), np.interp(along, self.along_m, self.north_m)

    def project(self, east_m: npt.ArrayLike, north_m: npt.ArrayLike, enough_m: float = -1.0) -> tuple[F8, F8, I8]:
        """The nearest point of the line for each row: offset_m (never negative), along_m, segment_ix, each [n].

        Of several as near the first along the line is taken. A NaN gives NaN, NaN, -1. Within `enough_m` (if it is
        not negative) any point will do: who asks only whether a car was so near is answered in a fraction of the time.

        >>> [c.tolist() for c in Polyline.from_metres([0, 0], [0, 100]).project([5, float("nan")], [30, 0])]
        [[5.0, nan], [30.0, nan], [0, -1]]
        """
        east, north = floats(east_m=east_m, north_m=north_m)
        out = np.empty(east.size), np.empty(east.size), np.empty(east.size, dtype=np.int64)
        nearest_rows(east, north, self.east_m, self.north_m, self.along_m, self.box_m, enough_m, *out)
        return out

    def project_sequence(
        self, east_m: npt.ArrayLike, north_m: npt.ArrayLike, offsets: npt.ArrayLike, max_offset_m: float
    ) -> tuple[F8, F8, I8]:
        """As `project`, for time-ordered tracks (`offsets` i8[tracks + 1]), each fix on the pass the car was driving.

        Candidates of a fix are the locally nearest points of the line within `max_offset_m` (the eight nearest).
        Among all ways to choose one for each fix of a track, the cheapest is taken (Viterbi), in metres: the offset
        of each fix, and from fix to fix the difference between the advance along the line and the straight step
        driven; driving against the line's direction costs half the distance more, so that of two passes that fit
        alike the forward one is chosen. Fixes without a candidate give NaN, NaN, -1 and the car is picked up again
        where it was going. A line whose ends lie within `max_offset_m` of each other is closed: from the end the
        next lap goes on at the start, at the cost of 50 m, so that a single lap is not cut.
        """
        if not 0.0 <= max_offset_m < np.inf:
            raise ColumnError(f"max_offset_m is {max_offset_m}: expected finite metres, 0 or more")
        east, north = floats(east_m=east_m, north_m=north_m)
        bounds = offsets_of(offsets, east.size)
        gap = np.hypot(self.east_m[-1] - self.east_m[0], self.north_m[-1] - self.north_m[0])
        lap = self.length_m if gap <= max_offset_m else np.inf
        out = np.empty(east.size), np.empty(east.size), np.empty(east.size, dtype=np.int64)
        line = self.east_m, self.north_m, self.along_m, self.box_m
        follow_tracks(east, north, bounds, *line, float(max_offset_m), float(lap), *out)
        return out


def _boxes(east: F8, north: F8) -> F8:
    """West, south, east, north of each run of BLOCK segments (which share their end vertices)."""
    first = np.arange(0, east.size - 1, BLOCK)
    low = [np.minimum(np.minimum.reduceat(c[:-1], first), np.minimum.reduceat(c[1:], first)) for c in (east, north)]
    high = [np.maximum(np.maximum.reduceat(c[:-1], first), np.maximum.reduceat(c[1:], first)) for c in (east, north)]
    return np.column_stack((*low, *high))
