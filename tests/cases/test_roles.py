"""Who may do what: every role with every action, every permission, in and out of its district."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cases.roles import (
    MAY,
    MAY_DISPOSE,
    PERMISSIONS,
    ROLES,
    SYSTEM,
    SYSTEM_MAY,
    Actor,
    Grant,
    Permission,
    Place,
    Role,
    has_permission,
    has_permission_at,
    may,
    may_see,
)
from cases.states import Action, DisposalKind, State

HERE = Place("370102", "S1")
THERE = Place("370103", "S2")
CITY_WIDE = Place(None, None)  # a feed's matter
DISTRICT = frozenset({"370102"})
OFFICE = (Role.AUDITOR, Role.REVIEWER, Role.OFFICE_HEAD)

# The matrix once more, by hand: letters are auditor, reviewer, office head, school, system.
MATRIX = {
    "assign": "arh", "start-verifying": "arh", "ask-school": "arh", "confirm": "arh", "dismiss": "arh", "note": "arh",
    "pick": "arh", "answer": "s", "give-feedback": "s", "propose-suspension": "rh", "dispose": "rh",
    "review-feedback": "rh", "close": "rh", "reopen": "rh", "uphold": "rh", "open": "y", "add-finding": "y",
    "change-finding": "y", "lose-finding": "y", "supersede": "y", "escalate": "y", "pre-review": "y",
}  # fmt: skip
LETTERS = {"a": Role.AUDITOR, "r": Role.REVIEWER, "h": Role.OFFICE_HEAD, "s": Role.SCHOOL}


def account(role: Role, districts: frozenset[str] | None = DISTRICT) -> Actor:
    return Actor("somebody", (Grant(role, districts, "S1" if role is Role.SCHOOL else None),))


def test_the_matrix_of_this_test_names_every_action() -> None:
    assert set(MATRIX) == set(Action)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", list(Action))
def test_a_role_may_do_what_the_matrix_says_in_its_own_district_and_nothing_elsewhere(
    role: Role, action: Action
) -> None:
    allowed = {LETTERS[letter] for letter in MATRIX[action] if letter != "y"}
    assert may(account(role), action, HERE) == (role in allowed)
    assert not may(account(role), action, THERE)
    assert not may(account(role), action, CITY_WIDE)


@pytest.mark.parametrize("action", list(Action))
def test_the_program_may_do_what_no_person_may_and_nothing_else(action: Action) -> None:
    assert may(SYSTEM, action, HERE) == (MATRIX[action] == "y")
    assert (action in SYSTEM_MAY) == (MATRIX[action] == "y")


@pytest.mark.parametrize("action", list(Action))
def test_an_account_without_grants_may_do_nothing(action: Action) -> None:
    assert not may(Actor("nobody"), action, HERE)


def test_an_empty_set_of_districts_is_nowhere_and_none_is_the_whole_city() -> None:
    assert not may(account(Role.AUDITOR, frozenset()), Action.NOTE, HERE)
    assert all(may(account(Role.AUDITOR, None), Action.NOTE, place) for place in (HERE, THERE, CITY_WIDE))


def test_a_matter_of_no_district_is_for_the_whole_citys_people_only() -> None:
    assert [may_see(account(role), CITY_WIDE) for role in OFFICE] == [False] * 3
    assert [may_see(account(role, None), CITY_WIDE) for role in OFFICE] == [True] * 3
    assert not may_see(account(Role.SCHOOL, None), CITY_WIDE)


@dataclass(frozen=True)
class Asked:
    """A case, so far as its place and state go."""

    district: str | None
    school_id: str | None
    state: State = State.AWAITING_SCHOOL


def test_a_school_sees_its_own_cases_and_no_others_in_whatever_district() -> None:
    school = account(Role.SCHOOL, None)
    assert may_see(school, Asked("370102", "S1"))
    assert may_see(school, Asked("370103", "S1"))
    assert not may_see(school, Asked("370102", "S2"))
    assert not may_see(school, Asked("370102", None))


@pytest.mark.parametrize("state", list(State))
def test_a_school_sees_a_case_once_it_is_asked_or_something_is_concluded(state: State) -> None:
    early = {State.NEW, State.ASSIGNED, State.VERIFYING, State.REOPENED, State.DISMISSED, State.SUPERSEDED}
    assert may_see(account(Role.SCHOOL, None), Asked("370102", "S1", state)) == (state not in early)
    assert may_see(account(Role.AUDITOR), Asked("370102", "S1", state))


@pytest.mark.parametrize("role", list(Role))
def test_whoever_may_do_something_with_a_case_may_see_it(role: Role) -> None:
    if MAY[role]:
        assert may_see(account(role), Asked(HERE.district, HERE.school_id))


def test_an_administrator_neither_reads_nor_handles_cases() -> None:
    admin = account(Role.ADMINISTRATOR, None)
    assert not may_see(admin, HERE)
    assert not any(may(admin, action, HERE) for action in Action)
    for permission in (
        Permission.READ_CASES, Permission.READ_FINDINGS, Permission.LOOK_AT_PERSON, Permission.LOOK_AT_VEHICLE,
    ):  # fmt: skip
        assert not has_permission(admin, permission)


PERMITTED = {
    "read-findings": "arhv", "read-cases": "arhsv", "look-at-person": "arh", "look-at-vehicle": "arh",
    "edit-registry": "m", "run-nightly": "m", "manage-users": "m", "read-log": "h", "run-retention": "m",
    "manage-holds": "h", "backup": "m", "push-data": "v",
}  # fmt: skip


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_a_role_has_the_permissions_that_the_table_says(role: Role, permission: Permission) -> None:
    letters = {**LETTERS, "m": Role.ADMINISTRATOR, "v": Role.SERVICE}
    expected = role in {letters[letter] for letter in PERMITTED[permission]}
    assert has_permission(account(role), permission) == expected
    assert has_permission_at(account(role), permission, Asked(HERE.district, HERE.school_id)) == expected
    assert not has_permission_at(account(role), permission, THERE)


def test_service_accounts_read_and_push_and_decide_nothing() -> None:
    assert MAY[Role.SERVICE] == frozenset()
    assert PERMISSIONS[Role.SERVICE] == {Permission.READ_FINDINGS, Permission.READ_CASES, Permission.PUSH_DATA}


def test_a_suspension_is_the_office_heads_to_order() -> None:
    assert MAY_DISPOSE[DisposalKind.SUSPENSION] == {Role.OFFICE_HEAD}
    assert set(MAY_DISPOSE) == set(DisposalKind)


def test_a_schools_grant_needs_its_school_and_no_other_grant_has_one() -> None:
    with pytest.raises(ValueError, match="school_id"):
        Grant(Role.SCHOOL)
    with pytest.raises(ValueError, match="school_id"):
        Grant(Role.AUDITOR, None, "S1")


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.SERVICE])
def test_an_administrator_or_service_holds_no_other_role(role: Role) -> None:
    with pytest.raises(ValueError, match="cannot be held with another role"):
        Actor("somebody", (Grant(role), Grant(Role.AUDITOR)))


def test_no_account_can_pass_for_the_program() -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        Actor("system")
    with pytest.raises(ValueError, match="cannot be the name"):
        Actor("li", is_system=True)
    with pytest.raises(ValueError, match="no role"):
        Actor("system", (Grant(Role.AUDITOR),), is_system=True)


def test_grants_of_one_account_do_not_mix() -> None:
    mixed = Actor("li", (Grant(Role.REVIEWER, frozenset({"370103"})), Grant(Role.AUDITOR, DISTRICT)))
    assert may(mixed, Action.CONFIRM, HERE)
    assert not may(mixed, Action.DISPOSE, HERE)
    assert may(mixed, Action.DISPOSE, THERE)


def test_every_role_has_words_and_a_row_in_each_table() -> None:
    assert set(ROLES) == set(MAY) == set(PERMISSIONS) == set(Role)
    assert all(zh and en for zh, en in ROLES.values())
