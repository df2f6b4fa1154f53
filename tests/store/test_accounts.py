"""Accounts and roles: who made whom what, since when, and that nobody makes himself anything."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from cases.roles import APART, SYSTEM, Actor, Grant, Permission, Place, Role, has_permission, may_see
from store.access_log import recent, verify
from store.accounts import (
    AccountRefused,
    accounts,
    actor_of,
    add_first,
    create_user,
    disable,
    grant,
    has_accounts,
    named_by_os,
    revoke,
    role_in,
)
from store.engine import Store
from tests.stores import START_MS

T = START_MS


def staffed(store: Store) -> Iterator[Store]:
    with store.writing() as session:
        add_first(session, "root", "chief", "chief-os", T)
        create_user(session, actor_of(session, "chief", T), "wang", "wang-os", T)
    yield store
    with store.reading() as session:
        assert verify(session) == []


@pytest.fixture
def office(store: Store) -> Iterator[Store]:
    """A store in each of the databases with one administrator, `chief`, and `wang` without a role."""
    yield from staffed(store)


@pytest.fixture
def desk(sqlite_store: Store) -> Iterator[Store]:
    """The same in SQLite alone, for what no database is asked about."""
    yield from staffed(sqlite_store)


def actor(store: Store, name: str, at_ms: int = T) -> Actor:
    with store.reading() as session:
        return actor_of(session, name, at_ms)


def give(store: Store, by: str, name: str, role: Role, at_ms: int = T, **bounds) -> None:
    with store.writing() as session:
        grant(session, actor_of(session, by, at_ms), name, role, at_ms, **bounds)


def told(store: Store) -> list[tuple[str, str, str, str]]:
    with store.reading() as session:
        return [(e.actor, e.role, f"{e.action} {e.subject_kind} {e.subject_id}", e.reason) for e in recent(session, 99)]


# ---------------------------------------------------------------- the first account


def test_the_first_account_is_an_administrator_and_the_log_names_who_made_it(store: Store) -> None:
    with store.writing() as session:
        assert not has_accounts(session)
        add_first(session, "root", "chief", "chief-os", T)
        assert has_accounts(session)
    assert actor(store, "chief") == Actor("chief", (Grant(Role.ADMINISTRATOR),))
    why = "the first account, by the system user root"
    assert told(store) == [
        ("system", "system", "create-account account chief", f"system user chief-os: {why}"),
        ("system", "system", "grant-role account chief", f"administrator, the whole city: {why}"),
    ]


def test_there_is_no_second_first_account(desk: Store) -> None:
    with pytest.raises(AccountRefused, match="there are accounts already"), desk.writing() as session:
        add_first(session, "root", "other", "other-os", T)


def test_of_two_first_accounts_at_once_one_is_made(store: Store) -> None:
    def first(name: str) -> bool:
        try:
            with store.writing() as session:
                add_first(session, "root", name, name, T)
        except AccountRefused:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(first, "abcdef")) == 1
    with store.reading() as session:
        assert len(accounts(session, T)) == 1
        assert verify(session) == []


def test_the_program_itself_makes_no_further_account(desk: Store) -> None:
    with pytest.raises(AccountRefused, match="an administrator may"), desk.writing() as session:
        create_user(session, SYSTEM, "x", None, T)


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.ADMINISTRATOR])
def test_only_an_administrator_manages_accounts(desk: Store, role: Role) -> None:
    give(desk, "chief", "wang", role, school="S1" if role is Role.SCHOOL else None)
    wang = actor(desk, "wang")
    attempts = (
        lambda s: create_user(s, wang, "x", None, T),
        lambda s: disable(s, wang, "chief", T),
        lambda s: grant(s, wang, "chief", Role.AUDITOR, T),
        lambda s: revoke(s, wang, "chief", Role.ADMINISTRATOR, T),
    )
    before = told(desk)
    for attempt in attempts:
        with pytest.raises(AccountRefused, match="may not manage accounts"), desk.writing() as session:
            attempt(session)
    assert told(desk) == before


def test_an_administrator_who_is_none_any_more_is_refused_whatever_he_held_before(desk: Store) -> None:
    give(desk, "chief", "wang", Role.ADMINISTRATOR)
    wang = actor(desk, "wang")
    with desk.writing() as session:
        revoke(session, actor_of(session, "chief", T), "wang", Role.ADMINISTRATOR, T + 1)
    with pytest.raises(AccountRefused, match="may not manage accounts"), desk.writing() as session:
        create_user(session, wang, "x", None, T + 1)


@pytest.mark.parametrize("role", list(Role))
def test_nobody_grants_a_role_to_himself(desk: Store, role: Role) -> None:
    with pytest.raises(AccountRefused, match="to himself"):
        give(desk, "chief", "chief", role, school="S1" if role is Role.SCHOOL else None)


@pytest.mark.parametrize("role", [r for r in Role if r not in APART])
def test_an_administrator_is_given_no_casework_by_another_either(desk: Store, role: Role) -> None:
    give(desk, "chief", "wang", Role.ADMINISTRATOR)
    with pytest.raises(AccountRefused, match="cannot be held with another role"):
        give(desk, "wang", "chief", role)


def test_the_last_administrator_stays(office: Store) -> None:
    with office.writing() as session:
        chief = actor_of(session, "chief", T)
        with pytest.raises(AccountRefused, match="last administrator"):
            disable(session, chief, "chief", T)
        with pytest.raises(AccountRefused, match="last administrator"):
            revoke(session, chief, "chief", Role.ADMINISTRATOR, T)
    give(office, "chief", "wang", Role.ADMINISTRATOR)
    with office.writing() as session:
        disable(session, actor_of(session, "wang", T), "chief", T + 1)
        with pytest.raises(AccountRefused, match="last administrator"):
            revoke(session, actor_of(session, "wang", T + 1), "wang", Role.ADMINISTRATOR, T + 1)


# ---------------------------------------------------------------- roles, since when and until when


def test_a_role_holds_from_when_it_is_granted_until_it_is_revoked(office: Store) -> None:
    give(office, "chief", "wang", Role.AUDITOR, T + 10, districts=["370102", "370103"])
    with office.writing() as session:
        assert revoke(session, actor_of(session, "chief", T + 20), "wang", Role.AUDITOR, T + 20) == 1
    held = Grant(Role.AUDITOR, frozenset({"370102", "370103"}))
    moments = {T + 9: (), T + 10: (held,), T + 19: (held,), T + 20: ()}
    assert {at: actor(office, "wang", at).grants for at in moments} == moments
    with office.reading() as session:
        kept = session.execute(text("SELECT role, districts, granted_by, revoked_by FROM grants ORDER BY id")).all()
    assert tuple(kept[-1]) == ("auditor", '["370102","370103"]', "chief", "chief")


def test_bounds_are_kept(desk: Store) -> None:
    give(desk, "chief", "wang", Role.AUDITOR, districts={"370102"})
    wang = actor(desk, "wang")
    assert may_see(wang, Place("370102"))
    assert not may_see(wang, Place("370103"))
    assert role_in(wang, Permission.READ_CASES, Place("370102")) == "auditor"
    assert role_in(wang, Permission.READ_CASES, Place("370103")) == role_in(wang, Permission.READ_LOG) == "none"


def test_a_school_sees_its_own(desk: Store) -> None:
    give(desk, "chief", "wang", Role.SCHOOL, school="S1")
    assert actor(desk, "wang").grants == (Grant(Role.SCHOOL, None, "S1"),)


def test_one_account_may_hold_several_roles_of_casework(desk: Store) -> None:
    for role in (Role.AUDITOR, Role.REVIEWER):
        give(desk, "chief", "wang", role)
    with desk.writing() as session:
        revoke(session, actor_of(session, "chief", T), "wang", Role.AUDITOR, T + 1)
    assert actor(desk, "wang", T + 1).grants == (Grant(Role.REVIEWER),)


def test_a_disabled_account_does_not_act_and_its_names_stay_taken(office: Store) -> None:
    give(office, "chief", "wang", Role.AUDITOR)
    with office.writing() as session:
        chief = actor_of(session, "chief", T)
        disable(session, chief, "wang", T + 5, "离职")
        for attempt in (
            lambda: disable(session, chief, "wang", T + 6),
            lambda: grant(session, chief, "wang", Role.REVIEWER, T + 6),
            lambda: actor_of(session, "wang", T + 6),
        ):
            with pytest.raises(AccountRefused, match="disabled"):
                attempt()
        for name, os_name in (("wang", "new-os"), ("WANG", "new-os"), ("wang2", "wang-os")):
            with pytest.raises(AccountRefused, match="already"):
                create_user(session, chief, name, os_name, T + 6)
        listed = {a.name: (a.disabled_ms, a.grants) for a in accounts(session, T + 6)}
        assert listed["wang"] == (T + 5, ())
    assert has_permission(actor(office, "wang", T + 4), Permission.READ_CASES)
    assert told(office)[-1] == ("chief", "administrator", "disable-account account wang", "离职")


def test_every_change_is_in_the_log(office: Store) -> None:
    give(office, "chief", "wang", Role.AUDITOR, districts=["370102"], reason="新任")
    with office.writing() as session:
        revoke(session, actor_of(session, "chief", T), "wang", Role.AUDITOR, T, "调岗")
    assert told(office)[2:] == [
        ("chief", "administrator", "create-account account wang", "system user wang-os"),
        ("chief", "administrator", "grant-role account wang", "auditor, districts 370102: 新任"),
        ("chief", "administrator", "revoke-role account wang", "auditor, districts 370102: 调岗"),
    ]


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    "name",
    ["", " ", " li", "li ", "system", "SYSTEM", "l\ni", "l\x1bi", "\u202eil", "\uff4c\uff49", "li\u200b", "x" * 65],
)
def test_a_name_that_is_not_plain_is_refused(desk: Store, name: str) -> None:
    with desk.writing() as session:
        chief = actor_of(session, "chief", T)
        with pytest.raises(AccountRefused, match="cannot be the name"):
            create_user(session, chief, name, None, T)
        if name.lower() != "system":
            with pytest.raises(AccountRefused, match="cannot be the name"):
                create_user(session, chief, "x", name, T)


def test_names_in_chinese_are_plain(desk: Store) -> None:
    with desk.writing() as session:
        create_user(session, actor_of(session, "chief", T), "李雷", None, T)
        assert actor_of(session, "李雷", T) == Actor("李雷")


def test_a_system_user_is_one_account(office: Store) -> None:
    with office.writing() as session:
        assert named_by_os(session, "wang-os") == "wang"
        assert named_by_os(session, "nobody") is None
        with pytest.raises(AccountRefused, match="is account 'wang' already"):
            create_user(session, actor_of(session, "chief", T), "li", "wang-os", T)


@pytest.mark.parametrize(
    ("role", "bounds", "said"),
    [
        (Role.SCHOOL, {}, "school_id"),
        (Role.AUDITOR, {"school": "S1"}, "school_id"),
        (Role.AUDITOR, {"districts": []}, "at least one"),
        (Role.AUDITOR, {"districts": [""]}, "at least one"),
        (Role.SCHOOL, {"school": "S\n1"}, "school_id"),
    ],
)
def test_bounds_that_cannot_be_are_refused(desk: Store, role: Role, bounds: dict, said: str) -> None:
    with pytest.raises(AccountRefused, match=said):
        give(desk, "chief", "wang", role, **bounds)


def test_what_is_not_there_is_named(desk: Store) -> None:
    with desk.writing() as session:
        chief = actor_of(session, "chief", T)
        with pytest.raises(AccountRefused, match="no account 'nobody'"):
            grant(session, chief, "nobody", Role.AUDITOR, T)
        with pytest.raises(AccountRefused, match="does not hold"):
            revoke(session, chief, "wang", Role.AUDITOR, T)
        grant(session, chief, "wang", Role.AUDITOR, T)
        with pytest.raises(AccountRefused, match="already"):
            grant(session, chief, "wang", Role.AUDITOR, T)


def test_roles_that_no_one_granted_properly_let_nobody_act(desk: Store) -> None:
    row = "INSERT INTO grants (name, role, granted_ms, granted_by) VALUES ('chief', 'reviewer', 0, 'chief')"
    with desk.writing() as session:
        session.execute(text(row))
    with pytest.raises(AccountRefused, match="roles that cannot be"):
        actor(desk, "chief")
