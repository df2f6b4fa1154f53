"""Real cars that nobody trained in, as coach cars with the only approved place far away.

`pytest tests/real/test_ordinary_driving.py -s` prints the figures of `docs/measurements.md`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from geo.plane import LocalPlane
from tests.real.bundles import Car, City, audit_here, distant_ground, figure, findings, not_assessed, write_bundle

THIN = "sampling-too-thin"


@dataclass(frozen=True)
class Source:
    """One file of real tracks, and the bound that is asserted on it."""

    name: str
    file: str
    timezone: str
    ground_deg: tuple[float, float]
    false_per_100_vehicle_days: float


PORTO = Source("Porto taxis, 15 s", "fleet/porto_taxi_dev.parquet", "Europe/Lisbon", (-7.5, 40.0), 1.0)
OMAHA = Source("Omaha drives, 1 s", "highrate/omaha_drives_dev.parquet", "America/Chicago", (-95.0, 40.0), 1.0)
SAN_FRANCISCO = Source(
    "San Francisco cabs, 60 s", "fleet/cabspotting_dev.parquet", "America/Los_Angeles", (-120.0, 36.0), 1.0
)
DELIVERY = Source("Delivery rounds, 5 s", "highrate/delivery_5s_dev.parquet", "UTC", (12.0, 52.0), 1.0)
ROUNDS = 8
"""Cars to which the pieces of delivery driving, six minutes each, are handed out: a working day for each."""
PIECES_APART_M, PIECES_APART_MIN = 400.0, 2.0


@pytest.mark.parametrize("source", [PORTO, OMAHA, DELIVERY], ids=lambda s: s.name.split()[0])
def test_ordinary_driving_is_not_accused_of_training(source: Source, real_data: Path, tmp_path: Path) -> None:
    found, seen, _ = _audited(source, real_data, tmp_path)
    accused = [f for f in found if f["rule"] == "off-zone-training"]
    assert 100 * len(accused) / len(seen) <= source.false_per_100_vehicle_days
    assert found == accused


@pytest.mark.slow
def test_no_cab_is_accused_on_any_day(real_data: Path, tmp_path: Path) -> None:
    found, seen, left = _audited(SAN_FRANCISCO, real_data, tmp_path)
    thin = left[(left.rule == "off-zone-training") & (left.reason == THIN)]
    named = set(thin[["service_date", "vehicle_id"]].itertuples(index=False, name=None))
    figure(f"  judged: {len(seen - named)} vehicle-days; {len(seen & named)} are {THIN}")
    accused = [f for f in found if f["rule"] == "off-zone-training"]
    assert 100 * len(accused) / len(seen) <= SAN_FRANCISCO.false_per_100_vehicle_days
    assert found == accused


def test_a_delivery_round_with_the_terminal_carried_to_the_door_is_no_training(real_data: Path, tmp_path: Path) -> None:
    """Without the walking the rounds are driving and silence; with it a harder case than any car's."""
    walked = delivery_rounds(pd.read_parquet(real_data / DELIVERY.file))
    figure(f"\non foot: {(walked.label == 'OnFoot').mean():.0%} of {len(walked)} fixes")
    found, seen, _ = _audited_rows(DELIVERY, walked, tmp_path)
    assert 100 * len(found) / len(seen) <= DELIVERY.false_per_100_vehicle_days


def test_cabs_heard_once_a_minute_are_too_thin_to_judge_and_never_clean(real_data: Path, tmp_path: Path) -> None:
    """Who was in fact heard more often was told apart; all others are named as not assessable."""
    found, seen, left = _audited(SAN_FRANCISCO, real_data, tmp_path, days=1)
    thin = set(left[(left.rule == "off-zone-training") & (left.reason == THIN)].vehicle_id)
    cabs = source_rows(SAN_FRANCISCO, real_data)
    slow = _heard_once_a_minute(cabs[cabs.day == max(day for day, _ in seen)])
    figure(f"heard less than 1.4 times a minute while driving: {len(slow)} cabs, {len(slow & thin)} of them {THIN}")
    assert found == []
    assert len(slow) > 200
    assert slow <= thin


def _audited(
    source: Source, data: Path, tmp: Path, days: int | None = None
) -> tuple[list[dict[str, Any]], set[tuple[str, str]], pd.DataFrame]:
    """Findings, vehicle-days and what was not assessed of the service days of a source (the fullest ones)."""
    return _audited_rows(source, source_rows(source, data), tmp, days)


def _audited_rows(
    source: Source, rows: pd.DataFrame, tmp: Path, days: int | None = None
) -> tuple[list[dict[str, Any]], set[tuple[str, str]], pd.DataFrame]:
    chosen = sorted(rows.day.value_counts().index[:days])
    rows = rows[rows.day.isin(chosen)]
    cars = [Car(vehicle_id, "S1") for vehicle_id in sorted(rows.vehicle_id.unique())]
    tracks = rows.drop(columns=["day", "label", "x", "y"], errors="ignore")
    bundle = write_bundle(
        tmp / "bundle", City(source.name, source.timezone, tracks, cars, [distant_ground(*source.ground_deg)])
    )
    found, left = [], []
    for day in chosen:
        audit_here(bundle, day, tmp / day)
        found += findings(tmp / day)
        left.append(not_assessed(tmp / day))
    seen = set(rows[["day", "vehicle_id"]].itertuples(index=False, name=None))
    reasons = pd.concat(left)
    _report(source, found, seen, reasons[reasons.reason != "no-fixes"])
    return found, seen, reasons


def source_rows(source: Source, data: Path) -> pd.DataFrame:
    """The fixes of a source with their service day; of delivery the driving, the rest is silence."""
    rows = pd.read_parquet(data / source.file)
    if source is DELIVERY:
        rounds = delivery_rounds(rows)
        return rounds[rounds.label == "Driving"]
    kept = [c for c in ("vehicle_id", "t", "lon", "lat", "speed_kmh", "heading_deg") if c in rows]
    local = rows.t.dt.tz_convert(source.timezone) - pd.Timedelta(hours=4)
    return rows[kept].assign(day=local.dt.strftime("%Y-%m-%d"))


def delivery_rounds(rows: pd.DataFrame) -> pd.DataFrame:
    """Hand the pieces, of which only the own local metres are known, one after the other to a few cars.

    Each begins `PIECES_APART_MIN` after and `PIECES_APART_M` east of where the last one ended.
    """
    out, clock, where = [], {}, {}
    for n, (_, piece) in enumerate(rows.sort_values("t").groupby("vehicle_id", sort=True)):
        car = f"van{n % ROUNDS}"
        start = clock.get(car, pd.Timestamp("2026-03-02T06:00Z"))
        east_m, north_m = where.get(car, (0.0, 5000.0 * (n % ROUNDS)))
        x = piece.x.to_numpy() - piece.x.iloc[0] + east_m
        y = piece.y.to_numpy() - piece.y.iloc[0] + north_m
        t = start + (piece.t - piece.t.iloc[0])
        out.append(pd.DataFrame({"vehicle_id": car, "t": t, "x": x, "y": y, "label": piece.label}))
        clock[car] = t.iloc[-1] + pd.Timedelta(minutes=PIECES_APART_MIN)
        where[car] = (x[-1] + PIECES_APART_M, y[-1])
    rounds = pd.concat(out)
    lon, lat = LocalPlane(10.0, 50.0).to_degrees(rounds.x.to_numpy(), rounds.y.to_numpy())
    day = (rounds.t - pd.Timedelta(hours=4)).dt.strftime("%Y-%m-%d")
    return rounds.assign(lon=lon, lat=lat, day=day)


def _heard_once_a_minute(rows: pd.DataFrame) -> set[str]:
    """Cabs with an hour or more of track whose steps are so long, silences over five minutes left out."""
    ordered = rows.sort_values(["vehicle_id", "t"])
    step_min = ordered.groupby("vehicle_id").t.diff().dt.total_seconds() / 60
    heard = step_min[step_min <= 5.0].groupby(ordered.vehicle_id).agg(["sum", "size"])
    return set(heard.index[(heard["sum"] >= 60.0) & (heard["size"] / heard["sum"] < 1.4)])


def _report(source: Source, found: list[dict[str, Any]], seen: set[tuple[str, str]], left: pd.DataFrame) -> None:
    rules = dict(Counter(f["rule"] for f in found))
    figure(f"\n{source.name}: {len(seen)} vehicle-days, findings {rules}")
    figure(f"  not assessed: {left.groupby(['rule', 'reason']).size().to_dict()}")
    for f in found:
        figure(f"  {f['service_date']} {f['vehicle_id']} {f['start']} {f['summary']['en']}")
