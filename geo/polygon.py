"""Many polygons as columns of edges in metres: who is inside, and how far from the boundary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely import MultiPolygon, Polygon

from geo.columns import F8, I8, Bool, sealed_f8, sealed_i8
from geo.errors import ColumnError, GeometryError
from geo.plane import LocalPlane
from geo.shape_kernels import boundary_rows_m, contains_rows


@dataclass(frozen=True, slots=True, eq=False)
class PolygonSet:
    """Polygons and multipolygons, holes included, in the metres of one plane; read-only.

    Shape s has the parts `shape_start[s]:shape_start[s + 1]`, part p the rings `part_ring[p]:part_ring[p + 1]` and
    the edges `part_start[p]:part_start[p + 1]`, ring r the vertices `ring_start[r]:ring_start[r + 1]` of `xy_m`
    (f8[v, 2], first vertex repeated at the end; a part's first ring is its outline). `edges_m` is f8[m, 4]: from east,
    from north, to east, to north. `part_box_m` is f8[parts, 4]: west, south, east, north.
    """

    shape_start: I8
    part_ring: I8
    ring_start: I8
    xy_m: F8
    part_start: I8
    part_box_m: F8
    edges_m: F8

    def __len__(self) -> int:
        """How many shapes there are."""
        return self.shape_start.size - 1

    @classmethod
    def from_shapely(cls, geometries: Sequence[Polygon | MultiPolygon], plane: LocalPlane) -> PolygonSet:
        """Valid geometries in WGS-84 degrees, projected vertex by vertex; an edge is straight in the plane.

        Raises GeometryError naming every geometry that is empty, invalid or no polygon. No geometries: an empty set.
        """
        shapes = np.array(list(geometries), dtype=object)
        _refuse_unusable(shapes)
        parts, part_shape = shapely.get_parts(shapes, return_index=True)
        rings, ring_part = shapely.get_rings(parts, return_index=True)
        degrees, vertex_ring = shapely.get_coordinates(rings, return_index=True)
        xy = np.column_stack(plane.to_metres(degrees[:, 0], degrees[:, 1]))
        ring_start = _starts(vertex_ring, rings.size)
        joined = vertex_ring[1:] == vertex_ring[:-1]  # the last vertex of a ring begins no edge
        edges = np.hstack([xy[:-1], xy[1:]])[joined]
        part_start = _starts(ring_part[vertex_ring[:-1][joined]], parts.size)
        return cls(
            shape_start=sealed_i8(_starts(part_shape, shapes.size)),
            part_ring=sealed_i8(_starts(ring_part, parts.size)),
            ring_start=sealed_i8(ring_start),
            xy_m=sealed_f8(xy),
            part_start=sealed_i8(part_start),
            part_box_m=sealed_f8(_boxes(edges, part_start)),
            edges_m=sealed_f8(edges),
        )

    def contains(self, ix: npt.ArrayLike, east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> Bool:
        """Row i: whether the point lies in shape ix[i], bool[n]; exact, the boundary (of holes too) counts as inside.

        What shapely calls `covers`. A scalar `ix` asks about one shape. A point with a NaN is nowhere.

        >>> from shapely import box
        >>> yard = PolygonSet.from_shapely([box(120.0, 30.0, 120.001, 30.001)], LocalPlane(120.0, 30.0))
        >>> yard.contains(0, [0.0, 10.0, -1.0, float("nan")], [0.0, 10.0, 5.0, 5.0]).tolist()
        [True, True, False, False]
        """
        shape, east, north = self._rows(ix, east_m, north_m)
        out = np.empty(east.size, dtype=np.bool_)
        contains_rows(shape, east, north, self.shape_start, self.part_start, self.part_box_m, self.edges_m, out)
        return out

    def signed_distance_m(self, ix: npt.ArrayLike, east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> F8:
        """Row i: metres from the point to the nearest edge of shape ix[i], f8[n]; negative inside, NaN for a NaN.

        In a hole the distance is to the edge of the hole, and positive.
        """
        shape, east, north = self._rows(ix, east_m, north_m)
        away = np.empty(east.size)
        boundary_rows_m(shape, east, north, self.shape_start, self.part_start, self.part_box_m, self.edges_m, away)
        inside = self.contains(shape, east, north)
        return np.where(inside & (away > 0.0), -away, away)

    def _rows(self, ix: npt.ArrayLike, east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> tuple[I8, F8, F8]:
        try:
            spread = np.broadcast_arrays(ix, east_m, north_m)
        except ValueError:
            raise ColumnError(
                f"columns of different length: ix {np.shape(ix)}, east_m {np.shape(east_m)}, north_m "
                f"{np.shape(north_m)}; expected one shape index for every point, or one for all"
            ) from None
        shape = sealed_i8(spread[0].reshape(-1))
        if shape.size and not (shape.min() >= 0 and shape.max() < len(self)):
            raise ColumnError(
                f"shape index {int(shape.min())}..{int(shape.max())} asked of a set of {len(self)}: expected 0 to "
                f"{len(self) - 1}; use the index of the geometry in the list the set was made from"
            )
        return shape, sealed_f8(spread[1].reshape(-1)), sealed_f8(spread[2].reshape(-1))


def _refuse_unusable(shapes: npt.NDArray[np.object_]) -> None:
    faults = [f"geometry {k}: {fault}" for k, shape in enumerate(shapes) if (fault := _fault(shape))]
    if faults:
        raise GeometryError("; ".join(faults))


def _fault(shape: object) -> str | None:
    if not isinstance(shape, Polygon | MultiPolygon):
        return f"expected a Polygon or MultiPolygon, found {getattr(shape, 'geom_type', type(shape).__name__)}"
    if shape.is_empty:
        return "is empty: expected an area; remove it or draw it"
    if not shapely.is_valid(shape):
        return f"is invalid ({shapely.is_valid_reason(shape)}); repair the drawing at that place"
    return None


def _starts(owner: npt.NDArray[np.intp], owners: int) -> I8:
    """CSR starts i8[owners + 1] of rows that name their owner in rising order."""
    return np.searchsorted(owner, np.arange(owners + 1)).astype(np.int64)


def _boxes(edges: F8, part_start: I8) -> F8:
    """West, south, east, north of each part; every ring is closed, so the edges' starts are all its vertices."""
    if part_start.size == 1:
        return np.empty((0, 4))
    first = part_start[:-1]
    low, high = np.minimum.reduceat(edges[:, :2], first), np.maximum.reduceat(edges[:, :2], first)
    return np.hstack([low, high])
