"""Two workers on one store take a platform's pushes by turns; the night finds what one worker would have found."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from api.viid.desk import ViidDesk, desk_of_platform
from store.nights import current_passages
from tests.api.conftest import DAY, Server
from tests.api.databases import template
from tests.api.looping import run
from tests.api.pushing import (
    Told,
    camera_findings,
    city_without,
    devices_file,
    make_known,
    pushes,
    records,
    run_night,
    server_with,
)
from tests.api.viid_peer import DEVICE, REGISTER, Peer, digest_header

Workers = tuple[Server, Server]


@pytest.fixture
def city(tmp_path: Path) -> Path:
    return city_without(tmp_path / "city", "passages.ndjson")


@pytest.fixture
def workers(city: Path, tmp_path: Path) -> Workers:
    make_known(tmp_path / "store", city)
    devices = devices_file(tmp_path)
    return server_with(tmp_path / "store", devices), server_with(tmp_path / "store", devices)


def desks(workers: Workers) -> list[ViidDesk]:
    return [desk_of_platform(server.app) for server in workers]


async def push_by_turns(workers: Workers, found: list[Told]) -> None:
    """One peer, which registers once; each of its pushes goes to the next worker."""
    peer = Peer(workers[0].app)
    assert (await peer.register()).status_code == 200
    for n, told in enumerate(pushes(found, 40)):
        answer = await replace(peer, app=workers[n % 2].app).notify(told)
        assert answer.status_code == 200, answer.text


def test_a_peer_that_registered_with_one_worker_is_known_to_the_other(workers: Workers) -> None:
    async def go() -> None:
        peer = Peer(workers[0].app)
        assert (await peer.register()).status_code == 200
        assert (await replace(peer, app=workers[1].app).keep_alive()).status_code == 200

    run(go)


def test_a_digest_that_one_worker_took_is_refused_by_the_other(workers: Workers) -> None:
    async def go() -> None:
        peer, told = Peer(workers[0].app), {"RegisterObject": {"DeviceID": DEVICE}}
        await peer.register()
        again = await replace(peer, app=workers[1].app).post(REGISTER, told, authorization=peer.sent[-1])
        assert again.status_code == 401
        assert "stale=true" in again.headers["www-authenticate"]

    run(go)


def test_a_digest_asked_for_by_one_worker_is_taken_by_the_other(workers: Workers) -> None:
    async def go() -> None:
        peer, told = Peer(workers[0].app), {"RegisterObject": {"DeviceID": DEVICE}}
        asked = (await peer.post(REGISTER, told)).headers["www-authenticate"]
        header = digest_header(asked, DEVICE, peer.password, "POST", REGISTER, "00000001")
        answer = await replace(peer, app=workers[1].app).post(REGISTER, told, authorization=header)
        assert answer.status_code == 200

    run(go)


def settle(desk: ViidDesk) -> None:
    """As the server does it from time to time: what another worker stands in the way of comes again."""
    with suppress(Exception):
        desk.settle()


def test_the_night_finds_what_one_worker_would_have_found(workers: Workers, city: Path, city_store: Path) -> None:
    run(push_by_turns, workers, records())
    held = [len(desk.door.undecided) for desk in desks(workers)]
    assert min(held) > 0, "each holds misreadings that the other does not know of"
    run(push_by_turns, (workers[1], workers[0]), records())  # all once more, each to the other one
    store = workers[0].store
    run_night(store, city)
    settling = [Thread(target=settle, args=[desk]) for desk in desks(workers)]
    for thread in settling:
        thread.start()
    for thread in settling:
        thread.join()
    for desk in desks(workers):
        desk.settle()
        assert len(desk.door.undecided) == 0
    run_night(store, city)
    expected = template(city_store)
    assert camera_findings(store) == camera_findings(expected)
    with store.reading() as ours, expected.reading() as theirs:
        mine, file = current_passages(ours, DAY), current_passages(theirs, DAY)
    assert mine.n_passages == file.n_passages == json.loads(file.counts)["count"]["kept"]
    expected.close()
    for server in workers:
        server.store.close()
