"""Which version of a zone was in force, as known then and as known now."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from shapely import LineString, box

from zones.history import clashes, zone_change, zones_in_force
from zones.zone import Zone, ZoneKind

DAY = date(2026, 3, 18)
YARD = Zone("G1", ZoneKind.GROUND, "north yard", box(121.0, 31.0, 121.01, 31.01))
OLD = replace(YARD, valid_to=date(2026, 3, 17))
NEW = replace(YARD, valid_from=DAY, school_ids=frozenset({"S1"}))


@pytest.mark.parametrize(("day", "expected"), [(date(2026, 3, 17), OLD), (DAY, NEW)])
def test_the_version_in_force_on_the_day_counts(day: date, expected: Zone) -> None:
    assert zones_in_force([NEW, OLD], day) == (expected,)


@pytest.mark.parametrize("day", [date(2026, 3, 9), date(2026, 3, 13)])
def test_a_zone_holds_on_neither_side_of_its_dates(day: date) -> None:
    short = replace(YARD, valid_from=date(2026, 3, 10), valid_to=date(2026, 3, 12))
    assert zones_in_force([short], day) == ()
    assert zones_in_force([short], date(2026, 3, 10)) == zones_in_force([short], date(2026, 3, 12)) == (short,)


def test_zones_come_in_the_order_of_their_ids_whatever_the_order_of_the_file() -> None:
    zones = [replace(YARD, zone_id=zone_id) for zone_id in ("R2", "G10", "G1")]
    assert [z.zone_id for z in zones_in_force(zones, DAY)] == ["G1", "G10", "R2"]
    assert zones_in_force(zones, DAY) == zones_in_force(zones[::-1], DAY)


def test_what_was_recorded_later_was_not_known_then() -> None:
    first = replace(YARD, recorded_at=date(2026, 1, 5))
    corrected = replace(YARD, width_m=1.0, recorded_at=date(2026, 4, 1))
    assert zones_in_force([first, corrected], DAY) == zones_in_force([corrected, first], DAY) == (corrected,)
    assert zones_in_force([corrected, first], DAY, known_on=DAY) == (first,)
    assert zones_in_force([corrected, first], DAY, known_on=date(2026, 4, 1)) == (corrected,)
    assert zones_in_force([corrected, first], DAY, known_on=date(2026, 1, 1)) == ()


def test_a_version_without_a_recording_date_was_always_known_and_yields_to_a_dated_one() -> None:
    dated = replace(YARD, name="dated", recorded_at=date(2020, 1, 1))
    assert zones_in_force([dated, YARD], DAY) == (dated,)
    assert zones_in_force([dated, YARD], DAY, known_on=date(2019, 1, 1)) == (YARD,)


def test_versions_that_hold_on_one_date_and_neither_replaces_the_other_clash() -> None:
    overlapping = replace(NEW, valid_from=date(2026, 3, 17))
    assert clashes([OLD, NEW]) == ()
    assert clashes([OLD, overlapping]) == ((OLD, overlapping),)
    assert clashes([OLD, replace(overlapping, recorded_at=DAY)]) == ()
    assert clashes([YARD, replace(YARD, zone_id="G2")]) == ()


def test_a_change_names_the_fields_that_differ() -> None:
    assert zone_change(OLD, NEW).fields == ("school_ids", "valid_from", "valid_to")
    moved = replace(YARD, geometry=box(121.0, 31.0, 121.02, 31.01), width_m=40.0)
    assert zone_change(YARD, moved).fields == ("geometry", "width_m")
    assert not zone_change(YARD, replace(YARD))


def test_the_same_ground_drawn_from_another_corner_is_no_change_but_a_route_turned_round_is() -> None:
    turned = replace(YARD, geometry=YARD.geometry.reverse())
    assert not zone_change(YARD, turned)
    road = replace(YARD, kind=ZoneKind.ROUTE, geometry=LineString([(121.0, 31.0), (121.1, 31.0)]))
    assert zone_change(road, replace(road, geometry=road.geometry.reverse())).fields == ("geometry",)


def test_two_zones_are_not_two_versions() -> None:
    with pytest.raises(ValueError, match="'G1' and 'G2' are two zones"):
        zone_change(YARD, replace(YARD, zone_id="G2"))
