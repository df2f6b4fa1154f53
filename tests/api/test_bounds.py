"""The conditions of a query say of many rows what the table of roles says of one."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import literal, null, select

from api.bounds import bounds_of
from cases.roles import PERMISSIONS, Actor, Grant, Permission, Place, Role, has_permission_at
from tests.api.conftest import Server

DISTRICTS = (None, frozenset[str](), frozenset({"419901"}), frozenset({"419901", "419902"}))
PLACES = [Place(d, s) for d in (None, "419901", "419902", "999999") for s in (None, "SCH01")]


def grants_of(roles: tuple[Role, ...]) -> list[Actor]:
    made = []
    for areas in itertools.product(DISTRICTS, repeat=len(roles)):
        grants = (Grant(r, d, "SCH01" if r is Role.SCHOOL else None) for r, d in zip(roles, areas, strict=True))
        made.append(Actor("li", tuple(grants)))
    return made


ACTORS = [a for roles in [*((r,) for r in Role), (Role.AUDITOR, Role.REVIEWER)] for a in grants_of(roles)]


@pytest.mark.parametrize(
    "permissions", [(Permission.READ_FINDINGS,), (Permission.READ_FINDINGS, Permission.EDIT_REGISTRY)]
)
def test_rows_lie_within_bounds_where_the_roles_say_so(
    reading_server: Server, permissions: tuple[Permission, ...]
) -> None:
    with reading_server.store.reading() as session:
        for actor, place in itertools.product(ACTORS, PLACES):
            allowed = any(has_permission_at(actor, p, place) for p in permissions)
            bounds = bounds_of(actor, permissions)
            district = null() if place.district is None else literal(place.district)
            found = session.scalar(select(literal(1)).where(bounds.rows(district))) is not None
            assert (bounds.cover(place), found) == (allowed, allowed), (actor, place)


def test_no_role_that_reads_rows_here_is_a_schools() -> None:
    assert not PERMISSIONS[Role.SCHOOL] & {Permission.READ_FINDINGS, Permission.EDIT_REGISTRY, Permission.RUN_NIGHTLY}
