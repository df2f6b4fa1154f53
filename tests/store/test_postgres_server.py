"""The tests' own PostgreSQL, and that the store lives through its going away."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from store.engine import Store, StoreRefused, open_store
from store.schema import schema_state
from tests.postgres import TEMPLATE, Server
from tests.stores import Place


def test_each_test_has_an_empty_database_of_its_own(store: Store) -> None:
    assert schema_state(store).state == "current"


def test_the_place_and_the_store_are_the_same(store: Store, store_settings: Place) -> None:
    folder, url = store_settings
    assert store.folder == folder
    assert (url is None) == (store.dialect == "sqlite")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_store_works_again_once_its_server_is_back(pg_server: Server, pg_store: Store, how: str) -> None:
    with pg_store.writing() as session:
        session.execute(text("INSERT INTO leases VALUES ('nightly', 'us', 1, 0, 1)"))
    getattr(pg_server, how)()
    with pytest.raises(StoreRefused, match="cannot be used"):
        schema_state(pg_store)
    pg_server.start()
    with pg_store.reading() as session:
        assert session.scalar(text("SELECT holder FROM leases")) == "us"


def test_over_tcp_it_asks_for_the_password(pg_server: Server, tmp_path) -> None:
    pg_server.start()
    for address, is_let_in in (
        (pg_server.tcp_url(TEMPLATE), True),
        (pg_server.tcp_url(TEMPLATE).replace(pg_server.password, "wrong"), False),
    ):
        store = open_store(tmp_path / "store", address)
        try:
            if is_let_in:
                assert schema_state(store).state == "current"
            else:
                with pytest.raises(StoreRefused, match="password authentication failed") as refused:
                    schema_state(store)
                assert pg_server.password not in str(refused.value)
        finally:
            store.close()


def test_it_syncs_as_in_production(pg_store: Store) -> None:
    with pg_store.reading() as session:
        assert session.scalar(text("SHOW fsync")) == "on"
