"""Who acts on the command line: the account of the system user, and what is not allowed is denied."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from cases.roles import SYSTEM, Permission, Place, Role
from runs import who
from runs.who import BY_ITSELF, LOOKING, NEEDED, NotAllowed, acting, look, os_user
from store.access_log import LogRefused, recent, verify
from store.accounts import AccountRefused, actor_of, add_first, create_user, disable, grant
from store.engine import Store
from tests.stores import START_MS

T = START_MS
Become = Callable[[str], None]


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Become:
    """Be another system user, who owns no store."""

    def change(name: str) -> None:
        monkeypatch.setattr(who, "os_user", lambda: name)

    monkeypatch.setenv("TRAJAUDIT_LANG", "en")
    return change


def give(store: Store, name: str, role: Role | None, **bounds) -> None:
    """Add an account with a role; its system user is called the same."""
    with store.writing() as session:
        chief = actor_of(session, "chief", T)
        create_user(session, chief, name, name, T)
        if role is not None:
            grant(session, chief, name, role, T, **bounds)


@pytest.fixture
def office(sqlite_store: Store) -> Store:
    with sqlite_store.writing() as session:
        add_first(session, "root", "chief", "chief", T)
    for name, role in (("auditor", Role.AUDITOR), ("head", Role.OFFICE_HEAD), ("nobody", None)):
        give(sqlite_store, name, role)
    return sqlite_store


def entries(store: Store) -> list[tuple[str, str, str, str]]:
    with store.reading() as session:
        assert verify(session) == []
        return [(e.actor, e.action, f"{e.subject_kind} {e.subject_id}", e.reason) for e in recent(session, 99)]


# ---------------------------------------------------------------- no account yet


@pytest.mark.parametrize("permission", list(Permission))
def test_while_there_is_no_account_all_may_be_done_but_looking(
    sqlite_store: Store, become: Become, permission: Permission
) -> None:
    become("anyone")
    if permission in LOOKING:
        with pytest.raises(NotAllowed, match=r"no account yet.*trajaudit user add.*anyone"):
            acting(sqlite_store, permission)
    else:
        assert acting(sqlite_store, permission) is SYSTEM


def test_every_look_takes_a_permission_that_needs_an_account() -> None:
    assert set(NEEDED.values()) <= LOOKING
    assert not LOOKING & BY_ITSELF


# ---------------------------------------------------------------- accounts


def test_the_effective_system_user_counts() -> None:
    import pwd

    assert os_user() == pwd.getpwuid(os.geteuid()).pw_name


def test_a_system_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999)
    assert os_user() == "#3999999"


def test_an_account_does_what_its_role_allows_and_nothing_else(office: Store, become: Become) -> None:
    become("auditor")
    assert acting(office, Permission.LOOK_AT_PERSON).name == "auditor"
    for permission in (Permission.RUN_NIGHTLY, Permission.MANAGE_USERS, Permission.READ_LOG):
        with pytest.raises(NotAllowed, match="Account auditor may not"):
            acting(office, permission)
    become("chief")
    assert acting(office, Permission.RUN_NIGHTLY).name == "chief"
    with pytest.raises(NotAllowed, match=r"role: auditor, reviewer, office-head\. An administrator grants it"):
        acting(office, Permission.LOOK_AT_PERSON)


@pytest.mark.parametrize("permission", list(Permission))
def test_an_account_without_a_role_may_do_nothing_not_even_as_the_folders_owner(
    office: Store, become: Become, permission: Permission
) -> None:
    become("nobody")
    with pytest.raises(NotAllowed):
        acting(office, permission)


def test_a_disabled_account_may_do_nothing(office: Store, become: Become) -> None:
    with office.writing() as session:
        disable(session, actor_of(session, "chief", T), "auditor", T)
    become("auditor")
    for permission in Permission:
        with pytest.raises(AccountRefused, match="disabled"):
            acting(office, permission)


def test_bounds_count_where_a_place_is_named(office: Store, become: Become) -> None:
    give(office, "east", Role.AUDITOR, districts=["370102"])
    become("east")
    assert acting(office, Permission.READ_CASES).name == "east"
    assert acting(office, Permission.READ_CASES, Place("370102")).name == "east"
    for place in (Place("370103"), Place(None)):
        with pytest.raises(NotAllowed):
            acting(office, Permission.READ_CASES, place)


def test_no_variable_makes_anybody_another(office: Store, become: Become, monkeypatch: pytest.MonkeyPatch) -> None:
    become("stranger")
    for name in ("USER", "LOGNAME", "SUDO_USER", "TRAJAUDIT_ACCOUNT"):
        monkeypatch.setenv(name, "chief")
    with pytest.raises(NotAllowed):
        acting(office, Permission.MANAGE_USERS)


# ---------------------------------------------------------------- the program itself


@pytest.mark.parametrize("permission", list(Permission))
def test_the_owner_of_the_folder_runs_the_nights_without_an_account(
    office: Store, become: Become, permission: Permission
) -> None:
    become("trajaudit")
    if permission in BY_ITSELF:
        assert acting(office, permission) is SYSTEM
    else:
        with pytest.raises(NotAllowed, match="system user trajaudit has no account"):
            acting(office, permission)


@pytest.mark.parametrize("permission", list(Permission))
def test_who_neither_owns_the_folder_nor_has_an_account_may_do_nothing(
    office: Store, become: Become, monkeypatch: pytest.MonkeyPatch, permission: Permission
) -> None:
    become("stranger")
    monkeypatch.setattr(os, "geteuid", lambda: office.folder.stat().st_uid + 1)
    with pytest.raises(NotAllowed, match="stranger"):
        acting(office, permission)


# ---------------------------------------------------------------- looking


def named(store: Store, name: str):
    with store.reading() as session:
        return actor_of(session, name, T)


def test_a_look_is_written_down_before_anything_is_shown(office: Store) -> None:
    before = len(entries(office))
    assert look(office, named(office, "auditor"), "person", "P1", "投诉核查") == before + 1
    assert look(office, named(office, "auditor"), "person", "P1", case="C7") == before + 2
    assert look(office, named(office, "head"), "trainee", "T1", "核对", case="C7") == before + 3
    assert look(office, named(office, "auditor"), "vehicle", "V1") == before + 4
    assert entries(office)[before:] == [
        ("auditor", "look", "person P1", "投诉核查"),
        ("auditor", "look", "person P1", "C7"),
        ("head", "look", "trainee T1", "C7: 核对"),
        ("auditor", "look", "vehicle V1", ""),
    ]


@pytest.mark.parametrize("reason", ["", " ", "..."])
def test_a_person_is_not_looked_at_without_a_reason(office: Store, become: Become, reason: str) -> None:
    before = entries(office)
    with pytest.raises(LogRefused, match="--reason"):
        look(office, named(office, "auditor"), "person", "P1", reason)
    assert entries(office) == before


def test_a_look_that_is_denied_is_written_down_too(office: Store, become: Become) -> None:
    give(office, "east", Role.AUDITOR, districts=["370102"])
    before = len(entries(office))
    for name, place in (("chief", None), ("east", Place("370103"))):
        with pytest.raises(NotAllowed, match=name):
            look(office, named(office, name), "person", "P1", place=place)
    assert entries(office)[before:] == [
        ("chief", "look-denied", "person P1", ""),
        ("east", "look-denied", "person P1", ""),
    ]


def test_the_program_itself_looks_at_nobody(office: Store, become: Become) -> None:
    with pytest.raises(NotAllowed):
        look(office, SYSTEM, "person", "P1", "x1")


def test_a_look_names_the_role_in_which_it_was_allowed(store: Store) -> None:
    with store.writing() as session:
        add_first(session, "root", "chief", "chief", T)
    give(store, "east", Role.AUDITOR, districts=["370102"])
    with store.writing() as session:
        grant(session, actor_of(session, "chief", T), "east", Role.REVIEWER, T, districts=["370103"])
    for district, role in (("370102", "auditor"), ("370103", "reviewer")):
        look(store, named(store, "east"), "case", "C1", place=Place(district))
        with store.reading() as session:
            assert recent(session, 1)[0].role == role
