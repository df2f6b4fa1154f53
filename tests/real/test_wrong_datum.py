"""Real vehicles in China whose feed is declared in another datum than it sends: the feed is named, and nobody else.

`pytest tests/real/test_wrong_datum.py -s` prints the figures of `docs/measurements.md`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from geo.datum import Datum
from tests.real import buses, test_buses, test_shuttles
from tests.real.bundles import Car, City, audit_here, distant_ground, figure, findings, not_assessed, write_bundle
from tests.real.moved import JINAN_DEG, sent_as, taken_to
from tests.real.shuttles import load
from tests.real.test_ordinary_driving import DELIVERY, OMAHA, PORTO, Source, source_rows

MISTAKES = [
    (Datum.GCJ02, Datum.WGS84),
    (Datum.BD09, Datum.WGS84),
    (Datum.WGS84, Datum.GCJ02),
    pytest.param(Datum.WGS84, Datum.BD09, marks=pytest.mark.slow),
    pytest.param(Datum.BD09, Datum.GCJ02, marks=pytest.mark.slow),
]
"""What the feed sends, and what it is declared to send."""
ON_POSITIONS = {"off-route", "off-zone-training", "out-of-hours", "undeclared-training", "wrong-zone", "ghost-session"}


@pytest.fixture(scope="module")
def declared(real_data: Path) -> dict[str, tuple[City, str]]:
    """The sets that have sessions and places, with their fullest day."""
    shuttles = load(real_data)
    day = max(shuttles.days, key=lambda d: len(shuttles.of(d)))
    of_day = test_shuttles._city(shuttles, {day: shuttles.learn_without(day)})
    seen = {car.vehicle_id for car in of_day.cars}
    of_day.tracks = of_day.tracks[of_day.tracks.vehicle_id.isin(seen)]
    return {
        "shuttles": (taken_to(of_day, *JINAN_DEG), day.isoformat()),
        "buses": (taken_to(test_buses._city(buses.load(real_data)), *JINAN_DEG), buses.DAY),
    }


@pytest.mark.parametrize("name", ["shuttles", "buses"])
@pytest.mark.parametrize(("truly", "says"), MISTAKES, ids=str)
def test_a_feed_in_another_datum_is_found_before_any_car_is_accused(
    declared: dict[str, tuple[City, str]], tmp_path: Path, name: str, truly: Datum, says: Datum
) -> None:
    city, day = declared[name]
    found, left = _audited(sent_as(city, truly, says), day, tmp_path)
    (feed,) = found
    told = feed["evidence"]["measured"]
    figure(f"\n{name} sent as {truly}, declared {says}: fits {told['fits']} {told['other_share']:.0f} % against "
           f"{told['declared_share']:.0f} %, {told['offset_m']:.0f} m, {told['sessions']} observations")  # fmt: skip
    assert (feed["rule"], feed["feed"], told["fits"]) == ("feed-datum", "real", str(truly))
    assert set(left[left.reason == "feed-datum"].rule) == ON_POSITIONS


@pytest.mark.parametrize("name", ["shuttles", "buses"])
@pytest.mark.parametrize("datum", [Datum.WGS84, *(pytest.param(d, marks=pytest.mark.slow) for d in list(Datum)[1:])])
def test_a_feed_declared_as_it_is_sent_is_not_suspected(
    declared: dict[str, tuple[City, str]], tmp_path: Path, name: str, datum: Datum
) -> None:
    city, day = declared[name]
    found, left = _audited(sent_as(city, datum, datum), day, tmp_path)
    figure(f"\n{name} sent and declared {datum}: {dict(Counter(f['rule'] for f in found))}")
    assert not any(f["rule"] in {"feed-datum", "off-route"} for f in found)
    assert "feed-datum" not in set(left.reason) | set(left.rule)


@pytest.mark.parametrize("source", [PORTO, OMAHA, DELIVERY], ids=lambda s: s.name.split()[0])
def test_a_feed_without_sessions_or_places_near_it_can_not_be_told(
    source: Source, real_data: Path, tmp_path: Path
) -> None:
    """The same mistake, and nothing to hold it against: neither found nor called right."""
    rows = source_rows(source, real_data)
    day = rows.day.value_counts().index[0]
    rows = rows[rows.day == day].drop(columns=["label", "x", "y"], errors="ignore")
    cars = [Car(vehicle_id, "S1") for vehicle_id in sorted(rows.vehicle_id.unique())]
    city = City(source.name, source.timezone, rows.drop(columns="day"), cars, [distant_ground(*source.ground_deg)])
    found, left = _audited(sent_as(taken_to(city, *JINAN_DEG), Datum.GCJ02, Datum.WGS84), day, tmp_path)
    figure(f"\n{source.name}: {len(found)} findings, feed-datum {left[left.rule == 'feed-datum'].reason.to_list()}")
    assert found == []
    assert left[left.rule == "feed-datum"].reason.to_list() == ["few-places"]


def _audited(city: City, day: str, tmp: Path) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    audit_here(write_bundle(tmp / "bundle", city), day, tmp / "out")
    return findings(tmp / "out"), not_assessed(tmp / "out")
