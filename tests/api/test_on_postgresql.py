"""The API on PostgreSQL: its tests once more with their stores there, and the same answers as on SQLite."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.app import create_app
from api.openapi import document
from api.platform import Platform
from runs.settings import StoreSettings
from store.backup import backup, restore
from store.engine import open_store
from tests.api.asks import things
from tests.api.calls import get
from tests.api.conftest import Server
from tests.api.databases import ON_POSTGRESQL, VARIABLE
from tests.postgres import TEMPLATE
from tests.postgres import Server as PostgreSQL

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {
    "test_on_postgresql.py": "this one",
    "test_schema_fuzzing.py": "thousands of requests, whose answers are not looked at more closely",
    "test_schema_fuzzing_slow.py": "the same",
    "test_serve.py": "of processes and their settings",
    "test_jobs_shared.py": "of processes, with a store made beside them",
    "test_workers.py": "on both databases by itself",
    "test_database_away.py": "on both databases by itself",
}
"""Modules that are not run again, and why."""
QUICK = ("test_cases.py", "test_idempotency.py")
DRAWN = ("/healthz", "/readyz", "/metrics", "/v1/log", "/v1/jobs", "/openapi.json", "/ogc/api", "/tiles", "/maps")
"""Paths of which an answer has times, the log of what was asked meanwhile, or numbers drawn for it alone."""


def run_again(modules: list[str], marks: str) -> int:
    """Run tests with their stores in PostgreSQL; return how many passed."""
    # Stores that a test leaves open are told of as open connections when the process ends.
    quiet = ["-W", "ignore::ResourceWarning", "-W", "ignore::pytest.PytestUnraisableExceptionWarning"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marks, *quiet, *modules]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, VARIABLE: "postgresql"}, capture_output=True, text=True, timeout=900,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None, done.stdout[-2000:]
    return int(passed[1])


@pytest.mark.skipif(ON_POSTGRESQL, reason="it would run itself")
def test_cases_are_handled_on_postgresql_as_on_sqlite() -> None:
    assert run_again([f"tests/api/{name}" for name in QUICK], "not slow") > 25


@pytest.mark.slow
def test_all_the_rest_holds_on_postgresql_too() -> None:
    there = sorted(path.name for path in (ROOT / "tests" / "api").glob("test_*.py"))
    assert set(ELSEWHERE) - {"test_workers.py", "test_database_away.py"} <= set(there)
    modules = [f"tests/api/{name}" for name in there if name not in {*ELSEWHERE, *QUICK}]
    assert run_again(modules, "slow or not slow") > 500


# ---------------------------------------------------------------- the same answers
@pytest.fixture(scope="module")
def both(
    reading_server: Server, tmp_path_factory: pytest.TempPathFactory, pg_server: PostgreSQL
) -> Iterator[tuple[Server, Server]]:
    """The server on SQLite, and one on what its backup made in PostgreSQL; the same keys, the same secret."""
    folder = tmp_path_factory.mktemp("both")
    backup(reading_server.store, folder / "backup")
    url = pg_server.url(pg_server.new_database(TEMPLATE))
    store = open_store(folder / "store", url, reading_server.store.clock)
    assert restore(folder / "backup", store).troubles == []
    told = StoreSettings.model_validate({"folder": folder / "store", "database_url": url})
    settings = reading_server.settings.model_copy(update={"store": told})
    app = create_app(Platform(store, settings, b"s" * 32))
    yield reading_server, Server(app, store, settings, reading_server.keys)
    app.state.platform.maps.close()
    store.close()


def fixed(content: bytes) -> bytes:
    """An answer without what is drawn anew each time: the numbers of people, and when a feature collection was made."""
    return re.sub(rb'#\d{3}|"timeStamp":"[^"]+"', b"", content)


@pytest.mark.parametrize("name", ["auditor", "auditor-here", "admin"])
def test_every_list_and_every_single_thing_is_answered_with_the_same_bytes(
    both: tuple[Server, Server], name: str
) -> None:
    here, _ = both
    known, compared = things(here), 0
    for path, operations in document(here.app)["paths"].items():
        if "get" not in operations or path.startswith(DRAWN):
            continue
        takes = {p["name"] for p in operations["get"].get("parameters", ()) if p["in"] == "query"}
        for query in ("", "limit=3"):
            if query and "limit" not in takes:
                continue
            dated = f"date={known['date']}" if "date" in takes else ""
            asked = path.format(feature_id="G02", **known) + "?" + "&".join(filter(None, (query, dated)))
            first, second = (get(server, name, asked, x_reason="C7") for server in both)
            assert first.status_code == second.status_code, asked
            if first.status_code == 200:
                assert fixed(first.content) == fixed(second.content), asked
                compared += 1
    assert compared > (8 if name == "admin" else 40)
