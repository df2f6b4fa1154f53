"""A server that is told its names answers to no other."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.hosts import EXEMPT
from feeds.faults import UnusableInput
from runs.settings import Settings, StoreSettings, read_settings
from runs.settings_server import ServerSettings
from tests.api.conftest import Server, served
from tests.api.looping import run


@pytest.fixture
def named(city_store: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that goes by two names."""
    folder = tmp_path / "store"
    shutil.copytree(city_store, folder)
    settings = Settings(
        store=StoreSettings(folder=folder),
        server=ServerSettings.model_validate({"hosts": ["audit.test", "audit.police.example"]}),
    )
    made = served(folder, settings)
    yield made
    made.app.state.platform.maps.close()
    made.store.close()


async def asked(server: Server, host: str, path: str = "/v1/nights") -> tuple[int, str]:
    async with server.client("auditor") as client:
        answer = await client.get(path, headers={"host": host})
    return answer.status_code, answer.json().get("type", "") if "json" in answer.headers["content-type"] else ""


@pytest.mark.parametrize("host", ["audit.test", "AUDIT.test:8443", "audit.police.example."])
def test_what_is_asked_of_its_names_is_answered(named: Server, host: str) -> None:
    assert run(asked, named, host)[0] == 200


@pytest.mark.parametrize(
    "host", ["rebound.example", "audit.test.rebound.example", "127.0.0.1:8000", "audit.test@x", ""]
)
def test_what_is_asked_of_another_name_is_refused(named: Server, host: str) -> None:
    assert run(asked, named, host) == (400, "urn:trajaudit:problem:unknown-host")


@pytest.mark.parametrize("path", sorted(EXEMPT - {"/metrics"}))
def test_health_is_told_to_whoever_asks_by_address(named: Server, path: str) -> None:
    assert run(asked, named, "127.0.0.1:8000", path)[0] == 200


def test_a_server_without_names_answers_to_any(reading_server: Server) -> None:
    assert run(asked, reading_server, "anything.example")[0] == 200


def test_a_name_with_a_port_or_a_scheme_is_no_name(tmp_path: Path) -> None:
    file = tmp_path / "trajaudit.toml"
    for told in ("audit.example:8000", "https://audit.example", "*.example"):
        file.write_text(f'[server]\nhosts = ["{told}"]\n', "utf-8")
        with pytest.raises(UnusableInput, match="hosts"):
            read_settings(file)
