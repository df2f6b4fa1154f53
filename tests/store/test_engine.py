"""Transactions: one state while reading, all or nothing while writing, and writers wait for one another."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from store.engine import Store, StoreRefused, open_store
from tests.stores import Place

COUNT = "SELECT token FROM leases"
ADD = "UPDATE leases SET token = token + 1"


@pytest.fixture
def counting(store: Store) -> Store:
    with store.writing() as session:
        session.execute(text("INSERT INTO leases VALUES ('n', 'us', 0, 0, 0)"))
    return store


def count(store: Store) -> int:
    with store.reading() as session:
        return int(session.scalar(text(COUNT)))


def test_two_writers_wait_for_one_another(counting: Store, store_settings: Place) -> None:
    """Each reads, then writes what it read and one more: in SQLite such two would refuse each other half-way."""
    stores = [store_settings.opened() for _ in range(2)]
    failed: list[BaseException] = []

    def work(store: Store) -> None:
        try:
            for _ in range(20):
                with store.writing() as session:
                    lock = "" if store.dialect == "sqlite" else " FOR UPDATE"
                    seen = session.scalar(text(COUNT + lock))
                    session.execute(text("UPDATE leases SET token = :n"), {"n": seen + 1})
        except BaseException as error:  # noqa: BLE001 -- told to the test
            failed.append(error)

    threads = [threading.Thread(target=work, args=[store]) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for store in stores:
        store.close()
    assert failed == []
    assert count(counting) == 40


def test_what_fails_was_never_there(counting: Store) -> None:
    with pytest.raises(RuntimeError), counting.writing() as session:  # noqa: PT012 -- the block is what is tested
        session.execute(text(ADD))
        raise RuntimeError
    assert count(counting) == 0


def test_what_is_read_is_never_written(counting: Store) -> None:
    with counting.reading() as session:
        session.execute(text(ADD))
    assert count(counting) == 0


def test_a_reader_in_sqlite_sees_one_state(sqlite_store: Store) -> None:
    with sqlite_store.writing() as session:
        session.execute(text("INSERT INTO leases VALUES ('n', 'us', 0, 0, 0)"))
    with sqlite_store.reading() as session:
        assert session.scalar(text(COUNT)) == 0
        with sqlite_store.writing() as other:
            other.execute(text(ADD))
        assert session.scalar(text(COUNT)) == 0
    assert count(sqlite_store) == 1


def test_the_folder_is_for_us_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path / "new" / "store")
    assert store.folder.stat().st_mode & 0o777 == 0o700
    store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:secret@host/name", "'mysql' is not supported: expected sqlite:///FILE or postgresql"),
        ("secret secret", "cannot be read: expected postgresql"),
        ("postgresql+pg8000://u:secret@host/name", "pg8000"),
    ],
)
def test_an_address_that_will_not_do(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(StoreRefused) as refused:
        open_store(tmp_path / "store", url)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreRefused, match="cannot be made"):
        open_store(tmp_path / "file" / "store")
