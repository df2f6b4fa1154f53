"""`trajaudit store`, as a person types it, and how any command opens the store."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from sqlalchemy import text

from runs.cli import main
from runs.cli_store import store as commands
from runs.open_store import opened
from runs.settings import read_settings
from store.access_log import recent, verify
from store.check import DAY_MS
from store.engine import Store, StoreRefused
from store.files import blob_path, put_blob
from store.schema import BASE, migrate, revisions, schema_state
from tests.postgres import Server
from tests.runs.conftest import ROOT, Answer, environment, trajaudit
from tests.runs.test_help import HEAVY, LOADED, width
from tests.store.filled import fill, rows_of
from tests.stores import DIALECTS, Place

HEAD = revisions()[-1]

Ask = Callable[..., Answer]
PAGES = [("store", *([c.callback.__name__] if c else [])) for c in (None, *commands.registered_commands)]


def told_where(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**place.environment, "TRAJAUDIT_LANG": "en"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def ask(store_settings: Place, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """The command line before a store, in this process: a new one takes a second to start."""
    told_where(store_settings, monkeypatch)

    def asked(*arguments: str | Path) -> Answer:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main(["store", *map(str, arguments), "--lang", "en"])
            except SystemExit as leave:
                code = int(leave.code or 0)
        return Answer(code, out.getvalue(), err.getvalue())

    return asked


# ---------------------------------------------------------------- help


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_help_is_quick_and_shows_an_example(page: tuple[str, ...]) -> None:
    answer = trajaudit(*page, "--help", env={"TRAJAUDIT_LANG": "en"})
    assert f"Example: trajaudit {' '.join(page)}" in " ".join(answer.out.split())
    assert max(map(width, answer.out.splitlines())) <= 80
    command = [sys.executable, "-c", LOADED, *page, "--help"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, encoding="utf-8")
    assert set(done.stdout.rpartition("LOADED")[2].split()) & (HEAVY | {"sqlalchemy", "alembic"}) == set()


# ---------------------------------------------------------------- migrate


def test_forward_and_back(store: Store, ask: Ask) -> None:
    assert ask("migrate").out == f"Nothing to do: the schema is {HEAD}.\n"
    assert ask("migrate", "--to", "base").out == f"Schema {HEAD} is now -.\n"
    assert ask("migrate", "--json").json() == {"before": None, "after": HEAD, "state": "current"}
    refused = ask("migrate", "--to", "0007")
    assert refused.code == 2
    assert "revision '0007' is not known: expected head, base or one of 0001, " in refused.err


def test_a_settings_file_says_where_the_store_is(tmp_path: Path, store_settings: Place) -> None:
    file = tmp_path / "office.toml"
    url = "" if store_settings.url is None else f"database_url = '{store_settings.url}'\n"
    file.write_text(f"[store]\nfolder = '{store_settings.folder}'\n{url}")
    answer = trajaudit("store", "check", "--settings", file, "--json")
    assert (answer.code, answer.json()) == (0, {"troubles": [], "swept": []})


# ---------------------------------------------------------------- check


def test_a_store_that_is_whole_and_one_that_is_not(store: Store, ask: Ask) -> None:
    fill(store)
    with store.writing() as session:
        session.execute(text("DELETE FROM access_log"))
    assert ask("check", "--deep").out == "The store is whole.\n"
    with store.writing() as session:
        session.execute(text("DELETE FROM case_events WHERE case_id = 'C1' AND seq = 2"))
    answer = ask("check")
    assert answer.code == 3
    assert "event-gap" in answer.out
    assert "C1" in answer.out
    (trouble,) = ask("check", "--json").json()["troubles"]
    assert trouble == {
        "code": "event-gap", "subject": "C1", "found": "2 (1-3)", "expected": "3 (1-3)", "is_fault": True,
    }  # fmt: skip


def test_a_schema_that_is_not_there_is_a_trouble(store: Store, ask: Ask) -> None:
    migrate(store, BASE)
    answer = ask("check")
    assert (answer.code, "run trajaudit store migrate" in " ".join(answer.out.split())) == (3, True)


def test_sweeping_removes_what_is_old(store: Store, ask: Ask) -> None:
    put_blob(store, b"young")
    path = blob_path(store, put_blob(store, b"old"))
    with store.writing() as session:
        kept = put_blob(store, b"kept")
        session.execute(text(f"INSERT INTO blobs VALUES ('{kept}', 4, 1, NULL)"))
    then = path.stat().st_mtime_ns - 2 * DAY_MS * 1_000_000
    os.utime(path, ns=(then, then))
    assert ask("check").code == 3
    answer = ask("check", "--sweep", "--json")
    assert answer.code == 0
    assert answer.json()["swept"] == [path.relative_to(store.folder).as_posix()]
    assert [trouble["code"] for trouble in answer.json()["troubles"]] == ["new-file"]
    assert not path.exists()


# ---------------------------------------------------------------- backup and restore


@pytest.mark.parametrize("store_settings", DIALECTS, indirect=True)
def test_there_and_back(
    store: Store, ask: Ask, tmp_path: Path, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.writing() as session:
        session.execute(text("INSERT INTO leases VALUES ('n', 'us', 1, 0, 1)"))
    target = tmp_path / "backup"
    done = ask("backup", target, "--json")
    assert (done.code, done.json()["troubles"], done.json()["schema"]) == (0, [], HEAD)
    rows = rows_of(store)
    told_where(Place(sqlite_store.folder, None), monkeypatch)
    if store.dialect == "postgresql":
        monkeypatch.delenv("TRAJAUDIT_STORE__DATABASE_URL")
    answer = ask("restore", target)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"Restored from {target}: ")
    restored = rows_of(sqlite_store)
    assert {n: r for n, r in restored.items() if n != "access_log"} == {
        n: r for n, r in rows.items() if n != "access_log"
    }
    with sqlite_store.reading() as session:
        assert [link.action for link in recent(session, 9)] in (["backup", "restore"], ["restore", "backup"])
        assert list(verify(session)) == []
    again = ask("restore", target)
    assert (again.code, "not empty" in again.err) == (2, True)


def test_a_backup_that_cannot_be_is_not_noted(store: Store, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    refused = ask("backup", tmp_path / "full")
    assert refused.code == 2
    assert "a backup needs a folder that is new or empty" in refused.err
    assert rows_of(store)["access_log"] == []


def test_a_damaged_backup_is_named_in_one_line(store: Store, ask: Ask, tmp_path: Path) -> None:
    ask("backup", tmp_path / "backup")
    (tmp_path / "backup" / "tables" / "zones.parquet").write_bytes(b"")
    refused = ask("restore", tmp_path / "backup")
    assert refused.code == 2
    assert "zones.parquet" in refused.err
    assert len(refused.err.splitlines()) == 1


# ---------------------------------------------------------------- opening


def test_a_new_store_gets_its_tables_by_itself(
    tmp_path: Path, pg_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (Place(tmp_path / "new", None), Place(tmp_path / "pg", pg_server.url(pg_server.new_database()))):
        told_where(place, monkeypatch)
        store = opened(read_settings())
        assert (store.dialect, schema_state(store).state) == (place.dialect, "current")
        store.close()


def test_a_store_that_is_not_ours_is_refused(store: Store, ask: Ask) -> None:
    with store.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreRefused, match="9999, which this trajaudit does not know"):
        opened(read_settings())


def test_a_database_that_is_not_there_is_told_in_one_line(tmp_path: Path, pg_server: Server) -> None:
    address = pg_server.tcp_url("nowhere")
    place = Place(tmp_path / "store", address)
    answer = trajaudit("store", "check", env={**place.environment, "TRAJAUDIT_LANG": "en"})
    assert (answer.code, answer.out) == (2, "")
    assert 'database "nowhere" does not exist' in answer.err
    assert pg_server.password not in answer.err
    assert len(answer.err.splitlines()) == 1


def test_json_is_json_whatever_a_file_is_called(store: Store, ask: Ask) -> None:
    put_blob(store, b"kept")
    evil = store.folder / "blobs" / "\x1b[31m\n"
    evil.write_bytes(b"x")
    os.utime(evil, (0, 0))
    plain = ask("check")
    assert "\x1b" not in plain.out
    assert "blobs/\x1b[31m\n" in {trouble["subject"] for trouble in json.loads(ask("check", "--json").out)["troubles"]}
