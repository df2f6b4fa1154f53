"""Who may do what: roles by grants, bounded by district and school. What no table allows is denied.

Whoever runs the machine does not see the cases, and whoever is audited sees only what concerns him: an account that is
an administrator's, a school's or a service's holds no other role.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cases.states import Action, DisposalKind, State


class Role(StrEnum):
    """What an account is trusted with."""

    AUDITOR = "auditor"
    REVIEWER = "reviewer"
    OFFICE_HEAD = "office-head"
    ADMINISTRATOR = "administrator"
    SCHOOL = "school"
    SERVICE = "service"


class Permission(StrEnum):
    """What may be done beside handling a case."""

    READ_FINDINGS = "read-findings"
    READ_CASES = "read-cases"
    LOOK_AT_PERSON = "look-at-person"
    LOOK_AT_VEHICLE = "look-at-vehicle"
    EDIT_REGISTRY = "edit-registry"
    RUN_NIGHTLY = "run-nightly"
    MANAGE_USERS = "manage-users"
    READ_LOG = "read-log"
    RUN_RETENTION = "run-retention"
    MANAGE_HOLDS = "manage-holds"
    BACKUP = "backup"
    PUSH_DATA = "push-data"


ROLES: dict[Role, tuple[str, str]] = {
    Role.AUDITOR: ("核查员", "auditor"),
    Role.REVIEWER: ("审核员", "reviewer"),
    Role.OFFICE_HEAD: ("负责人", "head of the office"),
    Role.ADMINISTRATOR: ("系统管理员", "administrator"),
    Role.SCHOOL: ("驾校", "school"),
    Role.SERVICE: ("服务账号", "service account"),
}

_HANDLING = frozenset(
    {
        Action.ASSIGN, Action.START_VERIFYING, Action.ASK_SCHOOL, Action.CONFIRM, Action.DISMISS, Action.NOTE,
        Action.PICK,
    }
)  # fmt: skip
_REVIEWING = _HANDLING | {
    Action.PROPOSE_SUSPENSION, Action.DISPOSE, Action.REVIEW_FEEDBACK, Action.CLOSE, Action.REOPEN, Action.UPHOLD,
}  # fmt: skip

MAY: dict[Role, frozenset[Action]] = {
    Role.OFFICE_HEAD: _REVIEWING,
    Role.REVIEWER: _REVIEWING,
    Role.AUDITOR: _HANDLING,
    Role.SCHOOL: frozenset({Action.ANSWER, Action.GIVE_FEEDBACK}),
    Role.ADMINISTRATOR: frozenset(),
    Role.SERVICE: frozenset(),
}
"""What each role may do with a case, the role with most trust first."""

MAY_DISPOSE: dict[DisposalKind, frozenset[Role]] = {
    DisposalKind.POINTS: frozenset({Role.REVIEWER, Role.OFFICE_HEAD}),
    DisposalKind.INTERVIEW: frozenset({Role.REVIEWER, Role.OFFICE_HEAD}),
    DisposalKind.RECTIFY: frozenset({Role.REVIEWER, Role.OFFICE_HEAD}),
    DisposalKind.SUSPENSION: frozenset({Role.OFFICE_HEAD}),
}
"""Who may order each disposal; a suspension needs another person's proposal besides."""

SYSTEM_MAY = frozenset(
    {
        Action.OPEN, Action.ADD_FINDING, Action.CHANGE_FINDING, Action.LOSE_FINDING, Action.SUPERSEDE, Action.ESCALATE,
        Action.PRE_REVIEW,
    }
)  # fmt: skip
"""What the program does by itself, and nobody else may."""

REVIEWERS = frozenset({Role.REVIEWER, Role.OFFICE_HEAD})
"""Who may settle what a re-audit changed after people had decided."""

_LOOKING = frozenset(
    {Permission.READ_FINDINGS, Permission.READ_CASES, Permission.LOOK_AT_PERSON, Permission.LOOK_AT_VEHICLE}
)

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.AUDITOR: _LOOKING,
    Role.REVIEWER: _LOOKING,
    Role.OFFICE_HEAD: _LOOKING | {Permission.READ_LOG, Permission.MANAGE_HOLDS},
    Role.ADMINISTRATOR: frozenset(
        {
            Permission.EDIT_REGISTRY, Permission.RUN_NIGHTLY, Permission.MANAGE_USERS, Permission.RUN_RETENTION,
            Permission.BACKUP,
        }
    ),
    Role.SCHOOL: frozenset({Permission.READ_CASES}),
    Role.SERVICE: frozenset({Permission.READ_FINDINGS, Permission.READ_CASES, Permission.PUSH_DATA}),
}  # fmt: skip

APART = frozenset({Role.ADMINISTRATOR, Role.SCHOOL, Role.SERVICE})
"""Roles that no account holds together with another."""


TOLD_TO_SCHOOLS = frozenset(
    {
        State.AWAITING_SCHOOL,
        State.CONFIRMED,
        State.DISPOSED,
        State.FEEDBACK,
        State.FEEDBACK_REVIEWED,
        State.CLOSED,
    }
)
"""The states in which a school sees a case of its own."""


class Placed(Protocol):
    """Something that lies in a district (GB/T 2260 code) and belongs to a school; None: in no one's alone."""

    @property
    def district(self) -> str | None: ...  # noqa: D102 -- the class says what each is
    @property
    def school_id(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Place:
    """A district and a school, where there is no case at hand."""

    district: str | None = None
    school_id: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A role within districts (None: the whole city; an empty set: nowhere) and, for a school's account, its school."""

    role: Role
    districts: frozenset[str] | None = None
    school_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse a school's account without its school, and any other account with one."""
        if (self.role is Role.SCHOOL) != bool(self.school_id):
            raise ValueError(f"role {self.role}: a school_id belongs to the role school, and to no other")

    def covers(self, place: Placed) -> bool:
        """Whether a place lies within; what lies in no known district is the whole city's.

        >>> Grant(Role.AUDITOR, frozenset({"370102"})).covers(Place("370102", "S1"))
        True
        >>> Grant(Role.AUDITOR, frozenset({"370102"})).covers(Place(None)), Grant(Role.AUDITOR).covers(Place(None))
        (False, True)
        """
        if self.role is Role.SCHOOL and place.school_id != self.school_id:
            return False
        return self.districts is None or (place.district is not None and place.district in self.districts)


@dataclass(frozen=True, slots=True)
class Actor:
    """An account by name, with its grants."""

    name: str
    grants: tuple[Grant, ...] = ()
    is_system: bool = False

    def __post_init__(self) -> None:
        """Refuse the program's name to accounts, and roles that must stay apart."""
        roles = {g.role for g in self.grants}
        if not self.name.strip() or (self.name == SYSTEM_NAME) != self.is_system:
            raise ValueError(f"{self.name!r} cannot be the name of an account")
        if self.is_system and roles:
            raise ValueError("the program itself holds no role")
        if len(roles) > 1 and roles & APART:
            raise ValueError(f"{self.name}: {', '.join(sorted(roles & APART))} cannot be held with another role")


SYSTEM_NAME = "system"
SYSTEM = Actor(SYSTEM_NAME, is_system=True)
"""The program, where it acts by itself."""


def has_permission(actor: Actor, permission: Permission) -> bool:
    """Whether an account has a permission anywhere: enough for what lies in no district, such as a backup."""
    return any(permission in PERMISSIONS[g.role] for g in actor.grants)


def has_permission_at(actor: Actor, permission: Permission, place: Placed) -> bool:
    """Whether an account has a permission for a place: a finding, a car, a case.

    A school reads its cases once it is asked or something is concluded, not while somebody still looks into them.
    """
    return any(
        permission in PERMISSIONS[g.role] and g.covers(place) and (g.role is not Role.SCHOOL or _is_told(place))
        for g in actor.grants
    )


def _is_told(place: Placed) -> bool:
    return getattr(place, "state", None) in TOLD_TO_SCHOOLS


def may_see(actor: Actor, place: Placed) -> bool:
    """Whether an account may read a case."""
    return has_permission_at(actor, Permission.READ_CASES, place)


def acting_roles(actor: Actor, action: Action, case: Placed) -> Iterator[Role]:
    """Yield the roles in which an account may do something with a case, the one with most trust first."""
    held = {g.role for g in actor.grants if g.covers(case)}
    yield from (role for role, actions in MAY.items() if role in held and action in actions)


def may(actor: Actor, action: Action, case: Placed) -> bool:
    """Whether an account may do something with a case, whatever the case's state.

    >>> may(Actor("li", (Grant(Role.AUDITOR),)), Action.CONFIRM, Place("370102", "S1"))
    True
    >>> may(Actor("li", (Grant(Role.AUDITOR),)), Action.DISPOSE, Place("370102", "S1"))
    False
    """
    if actor.is_system:
        return action in SYSTEM_MAY
    return next(acting_roles(actor, action, case), None) is not None
