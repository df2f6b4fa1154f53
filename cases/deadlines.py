"""Until when a state should be left: working days that the office sets, with its own holidays and working weekends.

Days are counted as in the Civil Code of the PRC, articles 201 and 203: the day on which a time begins is not counted,
and the last day ends at 24:00 local. No law sets these numbers of days: the office does, each with its date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cases.case import Case, Event, applied
from cases.deciding import decide
from cases.roles import SYSTEM
from cases.states import Action, DisposalKind, State
from trajectories.clock import LocalTime

LEVELS: dict[int, tuple[str, str]] = {
    1: ("提醒经办人", "remind the assignee"),
    2: ("提醒审核员", "tell the reviewers"),
    3: ("报告负责人", "tell the head of the office"),
}
"""Who is told of an overdue case, level by level."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The office's numbers from `since` on, with the paper that sets them.

    `days`: working days per state; a state that is not named has no deadline. `escalate_after`: working days from the
    deadline to each level of `LEVELS`.
    """

    since: date
    days: Mapping[State, int]
    source: str
    escalate_after: tuple[int, int, int] = (0, 2, 5)

    def __post_init__(self) -> None:
        """Refuse numbers that nobody can keep."""
        short = [f"{state} {n}" for state, n in self.days.items() if n < 1]
        if short:
            raise ValueError(f"a deadline is one working day at least; found {', '.join(short)}")
        if list(self.escalate_after) != sorted(self.escalate_after) or self.escalate_after[0] < 0:
            raise ValueError(f"levels are reached one after the other, not after {self.escalate_after} days")
        if not self.source.strip():
            raise ValueError("deadlines need the paper that sets them")


DEFAULTS = Deadlines(
    date(2000, 1, 1),
    {
        State.NEW: 1,
        State.ASSIGNED: 2,
        State.VERIFYING: 5,
        State.AWAITING_SCHOOL: 3,
        State.CONFIRMED: 5,
        State.DISPOSED: 15,
        State.FEEDBACK: 3,
        State.FEEDBACK_REVIEWED: 3,
        State.REOPENED: 2,
    },
    "set by the office: no law gives these numbers, and these stand until it sets its own",
)


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Which days are worked: not the weekend (ISO weekdays), not a holiday, but a workday moved to a weekend (调休).

    >>> spring = WorkCalendar(frozenset({date(2026, 2, 17)}), frozenset({date(2026, 2, 28)}))  # a Tuesday, a Saturday
    >>> spring.is_workday(date(2026, 2, 17)), spring.is_workday(date(2026, 2, 28)), spring.is_workday(date(2026, 3, 1))
    (False, True, False)
    """

    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    weekend: frozenset[int] = frozenset({6, 7})

    def __post_init__(self) -> None:
        """Refuse a date that is both, and a week without work."""
        if both := sorted(self.holidays & self.workdays):
            raise ValueError(f"holiday and workday at once: {', '.join(str(d) for d in both)}")
        if self.weekend >= frozenset(range(1, 8)):
            raise ValueError("a week needs a day that is worked")

    def is_workday(self, day: date) -> bool:
        """Whether a day is worked."""
        if day in self.workdays:
            return True
        return day not in self.holidays and day.isoweekday() not in self.weekend

    def add_workdays(self, day: date, n: int) -> date:
        """Return the n-th working day after `day`, which is not counted; n = 0 is the day itself.

        >>> WorkCalendar().add_workdays(date(2026, 3, 20), 1)  # from a Friday
        datetime.date(2026, 3, 23)
        """
        if n < 0:
            raise ValueError(f"{n} working days lie in the past")
        while n:
            day += timedelta(days=1)
            n -= self.is_workday(day)
        return day


@dataclass(frozen=True, slots=True)
class Terms:
    """All that deadlines follow from: the office's numbers in order of their dates, its calendar, the city's time."""

    settings: tuple[Deadlines, ...]
    calendar: WorkCalendar
    local: LocalTime

    def __post_init__(self) -> None:
        """Refuse two settings of one date, or settings out of order."""
        since = [s.since for s in self.settings]
        if since != sorted(set(since)):
            raise ValueError("deadlines must be in order of their dates, each date once")

    def in_force(self, day: date) -> Deadlines | None:
        """Return the numbers as they stood on a day; None where there were none yet."""
        return next((s for s in reversed(self.settings) if s.since <= day), None)

    def due_ms(self, state: State, entered_ms: int, payload: Mapping[str, Any]) -> int | None:
        """Return when a state entered at a moment falls due, ms UTC: the end of a local day; None without a deadline.

        This is a `cases.case.Due`. An order to rectify by a date falls due with that date.
        """
        if state is State.DISPOSED and payload.get("kind") == DisposalKind.RECTIFY:
            return self._end_of(date.fromisoformat(payload["by_date"]))
        day = self.local.moment(entered_ms).date()
        numbers = self.in_force(day)
        if numbers is None or state not in numbers.days:
            return None
        return self._end_of(self.calendar.add_workdays(day, numbers.days[state]))

    def level(self, case: Case, now_ms: int) -> int:
        """Return the level of `LEVELS` that a case has reached; 0 where it is not overdue."""
        numbers = self.in_force(self.local.moment(case.entered_state_ms).date())
        if case.due_ms is None or now_ms < case.due_ms or numbers is None:
            return 0
        last_day = self.local.moment(case.due_ms - 1).date()
        at = [self._end_of(self.calendar.add_workdays(last_day, n)) for n in numbers.escalate_after]
        return sum(now_ms >= moment for moment in at)

    def _end_of(self, day: date) -> int:
        return self.local.midnight(day + timedelta(days=1))


def overdue(cases: Iterable[Case], now_ms: int) -> tuple[Case, ...]:
    """Return the cases whose deadline has passed, the longest overdue first."""
    late = [(c.due_ms, c.case_id, c) for c in cases if c.due_ms is not None and c.due_ms <= now_ms]
    return tuple(case for _, _, case in sorted(late, key=lambda row: row[:2]))


def escalations(cases: Iterable[Case], now_ms: int, terms: Terms) -> list[tuple[Case, Event]]:
    """Return the events by which overdue cases reach their levels, each with the case that it is of.

    Each level once for a state entered; levels missed while nothing ran are made up for in order.
    """
    out = []
    for case in overdue(cases, now_ms):
        after = case
        for level in range(case.escalated + 1, terms.level(case, now_ms) + 1):
            event = decide(after, SYSTEM, Action.ESCALATE, {"level": level}, now_ms)
            after = applied(after, event)
            out.append((case, event))
    return out
