"""The schema: as the models say, forwards and backwards with rows in it, one at a time, whole or not at all."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError

from store.engine import Store, StoreRefused, open_store
from store.schema import BASE, VERSIONS, migrate, require_current, revisions, schema_state
from store.tables.base import Base
from tests.postgres import Server
from tests.store.filled import fill, rows_of
from tests.stores import Place

STEP = '''"""A step of a test."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade():
    {up}


def downgrade():
    {down}
'''
ADD = "with op.batch_alter_table('findings') as b: b.add_column(sa.Column('weight', sa.Float(), server_default='0.5'))"
DROP = "with op.batch_alter_table('findings') as b: b.drop_column('weight')"
# For this SQLite has to copy the table.
COPY = "with op.batch_alter_table('findings') as b: b.alter_column('plate', nullable=True)"


@pytest.fixture
def later(tmp_path: Path) -> tuple[Path, ...]:
    """Our steps and one more, as a later program has it."""
    return steps(tmp_path, f"{ADD}\n    {COPY}", DROP)


def steps(folder: Path, up: str, down: str) -> tuple[Path, ...]:
    more = folder / "more %"
    more.mkdir()
    code = STEP.format(revision="9999", before=revisions()[-1], up=up, down=down)
    (more / "9999_test.py").write_text(code)
    return (*VERSIONS, more)


@pytest.fixture
def made(store_settings: Place, pg_server: Server, tmp_path: Path) -> Iterator[Store]:
    """A store whose tables were made from the models, without any step."""
    url = None if store_settings.url is None else pg_server.url(pg_server.new_database())
    store = open_store(tmp_path / "made", url)
    with store.writing() as session:
        Base.metadata.create_all(session.connection())
    yield store
    store.close()


def plain(index: dict) -> list[str]:
    """An index with its condition as text: two of them compare as objects otherwise."""
    told = {**index, "dialect_options": {k: str(v) for k, v in index.get("dialect_options", {}).items()}}
    return sorted(f"{name}: {value}" for name, value in told.items())


def described(connection: Connection) -> dict[str, object]:
    looked = inspect(connection)
    return {
        table: (
            {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in looked.get_columns(table)},
            looked.get_pk_constraint(table),
            looked.get_unique_constraints(table),
            sorted(plain(index) for index in looked.get_indexes(table)),
            looked.get_foreign_keys(table),
            looked.get_check_constraints(table),
        )
        for table in looked.get_table_names()
        if table != "alembic_version"
    }


# ---------------------------------------------------------------- the schema is the models'


def test_the_steps_and_the_models_say_the_same(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, Base.metadata)
    assert differences == [], "write the step: python scripts/migration.py MESSAGE"


def test_the_steps_make_what_the_models_make(store: Store, made: Store) -> None:
    with store.engine.connect() as migrated, made.engine.connect() as created:
        assert described(migrated) == described(created)


def test_a_difference_would_be_noticed(store: Store) -> None:
    with store.writing() as session:
        session.execute(text("ALTER TABLE cases ADD COLUMN more INTEGER"))
        session.execute(text("DROP INDEX ix_cases_state"))
        found = compare_metadata(MigrationContext.configure(session.connection()), Base.metadata)
        assert {difference[0] for difference in found} == {"remove_column", "add_index"}


# ---------------------------------------------------------------- forwards and backwards with rows


def test_back_to_nothing_and_forward_again(store: Store) -> None:
    fill(store)
    before, after = migrate(store, BASE)
    assert (before.state, after.state, after.current) == ("current", "empty", None)
    with store.engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    assert migrate(store)[1].state == "current"
    assert all(rows == [] for rows in rows_of(store).values())
    fill(store)


def test_a_step_forward_and_back_keeps_every_row(store: Store, later: tuple[Path, ...]) -> None:
    fill(store)
    rows = rows_of(store)
    with store.engine.connect() as connection:
        plain = described(connection)
    assert migrate(store, versions=later)[1].current == "9999"
    assert rows_of(store) == rows
    with store.reading() as session:
        assert set(session.scalars(text("SELECT weight FROM findings"))) == {0.5}
    migrate(store, revisions()[-1], later)
    assert rows_of(store) == rows
    with store.engine.connect() as connection:
        assert described(connection) == plain


def test_what_must_be_unique_still_is_after_a_step(store: Store, later: tuple[Path, ...]) -> None:
    fill(store)
    migrate(store, versions=later)
    again = "UPDATE findings SET superseded_ms = NULL WHERE finding_id = 'F1'"
    with pytest.raises(IntegrityError), store.writing() as session:
        session.execute(text(again))


@pytest.mark.parametrize("failing", ["up", "down"])
def test_a_step_that_fails_changes_nothing(store: Store, tmp_path: Path, failing: str) -> None:
    broken = "raise RuntimeError('no')"
    up, down = (f"{ADD}\n    {broken}", "pass") if failing == "up" else (ADD, f"{DROP}\n    {broken}")
    versions = steps(tmp_path, up, down)
    fill(store)
    if failing == "down":
        migrate(store, versions=versions)
    rows, before = rows_of(store), schema_state(store, versions)
    with store.engine.connect() as connection:
        tables = described(connection)
    with pytest.raises(RuntimeError, match="no"):
        migrate(store, "head" if failing == "up" else "0001", versions)
    assert schema_state(store, versions) == before
    assert rows_of(store) == rows
    with store.engine.connect() as connection:
        assert described(connection) == tables


# ---------------------------------------------------------------- where it stands


def test_each_state_says_what_to_do(store: Store, later: tuple[Path, ...]) -> None:
    require_current(store)
    assert schema_state(store, later).state == "behind"
    migrate(store, versions=later)
    assert schema_state(store).state == "unknown"
    with pytest.raises(StoreRefused, match=r"9999, which this trajaudit does not know.*newer trajaudit"):
        require_current(store)
    with pytest.raises(StoreRefused, match="newer trajaudit"):
        migrate(store)
    migrate(store, BASE, later)
    with pytest.raises(StoreRefused, match=r"no tables yet.*trajaudit store migrate"):
        require_current(store)


def test_tables_without_a_revision_are_not_taken_for_ours(made: Store) -> None:
    assert schema_state(made).state == "unknown"
    with pytest.raises(StoreRefused, match="they say no revision"):
        migrate(made)


@pytest.mark.parametrize("target", ["0000", "+1", "heads", "", "0001:head"])
def test_an_unknown_target_is_refused(sqlite_store: Store, target: str) -> None:
    with pytest.raises(StoreRefused, match="is not known: expected head, base or one of 0001"):
        migrate(sqlite_store, target)


def test_where_it_stands_already_nothing_is_done(store: Store) -> None:
    before, after = migrate(store)
    assert before == after


def test_two_at_once_take_turns(store_settings: Place) -> None:
    first = store_settings.opened()
    migrate(first, BASE)
    stores = [first, store_settings.opened(), store_settings.opened()]
    states: list[str] = []
    threads = [threading.Thread(target=lambda s=s: states.append(migrate(s)[0].state)) for s in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states) == ["current", "current", "empty"]
    for store in stores:
        store.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "trajaudit.db").write_bytes(b"not a database, but long enough to be read as one" * 100)
    store = open_store(folder)
    with pytest.raises(StoreRefused, match="cannot be used: file is not a database"):
        schema_state(store)
    store.close()


def test_the_steps_run_only_when_alembic_asks() -> None:
    assert importlib.import_module("store.migrations.env").CALLED == "env_py"
