"""Who may call what, route by route and account by account; and whoever guesses ids learns nothing."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import select

from cases.roles import MAY, PERMISSIONS, Permission, Role
from cases.states import Action
from runs.settings import LimitSettings, LoginSettings, Settings, StoreSettings
from store.registers import register_rows
from store.tables.casework import CaseRow
from store.tables.results import FindingRow
from tests.api.asks import ASKS, HERE, Asked, address_of, asked_routes, things
from tests.api.conftest import ACCOUNTS, DAY, Server, served
from tests.api.looping import run

NOBODY = None
CALLERS = (NOBODY, *ACCOUNTS)
SESSION_ALONE = {"POST /v1/logout", "POST /v1/me/password", "POST /v1/me/totp", "POST /v1/me/totp/confirm"}
"""They concern a session and its password; the accounts here come with keys, and are told so (403)."""
OWN_PROOF = {"POST /login", "POST /logout", "POST /password", "POST /v1/login", "POST /VIID/System/Register"}
"""Public, since they look by themselves whether a password, a form or a device's digest is right (401, 403)."""
NOT_THERE = {"GET /tiles/{source}/{z}/{x}/{y}", "GET /assets/{name}"}
"""Nothing of the kind is set up here (404)."""
OF_THE_NIGHTLY = {"GET /v1/jobs/{job_id}", "GET /v1/jobs/{job_id}/events"}
"""Any account may ask for jobs; those of the nightly are there for whoever may run it (`api.jobs`)."""
ACTING = "POST /v1/cases/{case_id}/actions"
"""Whoever reads cases may call it; what he may do with one is the case's to say: 403 where his role may not."""
LOOKS = frozenset(
    {Permission.READ_FINDINGS, Permission.READ_CASES, Permission.LOOK_AT_PERSON, Permission.LOOK_AT_VEHICLE}
)
RUNS_THE_MACHINE = frozenset({Permission.MANAGE_USERS, Permission.RUN_NIGHTLY, Permission.RUN_RETENTION})
ALLOWED = {200, 201, 202, 204, 304, 404, 409, 412, 422, 428}
MEMBERS = {"type", "title", "status", "instance"}
GUESSES = 1000


class Answer(NamedTuple):
    """What somebody was answered; `code`: the last part of a problem's type."""

    status: int
    kind: str
    body: bytes

    @property
    def code(self) -> str:
        """Return what kind of problem it is."""
        is_problem = self.kind == "application/problem+json"
        return str(json.loads(self.body)["type"]).rpartition(":")[2] if is_problem else ""

    def but_instance(self) -> bytes:
        """Return it without the request's id, as bytes."""
        told = json.loads(self.body)
        instance = told.pop("instance").encode()
        assert self.body.count(instance) == 1
        return b"%d %s " % (self.status, self.kind.encode()) + self.body.replace(instance, b"")


Walked = dict[tuple[str | None, str], Answer]


@pytest.fixture(scope="module")
def open_server(city_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that counts neither requests nor failed logins."""
    folder = tmp_path_factory.mktemp("open") / "store"
    shutil.copytree(city_store, folder)
    limits = LimitSettings(logins_account=0, logins_address=0, requests_account=0, requests_address=0)
    login = LoginSettings(lock_after=100, lock_address_after=60)
    made = served(folder, Settings(store=StoreSettings(folder=folder), limits=limits, login=login))
    yield made
    made.app.state.platform.maps.close()
    made.store.close()


@pytest.fixture(scope="module")
def routes(open_server: Server) -> list[Asked]:
    return list(asked_routes(open_server))


@pytest.fixture(scope="module")
def walked(open_server: Server, routes: list[Asked]) -> Walked:
    """The answer of every route to everybody."""
    there, out = things(open_server), {}

    async def walk() -> None:
        for name in CALLERS:
            async with open_server.client(name) as client:
                for asked in routes:
                    ask = ASKS.get(asked.name)
                    if ask is None:
                        continue
                    at, headers = address_of(asked, ask, there), dict(ask.headers)
                    answer = await client.request(asked.method, at, json=ask.json, content=ask.content, headers=headers)
                    kind = answer.headers.get("content-type", "")
                    out[name, asked.name] = Answer(answer.status_code, kind, answer.content)

    run(walk)
    return out


def holds(role: Role, asked: Asked) -> bool:
    """Whether the table of roles lets a role call a route."""
    wanted = {asked.rule.permission, *asked.rule.others}
    return asked.rule.own or bool(wanted & PERMISSIONS[role])


def expected(name: str | None, asked: Asked) -> set[int]:
    """Return the statuses that an account may be answered with, by the rule and the table of roles alone."""
    if asked.rule.is_public:
        return {401, 403, 415, 422} if asked.name in OWN_PROOF else {404} if asked.name in NOT_THERE else {200}
    if name is None or asked.rule.device:
        return {401}
    role, districts, school = ACCOUNTS[name]
    if asked.name in SESSION_ALONE or not holds(role, asked):
        return {403}
    if asked.name in OF_THE_NIGHTLY:
        return {200} if Permission.RUN_NIGHTLY in PERMISSIONS[role] else {404}
    is_city = districts is None and school is None
    if asked.name == ACTING and Action.NOTE not in MAY[role]:
        return {403} if is_city else {404}
    if is_city and asked.method == "GET":
        return {404} if asked.name in NOT_THERE else {200}
    return ALLOWED


def test_every_route_has_a_plausible_request_and_every_request_its_route(routes: list[Asked]) -> None:
    names = [asked.name for asked in routes]
    assert len(set(names)) == len(names)
    assert set(names) - set(ASKS) == set(), "these routes have no entry in tests/api/asks.py"
    assert set(ASKS) - set(names) == set(), "these entries have no route"
    assert {*SESSION_ALONE, *OWN_PROOF, *NOT_THERE, *OF_THE_NIGHTLY, ACTING} <= set(names)


@pytest.mark.parametrize("name", CALLERS, ids=str)
def test_an_account_gets_what_the_table_of_roles_says_and_no_more(
    name: str | None, walked: Walked, routes: list[Asked]
) -> None:
    wrong = {
        asked.name: (answer.status, answer.code)
        for asked in routes
        if (answer := walked[name, asked.name]).status not in expected(name, asked)
    }
    assert wrong == {}


def test_who_is_refused_is_told_nothing_but_that(walked: Walked, routes: list[Asked]) -> None:
    for (name, route), answer in walked.items():
        asked = next(a for a in routes if a.name == route)
        if answer.status == 401 and not asked.rule.device and route not in OWN_PROOF:
            assert (answer.code, set(json.loads(answer.body))) == ("unknown", {*MEMBERS, "errors"})
        elif name is not None and answer.status == 403 and not (asked.rule.own or asked.rule.is_public):
            assert answer.code == "not-allowed", (name, route)
        assert answer.status < 500, (name, route)


def granted(walked: Walked, routes: list[Asked], role: Role, kind: frozenset[Permission]) -> list[tuple[str, str]]:
    """Return who of a role was let in (2xx) at routes that take permissions of a kind alone."""
    of_kind = [a for a in routes if a.rule.permission in kind and kind.issuperset(a.rule.others)]
    assert of_kind
    names = [name for name, (held, _, _) in ACCOUNTS.items() if held is role]
    assert names
    return [(name, a.name) for name in names for a in of_kind if walked[name, a.name].status < 300]


def test_an_administrator_sees_no_case_no_finding_and_no_track(walked: Walked, routes: list[Asked]) -> None:
    assert granted(walked, routes, Role.ADMINISTRATOR, LOOKS) == []
    assert len(granted(walked, routes, Role.OFFICE_HEAD, LOOKS)) > 25


def test_an_auditor_neither_manages_accounts_nor_runs_the_nightly(walked: Walked, routes: list[Asked]) -> None:
    assert granted(walked, routes, Role.AUDITOR, RUNS_THE_MACHINE) == []
    assert granted(walked, routes, Role.ADMINISTRATOR, RUNS_THE_MACHINE)


# ---------------------------------------------------------------- guessed ids
FAMILIES = {
    "finding": ("/v1/findings/{}", "/v1/findings/{}/versions", "/ogc/collections/findings/items/{}"),
    "case": ("/v1/cases/{}", "/v1/cases/{}/events", "/maps/cases/{}?lang=zh"),
    "vehicle": (f"/v1/vehicles/{{}}?date={DAY}", f"/v1/vehicles/{{}}/track?date={DAY}&reason=complaint",
                f"/v1/vehicles/{{}}/passages?date={DAY}&reason=complaint",
                f"/maps/nights/{DAY}/vehicles/{{}}?reason=complaint",
                f"/ogc/collections/tracks/items/{DAY}.{{}}?reason=complaint"),
    "run": ("/v1/runs/{}",),
    "job": ("/v1/jobs/{}", "/v1/jobs/{}/events"),
    "zone": (f"/v1/zones/{{}}?date={DAY}", "/ogc/collections/zones/items/{}"),
}  # fmt: skip
MADE = {
    "finding": lambda chance: f"F{chance.getrandbits(80):020x}",
    "case": lambda chance: f"C{chance.getrandbits(80):020x}",
    "vehicle": lambda chance: f"V{chance.randint(9000, 9999)}",
    "run": lambda chance: f"{DAY}-{chance.getrandbits(32):08x}",
    "job": lambda chance: f"J{chance.getrandbits(80):020x}",
    "zone": lambda chance: f"G{chance.randint(50, 99)}",
}


def hidden_of(server: Server, name: str) -> dict[str, list[str]]:
    """Return what is there and an account may not know of, told by the rows of the store themselves."""
    role, districts, _ = ACCOUNTS[name]
    within = set(json.loads(districts or "[]"))
    with server.store.reading() as session:
        findings = session.scalars(select(FindingRow).where(FindingRow.service_date == DAY)).all()
        cases = session.scalars(select(CaseRow)).all()
        schools = {row.school_id for row in register_rows(session, DAY, "schools") if row.district in within}
        vehicles, zones = (register_rows(session, DAY, register) for register in ("vehicles", "zones"))
    told = {
        "finding": [f.finding_id for f in findings if f.district not in within],
        "case": [c.case_id for c in cases if c.district not in within],
        "vehicle": [v.vehicle_id for v in vehicles if v.school_id not in schools],
        "zone": [z.zone_id for z in zones if z.school_ids and schools.isdisjoint(json.loads(z.school_ids))],
        "job": list(server.app.state.platform.jobs._jobs),
    }
    return {family: told[family] for family in ("case", "job")} if role is Role.SCHOOL else told


@pytest.mark.usefixtures("walked")  # so that there are jobs
@pytest.mark.parametrize("name", ["auditor-here", "auditor-elsewhere", "school-1", "school-2"])
def test_a_thousand_guessed_ids_are_answered_alike_whether_they_are_there_or_not(
    open_server: Server, name: str
) -> None:
    chance = random.Random(name)
    hidden = hidden_of(open_server, name)
    assert all(hidden.values())
    families = [*hidden, *([] if ACCOUNTS[name][0] is Role.SCHOOL else ["run"])]
    real = [way.format(key) for family, keys in hidden.items() for key in keys for way in FAMILIES[family]]
    guesses = chance.sample(real, min(len(real), GUESSES // 2))
    while len(guesses) < GUESSES:
        family = chance.choice(families)
        guesses.append(chance.choice(FAMILIES[family]).format(MADE[family](chance)))
    chance.shuffle(guesses)
    found: dict[bytes, str] = {}

    async def guess() -> None:
        async with open_server.client(name) as client:
            for path in guesses:
                answer = await client.get(path)
                told = Answer(answer.status_code, answer.headers["content-type"], answer.content)
                found.setdefault(told.but_instance() if told.code else b"%d" % told.status, path)

    run(guess)
    assert len(found) == 1, found
    assert b'"urn:trajaudit:problem:not-found"' in next(iter(found))
    assert HERE.encode() not in next(iter(found))
