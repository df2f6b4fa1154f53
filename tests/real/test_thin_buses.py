"""Buses heard every four minutes as coach cars: too thin to judge how they were driven, which is not the same as clean.

`pytest tests/real/test_thin_buses.py -s` prints the figures of `docs/measurements.md`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.real.bundles import (
    Car,
    City,
    Lesson,
    audit_here,
    distant_ground,
    figure,
    findings,
    not_assessed,
    route,
    write_bundle,
)

FILE = "routes/capmetro_bus_dev.parquet"
TIMEZONE = "America/Chicago"
DAYS = ("2016-11-25", "2016-11-26")
HALF_WIDTH_M = 60.0
DRIVEN_M = 1000.0
"""From fix to fix, as the crow flies: who came so far within a day did not stand all day."""
LESSON_MIN = 30.0
BY_MANOEUVRE = ("off-zone-training", "out-of-hours", "undeclared-training", "wrong-zone")
IN_A_SESSION = ("ghost-session", "off-route")


@dataclass(frozen=True)
class Audited:
    """The two days' answers, and who drove on which day."""

    found: list[dict[str, Any]]
    left: pd.DataFrame
    drove: set[tuple[str, str]]
    lessons: set[tuple[str, str]]


@pytest.fixture(scope="module")
def audited(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Each bus's trips of half an hour or more, declared on a route along the longest trip of their line."""
    rows = pd.read_parquet(real_data / FILE).sort_values(["vehicle_id", "t"])
    day = (rows.t.dt.tz_convert(TIMEZONE) - pd.Timedelta(hours=4)).dt.strftime("%Y-%m-%d")
    rows = rows.assign(day=day)[day.isin(DAYS)]
    folder = tmp_path_factory.mktemp("thin")
    bundle = write_bundle(folder / "bundle", _city(rows))
    found, left = [], []
    for date in DAYS:
        audit_here(bundle, date, folder / date)
        found += findings(folder / date)
        left.append(not_assessed(folder / date))
    drove = {key for key, of_day in rows.groupby(["day", "vehicle_id"]) if _driven_m(of_day) > DRIVEN_M}
    lessons = {(s.start.tz_convert(TIMEZONE).strftime("%Y-%m-%d"), s.vehicle_id) for s in _lessons(rows)}
    return Audited(found, pd.concat(left), drove, lessons)


def test_no_bus_heard_every_four_minutes_is_accused_of_anything(audited: Audited) -> None:
    figure(f"\n{len(audited.drove)} vehicle-days in motion, findings {dict(Counter(f['rule'] for f in audited.found))}")
    figure(f"  not assessed: {audited.left.groupby(['rule', 'reason']).vehicle_id.size().to_dict()}")
    assert audited.found == []


@pytest.mark.parametrize("rule", BY_MANOEUVRE)
def test_every_bus_in_motion_is_named_as_too_thin_and_none_is_clean(audited: Audited, rule: str) -> None:
    left = audited.left[(audited.left.rule == rule) & (audited.left.reason == "sampling-too-thin")]
    named = set(left[["service_date", "vehicle_id"]].itertuples(index=False, name=None))
    figure(f"{rule}: {len(audited.drove & named)} of {len(audited.drove)} vehicle-days in motion sampling-too-thin")
    assert len(audited.drove) > 300
    assert audited.drove - named == set()


@pytest.mark.parametrize("rule", IN_A_SESSION)
def test_no_session_of_such_a_bus_is_called_kept(audited: Audited, rule: str) -> None:
    left = audited.left[(audited.left.rule == rule) & (audited.left.reason == "sampling-too-thin")]
    named = set(left[["service_date", "vehicle_id"]].itertuples(index=False, name=None))
    declared = audited.lessons & audited.drove
    figure(f"{rule}: {len(declared & named)} of {len(declared)} vehicle-days with a session sampling-too-thin")
    assert len(declared) > 300
    assert declared - named == set()


def _city(rows: pd.DataFrame) -> City:
    zones = [distant_ground(-100.0, 35.0)]
    for line, of_line in rows.groupby("route_id"):
        driven = max((t for _, t in of_line.groupby(["day", "vehicle_id", "trip_id"])), key=_driven_m)
        way = driven[["lon", "lat"]].round(6).drop_duplicates().to_numpy().tolist()
        if len(way) > 2:
            zones.append(route(f"R{line}", way, 2 * HALF_WIDTH_M, ["S1"], None))
    known = {zone["properties"]["zone_id"] for zone in zones}
    cars = [Car(vehicle_id, "S1") for vehicle_id in sorted(rows.vehicle_id.unique())]
    lessons = [lesson for lesson in _lessons(rows) if lesson.zone_id in known]
    tracks = rows[["vehicle_id", "t", "lon", "lat", "speed_kmh"]]
    return City("Thin buses", TIMEZONE, tracks, cars, zones, lessons)


def _lessons(rows: pd.DataFrame) -> list[Lesson]:
    out = []
    for (_, vehicle_id, trip_id), trip in rows.groupby(["day", "vehicle_id", "trip_id"]):
        start, end = trip.t.iloc[0], trip.t.iloc[-1]
        if (end - start).total_seconds() >= 60 * LESSON_MIN and _driven_m(trip[:-1]) > DRIVEN_M:
            session_id = f"L{vehicle_id}-{trip_id}-{start:%d%H%M}"
            out.append(Lesson(session_id, vehicle_id, f"R{trip.route_id.iloc[0]}", start, end))
    return out


def _driven_m(rows: pd.DataFrame) -> float:
    north = np.diff(rows.lat.to_numpy()) * 111_000.0
    east = np.diff(rows.lon.to_numpy()) * 111_000.0 * np.cos(np.radians(30.3))
    return float(np.hypot(east, north).sum())
