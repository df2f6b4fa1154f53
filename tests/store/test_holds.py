"""Holds: placed on a night that is there, with a reason; released once; each on record."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from cases.roles import SYSTEM, Actor, Grant, Role
from store.access_log import verify
from store.engine import Store
from store.holds import HoldRefused, erased_kinds, holds, place_hold, release_hold
from store.tables.access import AccessEntry
from tests.store.conftest import DAY
from tests.store.erasing import close_cases, days_later, erase, hold
from tests.stores import START_MS

SUN = Actor("sun", (Grant(Role.OFFICE_HEAD),))


def test_a_hold_and_its_release_are_on_record(night: Store) -> None:
    with night.writing() as session:
        placed = place_hold(session, SUN, DAY, "诉讼", START_MS, vehicle_id="V0001", case_id="C6752dc916c59fce1750a")
        assert placed.gone == ()
    with night.writing() as session:
        assert release_hold(session, SUN, placed.number, "已结", START_MS + 5) == DAY
    with night.reading() as session:
        (row,) = holds(session)
        assert (row.service_date, row.vehicle_id, row.case_id) == (DAY, "V0001", "C6752dc916c59fce1750a")
        assert (row.placed_ms, row.placed_by, row.released_ms, row.released_by) == (
            START_MS,
            "sun",
            START_MS + 5,
            "sun",
        )
        told = session.scalars(select(AccessEntry).order_by(AccessEntry.seq.desc()).limit(2)).all()[::-1]
        assert [(e.actor, e.role, e.action, e.subject_kind, e.subject_id, e.reason) for e in told] == [
            ("sun", "office-head", "place-hold", "night", "2026-03-18",
             f"hold {row.id}, vehicle V0001, case C6752dc916c59fce1750a: 诉讼"),
            ("sun", "office-head", "release-hold", "night", "2026-03-18", f"hold {row.id}: 已结"),
        ]  # fmt: skip
        assert verify(session) == []


@pytest.mark.parametrize(
    ("day", "told", "message"),
    [
        (date(2026, 3, 17), {}, "no night of 2026-03-17"),
        (DAY, {"reason": " - "}, "needs a reason"),
        (DAY, {"vehicle_id": "V9999"}, "'V9999' was not audited on 2026-03-18"),
        (DAY, {"case_id": "C0"}, "'C0' is not one of 2026-03-18"),
    ],
)
def test_a_hold_on_what_is_not_there_is_refused(
    sqlite_night: Store, day: date, told: dict[str, Any], message: str
) -> None:
    with pytest.raises(HoldRefused, match=message), sqlite_night.writing() as session:
        place_hold(session, SUN, day, told.pop("reason", "suit"), START_MS, **told)
    with sqlite_night.reading() as session:
        assert holds(session) == []


def test_a_hold_is_released_once_and_with_a_reason(sqlite_night: Store) -> None:
    number = hold(sqlite_night)
    for wrong, reason, message in (
        (number + 1, "settled", "no hold"),
        (number, " ", "needs a reason"),
    ):
        with pytest.raises(HoldRefused, match=message), sqlite_night.writing() as session:
            release_hold(session, SYSTEM, wrong, reason, START_MS)
    with sqlite_night.writing() as session:
        release_hold(session, SYSTEM, number, "settled", START_MS)
    with pytest.raises(HoldRefused, match="released already, by system"), sqlite_night.writing() as session:
        release_hold(session, SYSTEM, number, "settled", START_MS)


def test_two_holds_are_released_one_by_one(sqlite_night: Store) -> None:
    from tests.store.erasing import look

    first, second = hold(sqlite_night), hold(sqlite_night)
    close_cases(sqlite_night)
    days_later(sqlite_night, 60)
    for number in (first, second):
        assert look(sqlite_night, tracks=30).is_empty
        with sqlite_night.writing() as session:
            release_hold(session, SYSTEM, number, "settled", START_MS)
    assert not look(sqlite_night, tracks=30).is_empty


def test_what_was_erased_before_is_told(night: Store) -> None:
    close_cases(night)
    days_later(night, 60)
    for kind in ("candidates", "passages", "tracks", "findings"):
        erase(night, **{kind: 30})
        with night.reading() as session:
            assert erased_kinds(session, DAY)[-1] == kind
    with night.writing() as session:
        placed = place_hold(session, SUN, DAY, "suit", START_MS, vehicle_id="V0001")
    assert placed.gone == ("candidates", "passages", "tracks", "findings")
