"""University shuttles of Chicago as coach cars, audited on 18 days, each on routes that the other days taught.

`pytest tests/real/test_shuttles.py -s -m "slow or not slow"` prints the figures of `docs/measurements.md`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.real.bundles import Car, City, Lesson, audit, audit_here, figure, findings, not_assessed, route, write_bundle
from tests.real.shuttles import HALF_WIDTH_M, TIMEZONE, Route, Shuttles, Trip, load, minutes_away, routes_driven, shifts

ERROR_BUDGET_M = 15.0
"""Of the card of off-route, `margin_m`."""
FALSE_PER_100_VEHICLE_DAYS = 1.0
AWAY_MIN = 10.0
DETOUR_MIN = 8.0
"""Of the card of off-route, `detour_min`."""
EDGE_MIN = 0.25
"""Between the audit's plane and the test's: some fixes at the edge of the corridor."""
LEARNT_SHARE = 0.8
"""Of a day's trips that lie on a route the other days taught; the others drove ways that nobody drove twice."""
OFFICE = """
[[value]]
rule = "off-route"
parameter = "way_min"
since = 2001-01-01
value = 8
unit = "min"
source = "these trips begin on their route: there is no way to it longer than a detour"
"""


@dataclass(frozen=True)
class Audited:
    """What the audits of all days said, by day."""

    findings: dict[date, list[dict[str, Any]]]
    n_vehicle_days: int

    def count(self, rule: str) -> int:
        return sum(finding["rule"] == rule for found in self.findings.values() for finding in found)

    def per_100(self, rule: str) -> float:
        return 100 * self.count(rule) / self.n_vehicle_days

    def sessions(self, rule: str) -> set[str]:
        return {f["session_id"] for found in self.findings.values() for f in found if f["rule"] == rule}


@pytest.fixture(scope="module")
def shuttles(real_data: Path) -> Shuttles:
    return load(real_data)


@pytest.fixture(scope="module")
def routes(shuttles: Shuttles) -> dict[date, tuple[Route, ...]]:
    return {day: shuttles.learn_without(day) for day in shuttles.days}


@pytest.fixture(scope="module")
def own_routes(shuttles: Shuttles, routes: dict[date, tuple[Route, ...]], tmp_path_factory: Any) -> Path:
    """Each car of a school of its own, which holds the routes its trips drove and no other: the strictest reading."""
    return write_bundle(tmp_path_factory.mktemp("own"), _city(shuttles, routes))


def test_five_trips_in_six_lie_on_a_route_that_the_other_days_taught(
    shuttles: Shuttles, routes: dict[date, tuple[Route, ...]]
) -> None:
    driven = [(t, day, *found) for day in routes for t, found in _driven(shuttles, day, routes[day])]
    share = np.array([share for *_, share in driven])
    away = [minutes_away(trip, routes[day][n].line_m, ERROR_BUDGET_M) for trip, day, n, _ in driven]
    counts = [len(of_day) for of_day in routes.values()]
    figure(f"\n{len(share)} trips, {len(counts)} days, {min(counts)} to {max(counts)} routes learnt for each")
    figure(f"lie on a learnt route by 95 % of their way: {(share >= 0.95).sum()}")
    figure(f"minutes away from it: p50 {np.median(away):.1f}, p95 {np.quantile(away, 0.95):.1f}, max {max(away):.1f}")
    assert (share >= 0.95).mean() > LEARNT_SHARE


def test_the_command_accuses_no_shuttle_that_drives_its_own_route(
    own_routes: Path, shuttles: Shuttles, root: Path, tmp_path: Path
) -> None:
    day = max(shuttles.days, key=lambda d: len(shuttles.of(d)))
    audit(root, own_routes, day.isoformat(), tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))["rows"]["tracks/real"]
    assert rows["read"] == rows["kept"] + sum(rows["rejected"].values())
    assert findings(tmp_path / "out") == []


def test_on_all_days_next_to_no_shuttle_is_accused_on_its_own_route(
    own_routes: Path, shuttles: Shuttles, tmp_path: Path
) -> None:
    seen = _audit_days(own_routes, shuttles, tmp_path, {(t.day, t.vehicle_id) for t in shuttles.trips})
    _report("each car on its own routes only", seen)
    assert seen.per_100("off-route") < FALSE_PER_100_VEHICLE_DAYS
    assert [f["rule"] for found in seen.findings.values() for f in found] == []


def test_nobody_is_left_unassessed_who_was_seen(own_routes: Path, shuttles: Shuttles, tmp_path: Path) -> None:
    """But for the hours' limit, which came into force five years later; and no camera stood there."""
    day = shuttles.days[4]
    audit_here(own_routes, day.isoformat(), tmp_path / "out")
    seen = {trip.vehicle_id for trip in shuttles.of(day)}
    rows = not_assessed(tmp_path / "out")
    left = rows[rows.vehicle_id.isin(seen) & ~rows.reason.isin(["not-in-force", "no-passages", "no-mandate"])]
    assert left.empty, left.to_string()


def test_whole_working_days_of_a_school_with_all_routes_raise_no_finding(
    shuttles: Shuttles, routes: dict[date, tuple[Route, ...]], tmp_path: Path
) -> None:
    cars = {
        (trip.vehicle_id, trip.trip_id): f"car{n:02d}"
        for day in shuttles.days
        for n, shift in enumerate(shifts(shuttles.of(day)))
        for trip in shift
    }
    bundle = write_bundle(tmp_path / "bundle", _city(shuttles, routes, cars))
    days = {(trip.day, cars[trip.vehicle_id, trip.trip_id]) for trip in shuttles.trips}
    seen = _audit_days(bundle, shuttles, tmp_path, days)
    _report("one school, a whole day's trips to a car", seen)
    assert seen.per_100("off-route") < FALSE_PER_100_VEHICLE_DAYS
    assert [f["rule"] for found in seen.findings.values() for f in found] == []


@pytest.mark.parametrize("rank", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_whoever_is_away_from_his_approved_route_for_more_than_ten_minutes_is_found(
    shuttles: Shuttles, routes: dict[date, tuple[Route, ...]], tmp_path: Path, rank: int
) -> None:
    """The same fixes, approved for one route that most of them did not drive."""
    foreign = _least_driven(shuttles, routes[shuttles.days[0]])[rank]
    bundle = write_bundle(tmp_path / "bundle", _city(shuttles, dict.fromkeys(shuttles.days, (foreign,))))
    office = tmp_path / "office.toml"
    office.write_text(OFFICE, encoding="utf-8")
    days = {(trip.day, trip.vehicle_id) for trip in shuttles.trips}
    found = _audit_days(bundle, shuttles, tmp_path, days, office).sessions("off-route")
    away = {_session_id(t): minutes_away(t, foreign.line_m, ERROR_BUDGET_M) for t in shuttles.trips}
    must = {session for session, minutes in away.items() if minutes > AWAY_MIN}
    figure(f"\nforeign route {rank}: {len(must)} sessions over {AWAY_MIN:.0f} min away, {len(must & found)} found")
    if rank:
        as_carded = _audit_days(bundle, shuttles, tmp_path, days).sessions("off-route")
        figure(f"with the 20 min of the card for the ways to and from the route: {len(must & as_carded)} found")
    assert len(must) > 20
    assert must <= found, sorted(must - found)
    assert min(away[session] for session in found) > DETOUR_MIN - EDGE_MIN


def _city(
    shuttles: Shuttles, routes: dict[date, tuple[Route, ...]], cars: dict[tuple[str, str], str] | None = None
) -> City:
    """All days in one bundle: the routes in force on each day are those the other days taught.

    `cars` gives the trips to other cars than the source does; they are one school's then.
    """

    def car_of(t: Trip) -> str:
        return cars[t.vehicle_id, t.trip_id] if cars else t.vehicle_id

    def school_of(t: Trip) -> str:
        return "S1" if cars else f"S-{t.vehicle_id}"

    lessons, zones, known = [], [], {}
    for day, of_day in routes.items():
        holders: dict[int, set[str]] = defaultdict(lambda: {"S1"} if cars else set())
        for t, (best, _) in _driven(shuttles, day, of_day):
            holders[best].add(school_of(t))
            known[car_of(t)] = Car(car_of(t), school_of(t))
            lessons.append(Lesson(_session_id(t), car_of(t), f"R{best:02d}", t.start, t.end))
        zones += [
            route(f"R{n:02d}", r.lon_lat_deg(), 2 * HALF_WIDTH_M, holders[n] or {"nobody"}, day.isoformat())
            for n, r in enumerate(of_day)
        ]
    tracks = pd.concat([t.rows.assign(vehicle_id=car_of(t)) for t in shuttles.trips])
    return City("Chicago shuttles", TIMEZONE, tracks, [known[c] for c in sorted(known)], zones, lessons)


def _audit_days(
    bundle: Path, shuttles: Shuttles, tmp: Path, vehicle_days: set[tuple[date, str]], office: Path | None = None
) -> Audited:
    found = {}
    for day in shuttles.days:
        out = tmp / f"{day}{'-office' if office else ''}"
        audit_here(bundle, day.isoformat(), out, office)
        found[day] = findings(out)
    return Audited(found, len(vehicle_days))


def _driven(shuttles: Shuttles, day: date, routes: tuple[Route, ...]) -> list[tuple[Trip, tuple[int, float]]]:
    trips = shuttles.of(day)
    return list(zip(trips, routes_driven(trips, routes), strict=True))


def _least_driven(shuttles: Shuttles, routes: tuple[Route, ...]) -> list[Route]:
    """The routes in the order of how many trips are far from them, most first."""
    far = [sum(minutes_away(t, r.line_m, ERROR_BUDGET_M) > AWAY_MIN for t in shuttles.trips) for r in routes]
    return [routes[n] for n in np.argsort(far, kind="stable")[::-1]]


def _session_id(trip: Trip) -> str:
    return f"L{trip.vehicle_id}-{trip.trip_id}"


def _report(what: str, seen: Audited) -> None:
    rules = Counter(f["rule"] for found in seen.findings.values() for f in found)
    figure(f"\n{what}: {seen.n_vehicle_days} vehicle-days, findings {dict(rules)}, "
          f"off-route {seen.per_100('off-route'):.2f} per 100 vehicle-days")  # fmt: skip
    for day, found in seen.findings.items():
        for f in found:
            figure(f"  {day} {f['vehicle_id']} {f['rule']}: {f['summary']['en']}")
