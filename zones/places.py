"""The zones in force on a day, made ready for questions: what is approved where, who is inside, how deep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from shapely import LineString

from geo.plane import LocalPlane
from geo.polygon import PolygonSet
from geo.polyline import Polyline
from geo.raster import ZoneRaster
from trajectories.fleet import F8, I4, I8
from zones.zone import Zone, ZoneKind

U1 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]

KIND_CODES = {kind: code for code, kind in enumerate(ZoneKind)}
CELL_M = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """z zones in the metres of one plane; make it with `build`. Zones are told apart by `zone_ix`, 0 to z - 1.

    An area (polygon) has `half_width_m` 0 and a place in `polygons`; a route's line has its half corridor width and a
    place in `lines`. `shape_of` i4[z] is that place, lines counted on after the polygons. `kind_code` u1[z] is the
    position of the zone's kind in `KIND_CODES`.
    """

    zones: tuple[Zone, ...]
    plane: LocalPlane
    margin_m: float
    polygons: PolygonSet
    lines: tuple[Polyline, ...]
    half_width_m: F8
    kind_code: U1
    shape_of: I4
    _zone_of_shape: I4
    _grown: ZoneRaster
    _true: ZoneRaster
    _ix: dict[str, int] = field(repr=False)
    _box_m: F8 = field(repr=False)
    _approved: dict[tuple[str, str, int | None], Bool] = field(default_factory=dict, repr=False)
    _approved_ixs: dict[tuple[str, str, int | None], tuple[int, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def build(cls, zones: Sequence[Zone], plane: LocalPlane, margin_m: float) -> Places:
        """Index one version of each zone (see `zones_in_force`); `margin_m` is the error budget of a fix.

        Raises ValueError naming every zone that comes twice, and every line without a corridor width.
        """
        _refuse_unfit(zones)
        is_line = np.array([isinstance(z.geometry, LineString) for z in zones], dtype=np.bool_)
        of_shape = np.concatenate([np.flatnonzero(~is_line), np.flatnonzero(is_line)]).astype(np.int32)
        shape_of = np.empty(len(zones), dtype=np.int32)
        shape_of[of_shape] = np.arange(len(zones), dtype=np.int32)
        polygons = PolygonSet.from_shapely([z.geometry for z in zones if not isinstance(z.geometry, LineString)], plane)
        lines = tuple(Polyline.from_shapely(z.geometry, plane) for z in zones if isinstance(z.geometry, LineString))
        half = np.where(is_line, [(z.width_m or 0.0) / 2 for z in zones], 0.0).astype(np.float64)
        widths = half[of_shape[len(polygons) :]].tolist()
        boxes = [_box_of(polygons, lines, int(shape), half_m) for shape, half_m in zip(shape_of, half, strict=True)]
        return cls(
            zones=tuple(zones),
            plane=plane,
            margin_m=margin_m,
            polygons=polygons,
            lines=lines,
            half_width_m=half,
            kind_code=np.array([KIND_CODES[z.kind] for z in zones], dtype=np.uint8),
            shape_of=shape_of,
            _zone_of_shape=of_shape,
            _grown=ZoneRaster.build(polygons, lines, widths, margin_m, CELL_M),
            _true=ZoneRaster.build(polygons, lines, widths, 0.0, CELL_M),
            _ix={z.zone_id: ix for ix, z in enumerate(zones)},
            _box_m=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        )

    def __len__(self) -> int:
        """Return the number of zones."""
        return len(self.zones)

    def index_of(self, zone_id: str) -> int:
        """Return a zone's index; KeyError for a zone that isn't in force on the day."""
        try:
            return self._ix[zone_id]
        except KeyError:
            raise KeyError(f"zone {zone_id!r} is not in force on this day; in force are {len(self)} zones") from None

    def find(self, zone_id: str | None) -> int | None:
        """Return a zone's index, None where it isn't in force on the day."""
        return self._ix.get(zone_id) if zone_id is not None else None

    def corridor(self, zone_ix: int) -> tuple[Polyline, float]:
        """Return a route's line and half width, as `follow` and `deviations` take them; ValueError for an area."""
        shape = int(self.shape_of[zone_ix]) - len(self.polygons)
        if shape < 0:
            raise ValueError(f"zone {self.zones[zone_ix].zone_id!r} is an area: expected a route drawn as a line")
        return self.lines[shape], float(self.half_width_m[zone_ix])

    def approved_for(self, school_id: str, vehicle_class: str, part: int | None = None) -> Bool:
        """Return for each zone whether training by this school, class and part is approved: bool[z], read-only."""
        key = school_id, vehicle_class, part
        if key not in self._approved:
            answer = np.array([z.approves(school_id, vehicle_class, part) for z in self.zones], dtype=np.bool_)
            answer.flags.writeable = False
            self._approved[key] = answer
        return self._approved[key]

    def approved_ixs(self, school_id: str, vehicle_class: str, part: int | None = None) -> tuple[int, ...]:
        """Return the zones approved for this school, class and part, by index in order."""
        key = school_id, vehicle_class, part
        if key not in self._approved_ixs:
            self._approved_ixs[key] = tuple(np.flatnonzero(self.approved_for(*key)).tolist())
        return self._approved_ixs[key]

    def match(self, east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> tuple[I8, I4]:
        """Return every pair (row_ix i8[k], zone_ix i4[k]) of a fix and a place grown by `margin_m` it lies in.

        `row_ix` ascends; a fix may lie in none or in several. A NaN lies nowhere.
        """
        rows, shapes = self._grown.match(east_m, north_m)
        return rows, self._zone_of_shape[shapes]

    def match_true(self, east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> tuple[I8, I4]:
        """As `match`, with the places as approved: depth 0 or less, without the margin."""
        rows, shapes = self._true.match(east_m, north_m)
        return rows, self._zone_of_shape[shapes]

    def depth_m(self, zone_ix: npt.ArrayLike, east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> F8:
        """Return metres from each point to the edge of the approved area zone_ix[i]: negative inside, f8[n].

        For a route: metres from its line less half its width. A scalar `zone_ix` asks about one zone.
        """
        spread = np.broadcast_arrays(np.asarray(zone_ix, dtype=np.int64), east_m, north_m)
        zone, east, north = (np.atleast_1d(column) for column in spread)
        if zone.size and not (zone.min() >= 0 and zone.max() < len(self)):
            raise ValueError(f"zone_ix {int(zone.min())} to {int(zone.max())}: expected 0 to {len(self) - 1}")
        shape = self.shape_of[zone]
        depth = np.empty(len(zone), dtype=np.float64)
        areas = shape < len(self.polygons)
        depth[areas] = self.polygons.signed_distance_m(shape[areas], east[areas], north[areas])
        for s in np.unique(shape[~areas]):
            rows = np.flatnonzero(shape == s)
            offset_m = self.lines[s - len(self.polygons)].project(east[rows], north[rows])[0]
            depth[rows] = offset_m - self.half_width_m[zone[rows]]
        return depth

    def near(self, east_m: F8, north_m: F8, reach_m: float) -> list[int]:
        """Return the places whose box lies within `reach_m` of the box of some points, by index; all without points."""
        if not len(east_m):
            return list(range(len(self)))
        found: list[int] = np.flatnonzero(self._least_m(east_m, north_m) <= reach_m).tolist()
        return found

    def _least_m(self, east_m: F8, north_m: F8) -> F8:
        """Return metres between each place's box and the box of some points, f8[z]."""
        west, south, east, north = self._box_m.T
        away_x = np.maximum(np.maximum(west - east_m.max(), east_m.min() - east), 0.0)
        away_y = np.maximum(np.maximum(south - north_m.max(), north_m.min() - north), 0.0)
        least_m: F8 = np.hypot(away_x, away_y)
        return least_m

    def nearest_m(self, east_m: F8, north_m: F8) -> F8:
        """Return metres from each point to the edge of the nearest place: negative inside, inf without places, f8[n].

        Points must be finite. Places whose box is further from all points than what was found are passed over.
        """
        nearest = np.full(len(east_m), np.inf)
        if not len(nearest):
            return nearest
        least_m = self._least_m(east_m, north_m)
        for zone_ix in np.argsort(least_m, kind="stable").tolist():
            if least_m[zone_ix] > nearest.max():
                break
            np.minimum(nearest, self.depth_m(zone_ix, east_m, north_m), out=nearest)
        return nearest


def _box_of(polygons: PolygonSet, lines: Sequence[Polyline], shape: int, half_m: float) -> list[float]:
    """West, south, east, north of a zone, a route's corridor included."""
    if shape < len(polygons):
        box = polygons.part_box_m[slice(*polygons.shape_start[shape : shape + 2])]
    else:
        box = lines[shape - len(polygons)].box_m
    return [*(box[:, :2].min(axis=0) - half_m).tolist(), *(box[:, 2:].max(axis=0) + half_m).tolist()]


def _refuse_unfit(zones: Sequence[Zone]) -> None:
    """All faults at once."""
    ids = [z.zone_id for z in zones]
    faults = [
        f"zone {i!r} comes {ids.count(i)} times: expected the one version in force"
        for i in sorted(set(ids))
        if ids.count(i) > 1
    ]
    faults += [
        f"zone {z.zone_id!r} is a line with width_m {z.width_m}: expected the full corridor width in metres, above 0"
        for z in zones
        if isinstance(z.geometry, LineString) and not (z.width_m is not None and 0 < z.width_m < float("inf"))
    ]
    if faults:
        raise ValueError("; ".join(faults))
