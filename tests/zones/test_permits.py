"""Signed temporary permits: whom, where and when they excuse."""

from __future__ import annotations

import pytest

from zones.declared import Permit
from zones.permits import excused_during, permits_for

OF_THE_CAR = Permit("P1", "V1", None, "repair", 0, 100)
OF_THE_SCHOOL = Permit("P2", None, "S1", "road works", 50, 200)
IN_ONE_ZONE = Permit("P3", "V1", None, "race", 300, 400, zone_id="G1")
ALL = [IN_ONE_ZONE, OF_THE_SCHOOL, OF_THE_CAR]


def test_permits_of_the_car_and_of_its_school_add_up() -> None:
    assert excused_during(ALL, "V1", "S1", None).tolist() == [[0, 200]]


def test_a_permit_for_a_zone_excuses_in_that_zone_only() -> None:
    assert excused_during(ALL, "V1", None, "G1").tolist() == [[0, 100], [300, 400]]
    assert excused_during(ALL, "V1", None, "G2").tolist() == [[0, 100]]
    assert excused_during(ALL, "V1", None, None).tolist() == [[0, 100]]


@pytest.mark.parametrize(("vehicle_id", "school_id"), [("V2", None), ("V2", "S2")])
def test_a_permit_does_not_excuse_other_cars_or_schools(vehicle_id: str, school_id: str | None) -> None:
    assert excused_during(ALL, vehicle_id, school_id, "G1").shape == (0, 2)


def test_a_permit_that_names_a_car_does_not_excuse_the_whole_school() -> None:
    named_both = Permit("P4", "V1", "S1", "repair", 0, 100)
    assert excused_during([named_both], "V1", "S1", None).tolist() == [[0, 100]]
    assert not len(excused_during([named_both], "V2", "S1", None))


def test_the_permits_behind_an_answer_are_told_in_order() -> None:
    assert [p.permit_id for p in permits_for(ALL, "V1", "S1", "G1")] == ["P1", "P2", "P3"]
