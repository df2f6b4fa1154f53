"""Tracks whose files name a CRS of their own: it wins over the feed's datum, as it does for zones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from feeds.track_reader import FeedContext
from geo.datum import Datum
from trajectories.fleet import F8

Way = Callable[[F8, F8], tuple[F8, F8]]


def positions_to_wgs84(crs: str, context: FeedContext, relative: str, name: str | None = None) -> Way:
    """Return how positions (n,), x and y of a CRS, become WGS-84 longitudes and latitudes (NaN where it has none).

    Warns, with the CRS's `name`, where the feed declares another datum. Raises `CrsFault` for a CRS whose way to WGS-84
    is not known.
    """
    from feeds.zone_crs import points_to_wgs84  # noqa: PLC0415  # PROJ is slow to load and rarely needed

    move = points_to_wgs84(crs)
    datum = context.config.datum
    if datum != Datum.WGS84:
        note = "positions are taken as its own CRS says, not as the feed's datum"
        context.ledger.warn(f"{relative}: {note} {datum}: {(name or crs)[:60]}")

    def way(x: F8, y: F8) -> tuple[F8, F8]:
        moved = move(np.column_stack([x, y]))
        good = np.isfinite(moved).all(axis=1)
        return np.where(good, moved[:, 0], np.nan), np.where(good, moved[:, 1], np.nan)

    return way
