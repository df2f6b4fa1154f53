"""A database that is away, or held by another for too long: callers come again, and nothing is half done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from api.app import create_app
from api.platform import Platform
from runs.persist import is_passing
from runs.settings import Settings, StoreSettings, ViidSettings
from store import engine
from store.api_keys import key_digest, new_key
from store.engine import Store
from store.tables.access import Grant, User
from store.tables.api import ApiKey
from tests.api.calls import call, get, kind_of, post
from tests.api.conftest import ACCOUNTS, Server
from tests.api.looping import run
from tests.api.pushing import devices_file
from tests.api.viid_peer import Peer, codes
from tests.postgres import Server as PostgreSQL
from tests.stores import Place, pg_place, sqlite_place

AWAY = (503, "not-ready", "5")


def server_at(place: Place, devices: Path | None = None) -> Server:
    """A server on a store with accounts and no night."""
    told = StoreSettings.model_validate({"folder": place.folder, "database_url": place.url})
    settings = Settings(store=told, viid=ViidSettings(devices_file=devices))
    store, keys = place.opened(), {name: new_key() for name in ACCOUNTS}
    with store.writing() as session:
        for name, (role, _, school) in ACCOUNTS.items():
            session.add(User(name=name, created_ms=1, created_by="test"))
            session.add(Grant(name=name, role=str(role), school_id=school, granted_ms=1, granted_by="test"))
            session.add(ApiKey(name=name, sha256=key_digest(keys[name]), label="test", created_ms=1, created_by="test"))
    return Server(create_app(Platform(store, settings, b"s" * 32)), store, settings, keys)


@pytest.fixture
def busy(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on SQLite that waits for another writer for no longer than a moment."""
    monkeypatch.setattr(engine, "BUSY_MS", 50)
    made = server_at(sqlite_place(tmp_path / "store", sqlite_template), devices_file(tmp_path))
    yield made
    made.store.close()


@pytest.fixture
def on_postgresql(tmp_path: Path, pg_server: PostgreSQL) -> Iterator[Server]:
    made = server_at(pg_place(tmp_path / "store", pg_server))
    yield made
    pg_server.start()
    made.store.close()
    pg_server.drop(str(made.store.engine.url.database))


def names(store: Store) -> set[str]:
    with store.reading() as session:
        return set(session.scalars(select(User.name)))


def test_who_waits_too_long_for_another_writer_is_told_to_come_again(
    busy: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"name": "wang"}
    with busy.store.writing() as other:
        other.connection()
        answer = post(busy, "admin", "/v1/users", told)
        assert (answer.status_code, kind_of(answer), answer.headers["retry-after"]) == AWAY
        assert get(busy, "admin", "/v1/users").status_code == 200, "reading goes on"
    assert "wang" not in names(busy.store)
    line = json.loads(capsys.readouterr().err.splitlines()[0])
    assert (line["status"], line["route"], line["error"]) == (503, "/v1/users", "sqlalchemy.exc.OperationalError")
    assert post(busy, "admin", "/v1/users", told).status_code == 201


def test_a_peer_that_meets_another_writer_is_told_that_we_are_busy(busy: Server) -> None:
    async def go() -> None:
        peer = Peer(busy.app)
        with busy.store.writing() as other:
            other.connection()
            answer = await peer.register()
            assert (answer.status_code, codes(answer), answer.headers["retry-after"]) == (503, [2], "5")
        assert (await peer.register()).status_code == 200

    run(go)


def test_while_postgresql_is_away_callers_are_told_so_and_afterwards_all_goes_on(
    on_postgresql: Server, pg_server: PostgreSQL
) -> None:
    assert get(on_postgresql, "admin", "/v1/me").status_code == 200
    pg_server.stop()
    for method, path, body in (
        ("GET", "/v1/me", None),
        ("GET", "/v1/findings?date=2026-03-18", None),
        ("POST", "/v1/login", {"name": "admin", "password": "x"}),
        ("POST", "/v1/users", {"name": "wang"}),
    ):
        answer = call(on_postgresql, "admin", method, path, json=body)
        assert (answer.status_code, kind_of(answer), answer.headers["retry-after"]) == AWAY, path
        assert str(pg_server.folder) not in answer.text
    assert get(on_postgresql, None, "/healthz").status_code == 200
    pg_server.start()
    assert get(on_postgresql, "admin", "/v1/me").status_code == 200
    assert post(on_postgresql, "admin", "/v1/users", {"name": "wang"}).status_code == 201
    assert "wang" in names(on_postgresql.store)


def test_of_two_that_wait_for_each_other_one_is_told_to_come_again(on_postgresql: Server) -> None:
    """PostgreSQL ends one of them: nothing of it is written, and the other one goes on."""
    store, both_hold_one = on_postgresql.store, Barrier(2)

    def disable(first: str, second: str) -> BaseException | None:
        try:
            with store.writing() as session:
                session.execute(update(User).where(User.name == first).values(disabled_ms=7))
                both_hold_one.wait(20)
                session.execute(update(User).where(User.name == second).values(disabled_ms=7))
        except DBAPIError as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(disable, ("head", "reviewer"), ("reviewer", "head")))
    (error,) = [end for end in ends if end is not None]
    assert is_passing(error)
    with store.reading() as session:
        assert set(session.scalars(select(User.name).where(User.disabled_ms == 7))) == {"head", "reviewer"}
