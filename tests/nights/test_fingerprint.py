"""The fingerprint of a store sees all that counts, and nothing of when and by which run it was written."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from store.engine import Store
from store.fingerprint import fingerprint, parts
from store.tables.base import Base
from tests.nights.making import Told, run
from tests.stores import Place

COUNTS = {
    "access_log", "case_events", "cases", "findings", "ingests", "night_files", "nights", "not_assessed", "outbox",
    "partitions", "passage_sets", "register_versions", "spot_checks", "vehicle_days",
}  # fmt: skip
OF_THE_MOMENT = {
    "run_id", "recorded_ms", "at_ms", "created_ms", "audited_ms", "changed_ms", "first_ms", "opened_ms", "entered_ms",
    "due_ms", "digest", "previous", "ended_by",
}  # fmt: skip


@pytest.fixture
def night(store_settings: Place, store: Store, small: Path) -> Store:
    run(Told.at(store_settings, bundle=str(small)))
    return store


def told(store: Store) -> tuple[str, str, dict[str, str]]:
    with store.reading() as session:
        return fingerprint(session), fingerprint(session, history=False), parts(session)


def test_when_and_by_which_run_something_was_written_is_no_part_of_it(night: Store) -> None:
    before = told(night)
    with night.writing() as session:
        for table in Base.metadata.sorted_tables:
            for column in (c for c in table.columns if c.name in OF_THE_MOMENT and not c.primary_key):
                value = 7 if column.name.endswith("_ms") else "another"
                session.execute(update(table).values({column.name: value}))
    assert told(night) == before


def test_a_row_more_or_less_is_seen_in_every_table_that_counts(night: Store) -> None:
    whole, _, _ = told(night)
    for table in (t for t in Base.metadata.sorted_tables if t.name in COUNTS):
        with night.engine.connect() as connection:
            key = [*table.primary_key.columns]
            row = connection.execute(select(*key).limit(1)).one()
            connection.rollback()
            is_it = [column == value for column, value in zip(key, row, strict=True)]
            with night.writing() as session:
                session.execute(delete(table).where(*is_it))
            now, _, _ = told(night)
            assert now != whole, table.name
            whole = now


def test_what_stands_is_told_apart_from_how_it_came_to_stand(night: Store) -> None:
    whole, stands, _ = told(night)
    with night.writing() as session:
        notice = Base.metadata.tables["outbox"]
        session.execute(delete(notice))
    now, still, _ = told(night)
    assert now != whole
    assert still == stands
