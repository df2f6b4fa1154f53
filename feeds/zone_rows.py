"""One feature of a zone file before it is a Zone: its properties as they stand there, its shape, or why it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shapely.geometry.base import BaseGeometry

from geo.datum import Datum


class ShapeFault(ValueError):
    """Why a shape cannot be used, where (lon, lat as in the file) and what to do."""

    def __init__(self, message: str, place: tuple[float, float] | None = None, hint: str | None = None) -> None:
        """Keep all three."""
        self.message = message
        self.place = place
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class ZoneRow:
    """One feature: file, row from 1, properties, and either its shape or the fault of it.

    `datum` is what the shape's positions refer to. `is_json` tells how lists are written: as JSON arrays (null is all,
    [] none), else comma-joined (blank is all).
    """

    file: str
    row: int
    properties: Mapping[str, object]
    shape: BaseGeometry | ShapeFault
    datum: Datum
    is_json: bool = False
