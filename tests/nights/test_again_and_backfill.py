"""The same night again changes nothing, and nights that come in whatever order come to the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from store.engine import POSTGRESQL, SQLITE
from tests.nights.conftest import Places
from tests.nights.making import DAY, Told, counts_of, faults_of, parts_of, rows_of, run
from tests.nights.shifted import shifted_city
from tests.stores import DIALECTS, Place

HISTORY_DAYS = 2
COPIED = ("V0009", "V0012")
OTHERS = ("V0002", "V0005", "V0006", "V0010", "V0013", "X0001")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_night_three_times_changes_not_one_row(places: Places, tmp_path: Path, dialect: str) -> None:
    heads = tmp_path / "heads"
    with places(dialect) as place:
        told = Told.at(place, heads=str(heads))
        assert run(told).nights[0].state == "done"
        rows, counts, parts, head = rows_of(place), counts_of(place), parts_of(place), heads.read_bytes()
        for _ in range(2):
            assert [n.state for n in run(told).nights] == ["unchanged"]
            assert counts_of(place) == counts
            assert {n: r for n, r in rows_of(place).items() if n != "leases"} == {
                n: r for n, r in rows.items() if n != "leases"
            }
            assert parts_of(place) == parts
            assert heads.read_bytes() == head
        assert faults_of(place) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_everything_anew_changes_nothing_that_stands(small: Path, places: Places, dialect: str) -> None:
    with places(dialect) as place:
        told = Told.at(place, bundle=str(small))
        run(told)
        parts = parts_of(place, history=False)
        for _ in range(2):
            (night,) = run(told.but(again=True)).nights
            assert (night.state, night.changes["same"] > 0) == ("done", True)
            assert {n for name, n in night.changes.items() if name != "same"} == {0}
            assert parts_of(place, history=False) == parts


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_delivery_that_changes_back_and_forth_is_audited_each_time(
    places: Places, tmp_path: Path, dialect: str
) -> None:
    one = shifted_city(tmp_path / "one", DAY, {"V0011", "V0012"})
    other = shifted_city(tmp_path / "other", DAY, {"V0011", "V0012"})
    permits = other / "permits.csv"
    permits.write_text(permits.read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    with places(dialect) as place:
        seen = []
        for bundle in (one, other, one, other, one):
            (night,) = run(Told.at(place, bundle=str(bundle))).nights
            assert night.state == "done"
            seen.append(parts_of(place, history=False))
        assert seen[0] == seen[2] == seen[4]
        assert seen[1] == seen[3]
        assert seen[0]["findings"] != seen[1]["findings"]
        assert faults_of(place) == []


# ---------------------------------------------------------------- nights in any order


@pytest.fixture(scope="module")
def ten_nights(tmp_path_factory: pytest.TempPathFactory) -> dict[date, Path]:
    """Ten nights in a row, each with some cars and one with all; what they drive, they drive every day."""
    folder, out = tmp_path_factory.mktemp("ten"), {}
    for n in range(10):
        day = DAY - timedelta(days=n)
        cars = None if n == 4 else (*COPIED, OTHERS[n % len(OTHERS)])
        out[day] = shifted_city(folder / day.isoformat(), day, cars, older=cars is None)
    return out


def backfilled(place: Place, bundles: dict[date, Path], order: Sequence[date]) -> tuple[dict[str, str], int]:
    """Bring the nights in; return what stands in the end, and how much of later nights was changed on the way."""
    audits, changed = 0, 0
    for day in order:
        told = Told.at(place, bundle=str(bundles[day]), day=day.isoformat(), history_days=HISTORY_DAYS)
        nights = run(told).nights
        assert all(n.is_whole for n in nights)
        audits += len(nights)
        changed += sum(n.changes["new"] + n.changes["changed"] for n in nights if n.service_date != day)
    assert faults_of(place) == []
    assert audits == expected_audits(order)
    return parts_of(place, history=False), changed


def expected_audits(order: Sequence[date]) -> int:
    """Each night, and every night that is there already and compares its tracks with it."""
    n, there = 0, set[date]()
    for day in order:
        n += 1 + sum(day + timedelta(days=k) in there for k in range(1, HISTORY_DAYS + 1))
        there.add(day)
    return n


def test_three_nights_come_to_the_same_in_two_orders_and_databases(
    places: Places, ten_nights: dict[date, Path]
) -> None:
    first, second, third = sorted(ten_nights)[:3]
    with places(SQLITE) as place:
        in_order, changed = backfilled(place, ten_nights, (first, second, third))
        assert changed == 0
    with places(POSTGRESQL) as place:
        stands, changed = backfilled(place, ten_nights, (third, first, second))
        assert changed > 0
        assert stands == in_order


@pytest.mark.slow
def test_ten_nights_come_to_the_same_in_three_random_orders(places: Places, ten_nights: dict[date, Path]) -> None:
    with places(SQLITE) as place:
        in_order, _ = backfilled(place, ten_nights, sorted(ten_nights))
    for seed, dialect in enumerate((SQLITE, POSTGRESQL, SQLITE)):
        order = random.Random(seed).sample(sorted(ten_nights), len(ten_nights))
        with places(dialect) as place:
            stands, changed = backfilled(place, ten_nights, order)
            assert changed > 0
            assert stands == in_order, order
