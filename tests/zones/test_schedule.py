"""Approved hours, against a slow obvious calendar that asks every half hour what the wall clock says."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectories.clock import LocalTime, ServiceDay, to_ms
from trajectories.intervals import Intervals, clip, intersect, intervals, total_ms, union
from zones.schedule import Calendar, HoursException, Window
from zones.validity import holds_on

SHANGHAI = LocalTime("Asia/Shanghai")
BERLIN = LocalTime("Europe/Berlin")
WEDNESDAY = date(2026, 3, 18)
EVERY_DAY = frozenset(range(1, 8))
HOUR_MS = 3_600_000
STEP_MIN = 30
STEP_MS = STEP_MIN * 60_000


def minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def window(start: str, end: str, zone_id: str = "G1", weekdays: frozenset[int] = EVERY_DAY, **dates: date) -> Window:
    return Window(zone_id, weekdays, minutes(start), minutes(end), **dates)


def exception(
    day: date, *, is_open: bool, start: str | None = None, end: str | None = None, zone_id: str | None = "G1"
) -> HoursException:
    at = [None if clock is None else minutes(clock) for clock in (start, end)]
    return HoursException(day, zone_id, is_open, at[0], at[1], "the office says so")


def hours(
    windows: list[Window],
    exceptions: list[HoursException] | None = None,
    day: date = WEDNESDAY,
    local: LocalTime = SHANGHAI,
    zone_id: str = "G1",
) -> list[str] | None:
    """The open intervals of a service day as 'DD HH:MM-DD HH:MM' of the wall clock."""
    calendar = Calendar(tuple(windows), tuple(exceptions or ()), local)
    found = calendar.open_during(zone_id, ServiceDay(day, local))
    if found is None:
        return None
    return ["-".join(f"{local.moment(t):%d %H:%M}" for t in row) for row in found.tolist()]


# ---------------------------------------------------------------- windows


def test_a_window_of_the_day_is_open_from_its_start_to_its_end() -> None:
    assert hours([window("08:00", "18:00")]) == ["18 08:00-18 18:00"]


def test_a_window_across_midnight_ends_on_the_next_date() -> None:
    assert hours([window("22:00", "02:00")]) == ["18 22:00-19 02:00"]


def test_midnight_as_an_end_may_be_written_2400_or_0000() -> None:
    assert hours([window("20:00", "24:00")]) == hours([window("20:00", "00:00")]) == ["18 20:00-19 00:00"]


def test_equal_start_and_end_is_a_whole_day() -> None:
    assert hours([window("04:00", "04:00")]) == ["18 04:00-19 04:00"]


def test_a_window_that_began_the_evening_before_reaches_into_the_service_day() -> None:
    assert hours([window("22:00", "06:00")]) == ["18 04:00-18 06:00", "18 22:00-19 04:00"]


def test_the_hours_before_0400_come_from_the_next_dates_windows() -> None:
    thursdays = window("02:00", "05:00", weekdays=frozenset({4}))
    assert hours([window("08:00", "09:00"), thursdays]) == ["18 08:00-18 09:00", "19 02:00-19 04:00"]
    assert hours([thursdays], day=date(2026, 3, 19)) == ["19 04:00-19 05:00"]


def test_the_weekday_is_that_of_the_windows_start() -> None:
    tuesday_night = window("22:00", "06:00", weekdays=frozenset({2}))
    assert hours([tuesday_night]) == ["18 04:00-18 06:00"]


def test_several_windows_of_a_day_add_up_and_touching_ones_are_one() -> None:
    assert hours([window("09:00", "11:30"), window("14:00", "17:00"), window("11:30", "12:00")]) == [
        "18 09:00-18 12:00",
        "18 14:00-18 17:00",
    ]


def test_validity_is_that_of_the_date_on_which_the_window_starts() -> None:
    old = window("22:00", "06:00", valid_to=date(2026, 3, 17))
    new = window("08:00", "12:00", valid_from=WEDNESDAY)
    assert hours([old, new]) == ["18 04:00-18 06:00", "18 08:00-18 12:00"]
    assert hours([old, new], day=date(2026, 3, 17)) == ["17 04:00-17 06:00", "17 22:00-18 04:00"]


# ---------------------------------------------------------------- not assessable


def test_hours_of_a_zone_without_a_row_are_not_assessable() -> None:
    assert hours([window("08:00", "18:00")], zone_id="G2") is None


@pytest.mark.parametrize("dates", [{"valid_to": date(2026, 3, 17)}, {"valid_from": date(2026, 3, 19)}])
def test_hours_of_a_zone_whose_rows_hold_on_other_dates_are_not_assessable(dates: dict[str, date]) -> None:
    assert hours([window("22:00", "06:00", **dates)]) is None


def test_a_zone_with_a_row_that_leaves_out_the_weekday_is_closed_and_not_unknown() -> None:
    assert hours([window("08:00", "18:00", weekdays=frozenset({6, 7}))]) == []


@pytest.mark.parametrize("zone_id", ["G1", None])
def test_an_opening_or_a_closing_of_the_day_states_the_hours_of_a_zone_without_rows(zone_id: str | None) -> None:
    assert hours([], [exception(WEDNESDAY, is_open=True, start="09:00", end="12:00", zone_id=zone_id)]) == [
        "18 09:00-18 12:00"
    ]
    assert hours([], [exception(WEDNESDAY, is_open=False, zone_id=zone_id)]) == []


def test_closing_a_part_of_unknown_hours_leaves_them_unknown() -> None:
    assert hours([], [exception(WEDNESDAY, is_open=False, start="09:00", end="12:00")]) is None


# ---------------------------------------------------------------- exceptions

DAILY = window("08:00", "18:00")
NIGHTLY = window("22:00", "02:00")


def test_a_closing_takes_every_window_of_its_date() -> None:
    assert hours([DAILY, window("19:00", "21:00")], [exception(WEDNESDAY, is_open=False)]) == []


def test_a_closing_takes_the_window_that_starts_on_its_date_whole_and_leaves_last_nights() -> None:
    assert hours([window("22:00", "06:00")], [exception(WEDNESDAY, is_open=False)]) == ["18 04:00-18 06:00"]


def test_a_closing_of_the_next_date_takes_only_what_begins_after_midnight() -> None:
    closed_tomorrow = [exception(date(2026, 3, 19), is_open=False)]
    assert hours([NIGHTLY, window("02:30", "03:30")], closed_tomorrow) == ["18 22:00-19 02:00"]


def test_a_closing_with_times_takes_only_these_times() -> None:
    assert hours([DAILY], [exception(WEDNESDAY, is_open=False, start="10:00", end="12:00")]) == [
        "18 08:00-18 10:00",
        "18 12:00-18 18:00",
    ]


def test_a_closing_with_times_reaches_the_part_of_its_dates_window_that_lies_after_midnight() -> None:
    assert hours([NIGHTLY], [exception(WEDNESDAY, is_open=False, start="00:30", end="01:00")]) == [
        "18 22:00-19 00:30",
        "19 01:00-19 02:00",
    ]


def test_an_opening_stands_in_place_of_the_dates_windows() -> None:
    assert hours([DAILY], [exception(WEDNESDAY, is_open=True, start="19:00", end="01:00")]) == ["18 19:00-19 01:00"]


def test_a_blank_opening_opens_the_whole_service_day() -> None:
    assert hours([DAILY], [exception(WEDNESDAY, is_open=True)]) == ["18 04:00-19 04:00"]


def test_a_blank_opening_does_not_close_the_night_before_0400() -> None:
    always = window("00:00", "24:00")
    assert hours([always], [exception(date(2026, 3, 19), is_open=True)]) == ["18 04:00-19 04:00"]


@pytest.mark.parametrize(
    ("start", "end", "expected"), [("20:00", None, "18 20:00-19 04:00"), (None, "07:00", "18 04:00-18 07:00")]
)
def test_one_blank_time_is_that_end_of_the_service_day(start: str | None, end: str | None, expected: str) -> None:
    assert hours([DAILY], [exception(WEDNESDAY, is_open=True, start=start, end=end)]) == [expected]


def test_several_openings_of_one_date_add_up() -> None:
    opened = [exception(WEDNESDAY, is_open=True, start=s, end=e) for s, e in (("09:00", "10:00"), ("12:00", "13:00"))]
    assert hours([DAILY], opened) == ["18 09:00-18 10:00", "18 12:00-18 13:00"]


def test_an_opening_beside_a_closing_of_the_day_is_what_holds() -> None:
    both = [exception(WEDNESDAY, is_open=True, start="09:00", end="12:00"), exception(WEDNESDAY, is_open=False)]
    assert hours([DAILY], both) == hours([DAILY], both[::-1]) == ["18 09:00-18 12:00"]


def test_an_exception_for_every_zone_closes_each() -> None:
    holiday = [exception(WEDNESDAY, is_open=False, zone_id=None)]
    windows = [DAILY, window("08:00", "18:00", zone_id="G2")]
    assert hours(windows, holiday) == hours(windows, holiday, zone_id="G2") == []


def test_a_zones_own_exception_beats_the_one_for_every_zone() -> None:
    holiday = exception(WEDNESDAY, is_open=False, zone_id=None)
    duty = exception(WEDNESDAY, is_open=True, start="09:00", end="12:00")
    assert hours([DAILY], [holiday, duty]) == ["18 09:00-18 12:00"]
    assert hours([window("08:00", "18:00", zone_id="G2")], [holiday, duty], zone_id="G2") == []


def test_an_exception_counts_on_its_date_only() -> None:
    assert hours([DAILY], [exception(WEDNESDAY, is_open=False)], day=date(2026, 3, 19)) == ["19 08:00-19 18:00"]


# ---------------------------------------------------------------- clock changes

SPRING = date(2026, 3, 29)  # Berlin: 02:00 becomes 03:00
AUTUMN = date(2026, 10, 25)  # Berlin: 03:00 becomes 02:00


@pytest.mark.parametrize(("change", "length_h"), [(SPRING, 23), (AUTUMN, 25), (date(2026, 7, 1), 24)])
def test_a_whole_service_day_over_a_clock_change_has_23_or_25_hours(change: date, length_h: int) -> None:
    day = ServiceDay(change - timedelta(days=1), BERLIN)
    found = Calendar((window("00:00", "24:00"),), (), BERLIN).open_during("G1", day)
    assert found is not None
    assert found.tolist() == [[day.start_ms, day.end_ms]]
    assert total_ms(found) == length_h * HOUR_MS


@pytest.mark.parametrize(("change", "length_h"), [(SPRING, 7), (AUTUMN, 9), (date(2026, 7, 1), 8)])
def test_a_night_window_keeps_its_wall_times_over_a_clock_change(change: date, length_h: int) -> None:
    night = Calendar((window("20:00", "04:00"),), (), BERLIN)
    found = night.open_during("G1", ServiceDay(change - timedelta(days=1), BERLIN))
    assert found is not None
    assert total_ms(found) == length_h * HOUR_MS
    assert BERLIN.iso(int(found[0, 0]))[11:16] == "20:00"
    assert BERLIN.iso(int(found[0, 1]))[11:16] == "04:00"


def test_hours_that_end_at_a_time_shown_twice_end_at_the_second_showing() -> None:
    found = Calendar((window("22:00", "02:30"),), (), BERLIN).open_during("G1", ServiceDay(date(2026, 10, 24), BERLIN))
    assert found is not None
    assert [BERLIN.iso(t) for t in found[-1].tolist()] == ["2026-10-24T22:00:00+02:00", "2026-10-25T02:30:00+01:00"]


def test_hours_that_begin_at_a_time_never_shown_begin_no_later_than_the_jump() -> None:
    found = Calendar((window("02:30", "03:30"),), (), BERLIN).open_during("G1", ServiceDay(date(2026, 3, 28), BERLIN))
    assert found is not None
    jump = to_ms(datetime(2026, 3, 29, 1, tzinfo=UTC))
    assert found[0, 0] <= jump < found[0, 1] == jump + HOUR_MS // 2


def test_a_closing_at_a_time_shown_twice_is_read_the_shorter_way() -> None:
    closing = exception(AUTUMN, is_open=False, start="02:00", end="02:30")
    calendar = Calendar((window("00:00", "24:00"),), (closing,), BERLIN)
    found = calendar.open_during("G1", ServiceDay(date(2026, 10, 24), BERLIN))
    assert found is not None
    assert total_ms(found) == 25 * HOUR_MS  # the later start lies after the earlier end: nothing is closed for certain


# ---------------------------------------------------------------- answers


def test_answers_are_remembered_and_read_only() -> None:
    calendar = Calendar((DAILY,), (), SHANGHAI)
    day = ServiceDay(WEDNESDAY, SHANGHAI)
    first = calendar.open_during("G1", day)
    assert first is not None
    assert calendar.open_during("G1", day) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 0


def test_a_calendar_travels_to_another_process_and_answers_the_same() -> None:
    calendar = Calendar((DAILY,), (exception(WEDNESDAY, is_open=False),), SHANGHAI)
    day = ServiceDay(WEDNESDAY, SHANGHAI)
    copy = pickle.loads(pickle.dumps(calendar))
    assert copy == calendar
    assert np.array_equal(copy.open_during("G1", day), calendar.open_during("G1", day))


def test_open_and_closed_make_up_the_service_day() -> None:
    calendar = Calendar((DAILY, NIGHTLY), (), SHANGHAI)
    day = ServiceDay(WEDNESDAY, SHANGHAI)
    opened, closed = calendar.open_during("G1", day), calendar.closed_during("G1", day)
    assert opened is not None
    assert closed is not None
    assert union(opened, closed).tolist() == [[day.start_ms, day.end_ms]]
    assert not len(intersect(opened, closed))
    assert calendar.closed_during("G2", day) is None


# ---------------------------------------------------------------- the oracle: every half hour of the wall clock


def oracle_open(calendar: Calendar, zone_id: str, day: ServiceDay) -> set[int]:
    """The half hours of a service day in which the zone is open, asked one by one of the rows as they are written."""
    return {
        t
        for t in range(day.start_ms, day.end_ms, STEP_MS)
        if any(oracle_holds(calendar, zone_id, t, back) for back in (0, 1))
    }


def oracle_holds(calendar: Calendar, zone_id: str, t_ms: int, days_back: int) -> bool:
    """Whether hours that began `days_back` dates ago cover the half hour from t_ms."""
    now = calendar.local.moment(t_ms).replace(tzinfo=None)
    began = now.date() - timedelta(days=days_back)
    minute = int((now - datetime.combine(began, datetime.min.time())).total_seconds()) // 60
    rules = [x for x in calendar.exceptions if x.day == began and x.zone_id == zone_id]
    if not rules:
        rules = [x for x in calendar.exceptions if x.day == began and x.zone_id is None]
    regular = any(
        w.zone_id == zone_id
        and (w.valid_from is None or w.valid_from <= began)
        and (w.valid_to is None or began <= w.valid_to)
        and began.isoweekday() in w.weekdays
        and oracle_covers(w.start_min, w.end_min, minute)
        for w in calendar.windows
    )
    opened = [x for x in rules if x.is_open]
    blank = [x for x in rules if x.start_min is None and x.end_min is None]
    parts = [x for x in rules if not x.is_open and x not in blank]
    held = regular
    if opened:
        held = any(oracle_covers(x.start_min, x.end_min, minute) for x in opened)
        if any(x in blank for x in opened):
            held = held or regular
    elif blank:
        held = False
    return held and not any(oracle_covers(x.start_min, x.end_min, m) for x in parts for m in (minute, minute - 1440))


def oracle_covers(start_min: int | None, end_min: int | None, minute: int) -> bool:
    start = 240 if start_min is None else start_min
    end = 240 if end_min is None else end_min
    return start <= minute < (end if end > start else end + 1440)


HALF_HOURS = st.integers(0, 47).map(lambda n: n * STEP_MIN)
ENDS = st.integers(0, 48).map(lambda n: n * STEP_MIN)
DATES = st.sampled_from([WEDNESDAY + timedelta(days=n) for n in range(-2, 4)])
WINDOWS = st.builds(
    Window,
    st.sampled_from(["G1", "G2"]),
    st.frozensets(st.integers(1, 7), min_size=1),
    HALF_HOURS,
    ENDS,
    st.none() | DATES,
    st.none() | DATES,
)
EXCEPTIONS = st.builds(
    HoursException,
    DATES,
    st.sampled_from(["G1", "G2", None]),
    st.booleans(),
    st.none() | HALF_HOURS,
    st.none() | ENDS,
    st.just("drawn"),
)


def in_steps(found: Intervals) -> set[int]:
    return {t for start, end in found.tolist() for t in range(start, end, STEP_MS)}


@settings(max_examples=300, deadline=None)
@given(st.lists(WINDOWS, max_size=6), st.lists(EXCEPTIONS, max_size=5), DATES)
def test_hours_agree_with_a_calendar_that_asks_every_half_hour(
    windows: list[Window], exceptions: list[HoursException], day: date
) -> None:
    calendar = Calendar(tuple(windows), tuple(exceptions), SHANGHAI)
    service_day = ServiceDay(day, SHANGHAI)
    found = calendar.open_during("G1", service_day)
    rows = [w for w in windows if w.zone_id == "G1" and holds_on(w.valid_from, w.valid_to, day)]
    if found is None:
        assert not rows
    else:
        assert in_steps(found) == oracle_open(calendar, "G1", service_day)
        assert all(start % STEP_MS == end % STEP_MS == 0 for start, end in found.tolist())


@settings(max_examples=100, deadline=None)
@given(st.lists(WINDOWS, max_size=6), st.lists(EXCEPTIONS, max_size=5), st.integers(0, 24 * 60))
def test_the_open_time_of_two_halves_is_that_of_the_whole(
    windows: list[Window], exceptions: list[HoursException], cut_min: int
) -> None:
    day = ServiceDay(WEDNESDAY, SHANGHAI)
    found = Calendar(tuple(windows), tuple(exceptions), SHANGHAI).open_during("G1", day)
    if found is not None:
        cut = day.start_ms + cut_min * 60_000
        halves = union(clip(found, day.start_ms, cut), clip(found, cut, day.end_ms))
        assert halves.tolist() == found.tolist()


@settings(max_examples=100, deadline=None)
@given(HALF_HOURS, ENDS)
def test_a_window_loses_and_gains_nothing_where_one_service_day_ends_and_the_next_begins(start: int, end: int) -> None:
    calendar = Calendar((Window("G1", EVERY_DAY, start, end),), (), SHANGHAI)
    days = [ServiceDay(WEDNESDAY + timedelta(days=n), SHANGHAI) for n in range(4)]
    found = [calendar.open_during("G1", day) for day in days]
    together = intervals([(int(s), int(e)) for x in found if x is not None for s, e in x.tolist()])
    length_ms = ((end if end > start else end + 1440) - start) * 60_000
    assert total_ms(together) == 4 * length_ms
