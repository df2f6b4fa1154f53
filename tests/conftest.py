"""What every test may rely on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.browser import browser, open_page
from tests.postgres import pg_server
from tests.stores import pg_store, sqlite_store, sqlite_template, store, store_settings

# One browser a process: Playwright allows no second. One PostgreSQL, too: it takes seconds to make.
__all__ = ["browser", "open_page", "pg_server", "real_data", "root"]
__all__ += ["pg_store", "sqlite_store", "sqlite_template", "store", "store_settings"]

ROOT = Path(__file__).resolve().parent.parent

# No deadline: the first call of a kernel compiles it, and a shared machine is slow at times.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real tracks and coordinate vectors; a test that needs it fails where it is absent."""
    folder = Path(os.environ.get("TRAJAUDIT_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.fail(f"no real data in {folder}: put it there, or name its folder in TRAJAUDIT_REAL_DATA", pytrace=False)
    return folder
