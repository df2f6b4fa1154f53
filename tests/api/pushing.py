"""What the tests of pushes share: a store that knows the registers of the night before, and the city without passages.

As a program, it pushes all passages of the city and dies on the spot: `python -m tests.api.pushing STORE DEVICES`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from runs.ingest import Source, ingest
from runs.night_desk import Desk
from runs.nightly import Nightly, Order, nightly
from runs.settings import Settings, StoreSettings, ViidSettings
from store.engine import Store
from store.results import findings_of
from store.schema import migrate
from store.tables.access import Grant, User
from tests.api.conftest import ACCOUNTS, CITY, DAY, Server, served
from tests.api.databases import opened, settings_on, to_be_copied
from tests.api.looping import run
from tests.api.viid_peer import DEVICE, PASSWORD, Peer
from tests.runs.test_viid_bundle import BY_CAMERAS, payload

EVE = DAY - timedelta(days=1)
Told = dict[str, Any]


def city_without(folder: Path, *names: str) -> Path:
    """The sample city without some of its files or folders."""
    shutil.copytree(CITY, folder, ignore=lambda place, held: [n for n in held if n in names])
    return folder


def make_known(folder: Path, city: Path) -> None:
    """A store with the night before, from a city without passages, and the accounts."""
    store = opened(folder)
    clock = store.clock
    migrate(store)
    ingest(store, Source(city, EVE, 0))
    with store.writing() as session:
        for name, (role, districts, school) in ACCOUNTS.items():
            session.add(User(name=name, created_ms=clock(), created_by="test"))
            grant = {"role": str(role), "districts": districts, "school_id": school}
            session.add(Grant(name=name, **grant, granted_ms=clock(), granted_by="test"))
    store.close()
    to_be_copied(folder)


def devices_file(folder: Path) -> Path:
    path = folder / "devices.toml"
    path.write_text(f'[devices.{DEVICE}]\npassword = "{PASSWORD}"\nnetworks = ["10.0.0.0/8"]\n', "utf-8")
    path.chmod(0o600)
    return path


def settings_for(folder: Path, devices: Path | None, **viid: Any) -> Settings:
    return Settings(store=StoreSettings(folder=folder), viid=ViidSettings(devices_file=devices, **viid))


def server_with(folder: Path, devices: Path | None, **viid: Any) -> Server:
    return served(folder, settings_for(folder, devices, **viid))


def records() -> list[Told]:
    return [json.loads(line) for line in (CITY / "passages.ndjson").read_text("utf-8").splitlines()]


def pushes(found: list[Told], size: int = 100) -> Iterator[Told]:
    """Pushes in both spellings by turns; their notifications have ids."""
    for n in range(0, len(found), size):
        told = payload(found[n : n + size], "ours" if n // size % 2 else "theirs")
        told["SubscribeNotificationListObject"]["SubscribeNotificationObject"][0]["NotificationID"] = f"N{n:05d}"
        yield told


def run_night(store: Store, city: Path, day: date = DAY) -> Nightly:
    settings = settings_on(Settings(store=StoreSettings(folder=store.folder)))
    done = nightly(Desk.open(store, settings), Order(day, city))
    assert all(not night.is_failed for night in done.nights), done
    return done


def camera_findings(store: Store, day: date = DAY) -> set[tuple[str, str, str | None, str | None]]:
    with store.reading() as session:
        found = findings_of(session, day)
    return {(f.finding_id, f.rule, f.vehicle_id, f.person_id) for f in found if f.rule in BY_CAMERAS}


def all_findings(store: Store, day: date = DAY) -> set[str]:
    with store.reading() as session:
        return {f.finding_id for f in findings_of(session, day)}


async def push_all(server: Server, found: list[Told]) -> None:
    peer = Peer(server.app)
    assert (await peer.register()).status_code == 200
    for told in pushes(found):
        answer = await peer.notify(told)
        assert answer.status_code == 200, answer.text


if __name__ == "__main__":
    run(push_all, server_with(Path(sys.argv[1]), Path(sys.argv[2])), records())
    os.kill(os.getpid(), signal.SIGKILL)
