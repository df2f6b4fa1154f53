"""A question has the same answer on SQLite and on PostgreSQL, byte by byte, however PostgreSQL was set up.

The PostgreSQL here sorts text as a language does (ICU) and not by code points, and its rows lie in another order than
the one in which they came; both have names that languages sort otherwise. Both servers have the same secret, so that
labels of people and cursors are the same, too, and both clocks stand still.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, insert, select, text

from api.app import create_app
from api.openapi import document
from api.platform import Platform
from runs.settings import Settings, StoreSettings
from store.backup import backup, restore
from store.engine import Store, open_store
from store.tables.access import User
from store.tables.base import Base
from store.tables.casework import SpotCheck
from store.tables.registers import VehicleRow
from store.tables.results import FindingRow, NotAssessedRow, VehicleDay
from tests.api.asks import things
from tests.api.calls import get
from tests.api.conftest import DAY, Server, served
from tests.postgres import Server as PostgreSQL
from tests.stores import Clock

NAMES = ("Zoe", "adam", "_x", "a-b", "ab", "李", "王", "é", "ω")
"""Code points and languages do not agree on their order."""
LEFT_OUT = {
    "/healthz": "of the process",
    "/readyz": "of the process: the disk's room, what its work is told by",
    "/metrics": "of the process: what it was asked, how long that took",
    "/v1/jobs/{job_id}": "of the process: its jobs, which no database knows",
    "/v1/jobs/{job_id}/events": "the same",
    "/openapi.json": "of the program alone",
    "/ogc/api": "the same",
    "/tiles/{source}/{z}/{x}/{y}": "of another server",
}
"""Paths that are not compared, and why. `/v1/log` is: both were asked the same, at the same moments of their clocks."""
DRAWN = re.compile(
    rb'(?<="subject":")#\d{3}|"timeStamp":"[^"]+"|(?<=nonce=")[\w-]+'
    rb"|(?<=instructor )\d{3}|(?<=exam safety officer )\d{3}|(?<=trainee )\d{3}"
)
"""What is drawn anew for each answer, whoever asks: the numbers of people in lists of cases and on maps, so that nobody
follows a person from one answer to the next; when a collection of features was made; the nonce of a page."""
FOR_OTHERS = {"/v1/users", "/v1/users/{name}", "/v1/log", "/v1/log/head"}
"""What an auditor is not told: an administrator, or the office's head, asks for it."""
PAGES = 6
"""So many pages of a list are read, one after another."""
BOX = "bbox=114.05,34.1,114.2,34.3"
TRIED: dict[str, tuple[str, ...]] = {
    "/v1/cases": ("everything=true", "state=new", f"date={DAY}&everything=true"),
    "/v1/precision": ("by=rule,school", "by=month,provider"),
    "/v1/spot-checks/missed": (f"from={DAY}&to={DAY}",),
    "/v1/spot-checks": (f"from={DAY}&to={DAY}", f"from={DAY}&to={DAY}&undecided=true"),
    "/v1/log": ("subject=queue", "account=auditor"),
    "/v1/runs": (f"date={DAY}", "state=done"),
    "/v1/vehicles": ("school=SCH01", "as_known=2026-03-19T00:00:00%2B08:00"),
    "/v1/vehicles/{vehicle_id}/passages": ("people=true",),
    "/v1/sessions": ("vehicle=V0001",),
    "/v1/findings": (
        "", f"date={DAY}", f"date_from=2026-03-01&date_to={DAY}", "rule=signal-gap", "school=SCH02", "vehicle=V0001",
        "vehicle=a-b", "severity=major", BOX, f"{BOX}&severity=critical", "bbox=170,-10,-170,10",
    ),
    "/v1/not-assessed": ("vehicle=V0001", "rule=signal-gap"),
    "/v1/reports": ("name=night", f"date_from={DAY}&date_to={DAY}"),
    "/v1/reports/{date}/night": ("lang=en", "lang=zh", "f=html"),
    "/v1/reports/{date}/findings": ("f=csv", "f=parquet"),
    "/v1/reports/{date}/not-assessed": ("f=csv",),
    "/v1/reports/{date}/rejects": ("f=csv",),
    "/ogc/collections/zones/items": (BOX, "crs=http://www.opengis.net/def/crs/EPSG/0/3857"),
    "/ogc/collections/findings/items": (
        BOX, "rule=signal-gap", "severity=major", "school_id=SCH01", "district=419901", "vehicle_id=ab",
        "datetime=2026-03-18T10:00:00Z/..", "crs=http://www.opengis.net/def/crs/EPSG/0/4490",
    ),
    "/ogc/collections/tracks/items": ("vehicle_id=V0001", "school_id=SCH01", f"{BOX}&limit=2", f"service_date={DAY}"),
}  # fmt: skip
"""What is asked besides the plain question."""


# ---------------------------------------------------------------- two servers that know the same
def copies(store: Store, table: Any, changes: dict[str, str], numbered: str | None = None) -> None:
    """Add copies of a row of a table, one for each of the names. `changes`: column to the text that gets the name."""
    core: Table = table.__table__
    with store.writing() as session:
        first = session.execute(select(core).order_by(*core.primary_key.columns).limit(1)).mappings().one()
        told = {k: v for k, v in first.items() if k != "id"}
        last = 0 if numbered is None else session.scalar(select(func.max(core.c[numbered]))) or 0
        for n, name in enumerate(NAMES, 1):
            own = {column: form.format(name) for column, form in changes.items()}
            number = {} if numbered is None else {numbered: last + n}
            session.execute(insert(core), [{**told, **own, **number}])


def sorted_by_a_language(server: PostgreSQL) -> str:
    """Make an empty database whose texts are ordered as in a language, punctuation counting last; return its name."""
    how = "LOCALE_PROVIDER icu ICU_LOCALE 'en-US-u-ka-shifted' LOCALE 'C'"
    server.run(f"CREATE DATABASE of_a_language TEMPLATE template0 {how}")
    return "of_a_language"


def disorder(store: Store) -> None:
    """Have the rows of every table lie in another order: one that is written anew lies behind all others."""
    with store.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            key = next(iter(table.primary_key.columns)).name
            half = f"UPDATE {table.name} SET {key} = {key} WHERE hashtext(ctid::text) % 2 = 0"
            connection.execute(text(half))
            connection.commit()


@pytest.fixture(scope="module")
def both(
    city_store: Path, tmp_path_factory: pytest.TempPathFactory, pg_server: PostgreSQL
) -> Iterator[tuple[Server, Server]]:
    folder = tmp_path_factory.mktemp("both")
    shutil.copytree(city_store, folder / "here")
    here = served(folder / "here")
    copies(here.store, User, {"name": "{}"})
    copies(here.store, VehicleRow, {"vehicle_id": "{}"}, "ordinal")
    copies(here.store, VehicleDay, {"vehicle_id": "{}"})
    copies(here.store, SpotCheck, {"vehicle_id": "{}"})
    copies(here.store, NotAssessedRow, {"vehicle_id": "{}"})
    copies(here.store, FindingRow, {"vehicle_id": "{}", "finding_id": "F{}"})
    backup(here.store, folder / "backup")
    url = pg_server.url(sorted_by_a_language(pg_server))
    store = open_store(folder / "there", url, Clock())
    assert restore(folder / "backup", store).troubles == []
    disorder(store)
    told = StoreSettings.model_validate({"folder": folder / "there", "database_url": url})
    there = Server(create_app(Platform(store, Settings(store=told), b"s" * 32)), store, Settings(store=told), here.keys)
    yield here, there
    for server in (here, there):
        server.app.state.platform.maps.close()
        server.store.close()


# ---------------------------------------------------------------- asking both
def questions(server: Server, known: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Give every question, with its operation's path: plain, in small pages, and with what else can be told it."""
    for path, operations in document(server.app)["paths"].items():
        if "get" not in operations or path in LEFT_OUT:
            continue
        takes = {p["name"] for p in operations["get"].get("parameters", ()) if p["in"] == "query"}
        dated = f"date={DAY}" if "date" in takes and path not in {"/v1/findings", "/v1/cases", "/v1/runs"} else ""
        tried = ["", *TRIED.get(path, ()), *(("limit=3",) if "limit" in takes else ())]
        for query in dict.fromkeys(tried):
            told = "&".join(part for part in (dated, query) if part)
            yield path, path.format(**{"feature_id": feature(path, known), **known}) + ("?" + told if told else "")


def feature(path: str, known: dict[str, str]) -> str:
    """Return an id that a collection of /ogc has."""
    ids = {"zones": "G02", "findings": known["finding_id"], "tracks": f"{DAY}.V0001"}
    return next((held for name, held in ids.items() if f"/{name}/" in path), "")


def answers(both: tuple[Server, Server], name: str, asked: str) -> int:
    """Ask both the same, page after page; return how many answers there were, all of them the same."""
    n = 0
    while asked and n < PAGES:
        here, there = (get(server, name, asked, X_Reason="complaint 7", Accept_Language="en") for server in both)
        assert here.status_code == there.status_code, (asked, here.text[:300], there.text[:300])
        assert here.status_code != 400, f"{asked}: {here.text}"
        if here.status_code > 400:
            assert here.json()["type"] == there.json()["type"], asked
            return n
        said = [DRAWN.sub(b"", answer.content) for answer in (here, there)]
        assert said[0] == said[1], f"{asked}: {difference(*said)}"
        for header in ("content-type", "etag", "link", "cache-control"):
            assert here.headers.get(header) == there.headers.get(header), f"{asked}: {header}"
        n, asked = n + 1, onward(here.headers.get("link", "")) if "limit=" in asked else ""
    return n


def difference(here: bytes, there: bytes) -> str:
    """Return where two answers begin to differ."""
    place = next((n for n, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), min(len(here), len(there)))
    return " / ".join(said[max(0, place - 100) : place + 100].decode("utf-8", "replace") for said in (here, there))


def onward(link: str) -> str:
    """Return where the next page is, as a Link header says; empty where there is none."""
    told = next((part for part in link.split(",") if 'rel="next"' in part), "")
    return told.partition("<")[2].partition(">")[0].removeprefix("http://audit.test")


SLOWLY = [pytest.param(name, marks=pytest.mark.slow) for name in ("auditor-here", "head")]


@pytest.mark.parametrize("name", ["auditor", "admin", "school-1", *SLOWLY])
def test_every_question_has_the_same_answer(both: tuple[Server, Server], name: str) -> None:
    known = things(both[0])
    things(both[1])
    different, n = [], Counter[str]()
    for path, asked in questions(both[0], known):
        try:
            n[path] += answers(both, name, asked)
        except AssertionError as error:
            different.append(str(error).partition("\nassert ")[0])
    assert different == []
    assert n.total() > {"auditor": 160, "auditor-here": 140, "head": 160, "admin": 50, "school-1": 10}[name]
    if name == "auditor":
        assert {path for path in n if not n[path]} == FOR_OTHERS


def test_what_is_left_out_is_there(both: tuple[Server, Server]) -> None:
    there = {path for path, operations in document(both[0].app)["paths"].items() if "get" in operations}
    assert there >= {*LEFT_OUT, *TRIED}


def test_the_names_are_in_another_order_in_that_database(both: tuple[Server, Server]) -> None:
    orders = []
    for server in both:
        with server.store.reading() as session:
            orders.append(list(session.scalars(select(User.name).where(User.name.in_(NAMES)).order_by(User.name))))
    assert orders[0] == sorted(NAMES) != orders[1]


def test_the_rows_do_not_lie_there_as_they_came(both: tuple[Server, Server]) -> None:
    with both[1].store.reading() as session:
        lying = list(session.scalars(select(FindingRow.id)))
    assert lying != sorted(lying)
