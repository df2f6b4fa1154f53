"""Buses as coach cars, their operator's shapes as approved routes and its timetable as approved hours.

`pytest tests/real/test_buses.py -s` prints the figures of `docs/measurements.md`. Numbers only: the operator's terms
allow no map of these positions.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.real.bundles import Car, City, Hours, Lesson, audit_here, figure, findings, route, write_bundle
from tests.real.buses import DAY, TIMEZONE, Away, Buses, Trip, driven_m, load, minutes_outside, stretches_away

LEFT_M = 100.0
"""A trip that is so far from its shape has left it."""
ERROR_BUDGET_M = 15.0
"""Of the card of off-route, `margin_m`: with it the corridor reaches to `LEFT_M` exactly."""
WIDTH_M = 2 * (LEFT_M - ERROR_BUDGET_M)
DETOUR_MIN, DETOUR_M = 8.0, 500.0
"""Of the card of off-route: a lawful detour."""
STRICT_MIN, STRICT_M = 1.0, 100.0
"""Of an office that forgives next to no detour: two fixes of these buses are half a minute apart."""
STOOD_M = 500.0
"""A bus that moved less in a trip stood at its terminal: `ghost-session` may say so."""
AWAY_MIN = 10.0
TOLERANCE_MIN = 5.0
"""Of the card of out-of-hours: clearing the place."""
EDGE_MIN = 1.0
"""Training is counted in whole minutes, the timetable in seconds."""
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def buses(real_data: Path) -> Buses:
    return load(real_data)


def test_the_lawful_detour_lets_pass_what_is_shorter_and_nothing_else(buses: Buses, tmp_path: Path) -> None:
    """No trip of this day was away for longer than the card forgives, and none is accused of it."""
    left = {s: away for s, away in _all_away(buses, of_bus=False).items() if away}
    longer = {s for s, away in left.items() if any(a.minutes > DETOUR_MIN and a.length_m > DETOUR_M for a in away)}
    _show(f"\n{len(buses.trips)} trips, {len(left)} were ever over {LEFT_M:.0f} m from their shape", left)
    found = _audited(write_bundle(tmp_path / "bundle", _city(buses)), tmp_path / "out")
    figure(f"longer than the card's lawful detour: {len(longer)}; found at the card's values: {_rules(found)}")
    assert len(left) > 3
    assert {f["session_id"] for f in found if f["rule"] == "off-route"} == longer
    assert {f["session_id"] for f in found} - longer <= {s for s, m in _driven_m(buses).items() if m < STOOD_M}


def test_an_office_that_forgives_one_minute_finds_exactly_the_trips_that_drove_away_for_longer(
    buses: Buses, tmp_path: Path
) -> None:
    """Standing beside the corridor (a terminal's bay), or on another shape approved for the bus, is no offence."""
    office = _office(tmp_path, detour_min=STRICT_MIN, detour_m=STRICT_M, way_min=STRICT_MIN)
    away = {s: some for s, some in _all_away(buses, of_bus=True).items() if some}
    must = {s for s, some in away.items() if any(a.minutes > STRICT_MIN and a.length_m > STRICT_M for a in some)}
    found = _audited(write_bundle(tmp_path / "bundle", _city(buses)), tmp_path / "out", office)
    off = {f["session_id"] for f in found if f["rule"] == "off-route"}
    _show(f"\nover {LEFT_M:.0f} m from every shape of the bus: {len(away)} trips", away)
    figure(f"of an office that forgives {STRICT_MIN:.0f} min and {STRICT_M:.0f} m: {len(must)} true, {len(off)} found")
    assert must
    assert off == must


@pytest.mark.parametrize("shape_id", ["C53:04", "D40:06", "D96:06"])
def test_a_trip_declared_on_another_line_is_found(buses: Buses, tmp_path: Path, shape_id: str) -> None:
    """All trips of the other lines, declared on this one and approved for nothing else."""
    foreign = [t for t in buses.trips if t.shape_id[:3] != shape_id[:3]]
    line = [buses.shapes_m[shape_id]]
    away = {_session_id(t): max([*stretches_away(t.rows, line, LEFT_M), Away(0.0, 0.0, 0.0)]) for t in foreign}
    must = {session for session, a in away.items() if a.minutes > AWAY_MIN and a.length_m > DETOUR_M}
    bundle = write_bundle(tmp_path / "bundle", _city(buses, trips=foreign, declared_on=shape_id))
    carded = {f["session_id"] for f in _audited(bundle, tmp_path / "card") if f["rule"] == "off-route"}
    office = _office(tmp_path, way_min=DETOUR_MIN)
    strict = {f["session_id"] for f in _audited(bundle, tmp_path / "strict", office) if f["rule"] == "off-route"}
    figure(f"\ndeclared on {shape_id}: {len(foreign)} trips, {len(must)} over {AWAY_MIN:.0f} min away; found "
           f"{len(must & carded)} at the card's values, {len(must & strict)} with 8 min of way")  # fmt: skip
    assert len(must) > 20
    assert must <= strict, sorted(must - strict)
    assert min(away[session].minutes for session in strict) > DETOUR_MIN - EDGE_MIN


def test_a_bus_that_works_by_its_timetable_is_accused_of_nothing_where_it_was(buses: Buses, tmp_path: Path) -> None:
    """Sessions by the timetable, hours from a bus's first departure to its last arrival.

    The feed was recorded for five of the hours, so `signal-gap` has its say, and is shown.
    """
    found = _audited(write_bundle(tmp_path / "bundle", _city(buses, by_timetable=True)), tmp_path / "out")
    figure(f"\nby the timetable: {len(buses.vehicle_ids)} vehicle-days, findings {_rules(found)}")
    assert [f for f in found if f["rule"] not in {"signal-gap", "ghost-session"}] == []


def test_whoever_is_out_of_hours_by_a_timetable_to_the_minute_really_drove_then(buses: Buses, tmp_path: Path) -> None:
    """Each trip's own window as the only hours: buses are late, and drive on between two windows."""
    city = _city(buses, by_timetable=True, each_trip=True)
    found = _audited(write_bundle(tmp_path / "bundle", city), tmp_path / "out")
    late = [f for f in found if f["rule"] == "out-of-hours"]
    metres = [driven_m(buses.fixes(f["vehicle_id"], f["start"], f["end"])) for f in late]
    figure(f"\nhours to the minute: {len(late)} stretches out of hours, the least driven in one {min(metres):.0f} m")
    assert min(metres) > STOOD_M


@pytest.mark.parametrize("shift", [HOUR, -HOUR], ids=["later", "earlier"])
def test_a_timetable_shifted_by_an_hour_is_out_of_hours(buses: Buses, tmp_path: Path, shift: timedelta) -> None:
    """A bus is out of hours as far as none of its shifted windows on that line covers what it drove."""
    outside: dict[str, float] = {}
    for t in buses.trips:
        windows = [(o.due + shift, o.over + shift) for o in buses.of(t.vehicle_id)]
        outside[t.vehicle_id] = max(outside.get(t.vehicle_id, 0.0), minutes_outside(t, windows))
    must = {v for v, minutes in outside.items() if minutes > TOLERANCE_MIN + EDGE_MIN}
    city = _city(buses, by_timetable=True, each_trip=True, hours_later=shift)
    found = _audited(write_bundle(tmp_path / "bundle", city), tmp_path / "out")
    late = {f["vehicle_id"] for f in found if f["rule"] == "out-of-hours"}
    figure(f"\nhours {shift} later: {len(must)} buses over 6 min out of hours, {len(must & late)} found")
    assert len(must) > 10
    assert must <= late, sorted((v, outside[v]) for v in must - late)
    assert all(outside[v] > TOLERANCE_MIN - EDGE_MIN for v in late), {v: outside[v] for v in late}


def _city(
    buses: Buses,
    trips: list[Trip] | None = None,
    declared_on: str = "",
    by_timetable: bool = False,
    each_trip: bool = False,
    hours_later: timedelta = timedelta(),
) -> City:
    """Each bus of a school of its own, approved for the shapes it drove (or for `declared_on` alone).

    Its hours are those from its first departure to its last arrival, or `each_trip`'s own.
    """
    trips = list(buses.trips) if trips is None else trips
    zones, lessons, hours = {}, [], []
    for t in trips:
        shape_id = declared_on or t.shape_id
        zone_id = f"{shape_id}-{t.vehicle_id}"
        zones[zone_id] = route(zone_id, buses.shapes_deg[shape_id], WIDTH_M, [f"S-{t.vehicle_id}"], DAY)
        span = (t.due, t.over) if by_timetable else (t.start, t.end)
        lessons.append(Lesson(_session_id(t), t.vehicle_id, zone_id, *span))
        of_bus = [t] if each_trip else buses.of(t.vehicle_id)
        opened = min(o.due for o in of_bus), max(o.over for o in of_bus)
        hours.append(Hours(zone_id, *((at + hours_later).strftime("%H:%M") for at in opened)))
    vehicles = sorted({t.vehicle_id for t in trips})
    tracks = pd.concat([t.rows for t in trips])
    return City("Buses", TIMEZONE, tracks, [Car(v, f"S-{v}") for v in vehicles], list(zones.values()), lessons,
                hours if by_timetable else None)  # fmt: skip


def _all_away(buses: Buses, of_bus: bool) -> dict[str, list[Away]]:
    """By session the stretches away from its own shape, or from every shape that the bus drove that day."""
    out = {}
    for t in buses.trips:
        shapes = {o.shape_id for o in buses.of(t.vehicle_id)} if of_bus else {t.shape_id}
        out[_session_id(t)] = stretches_away(t.rows, [buses.shapes_m[s] for s in sorted(shapes)], LEFT_M)
    return out


def _driven_m(buses: Buses) -> dict[str, float]:
    """By session the metres driven, as raw positions give them."""
    return {_session_id(t): driven_m(t.rows) for t in buses.trips}


def _audited(bundle: Path, out: Path, office: Path | None = None) -> list[dict[str, Any]]:
    audit_here(bundle, DAY, out, office)
    return findings(out)


def _office(folder: Path, **values: float) -> Path:
    units = {"detour_min": "min", "detour_m": "m", "way_min": "min"}
    entries = [
        f'[[value]]\nrule = "off-route"\nparameter = "{name}"\nsince = 2026-02-01\nvalue = {value:g}\n'
        f'unit = "{units[name]}"\nsource = "made up for a test: an office that forgives less"\n'
        for name, value in values.items()
    ]
    office = folder / "office.toml"
    office.write_text("\n".join(entries), encoding="utf-8")
    return office


def _session_id(trip: Trip) -> str:
    return f"L{trip.vehicle_id}-{trip.trip_id}"


def _rules(found: list[dict[str, Any]]) -> dict[str, int]:
    return dict(Counter(f["rule"] for f in found))


def _show(title: str, left: dict[str, list[Away]]) -> None:
    figure(title)
    for away in sorted(left.values(), key=lambda some: -max(a.minutes for a in some)):
        longest = max(away)
        figure(f"  {longest.minutes:.1f} min, {longest.length_m:.0f} m driven, up to {longest.farthest_m:.0f} m away")
