"""Two that do the same at the same moment: one does it, the other one finds it done; on either database."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cases.roles import Actor
from cases.spot_checks import AuditedDay, pick
from store import accounts
from store.access_log import recent
from store.accounts import AccountRefused
from store.api_keys import give_key, revoke_key
from store.casework import record_checks
from store.engine import Store
from store.tables.casework import SpotCheck

DAY = date(2026, 3, 18)
HEAD_START_S = 0.4


def both(store: Store, work: Callable[[Session], Any]) -> list[Any]:
    """Do something in two transactions: the second begins while the first one has done it and not ended."""
    is_done = Event()

    def first() -> Any:
        with store.writing() as session:
            out = work(session)
            is_done.set()
            time.sleep(HEAD_START_S)
            return out

    def second() -> Any:
        assert is_done.wait(20)
        with store.writing() as session:
            return work(session)

    with ThreadPoolExecutor(2) as pool:
        return [found.result() for found in (pool.submit(first), pool.submit(second))]


def test_a_vehicle_day_that_two_pick_is_on_the_list_once(store: Store) -> None:
    check = pick(AuditedDay("V1", "S1", False, True), DAY)
    assert both(store, lambda session: record_checks(session, [check], {}, 1, picked_by="li", reason="a call")) == [
        1,
        0,
    ]
    with store.reading() as session:
        assert [row.vehicle_id for row in session.scalars(select(SpotCheck))] == ["V1"]


def test_a_key_that_two_revoke_is_revoked_once(store: Store) -> None:
    with store.writing() as session:
        accounts.add_first(session, "root", "boss", "boss", 1)
        boss = accounts.actor_of(session, "boss", 2)
        given = give_key(session, boss, "boss", "test", None, 2)

    def revoke(session: Session) -> str:
        try:
            return revoke_key(session, boss, given.id, 3)
        except AccountRefused as error:
            return str(error)

    assert both(store, revoke) == ["boss", f"key {given.id} is revoked already"]
    with store.reading() as session:
        assert [entry.action for entry in recent(session, 9)].count("revoke-key") == 1


def test_of_two_administrators_who_disable_each_other_one_stays(store: Store) -> None:
    with store.writing() as session:
        accounts.add_first(session, "root", "boss", "boss", 1)
        accounts.create_user(session, accounts.actor_of(session, "boss", 2), "other", None, 2)
        accounts.grant(session, accounts.actor_of(session, "boss", 2), "other", accounts.Role.ADMINISTRATOR, 2)
    turns = iter([("boss", "other"), ("other", "boss")])

    def disable(session: Session) -> str:
        by, name = next(turns)
        try:
            accounts.disable(session, Actor(by), name, 3)
        except AccountRefused as error:
            return str(error)
        return "done"

    ends = both(store, disable)
    assert ends[0] == "done"
    assert "may not" in ends[1] or "disabled" in ends[1]
    with store.reading() as session:
        assert [a.name for a in accounts.accounts(session, 9) if a.grants] == ["boss"]


@pytest.mark.parametrize("name", ["wang", "WANG"])
def test_a_name_that_two_take_is_one_account(store: Store, name: str) -> None:
    with store.writing() as session:
        accounts.add_first(session, "root", "boss", "boss", 1)
        boss = accounts.actor_of(session, "boss", 2)
    names = iter(["wang", name])

    def create(session: Session) -> str:
        try:
            accounts.create_user(session, boss, next(names), None, 2)
        except AccountRefused as error:
            return str(error)
        return "done"

    first, second = both(store, create)
    assert first == "done"
    assert "is there already" in second
