"""A server with the sample city's night in its store, accounts of every role, and clients that are they."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.platform import Platform
from cases.roles import Role
from runs.night_desk import Desk
from runs.nightly import Order, nightly
from runs.settings import Settings, StoreSettings
from store.api_keys import key_digest, new_key
from store.engine import Store, open_store
from store.schema import migrate
from store.tables.access import Grant, User
from store.tables.api import ApiKey
from tests.api.databases import ELSEWHERE, ON_POSTGRESQL, moved, opened, settings_on, use
from tests.stores import Clock

collect_ignore = sorted(ELSEWHERE) if ON_POSTGRESQL else []
CITY = Path(__file__).resolve().parents[2] / "sample_data" / "city"
DAY = date(2026, 3, 18)
ACCOUNTS: dict[str, tuple[Role, str | None, str | None]] = {
    "auditor": (Role.AUDITOR, None, None),
    "auditor-here": (Role.AUDITOR, '["419901"]', None),
    "auditor-elsewhere": (Role.AUDITOR, '["999999"]', None),
    "reviewer": (Role.REVIEWER, None, None),
    "head": (Role.OFFICE_HEAD, None, None),
    "admin": (Role.ADMINISTRATOR, None, None),
    "school-1": (Role.SCHOOL, None, "SCH01"),
    "school-2": (Role.SCHOOL, None, "SCH02"),
    "platform": (Role.SERVICE, None, None),
}
"""Account to role, districts and school."""


@pytest.fixture(scope="session", autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    """A running PostgreSQL, where the tests are on it."""
    if ON_POSTGRESQL:
        use(request.getfixturevalue("pg_server"))


@pytest.fixture(scope="session")
def city_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which the sample night was audited, with accounts; copied by each server."""
    folder = tmp_path_factory.mktemp("city") / "store"
    clock = Clock()
    store = open_store(folder, clock=clock)
    migrate(store)
    nightly(Desk.open(store, Settings(store=StoreSettings(folder=folder))), Order(DAY, CITY))
    with store.writing() as session:
        for name, (role, districts, school) in ACCOUNTS.items():
            session.add(User(name=name, created_ms=clock.ms, created_by="test"))
            session.add(
                Grant(
                    name=name,
                    role=str(role),
                    districts=districts,
                    school_id=school,
                    granted_ms=clock.ms,
                    granted_by="test",
                )
            )
    if ON_POSTGRESQL:
        folder = moved(store, tmp_path_factory.mktemp("postgresql"))
    store.close()
    return folder


@dataclass
class Server:
    """A running application and its clients. `client(name)` acts as that account; `client(None)` as nobody."""

    app: FastAPI
    store: Store
    settings: Settings
    keys: dict[str, str]

    def client(self, name: str | None = None, **options: object) -> httpx.AsyncClient:
        headers = {} if name is None else {"authorization": f"Bearer {self.keys[name]}"}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://audit.test", headers=headers, **options)  # type: ignore[arg-type]


def served(folder: Path, settings: Settings | None = None) -> Server:
    settings = settings_on(settings or Settings(store=StoreSettings(folder=folder)))
    store = opened(folder)
    keys = {name: new_key() for name in ACCOUNTS}
    with store.writing() as session:
        for name, key in keys.items():
            session.add(ApiKey(name=name, sha256=key_digest(key), label="test", created_ms=1, created_by="test"))
    return Server(create_app(Platform(store, settings, b"s" * 32)), store, settings, keys)


@pytest.fixture
def server(city_store: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of its own for a test that changes something."""
    shutil.copytree(city_store, tmp_path / "store")
    made = served(tmp_path / "store")
    yield made
    made.app.state.platform.maps.close()
    made.store.close()


@pytest.fixture(scope="module")
def reading_server(city_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that only read."""
    folder = tmp_path_factory.mktemp("reading") / "store"
    shutil.copytree(city_store, folder)
    made = served(folder)
    yield made
    made.app.state.platform.maps.close()
    made.store.close()
