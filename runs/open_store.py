"""Opening the office's store as the settings say, with the schema that this program works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runs.settings import Settings, read_settings
from store.engine import Store, open_store
from store.schema import migrate, require_current, schema_state


def opened(settings: Settings) -> Store:
    """Open the store; a new one gets its tables, one that is behind is refused: `trajaudit store migrate` is asked for.

    Raises `StoreRefused`. Whoever opens it closes it.
    """
    store = as_it_is(settings)
    try:
        if schema_state(store).state == "empty":
            migrate(store)  # two at once: the second one waits, and finds nothing to do
        require_current(store)
    except BaseException:
        store.close()
        raise
    return store


def as_it_is(settings: Settings) -> Store:
    """Open the store, whatever its schema; raises `StoreRefused`. Whoever opens it closes it."""
    return open_store(settings.store.folder, settings.database_address())


@contextmanager
def any_store(path: Path | None) -> Iterator[Store]:
    """Give the store that a settings file names, whatever its schema."""
    store = as_it_is(read_settings(path))
    try:
        yield store
    finally:
        store.close()
