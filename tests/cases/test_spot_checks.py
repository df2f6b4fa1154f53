"""The random sample of what nobody suspects: reproducible, fair to every vehicle-day, honest in what it shows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import mean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.proportions import clopper_pearson_upper
from cases.spot_checks import WHOLE_CITY, AuditedDay, Checked, SpotCheck, allocate, draw, missed_estimate, pick

DAY = date(2026, 3, 18)
SEED = "office 2026"
CITY = {"S1": 60, "S2": 25, "S3": 10, "S4": 5}
SIZES = st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(1, 60), min_size=1)


def fleet(sizes: dict[str, int], **more: Any) -> list[AuditedDay]:
    return [AuditedDay(f"{s}-{k:03}", s, **more) for s, size in sizes.items() for k in range(size)]


def per_school(checks: Sequence[SpotCheck]) -> dict[str | None, int]:
    return dict(sorted(Counter(c.school_id for c in checks).items()))


# ---------------------------------------------------------------- the draw


def test_a_nights_checks_are_shared_out_in_proportion_with_one_of_each_school_at_least() -> None:
    assert per_school(draw(fleet(CITY), DAY, SEED, 20)) == {"S1": 12, "S2": 5, "S3": 2, "S4": 1}
    assert per_school(draw(fleet(CITY), DAY, SEED, 4)) == {"S1": 1, "S2": 1, "S3": 1, "S4": 1}


def test_without_a_total_each_school_has_the_minimum_or_all_that_it_has() -> None:
    assert per_school(draw(fleet(CITY), DAY, SEED, per_school=7)) == {"S1": 7, "S2": 7, "S3": 7, "S4": 5}


def test_fewer_checks_than_schools_are_drawn_from_the_whole_city() -> None:
    checks = draw(fleet(CITY), DAY, SEED, 3)
    assert [(c.stratum, c.stratum_size, c.stratum_drawn, c.probability) for c in checks] == [
        (WHOLE_CITY, 100, 3, 0.03)
    ] * 3


def test_each_check_carries_its_stratum_and_its_chance() -> None:
    check = draw(fleet(CITY), DAY, SEED, 20)[-1]
    assert (check.stratum, check.stratum_size, check.stratum_drawn, check.probability) == ("S4", 5, 1, 0.2)
    assert (check.service_date, check.school_id, check.is_picked) == (DAY, "S4", False)


def test_neither_the_suspected_nor_the_not_assessable_can_be_drawn() -> None:
    days = [
        *fleet({"S1": 3}), AuditedDay("bad", "S1", is_suspected=True), AuditedDay("dark", "S1", is_assessable=False),
    ]  # fmt: skip
    checks = draw(days, DAY, SEED, 100)
    assert [c.vehicle_id for c in checks] == ["S1-000", "S1-001", "S1-002"]
    assert {c.probability for c in checks} == {1.0}


def test_within_a_school_the_smallest_hashes_are_drawn_so_that_anybody_can_draw_again() -> None:
    days = fleet({"S1": 30})
    by_hash = sorted(
        (hashlib.sha256(f"{SEED}|2026-03-18|{d.vehicle_id}".encode()).hexdigest(), d.vehicle_id) for d in days
    )
    assert [c.vehicle_id for c in draw(days, DAY, SEED, 5)] == sorted(v for _, v in by_hash[:5])


@given(SIZES, st.integers(0, 80), st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_order_of_the_input_plays_no_part(sizes: dict[str, int], total: int, least: int, random: Any) -> None:
    days = fleet(sizes)
    checks = draw(days, DAY, SEED, total, least)
    assert draw(random.sample(days, len(days)), DAY, SEED, total, least) == checks
    assert len(checks) == min(total, len(days))
    assert len({c.vehicle_id for c in checks}) == len(checks)


def test_another_seed_or_day_draws_others() -> None:
    drawn = {tuple(c.vehicle_id for c in draw(fleet(CITY), DAY + timedelta(d), s, 20)) for s in "ab" for d in (0, 1)}
    assert len(drawn) == 4


def test_a_car_of_no_known_school_can_be_drawn_too() -> None:
    checks = draw([*fleet({"S1": 5}), AuditedDay("stray", None)], DAY, SEED, 2)
    assert {c.school_id for c in checks} == {"S1", None}


@pytest.mark.parametrize(
    ("days", "seed", "total", "least", "fault"),
    [
        ([AuditedDay("V1", "S1")] * 2, SEED, 1, 1, "listed twice"),
        ([], "", 1, 1, "needs a seed"),
        ([], SEED, -1, 1, "needs a seed"),
        ([], SEED, 1, 0, "needs a seed"),
    ],
)
def test_a_draw_that_would_be_none_is_refused(
    days: list[AuditedDay], seed: str, total: int, least: int, fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        draw(days, DAY, seed, total, least)


def test_an_empty_night_has_no_checks() -> None:
    assert draw([], DAY, SEED, 10) == ()
    assert draw(fleet({"S1": 5}), DAY, SEED, 0) == ()


@given(SIZES, st.integers(0, 300), st.integers(1, 5))
def test_shares_add_up_keep_the_minimum_and_give_no_larger_school_less(
    sizes: dict[str, int], total: int, least: int
) -> None:
    shares = allocate(sizes, total, least)
    assert sum(shares.values()) == min(total, sum(sizes.values()))
    assert all(0 <= shares[name] <= size for name, size in sizes.items())
    if total >= sum(min(least, size) for size in sizes.values()):
        assert all(shares[name] >= min(least, size) for name, size in sizes.items())
    elif total >= len(sizes):
        assert min(shares.values()) >= 1
    by_size = [shares[name] for name in sorted(sizes, key=lambda name: (sizes[name], shares[name]))]
    assert by_size == sorted(by_size)


def test_equal_remainders_go_by_name() -> None:
    assert allocate({"B": 10, "A": 10, "C": 10}, 4) == {"A": 2, "B": 1, "C": 1}


# ---------------------------------------------------------------- what the checks show


def reviewed(checks: Sequence[SpotCheck], guilty: set[str]) -> list[Checked]:
    return [Checked(c, c.vehicle_id in guilty) for c in checks]


GUILTY = {f"S1-{k:03}" for k in range(3)} | {f"S3-{k:03}" for k in range(4)} | {"S4-000"}
"""Eight of a hundred, most of them at small schools: a sample that forgot its weights would be wrong."""

NIGHTS = 3000


@pytest.mark.parametrize(("total", "least"), [(20, 1), (12, 3), (4, 1), (3, 1), (None, 2)])
def test_the_estimate_is_unbiased_over_many_seeds(total: int | None, least: int) -> None:
    days = fleet(CITY)
    shares = []
    for k in range(NIGHTS):
        share = missed_estimate(reviewed(draw(days, DAY, f"seed {k}", total, least), GUILTY)).share
        assert share is not None
        shares.append(share)
    standard_error = stdev(shares) / NIGHTS**0.5
    assert abs(mean(shares) - len(GUILTY) / 100) < 4 * standard_error


def test_every_vehicle_day_is_drawn_as_often_as_its_chance_says() -> None:
    days = fleet(CITY)
    times: Counter[str] = Counter()
    for k in range(NIGHTS):
        times.update(c.vehicle_id for c in draw(days, DAY, f"seed {k}", 20))
    chances = {c.stratum: c.probability for c in draw(days, DAY, SEED, 20)}
    for day in days:
        p = chances[day.school_id or ""] or 0.0
        assert abs(times[day.vehicle_id] / NIGHTS - p) < 4.5 * (p * (1 - p) / NIGHTS) ** 0.5  # of 100, at once


@pytest.mark.parametrize(("total", "least"), [(20, 1), (12, 3)])
def test_the_upper_bound_holds_in_nineteen_of_twenty_nights(total: int, least: int) -> None:
    days = fleet(CITY)
    truth = len(GUILTY) / 100
    held = sum(
        missed_estimate(reviewed(draw(days, DAY, f"seed {k}", total, least), GUILTY)).upper >= truth
        for k in range(NIGHTS)
    )
    assert held / NIGHTS >= 0.95


def test_with_equal_chances_the_bound_is_clopper_and_pearsons() -> None:
    checked = reviewed(draw(fleet({"S1": 60, "S2": 40}), DAY, SEED, 10), {"S1-000"})
    found = missed_estimate(checked)
    assert found.upper == pytest.approx(clopper_pearson_upper(found.n_violations, 10), abs=1e-9)


def test_what_was_picked_by_hand_enters_no_estimate() -> None:
    checked = reviewed(draw(fleet(CITY), DAY, SEED, 20), set())
    picked = pick(AuditedDay("S1-007", "S1"), DAY)
    assert (picked.probability, picked.is_picked) == (None, True)
    assert missed_estimate([*checked, Checked(picked, True)]) == missed_estimate(checked)
    assert missed_estimate([Checked(picked, True)]).share is None


def test_what_was_not_decided_is_counted_and_a_school_without_a_decided_check_is_not_covered() -> None:
    checks = draw(fleet(CITY), DAY, SEED, 4)
    checked = [Checked(c, None if c.school_id == "S4" else c.school_id == "S2") for c in checks]
    found = missed_estimate(checked)
    assert (found.n, found.n_violations, found.n_undecided) == (3, 1, 1)
    assert (found.population, found.covered) == (100, 95)
    assert found.share == pytest.approx(25 / 95)


def test_nights_add_up_each_by_its_own_size() -> None:
    one = reviewed(draw(fleet({"S1": 30}), DAY, SEED, 3), set())
    other = reviewed(draw(fleet({"S1": 10}), DAY + timedelta(1), SEED, 10), {"S1-000", "S1-001"})
    found = missed_estimate([*one, *other])
    assert found.population == 40
    assert found.share == pytest.approx((30 * 0 + 10 * 0.2) / 40)


def test_no_checks_say_nothing() -> None:
    found = missed_estimate([])
    assert (found.share, found.upper, found.n, found.population) == (None, 1.0, 0, 0)
