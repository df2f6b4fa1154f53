from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectories.clock import LocalTime, to_ms

SHANGHAI, BERLIN = LocalTime("Asia/Shanghai"), LocalTime("Europe/Berlin")
HOUR_MS = 3_600_000
DAY = date(2026, 3, 18)
instants = st.integers(min_value=0, max_value=4_102_444_800_000)  # to the year 2100


def test_the_last_millisecond_before_four_belongs_to_the_day_before() -> None:
    day = SHANGHAI.service_day(DAY)
    assert SHANGHAI.service_date(day.start_ms - 1) == date(2026, 3, 17)
    assert SHANGHAI.service_date(day.start_ms) == DAY
    assert SHANGHAI.service_date(day.end_ms - 1) == DAY
    assert SHANGHAI.service_date(day.end_ms) == date(2026, 3, 19)


def test_a_service_day_begins_at_four_local() -> None:
    assert SHANGHAI.iso(SHANGHAI.service_day(DAY).start_ms) == "2026-03-18T04:00:00+08:00"
    assert SHANGHAI.iso(SHANGHAI.service_day(DAY).end_ms) == "2026-03-19T04:00:00+08:00"


def test_midnight_lies_in_the_middle_of_a_service_day() -> None:
    midnight = SHANGHAI.midnight(date(2026, 3, 19))
    assert midnight - SHANGHAI.service_day(DAY).start_ms == 20 * HOUR_MS
    assert SHANGHAI.service_date(midnight) == SHANGHAI.service_date(midnight - 1) == DAY


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2026, 3, 28), 23),  # the clocks go forward on the morning of the 29th, before four
        (date(2026, 10, 24), 25),  # and back on the morning of the 25th
        (date(2026, 3, 29), 24),
        (date(2026, 10, 25), 24),
    ],
)
def test_a_service_day_is_as_long_as_the_law_makes_it(day: date, hours: int) -> None:
    found = BERLIN.service_day(day)
    assert found.end_ms - found.start_ms == hours * HOUR_MS
    assert {BERLIN.service_date(t) for t in range(found.start_ms, found.end_ms, HOUR_MS // 2)} == {day}


def test_both_hours_that_the_clock_shows_twice_belong_to_the_day_before() -> None:
    first = to_ms(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))  # 02:30 summer time
    assert [BERLIN.iso(t)[11:] for t in (first, first + HOUR_MS)] == ["02:30:00+02:00", "02:30:00+01:00"]
    assert BERLIN.service_date(first) == BERLIN.service_date(first + HOUR_MS) == date(2026, 10, 24)


@given(instants)
def test_every_instant_lies_in_exactly_the_service_day_it_is_said_to(t_ms: int) -> None:
    for local in (SHANGHAI, BERLIN):
        day = local.service_day(local.service_date(t_ms))
        assert day.start_ms <= t_ms < day.end_ms


@given(instants)
def test_service_days_follow_each_other_without_hole(t_ms: int) -> None:
    day = BERLIN.service_date(t_ms)
    assert BERLIN.service_day(day).end_ms == BERLIN.service_day(day + timedelta(days=1)).start_ms


@given(instants)
def test_an_instant_survives_local_time_to_the_millisecond(t_ms: int) -> None:
    for local in (SHANGHAI, BERLIN):
        assert to_ms(local.moment(t_ms)) == t_ms
        assert to_ms(datetime.fromisoformat(local.iso(t_ms))) == t_ms


def test_milliseconds_are_shown_only_where_there_are_some() -> None:
    assert SHANGHAI.iso(1_773_806_400_000) == "2026-03-18T12:00:00+08:00"
    assert SHANGHAI.iso(1_773_806_400_007) == "2026-03-18T12:00:00.007+08:00"


def test_one_instant_is_one_number_whatever_offset_it_is_written_with() -> None:
    """MovingPandas drops the offset and keeps the wall time, so that the same instants lie eight hours apart."""
    here = datetime(2026, 3, 18, 8, tzinfo=timezone(timedelta(hours=8)))
    assert to_ms(here) == to_ms(datetime(2026, 3, 18, 0, tzinfo=UTC)) == SHANGHAI.at(DAY, time(8))


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="has no offset"):
        to_ms(datetime(2026, 3, 18, 8))  # noqa: DTZ001 - what the test is about


def test_an_unknown_time_zone_is_refused_by_name() -> None:
    with pytest.raises(ZoneInfoNotFoundError, match="Asia/Nowhere"):
        _ = LocalTime("Asia/Nowhere").zone
    assert SHANGHAI.zone == ZoneInfo("Asia/Shanghai")
