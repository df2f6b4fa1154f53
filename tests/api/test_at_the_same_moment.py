"""Requests at the same moment, on SQLite and on PostgreSQL: one is done, the others hear so, and nothing breaks.

While a test holds tables, requests read what they like and queue up where they begin to write: when it lets go, each
of them has seen the state from before all the others. That is the worst that can happen to them.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import httpx
import pytest
from sqlalchemy import event, func, select, text

from api.app import create_app
from api.platform import Platform
from runs.settings import LimitSettings, LoginSettings, Settings, StoreSettings
from store import engine, failed_logins, viid_devices
from store.access_log import alone, recent, verify
from store.accounts import accounts
from store.api_keys import key_digest, new_key
from store.backup import backup, restore
from store.casework import load_case
from store.engine import POSTGRESQL, SQLITE, Store, open_store
from store.failed_logins import Attempt, LockRule
from store.tables.access import AccessEntry
from store.tables.api import ApiKey, FailedLogin, PushedPosition, ViidDevice
from store.tables.casework import SpotCheck
from tests.api.browser_like import PASSWORD, give_password
from tests.api.calls import call, get, kind_of, post
from tests.api.conftest import ACCOUNTS, DAY, Server
from tests.api.test_tokens import KEYS, claims, identity, signed
from tests.postgres import TEMPLATE
from tests.postgres import Server as PostgreSQL
from tests.stores import Clock, Place

T = TypeVar("T")
N = 6
PATIENCE_S, QUEUE_S = 30.0, 0.3
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
CASE = "Cbe4971150dea54315bc9"
WAY = f"/v1/cases/{CASE}/actions"
NOTE = {"action": "note", "payload": {"text": "I called them."}}
ROW = {"feed": "terminal", "lon": 114.1, "lat": 34.2}
MORNING_S = 1_773_878_400


# ---------------------------------------------------------------- a server on each database
@pytest.fixture(scope="module")
def template(city_store: Path, pg_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sample night's database in PostgreSQL, to be copied."""
    folder, name = tmp_path_factory.mktemp("moved"), pg_server.new_database(TEMPLATE)
    here, there = open_store(city_store, clock=Clock()), open_store(folder / "store", pg_server.url(name), Clock())
    backup(here, folder / "backup")
    assert restore(folder / "backup", there).troubles == []
    here.close()
    there.close()
    return name


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def server(request: pytest.FixtureRequest, city_store: Path, tmp_path: Path) -> Iterator[Server]:
    """A server with the sample night in each of the databases, which limits nothing and takes a provider's tokens."""
    shutil.copytree(city_store, tmp_path / "store")
    place = Place(tmp_path / "store", None)
    if request.param == POSTGRESQL:
        pg = request.getfixturevalue("pg_server")
        place = Place(place.folder, pg.url(pg.new_database(request.getfixturevalue("template"))))
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": KEYS}))
    settings = Settings(
        store=StoreSettings.model_validate({"folder": place.folder, "database_url": place.url}),
        identity=identity(tmp_path / "jwks.json"),
        limits=LimitSettings(logins_account=0, logins_address=0, requests_account=0, requests_address=0),
        login=LoginSettings(lock_after=3, lock_address_after=60),
    )
    store, keys = place.opened(), {name: new_key() for name in ACCOUNTS}
    with store.writing() as session:
        for name, key in keys.items():
            session.add(ApiKey(name=name, sha256=key_digest(key), label="test", created_ms=1, created_by="test"))
    made = Server(create_app(Platform(store, settings, b"s" * 32)), store, settings, keys)
    yield made
    made.app.state.platform.maps.close()
    store.close()
    if place.url is not None:
        pg_server = request.getfixturevalue("pg_server")
        pg_server.drop(str(store.engine.url.database))


def at_once(store: Store, *tables: str, asks: Sequence[Callable[[], T]]) -> list[T]:
    """Do things at once: they begin while the tables are held, and go on when all of them wait for that to end."""
    with ThreadPoolExecutor(len(asks)) as pool:
        with store.writing() as holder:
            holder.connection()
            if store.dialect == POSTGRESQL:
                holder.execute(text(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE"))
            begun = [pool.submit(ask) for ask in asks]
            if store.dialect == SQLITE:
                time.sleep(QUEUE_S)  # who waits there is not told
            until = time.monotonic() + PATIENCE_S
            while store.dialect == POSTGRESQL and (holder.scalar(WAITING) or 0) < len(asks):
                assert time.monotonic() < until, "they do not wait for these tables"
                assert not any(one.done() for one in begun), "they are done without these tables"
                time.sleep(0.01)
        return [one.result(PATIENCE_S) for one in begun]


def told(answers: Sequence[httpx.Response]) -> Counter[tuple[int, str]]:
    """Return what requests were told, and how often."""
    return Counter((a.status_code, "" if a.is_success else kind_of(a)) for a in answers)


def note(server: Server, seen: str, **headers: str) -> Callable[[], httpx.Response]:
    return lambda: post(server, "auditor", WAY, NOTE, If_Match=seen, **headers)


def n_events(server: Server) -> int:
    with server.store.reading() as session:
        case = load_case(session, CASE)
    assert case is not None
    return case.n_events


# ---------------------------------------------------------------- cases
def test_of_those_who_saw_a_case_alike_one_acts_and_the_others_hear_that_it_changed(server: Server) -> None:
    answers = at_once(server.store, "cases", asks=[note(server, '"1"')] * N)
    assert told(answers) == {(200, ""): 1, (412, "stale"): N - 1}
    assert n_events(server) == 2


def test_whoever_acts_on_a_case_as_it_stands_is_heard(server: Server) -> None:
    answers = at_once(server.store, "cases", asks=[note(server, "*")] * N)
    assert told(answers) == {(200, ""): N}
    assert sorted(a.json()["n_events"] for a in answers) == list(range(2, N + 2))
    assert n_events(server) == N + 1


def test_a_step_that_several_take_is_taken_once(server: Server) -> None:
    asks = [lambda: post(server, "auditor", WAY, {"action": "start-verifying"}, If_Match="*")] * N
    assert told(at_once(server.store, "cases", asks=asks)) == {(200, ""): 1, (409, "wrong-state"): N - 1}
    assert n_events(server) == 2


# ---------------------------------------------------------------- the same request
def test_the_same_request_under_one_key_is_done_once(server: Server) -> None:
    answers = at_once(server.store, "idempotency", asks=[note(server, "*", Idempotency_Key="k1")] * N)
    assert n_events(server) == 2
    assert set(told(answers)) <= {(200, ""), (409, "under-way")}
    done = [a for a in answers if a.is_success]
    assert ["idempotent-replayed" in a.headers for a in done].count(False) == 1
    assert len({a.content for a in done}) == 1


def test_a_token_that_changes_something_counts_once(server: Server) -> None:
    token = signed(claims(jti="once"))

    def logout() -> httpx.Response:
        return call(server, None, "POST", "/v1/logout", headers={"authorization": f"Bearer {token}"})

    answers = at_once(server.store, "used_tokens", asks=[logout] * N)
    assert told(answers) == {(403, "session-needed"): 1, (401, "unknown"): N - 1}


def test_positions_that_come_twice_at_once_are_kept_once(server: Server) -> None:
    batch = [{**ROW, "terminal_id": f"T{n % 7}", "time": time_of(n)} for n in range(200)]
    halves = [batch, batch[::-1], batch[:120], batch[80:], batch[60:140], batch[::2]]  # in whatever order they come
    answers = at_once(server.store, "pushed_positions", asks=[pushing(server, part) for part in halves])
    refused = [a for a in answers if not a.is_success]
    assert set(told(refused)) <= {(503, "not-ready")}
    assert sum(a.json()["kept"] for a in answers if a.is_success) == n_positions(server)
    assert all(pushing(server, part)().json()["rejected"] == 0 for part in halves)
    assert n_positions(server) == 200


def test_the_same_batch_twice_at_once_is_taken_by_one_and_known_to_the_other(server: Server) -> None:
    batch = [{**ROW, "terminal_id": "T1", "time": time_of(n)} for n in range(50)]
    answers = at_once(server.store, "pushed_positions", asks=[pushing(server, batch)] * 2)
    assert sorted((a.status_code, a.json()["kept"], a.json()["repeated"]) for a in answers) == [
        (200, 0, 50),
        (200, 50, 0),
    ]


def time_of(n: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(MORNING_S + n))


def pushing(server: Server, batch: list[dict[str, object]]) -> Callable[[], httpx.Response]:
    return lambda: post(server, "platform", "/v1/positions", batch)


def n_positions(server: Server) -> int:
    with server.store.reading() as session:
        return session.scalar(select(func.count()).select_from(PushedPosition)) or 0


# ---------------------------------------------------------------- spot checks
def test_a_vehicle_that_many_pick_is_on_the_list_once(server: Server) -> None:
    pick = {"service_date": str(DAY), "vehicle_id": "V0001", "reason": "A neighbour called."}
    asks = [lambda: post(server, "auditor", "/v1/spot-checks", pick)] * N
    assert told(at_once(server.store, "leases", asks=asks)) == {(201, ""): 1, (409, "refused"): N - 1}


def test_what_many_decide_is_decided_once(server: Server) -> None:
    with server.store.reading() as session:
        vehicle = session.scalars(select(SpotCheck.vehicle_id).where(SpotCheck.service_date == DAY)).first()

    def decide(outcome: str) -> Callable[[], httpx.Response]:
        told = {"outcome": outcome, "note": "I was there."}
        return lambda: post(server, "auditor", f"/v1/spot-checks/{DAY}/{vehicle}/decision", told)

    answers = at_once(server.store, "leases", asks=[decide("clean"), decide("violation")] * 3)
    assert told(answers) == {(200, ""): 1, (409, "refused"): 5}
    (done,) = [a.json() for a in answers if a.is_success]
    with server.store.reading() as session:
        row = session.get_one(SpotCheck, (DAY, vehicle))
        assert row.outcome == done["outcome"]


def test_of_orders_for_the_nightly_at_once_one_is_taken_and_done(server: Server) -> None:
    begin = Barrier(3)

    def order(_: int) -> httpx.Response:
        begin.wait(PATIENCE_S)
        return post(server, "admin", f"/v1/nights/{DAY}/runs", {})

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(order, range(3)))
    assert told(answers) == {(202, ""): 1, (409, "runs-already"): 2}
    (job,) = [a.headers["location"] for a in answers if a.is_success]
    until = time.monotonic() + 60
    while (now := get(server, "admin", job).json())["state"] == "running":
        assert time.monotonic() < until, now
        time.sleep(0.05)
    assert now["state"] == "done"


# ---------------------------------------------------------------- accounts
def test_a_name_and_a_role_are_given_once(server: Server) -> None:
    made = [lambda: post(server, "admin", "/v1/users", {"name": "wang"})] * N
    assert told(at_once(server.store, "leases", asks=made)) == {(201, ""): 1, (409, "account-refused"): N - 1}
    given = [lambda: post(server, "admin", "/v1/users/wang/grants", {"role": "auditor"})] * N
    assert told(at_once(server.store, "leases", asks=given)) == {(201, ""): 1, (409, "account-refused"): N - 1}
    with server.store.reading() as session:
        (wang,) = [a for a in accounts(session, server.store.clock()) if a.name == "wang"]
    assert [str(g.role) for g in wang.grants] == ["auditor"]
    taken = [lambda: call(server, "admin", "DELETE", "/v1/users/wang/grants/auditor")] * N
    assert told(at_once(server.store, "leases", asks=taken)) == {(200, ""): 1, (409, "account-refused"): N - 1}


def log_in(server: Server, name: str, password: str) -> Callable[[], httpx.Response]:
    return lambda: post(server, None, "/v1/login", {"name": name, "password": password})


def test_of_many_wrong_passwords_at_once_only_the_first_few_are_looked_at(server: Server) -> None:
    give_password(server, "auditor")
    answers = at_once(server.store, "failed_logins", asks=[log_in(server, "auditor", "a wrong password")] * 8)
    assert told(answers) == {(401, "unknown"): 3, (423, "locked"): 5}
    assert told([log_in(server, "auditor", PASSWORD)()]) == {(423, "locked"): 1}
    with server.store.reading() as session:
        assert [entry.action for entry in recent(session, 20)].count("lock-account") == 1
        assert session.scalars(select(FailedLogin.failures)).all() == [3]


def test_who_logs_in_at_many_places_at_once_is_in_everywhere_or_asked_to_wait(server: Server) -> None:
    """An attempt counts as a failure until it has succeeded, so of many at once some may be told to wait."""
    give_password(server, "auditor")
    answers = at_once(server.store, "failed_logins", asks=[log_in(server, "auditor", PASSWORD)] * N)
    seen = told(answers)
    assert set(seen) <= {(200, ""), (423, "locked")}
    assert seen[200, ""] >= 3
    assert told([log_in(server, "auditor", PASSWORD)()]) == {(200, ""): 1}


# ---------------------------------------------------------------- waiting for too long
def test_who_waits_too_long_for_another_is_told_to_come_again_in_either_database(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_MS", 200)
    server.store.close()  # connections that are made from now on
    with server.store.writing() as other:
        other.connection()
        if server.store.dialect == POSTGRESQL:
            alone(other)
        answer = get(server, "auditor", f"/v1/cases/{CASE}", X_Reason="complaint 7")
        assert (told([answer]), answer.headers["retry-after"]) == ({(503, "not-ready"): 1}, "5")
        assert get(server, "admin", "/v1/users").status_code == 200, "reading goes on"
    assert get(server, "auditor", f"/v1/cases/{CASE}", X_Reason="complaint 7").status_code == 200


# ---------------------------------------------------------------- the access log, and devices
def test_the_access_log_stays_one_chain_however_many_look_at_once(server: Server) -> None:
    names = ("auditor", "auditor-here", "reviewer", "head", "auditor", "head")
    with server.store.reading() as session:
        before = session.scalar(select(func.count()).select_from(AccessEntry)) or 0

    def look(name: str) -> Callable[[], list[int]]:
        def ask() -> list[int]:
            return [get(server, name, f"/v1/cases/{CASE}", X_Reason=f"complaint {n}").status_code for n in range(5)]

        return ask

    assert at_once(server.store, "leases", asks=[look(name) for name in names]) == [[200] * 5] * len(names)
    with server.store.reading() as session:
        entries = recent(session, 1000)[before:]
        assert verify(session) == []
    assert Counter(entry.actor for entry in entries) == {n: 5 * names.count(n) for n in set(names)}
    assert [entry.seq for entry in entries] == list(range(before + 1, before + 1 + 5 * len(names)))


def test_a_device_that_registers_twice_at_once_is_registered(server: Server) -> None:
    def register() -> None:
        with server.store.writing() as session:
            viid_devices.register(session, "5" * 20, 7)

    at_once(server.store, "viid_devices", asks=[register] * N)
    with server.store.reading() as session:
        assert session.scalars(select(ViidDevice.registered_ms)).all() == [7]


def test_an_attempt_counts_though_the_one_before_succeeds_in_between(pg_store: Store) -> None:
    """The row that was in its way is gone when it looks: it writes its own."""
    rule, gone = LockRule(), []

    def begin() -> Attempt:
        with pg_store.writing() as session:
            return failed_logins.begin(session, "wang", 7, rule)

    @event.listens_for(pg_store.engine, "rollback_savepoint")
    def in_between(*_: object) -> None:
        with pg_store.writing() as session:
            failed_logins.forget(session, "wang")
        gone.append("wang")

    with ThreadPoolExecutor(1) as pool:
        with pg_store.writing() as first:
            failed_logins.begin(first, "wang", 7, rule)
            second = pool.submit(begin)
            until = time.monotonic() + PATIENCE_S
            while not first.scalar(WAITING):
                assert time.monotonic() < until
        assert second.result(PATIENCE_S) == Attempt(None)
    assert gone == ["wang"]
    with pg_store.reading() as session:
        assert session.scalars(select(FailedLogin.failures)).all() == [1]
