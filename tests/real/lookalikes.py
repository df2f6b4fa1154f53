"""The windows of ordinary driving that look most like training, and a page that shows them.

The score is the product's own, asked for far below the limit at which anything is said. The page needs no map tiles:
what makes a path look like training is its shape.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from shapely import box

from audit.analysis import Analysis, analyse, observe
from geo.plane import LocalPlane
from trajectories.activity import Run, lap_runs, yard_runs
from trajectories.clock import LocalTime, ServiceDay
from trajectories.fleet import Fleet, build_fleet
from trajectories.recipe import Recipe
from trajectories.spans import Activity
from zones.places import Places
from zones.zone import Zone, ZoneKind

F8 = npt.NDArray[np.float64]

LIMIT = 0.005
"""Of the score: below it a window has no more of training than any other."""
ASIDE_MIN = 3
"""Drawn before and after a window, thin."""
SIDE_PX = 260


@dataclass(frozen=True)
class Lookalike:
    """One window: whose and when, what was measured, and its path in metres, shape (n, 2), with times in minutes."""

    source: str
    vehicle_id: str
    start: pd.Timestamp
    run: Run
    way_m: F8
    at_min: F8

    @property
    def minutes(self) -> float:
        return (self.run.end_ms - self.run.start_ms) / 60_000

    @property
    def kind(self) -> str:
        return "yard" if self.run.activity is Activity.YARD_TRAINING else "laps"

    def __str__(self) -> str:
        return (
            f"{self.source} {self.vehicle_id} {self.start:%Y-%m-%d %H:%M} {self.kind} {self.run.p:.3f}: "
            f"{self.minutes:.0f} min, path {self.run.path_m:.0f} m, extent {self.run.extent_m:.0f} m, "
            f"K {self.run.path_m / max(self.run.extent_m, 10.0):.1f}, in motion {self.run.moving_share:.0%}, "
            f"repeated {self.run.repeated_share:.0%}"
        )


def lookalikes(name: str, rows: pd.DataFrame, timezone: str) -> list[Lookalike]:
    """All windows of a source (`vehicle_id`, `t`, `lon`, `lat`, `day`, perhaps `speed_kmh`), the likest first."""
    found = [one for day, of_day in rows.groupby("day") for one in _of_day(name, of_day, str(day), timezone)]
    return sorted(found, key=lambda one: -one.run.p)


def page(shown: list[Lookalike]) -> str:
    """One HTML page without scripts or anything from outside: a panel for each window."""
    panels = "\n".join(
        f"<figure>{_drawing(one)}<figcaption>{html.escape(str(one))}</figcaption></figure>" for one in shown
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Most like training</title><style>'
        "body{font:13px sans-serif;display:flex;flex-wrap:wrap;margin:8px}"
        f"figure{{width:{SIDE_PX}px;margin:8px}}svg{{border:1px solid #999}}</style>{panels}</html>"
    )


def _of_day(name: str, rows: pd.DataFrame, day: str, timezone: str) -> Iterator[Lookalike]:
    fleet = _fleet(rows)
    places = _no_places(fleet)
    recipe, service_day = Recipe(), ServiceDay(pd.Timestamp(day).date(), LocalTime(timezone))
    analysis = analyse(observe(fleet, places, recipe), places, service_day, recipe)
    for k, vehicle_id in enumerate(fleet.vehicle_ids):
        for run in _runs(analysis, k, recipe):
            start = pd.Timestamp(run.start_ms, unit="ms", tz="UTC").tz_convert(timezone)
            yield Lookalike(name, vehicle_id, start, run, *_way(analysis, k, run))


def _runs(analysis: Analysis, k: int, recipe: Recipe) -> list[Run]:
    motion, table = analysis.motion, analysis.table
    rows = slice(*(int(o) for o in motion.fleet.offsets[k : k + 2]))
    everywhere = np.ones(table.n_minutes, np.bool_)
    track = motion.fleet.t_ms[rows], motion.east_m[rows], motion.north_m[rows], motion.ok[rows]
    return yard_runs(table, k, analysis.p_yard, LIMIT, everywhere) + lap_runs(
        table, k, track, LIMIT, everywhere, recipe.gap_ms
    )


def _way(analysis: Analysis, k: int, run: Run) -> tuple[F8, F8]:
    motion = analysis.motion
    lo, hi = (int(o) for o in motion.fleet.offsets[k : k + 2])
    aside = ASIDE_MIN * 60_000
    a, b = lo + np.searchsorted(motion.fleet.t_ms[lo:hi], [run.start_ms - aside, run.end_ms + aside])
    rows = a + np.flatnonzero(motion.ok[a:b])
    at_min = (motion.fleet.t_ms[rows] - run.start_ms) / 60_000
    return np.column_stack([motion.east_m[rows], motion.north_m[rows]]), at_min


def _fleet(rows: pd.DataFrame) -> Fleet:
    ids, of = np.unique(rows.vehicle_id.to_numpy(dtype=object), return_inverse=True)
    speed = (rows.speed_kmh / 3.6).to_numpy(np.float32) if "speed_kmh" in rows else None
    t_ms = rows.t.astype("datetime64[ms, UTC]").astype("int64").to_numpy()
    return build_fleet(
        ids.tolist(), of.astype(np.int32), t_ms, rows.lon.to_numpy(), rows.lat.to_numpy(), speed_mps=speed
    )


def _no_places(fleet: Fleet) -> Places:
    lon, lat = float(np.median(fleet.lon_deg)), float(np.median(fleet.lat_deg))
    far = Zone("G1", ZoneKind.GROUND, "far away", box(lon + 2, lat + 2, lon + 2.01, lat + 2.01))
    return Places.build([far], LocalPlane(lon, lat), 15.0)


def _drawing(one: Lookalike) -> str:
    inside = (one.at_min >= 0) & (one.at_min <= one.minutes)
    window = one.way_m[inside]
    low, side = window.min(0), max(float(np.ptp(window, axis=0).max()), 50.0) * 1.2
    low = (window.min(0) + window.max(0)) / 2 - side / 2
    at = (one.way_m - low) / side * SIDE_PX
    at[:, 1] = SIDE_PX - at[:, 1]
    bar = 10.0 ** np.floor(np.log10(side / 2))
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.6"/>' for x, y in at[inside])
    return (
        f'<svg width="{SIDE_PX}" height="{SIDE_PX}" viewBox="0 0 {SIDE_PX} {SIDE_PX}">'
        f'<polyline points="{_points(at)}" fill="none" stroke="#bbb"/>'
        f'<polyline points="{_points(at[inside])}" fill="none" stroke="#06c"/><g fill="#c30">{dots}</g>'
        f'<path d="M6 {SIDE_PX - 8}h{bar / side * SIDE_PX:.1f}" stroke="#000" stroke-width="3"/>'
        f'<text x="6" y="{SIDE_PX - 14}" font-size="11">{bar:.0f} m</text></svg>'
    )


def _points(at: F8) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
