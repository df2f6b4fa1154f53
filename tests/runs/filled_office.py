"""An office at work: the sample city's night as a nightly leaves it, and the accounts of those who work with it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cases.roles import Actor, Role
from runs.settings import CaseSettings, Settings, StoreSettings
from store.accounts import actor_of, add_first, create_user, grant
from store.backup import backup, restore
from store.engine import DATABASE_FILE, SQLITE, Store
from tests.postgres import TEMPLATE, Server
from tests.stores import DIALECTS, START_MS, Clock, Place, sqlite_place

if TYPE_CHECKING:
    from tests.runs.conftest import Answer

ROOT = Path(__file__).resolve().parents[2]
DAY = date(2026, 3, 18)
PAPER = "办发〔2026〕3号"
PRE_REVIEW = f"""
[[entry]]
rule = "signal-gap"
severity_at_most = "minor"
max_duration_min = 60
since = 2026-01-01
document = "{PAPER}"
reason = "minor"

[[entry]]  # the car that trained undeclared is of the other school
rule = "undeclared-training"
severity_at_most = "minor"
max_duration_min = 600
since = 2026-01-01
document = "{PAPER}"
reason = "minor"
schools = ["SCH01"]

[[entry]]  # it is longer
rule = "wrong-zone"
severity_at_most = "major"
max_duration_min = 10
since = 2026-01-01
document = "{PAPER}"
reason = "minor"
"""
PEOPLE: dict[str, tuple[Role, dict[str, object]]] = {
    "li": (Role.AUDITOR, {"districts": ["419901"]}),
    "liu": (Role.AUDITOR, {"districts": ["419902"]}),
    "qian": (Role.AUDITOR, {}),
    "wang": (Role.REVIEWER, {"districts": ["419901"]}),
    "zhao": (Role.OFFICE_HEAD, {}),
    "sun": (Role.OFFICE_HEAD, {}),
    "school-1": (Role.SCHOOL, {"school": "SCH01"}),
    "school-2": (Role.SCHOOL, {"school": "SCH02"}),
    "robot": (Role.SERVICE, {}),
}
"""Who works here beside `root`, the administrator; each system user is called as the account."""

CARS = {
    "wrong-zone": "C050b8c600d854b9a5e1d",  # V0002, SCH01
    "undeclared": "C17dc8b98908be572fa41",  # V0006, SCH02
    "over-hours": "C4d91f0324d0832dcb3f9",  # trainee T420117, SCH01
    "two-findings": "C79427b3d126775374304",  # V0004, SCH02
    "person": "Ca3d843e2a321073e6215",  # P00041, SCH01
    "pre-reviewed": "Cfb14f1d7df834926d39b",  # V0011, SCH01
    "feed": "C7672b67d8a5786aa51ad",
}
"""The sample city's cases by what they are about."""


def settings_of(place: Place, **cases: object) -> Settings:
    told = StoreSettings(folder=place.folder, database_url=place.url)
    return Settings(store=told, cases=CaseSettings(**cases))


def seat(store: Store) -> None:
    with store.writing() as session:
        add_first(session, "root", "root", "root", START_MS)
        for name, (role, bounds) in PEOPLE.items():
            create_user(session, actor_of(session, "root", START_MS), name, name, START_MS)
            grant(session, actor_of(session, "root", START_MS), name, role, START_MS, **bounds)


@pytest.fixture(scope="session")
def night_backup(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """The store after the night: as a folder `store`, and as a backup beside it."""
    from runs.night_desk import Desk  # these are slow, and the other tests of this folder need none of them
    from runs.nightly import Order, nightly

    folder = tmp_path_factory.mktemp("night")
    place = sqlite_place(folder / "store", sqlite_template)
    listed = folder / "pre-review.toml"
    listed.write_text(PRE_REVIEW, encoding="utf-8")
    store = place.opened()
    done = nightly(Desk.open(store, settings_of(place, pre_review=listed)), Order(DAY, ROOT / "sample_data" / "city"))
    assert done.is_whole, done.nights[0].as_dict()
    seat(store)
    backup(store, folder / "backup")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return folder


@pytest.fixture(scope="session")
def pg_night(night_backup: Path, pg_server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database with the night in it."""
    name = pg_server.new_database(TEMPLATE)
    store = Place(tmp_path_factory.mktemp("pg-night"), pg_server.url(name)).opened()
    restore(night_backup / "backup", store)
    store.close()
    return name


@pytest.fixture(params=DIALECTS)
def night_place(request: pytest.FixtureRequest, tmp_path: Path, night_backup: Path) -> Iterator[Place]:
    """Where a copy of the night is, in each of the databases; its files are not copied."""
    if request.param == SQLITE:
        yield sqlite_place(tmp_path / "night", night_backup / "store" / DATABASE_FILE)
        return
    server = request.getfixturevalue("pg_server")
    name = server.new_database(request.getfixturevalue("pg_night"))
    yield Place(tmp_path / "night", server.url(name))
    server.drop(name)


@pytest.fixture
def sqlite_night(tmp_path: Path, night_backup: Path) -> Place:
    """Where a copy of the night is, in SQLite."""
    return sqlite_place(tmp_path / "night", night_backup / "store" / DATABASE_FILE)


@dataclass
class OfficeAtWork:
    """An open store with a clock, and whoever works there."""

    store: Store
    settings: Settings

    def __getitem__(self, name: str) -> Actor:
        with self.store.reading() as session:
            return actor_of(session, name, self.store.clock())


@pytest.fixture
def office(night_place: Place) -> Iterator[OfficeAtWork]:
    """The office in each of the databases."""
    yield from _at_work(night_place)


@pytest.fixture
def sqlite_office(sqlite_night: Place) -> Iterator[OfficeAtWork]:
    """The office in SQLite."""
    yield from _at_work(sqlite_night)


def _at_work(place: Place) -> Iterator[OfficeAtWork]:
    store = place.opened(Clock())
    try:
        yield OfficeAtWork(store, settings_of(place))
    finally:
        store.close()


Says = Callable[..., "Answer"]


@pytest.fixture
def says(night_place: Place, monkeypatch: pytest.MonkeyPatch) -> Says:
    """The command line before the office, in each of the databases: `says("li", "case", "queue")`."""
    return _command_line(night_place, monkeypatch)


@pytest.fixture
def sqlite_says(sqlite_night: Place, monkeypatch: pytest.MonkeyPatch) -> Says:
    """The same in SQLite."""
    return _command_line(sqlite_night, monkeypatch)


def _command_line(place: Place, monkeypatch: pytest.MonkeyPatch) -> Says:
    from runs import who
    from runs.cli import main
    from tests.runs.conftest import Answer

    for name, value in {**place.environment, "TRAJAUDIT_LANG": "en"}.items():
        monkeypatch.setenv(name, value)

    def says(name: str, *arguments: str, lang: str = "en") -> Answer:
        monkeypatch.setattr(who, "os_user", lambda: name)
        out, err, code = io.StringIO(), io.StringIO(), 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main([*arguments, "--lang", lang])
            except SystemExit as leave:
                code = int(leave.code or 0)
        return Answer(code, out.getvalue(), err.getvalue())

    return says
