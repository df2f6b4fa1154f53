"""The disk is full: the night is not assessed and says so, nothing is lost, and the next run makes up for it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from store.engine import DATABASE_FILE, POSTGRESQL, SQLITE, Store
from store.heads import read_heads
from tests.nights.conftest import Nights, Places
from tests.nights.making import SQLITE_AND_SLOWLY_THE_OTHER, Told, faults_of, head_of, looked_at, parts_of, run, runs_of
from tests.stores import Place, sqlite_place

FULL = ("full", "No space left on device", "File too large", "disk I/O error")


def says_full(lines: list[str]) -> bool:
    return any(word in line for line in lines for word in FULL)


def made_up_for(nights: Nights, told: Told, place: Place, undisturbed: dict[str, str]) -> None:
    (night,) = nights.start(told).done()["nights"]
    assert (night["state"], night["trouble"]) == ("done", {})
    assert parts_of(place) == undisturbed
    assert faults_of(place) == []


# ---------------------------------------------------------------- the database's file


def pages(place: Place) -> int:
    with sqlite3.connect(place.folder / DATABASE_FILE) as connection:
        (n,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    return int(n)


@pytest.fixture(scope="module")
def grown(nights: Nights, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> tuple[int, int]:
    """Pages of the database file before a night and after it."""
    place = sqlite_place(tmp_path_factory.mktemp("grown") / "store", sqlite_template)
    before = pages(place)
    nights.start(Told.at(place)).done()
    return before, pages(place)


@pytest.mark.parametrize(
    "share", [0.3, 0.95, *(pytest.param(share, marks=pytest.mark.slow) for share in (0.02, 0.5, 0.7, 0.85))]
)
def test_a_database_that_may_not_grow_costs_the_night_until_there_is_room(
    nights: Nights, places: Places, undisturbed: dict[str, str], grown: tuple[int, int], share: float
) -> None:
    before, after = grown
    with places(SQLITE) as place:
        told = Told.at(place)
        most = before + round((after - before) * share)
        done = nights.start(told.but(max_pages=most)).done()
        (night,) = done["nights"]
        assert night["state"] == "failed"
        assert list(night["trouble"]) == ["write"]
        assert says_full(night["trouble"]["write"])
        assert faults_of(place) == []
        assert set(runs_of(place)) <= {"failed", "running"}
        made_up_for(nights, told, place, undisturbed)


def fills_up(store: Store) -> None:
    """Have PostgreSQL say what it says when its disk is full, where findings are written."""
    with store.writing() as session:
        session.execute(
            text(
                "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING "
                "ERRCODE = '53100', MESSAGE = 'could not extend file \"base/1/2\": No space left on device'; END $$"
            )
        )
        session.execute(text("CREATE TRIGGER no_room BEFORE INSERT ON findings EXECUTE FUNCTION no_room()"))


def is_emptied(store: Store) -> None:
    with store.writing() as session:
        session.execute(text("DROP TRIGGER no_room ON findings"))
        session.execute(text("DROP FUNCTION no_room"))


def test_a_postgresql_whose_disk_is_full_costs_the_night_until_there_is_room(
    nights: Nights, places: Places, undisturbed: dict[str, str]
) -> None:
    with places(POSTGRESQL) as place:
        looked_at(place, fills_up)
        (night,) = nights.start(Told.at(place)).done()["nights"]
        assert night["state"] == "failed"
        assert says_full(night["trouble"]["write"])
        assert runs_of(place) == ["failed"]
        looked_at(place, is_emptied)
        made_up_for(nights, Told.at(place), place, undisturbed)


# ---------------------------------------------------------------- the store's folder


@pytest.mark.parametrize("max_bytes", [40_000, pytest.param(4_000, marks=pytest.mark.slow)])
def test_files_that_find_no_room_cost_the_night_until_there_is_some(
    nights: Nights, places: Places, undisturbed: dict[str, str], max_bytes: int
) -> None:
    with places(POSTGRESQL) as place:
        (night,) = nights.start(Told.at(place, max_bytes=max_bytes)).done()["nights"]
        assert night["state"] == "failed"
        assert says_full(night["trouble"]["write"])
        assert faults_of(place) == []
        made_up_for(nights, Told.at(place), place, undisturbed)


@pytest.mark.parametrize("dialect", SQLITE_AND_SLOWLY_THE_OTHER)
def test_a_disk_that_grows_step_by_step_is_enough_in_the_end(
    nights: Nights, places: Places, undisturbed: dict[str, str], dialect: str
) -> None:
    sizes_kb = tuple(range(1_000, 8_000, 700)) if dialect == SQLITE else tuple(range(300, 6_000, 500))
    with places(dialect) as place:
        told = nights.start(Told.at(place, disk_kb=sizes_kb)).done()
    if "refused" in told:
        # Only who may mount has a disk of this size: root always must; a plain user has it where the system lets him.
        assert os.geteuid() != 0, told["refused"]
        pytest.skip(f"no disk of its own for a process here: {told['refused']}")
    *full, last = told["ends"]
    assert last == ["done"]
    assert len(full) >= 2
    assert {end[0] for end in full} <= {"failed", "refused"}
    assert all(says_full(end) for end in full), full
    assert told["faults"] == []
    assert told["parts"] == undisturbed


# ---------------------------------------------------------------- the second place of the log's heads


@pytest.mark.parametrize("dialect", SQLITE_AND_SLOWLY_THE_OTHER)
def test_heads_that_cannot_be_written_down_are_told_and_made_up_for(
    places: Places, small: Path, tmp_path: Path, dialect: str
) -> None:
    heads = tmp_path / "medium" / "heads"
    with places(dialect) as place:
        told = Told.at(place, bundle=str(small), heads=str(heads))
        done = run(told)
        assert not done.is_whole
        assert done.nights[0].state == "done"
        assert "medium" in done.nights[0].trouble["heads"][0]
        heads.parent.mkdir()
        done = run(told)
        assert done.is_whole
        assert [n.state for n in done.nights] == ["unchanged"]
        assert [head[:2] for head in read_heads(heads)] == [head_of(place)]
        assert runs_of(place) == ["done"]
