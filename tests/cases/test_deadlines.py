"""Working days, holidays and working weekends, dated numbers of days, and who is told when nothing happens."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.case import Case, applied
from cases.deadlines import DEFAULTS, LEVELS, Deadlines, Terms, WorkCalendar, escalations, overdue
from cases.deciding import Refused, decide
from cases.following import follow
from cases.roles import SYSTEM
from cases.states import Action, State
from tests.cases.making import BASIS, HOUR_MS, LI, WANG, actions, found, led_to, matter
from trajectories.clock import LocalTime

SHANGHAI = LocalTime("Asia/Shanghai")
# The General Office of the State Council's notice on holidays of 2026: National Day from 1 to 7 October; 20 September
# (a Sunday) and 10 October (a Saturday) are worked.
AUTUMN = WorkCalendar(
    frozenset(date(2026, 10, d) for d in range(1, 8)), frozenset({date(2026, 9, 20), date(2026, 10, 10)})
)
OFFICE = Deadlines(date(2026, 1, 1), {State.NEW: 1, State.ASSIGNED: 3}, "济公交〔2026〕1号")
TERMS = Terms((OFFICE,), AUTUMN, SHANGHAI)


def at(day: date, clock: str = "10:00") -> int:
    return SHANGHAI.at(day, time.fromisoformat(clock))


def opened_at(day: date, clock: str = "10:00", terms: Terms = TERMS) -> Case:
    about = matter(day=day - timedelta(days=1))
    return applied(None, follow(None, about, [found()], at(day, clock), BASIS, terms.due_ms)[0])


def ends(case: Case) -> str:
    assert case.due_ms is not None
    return SHANGHAI.iso(case.due_ms)


# ---------------------------------------------------------------- working days


@pytest.mark.parametrize(
    ("start", "n", "end"),
    [
        (date(2026, 3, 18), 1, date(2026, 3, 19)),  # a Wednesday
        (date(2026, 3, 20), 1, date(2026, 3, 23)),  # a Friday: the weekend is not counted
        (date(2026, 3, 21), 1, date(2026, 3, 23)),  # a Saturday
        (date(2026, 3, 18), 5, date(2026, 3, 25)),
        (date(2026, 9, 30), 1, date(2026, 10, 8)),  # over National Day
        (date(2026, 9, 30), 3, date(2026, 10, 10)),  # the Saturday is worked
        (date(2026, 9, 19), 1, date(2026, 9, 20)),  # so is that Sunday
        (date(2026, 3, 21), 0, date(2026, 3, 21)),
    ],
)
def test_working_days_are_counted_from_the_next_one_on(start: date, n: int, end: date) -> None:
    assert AUTUMN.add_workdays(start, n) == end


@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(1, 40))
def test_exactly_so_many_working_days_lie_between(start: date, n: int) -> None:
    end = AUTUMN.add_workdays(start, n)
    between = [start + timedelta(days=k) for k in range(1, (end - start).days + 1)]
    assert sum(AUTUMN.is_workday(d) for d in between) == n
    assert AUTUMN.is_workday(end)


def test_a_calendar_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="holiday and workday at once: 2026-10-01"):
        WorkCalendar(frozenset({date(2026, 10, 1)}), frozenset({date(2026, 10, 1)}))
    with pytest.raises(ValueError, match="a day that is worked"):
        WorkCalendar(weekend=frozenset(range(1, 8)))
    with pytest.raises(ValueError, match="in the past"):
        AUTUMN.add_workdays(date(2026, 3, 18), -1)


# ---------------------------------------------------------------- deadlines


def test_a_deadline_ends_with_the_last_local_day() -> None:
    assert ends(opened_at(date(2026, 3, 18))) == "2026-03-20T00:00:00+08:00"  # Thursday, 24:00
    assert ends(opened_at(date(2026, 3, 18), "23:59")) == "2026-03-20T00:00:00+08:00"
    assert ends(opened_at(date(2026, 3, 19), "00:00")) == "2026-03-21T00:00:00+08:00"


def test_a_state_that_is_entered_gets_its_own_deadline_and_one_without_number_gets_none() -> None:
    case = opened_at(date(2026, 3, 18))
    case = applied(case, decide(case, LI, Action.ASSIGN, {"assignee": "li"}, at(date(2026, 3, 19)), TERMS.due_ms))
    assert ends(case) == "2026-03-25T00:00:00+08:00"
    case = applied(case, decide(case, LI, Action.START_VERIFYING, {}, at(date(2026, 3, 20)), TERMS.due_ms))
    assert case.due_ms is None


def test_what_is_to_be_rectified_falls_due_with_its_date_and_other_measures_after_the_offices_days() -> None:
    terms = Terms((DEFAULTS,), WorkCalendar(), SHANGHAI)
    entered = at(date(2026, 3, 18))
    rectify = {"kind": "rectify", "by_date": "2026-05-02"}
    event = decide(led_to(State.CONFIRMED), WANG, Action.DISPOSE, rectify, entered, terms.due_ms)
    assert ends(applied(led_to(State.CONFIRMED), event)) == "2026-05-03T00:00:00+08:00"
    assert terms.due_ms(State.DISPOSED, entered, {"kind": "points"}) == at(date(2026, 4, 9), "00:00")


def test_numbers_hold_from_their_date_on_and_a_deadline_once_given_stays() -> None:
    later = Deadlines(date(2026, 4, 1), {State.NEW: 3}, "济公交〔2026〕30号")
    terms = Terms((OFFICE, later), AUTUMN, SHANGHAI)
    assert terms.in_force(date(2025, 12, 31)) is None
    assert terms.due_ms(State.NEW, at(date(2025, 12, 31)), {}) is None
    assert terms.in_force(date(2026, 3, 31)) is OFFICE
    assert terms.in_force(date(2026, 4, 1)) is later
    assert ends(opened_at(date(2026, 3, 31), terms=terms)) == "2026-04-02T00:00:00+08:00"
    assert ends(opened_at(date(2026, 4, 1), terms=terms)) == "2026-04-07T00:00:00+08:00"


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ({"days": {State.NEW: 0}}, "one working day at least"),
        ({"escalate_after": (2, 0, 5)}, "one after the other"),
        ({"escalate_after": (-1, 0, 5)}, "one after the other"),
        ({"source": " "}, "paper"),
    ],
)
def test_numbers_that_nobody_can_keep_are_refused(facts: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Deadlines(**{"since": date(2026, 1, 1), "days": {State.NEW: 1}, "source": "x", **facts})


def test_settings_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="order of their dates"):
        Terms((OFFICE, OFFICE), AUTUMN, SHANGHAI)


def test_the_defaults_say_that_the_office_sets_them_and_let_no_ended_case_fall_due() -> None:
    assert "set by the office" in DEFAULTS.source
    assert not {State.CLOSED, State.SUPERSEDED} & set(DEFAULTS.days)


# ---------------------------------------------------------------- overdue


def test_a_case_is_overdue_from_the_end_of_its_last_day_on() -> None:
    case = opened_at(date(2026, 3, 18))
    assert case.due_ms is not None
    assert overdue([case], case.due_ms - 1) == ()
    assert overdue([case], case.due_ms) == (case,)
    assert overdue([led_to(State.CLOSED)], case.due_ms + 10**12) == ()


def test_the_longest_overdue_comes_first() -> None:
    cases = [opened_at(date(2026, 3, day)) for day in (19, 17, 18)]
    late = overdue(cases, at(date(2026, 3, 30)))
    assert [c.service_date.day for c in late] == [16, 17, 18]


@pytest.mark.parametrize(
    ("now", "levels"),
    [
        ((19, "23:59"), []),
        ((20, "00:00"), [1]),  # the Thursday is over
        ((23, "23:59"), [1]),
        ((24, "00:00"), [1, 2]),  # two working days later: Friday and Monday
        ((26, "23:59"), [1, 2]),
        ((27, "00:00"), [1, 2, 3]),  # five working days later
    ],
)
def test_levels_are_reached_in_order_also_after_a_standstill(now: tuple[int, str], levels: list[int]) -> None:
    case = opened_at(date(2026, 3, 18))
    made = escalations([case], at(date(2026, 3, now[0]), now[1]), TERMS)
    assert [event.payload["level"] for _, event in made] == levels
    assert actions([event for _, event in made]) == ["escalate"] * len(levels)
    assert [event.seq for _, event in made] == list(range(2, 2 + len(levels)))


def test_each_level_is_reached_once_for_a_state_and_anew_in_the_next() -> None:
    case = opened_at(date(2026, 3, 18))
    now = at(date(2026, 3, 20))
    for _, event in escalations([case], now, TERMS):
        case = applied(case, event)
    assert (case.escalated, escalations([case], now + HOUR_MS, TERMS)) == (1, [])
    with pytest.raises(Refused, match="already-escalated"):
        decide(case, SYSTEM, Action.ESCALATE, {"level": 1}, now)
    case = applied(case, decide(case, LI, Action.ASSIGN, {"assignee": "li"}, now, TERMS.due_ms))
    assert case.escalated == 0
    made = escalations([case], at(date(2026, 4, 30)), TERMS)
    assert [event.payload["level"] for _, event in made] == sorted(LEVELS)
