"""`trajaudit serve --workers 2`: what was told to one process holds at the other, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from store.accounts import actor_of
from store.api_keys import give_key, key_digest, new_key, revoke_key
from store.backup import backup, restore
from store.engine import POSTGRESQL, SQLITE, Store, open_store
from store.results import findings_of
from store.tables.api import ApiKey, Credential
from tests.api.browser_like import FIXED, PASSWORD, kept
from tests.api.conftest import ACCOUNTS, DAY
from tests.api.pushing import devices_file
from tests.api.test_jobs import NIGHT, events_of
from tests.api.test_serve import serving
from tests.api.test_tokens import AUDIENCE, ISSUER, KEYS, claims, signed
from tests.api.viid_peer import DEVICE, REGISTER, digest_header
from tests.api.viid_peer import PASSWORD as DEVICE_PASSWORD
from tests.api.workers import Answer, Worker, workers_of
from tests.postgres import TEMPLATE
from tests.stores import Place

pytestmark = pytest.mark.slow
CASE = "/v1/cases/Cbe4971150dea54315bc9"
NOTE = {"action": "note", "payload": {"text": "I called them."}}
LIMITS = {
    "TRAJAUDIT_SERVER__KEEP_ALIVE_S": "600",
    "TRAJAUDIT_LIMITS__LOGINS_ACCOUNT": "0",
    "TRAJAUDIT_LIMITS__LOGINS_ADDRESS": "0",
    "TRAJAUDIT_LIMITS__REQUESTS_ACCOUNT": "40",
    "TRAJAUDIT_LOGIN__LOCK_ADDRESS_AFTER": "12",
    "TRAJAUDIT_LOGIN__LOCK_AFTER": "5",
}


@dataclass
class City:
    """A server with two processes on the sample night's store, and keys of every account."""

    one: Worker
    other: Worker
    keys: dict[str, str]
    store: Store


def copied(city_store: Path, folder: Path, request: pytest.FixtureRequest, dialect: str) -> Place:
    """A copy of the sample night's store in one of the databases."""
    if dialect == SQLITE:
        shutil.copytree(city_store, folder / "store")
        return Place(folder / "store", None)
    server = request.getfixturevalue("pg_server")
    place = Place(folder / "store", server.url(server.new_database(TEMPLATE)))
    before, there = open_store(city_store), place.opened()
    backup(before, folder / "backup")
    assert restore(folder / "backup", there).troubles == []
    before.close()
    there.close()
    return place


def with_keys(store: Store) -> dict[str, str]:
    keys = {name: new_key() for name in ACCOUNTS}
    with store.writing() as session:
        for name, key in keys.items():
            session.add(ApiKey(name=name, sha256=key_digest(key), label="test", created_ms=1, created_by="test"))
            session.add(Credential(name=name, password_hash=kept(PASSWORD), changed_ms=FIXED, must_change=False))
    return keys


@pytest.fixture(scope="module", params=[SQLITE, POSTGRESQL])
def city(request: pytest.FixtureRequest, city_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp(request.param)
    place = copied(city_store, folder, request, request.param)
    store = open_store(place.folder, place.url)
    jwks, devices = folder / "jwks.json", devices_file(folder)
    jwks.write_text(json.dumps({"keys": KEYS}))
    devices.write_text(devices.read_text().replace("10.0.0.0/8", "127.0.0.0/8"))
    settings = {
        **LIMITS,
        **place.environment,
        "TRAJAUDIT_IDENTITY__ISSUER": ISSUER,
        "TRAJAUDIT_IDENTITY__AUDIENCE": AUDIENCE,
        "TRAJAUDIT_IDENTITY__JWKS_FILE": str(jwks),
        "TRAJAUDIT_VIID__DEVICES_FILE": str(devices),
    }
    with serving(place.folder, "--workers", "2", **settings) as server, workers_of(server, 2) as (one, other):
        yield City(one, other, with_keys(store), store)
    store.close()


def token(name: str = "auditor", **more: Any) -> str:
    now = int(time.time())
    return signed(claims(sub=name, iat=now, nbf=now, exp=now + 300, jti=secrets.token_hex(8), **more))


def test_both_processes_answer_and_they_are_two(city: City) -> None:
    assert city.one.number != city.other.number
    for worker in (city.one, city.other):
        assert worker.ask("GET", "/v1/me", key=city.keys["head"]).json()["name"] == "head"


def test_a_token_that_one_took_for_a_change_is_refused_by_the_other(city: City) -> None:
    pick = {"service_date": str(DAY), "vehicle_id": "V0003", "reason": "A neighbour called."}
    told = token()
    assert city.one.ask("POST", "/v1/spot-checks", pick, key=told).status == 201
    assert city.other.ask("POST", "/v1/spot-checks", pick, key=told).status == 401
    assert city.other.ask("GET", "/v1/me", key=told).status == 200, "to read it is good until it expires"
    assert city.other.ask("POST", "/v1/spot-checks", pick, key=token()).status == 409


def test_a_request_repeated_at_the_other_gets_the_same_answer_and_is_done_once(city: City) -> None:
    headers = {"Idempotency-Key": '"on-two-workers"', "If-Match": "*"}
    first, again = (
        worker.ask("POST", f"{CASE}/actions", NOTE, headers, city.keys["auditor"]) for worker in (city.one, city.other)
    )
    assert (first.status, again.status, again.body) == (200, 200, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    now = city.one.ask("GET", CASE, key=city.keys["auditor"]).json()
    assert now["n_events"] == first.json()["n_events"]
    other = city.other.ask(
        "POST", f"{CASE}/actions", {**NOTE, "payload": {"text": "no"}}, headers, city.keys["auditor"]
    )
    assert (other.status, other.kind) == (422, "key-used")


def test_what_was_changed_at_one_cannot_be_overwritten_at_the_other(city: City) -> None:
    seen = city.other.ask("GET", CASE, key=city.keys["reviewer"])
    etag = seen.headers["etag"]
    assert city.one.ask("POST", f"{CASE}/actions", NOTE, {"If-Match": etag}, city.keys["reviewer"]).status == 200
    late = city.other.ask("POST", f"{CASE}/actions", NOTE, {"If-Match": etag}, city.keys["reviewer"])
    assert late.status == 412
    newer = city.other.ask("GET", CASE, headers={"If-None-Match": etag}, key=city.keys["reviewer"])
    assert (newer.status, newer.headers["etag"] != etag) == (200, True)


def test_a_cursor_of_one_goes_on_at_the_other(city: City) -> None:
    path, found, workers = f"/v1/findings?date={DAY}&limit=4", [], [city.one, city.other]
    while path:
        answer = workers[0].ask("GET", path, key=city.keys["platform"])
        assert answer.status == 200
        found += [item["finding_id"] for item in answer.json()["items"]]
        cursor = answer.json()["next"]
        path = "" if cursor is None else f"/v1/findings?date={DAY}&limit=4&cursor={cursor}"
        workers.reverse()
    with city.store.reading() as session:
        expected = findings_of(session, DAY)
    assert len(found) == len(set(found))
    assert set(found) == {finding.finding_id for finding in expected}


def logged_in(worker: Worker, name: str, password: str = PASSWORD) -> Answer:
    return worker.ask("POST", "/v1/login", {"name": name, "password": password})


def test_a_session_begun_at_one_is_known_to_the_other_and_ends_at_both(city: City) -> None:
    begun = logged_in(city.one, "school-1")
    assert begun.status == 200
    session = {"Cookie": begun.headers["set-cookie"].partition(";")[0]}
    assert city.other.ask("GET", "/v1/me", headers=session).json()["name"] == "school-1"
    ended = city.other.ask("POST", "/v1/logout", {}, {**session, "X-CSRF-Token": begun.json()["csrf_token"]})
    assert ended.status == 204
    assert city.one.ask("GET", "/v1/me", headers=session).status == 401


def test_failures_at_both_lock_a_name_at_both(city: City) -> None:
    workers = [city.one, city.other]
    told = [logged_in(workers[n % 2], "school-2", "wrong password").status for n in range(5)]
    assert told == [401] * 5
    for worker in workers:
        answer = logged_in(worker, "school-2")
        assert (answer.status, answer.kind) == (423, "locked")


def test_failures_at_both_lock_an_address_at_both(city: City) -> None:
    """Whatever other tests have failed before from here: twelve in all lock it."""
    told: list[str] = []
    for n in range(13):
        worker = (city.one, city.other)[n % 2]
        told.append(logged_in(worker, f"nobody-{secrets.token_hex(4)}", "wrong").kind)
    assert told[-1] == "address-locked"
    assert set(told[: told.index("address-locked")]) <= {"unknown"}
    assert {logged_in(worker, "head").kind for worker in (city.one, city.other)} == {"address-locked"}


def test_an_account_may_ask_both_for_no_more_than_it_might_ask_one(city: City) -> None:
    asked = [(city.one, city.other)[n % 2].ask("GET", "/v1/me", key=city.keys["auditor-here"]) for n in range(44)]
    told = [answer.status for answer in asked]
    assert told == sorted(told)
    assert told.count(200) in {40, 41}, "where a minute ends meanwhile, one falls out of the window"
    assert int(asked[-1].headers["retry-after"]) > 0


def test_a_key_that_is_revoked_is_dead_at_both_at_once(city: City) -> None:
    with city.store.writing() as session:
        admin = actor_of(session, "admin", city.store.clock())
        given = give_key(session, admin, "head", "to be revoked", None, city.store.clock())
    workers = (city.one, city.other)
    assert [worker.ask("GET", "/v1/me", key=given.key).status for worker in workers] == [200, 200]
    with city.store.writing() as session:
        revoke_key(session, admin, given.id, city.store.clock())
    assert [worker.ask("GET", "/v1/me", key=given.key).status for worker in workers] == [401, 401]


def test_a_role_taken_away_and_an_account_disabled_at_one_hold_at_the_other_at_once(city: City) -> None:
    admin, name = city.keys["admin"], "auditor-elsewhere"
    asked = ("GET", f"/v1/findings?date={DAY}")
    assert city.other.ask(*asked, key=city.keys[name]).status == 200
    assert city.one.ask("DELETE", f"/v1/users/{name}/grants/auditor", key=admin).status == 200
    assert city.other.ask(*asked, key=city.keys[name]).status == 403
    assert city.one.ask("POST", f"/v1/users/{name}/disable", {}, key=admin).status == 200
    assert city.other.ask(*asked, key=city.keys[name]).status == 401


def test_a_digest_asked_for_at_one_counts_at_the_other_once(city: City) -> None:
    told, nobody = {"RegisterObject": {"DeviceID": DEVICE}}, {"Content-Type": "application/VIID+JSON"}
    asked = city.one.ask("POST", REGISTER, told, nobody)
    header = digest_header(asked.headers["www-authenticate"], DEVICE, DEVICE_PASSWORD, "POST", REGISTER, "00000001")
    proven = {**nobody, "Authorization": header}
    assert city.other.ask("POST", REGISTER, told, proven).status == 200
    again = city.one.ask("POST", REGISTER, told, proven)
    assert again.status == 401
    assert "stale=true" in again.headers["www-authenticate"]
    speaks = {**nobody, "User-Identify": DEVICE}
    alive = city.one.ask("POST", "/VIID/System/Keepalive", {"KeepaliveObject": {"DeviceID": DEVICE}}, speaks)
    assert alive.status == 200


def test_wrong_passwords_of_a_device_at_both_hold_it_off_at_both(city: City) -> None:
    told, nobody = {"RegisterObject": {"DeviceID": DEVICE}}, {"Content-Type": "application/VIID+JSON"}

    def register(worker: Worker, password: str) -> int:
        asked = worker.ask("POST", REGISTER, told, nobody)
        header = digest_header(asked.headers["www-authenticate"], DEVICE, password, "POST", REGISTER, "00000001")
        return worker.ask("POST", REGISTER, told, {**nobody, "Authorization": header}).status

    assert [register((city.one, city.other)[n % 2], "wrong") for n in range(5)] == [401] * 5
    assert [register(worker, DEVICE_PASSWORD) for worker in (city.one, city.other)] == [401, 401]


def test_a_trial_started_at_one_is_told_by_the_other_as_it_happens(city: City) -> None:
    key = city.keys["head"]
    started = city.one.ask("POST", f"{NIGHT}/preview", {"values": {"signal-gap.silence_min": 600}}, key=key)
    assert started.status == 202
    where = started.headers["location"]
    stream = city.other.ask("GET", f"{where}/events", key=key)  # ends with the job
    told = events_of(stream.body.decode())
    assert [name for _, name, _ in told][-1] == "end"
    assert {name for _, name, _ in told} >= {"stage", "end"}
    ends = [worker.ask("GET", where, key=key).json() for worker in (city.one, city.other)]
    assert ends[0] == ends[1]
    assert (ends[0]["state"], [line["rule"] for line in ends[0]["result"]["gone"]]) == ("done", ["signal-gap"])
