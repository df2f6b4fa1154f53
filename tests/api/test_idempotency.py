"""A request sent twice under one key is done once, whatever happens between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest
from fastapi import Request
from sqlalchemy import select
from starlette.responses import Response

from api import idempotency
from api.idempotency import BROKEN_OFF_MS, KEPT_MS, Claim, claim, digest_of, forget, keep
from api.problems import Refuse
from cases.roles import Role
from runs import case_desk
from store.accounts import actor_of, revoke
from store.casework import load_case
from store.engine import Store
from store.tables.api import Idempotent
from tests.api.calls import call, get, kind_of, post
from tests.api.conftest import Server
from tests.api.looping import run

CAR = "Cbe4971150dea54315bc9"
PICK = {"service_date": "2026-03-18", "vehicle_id": "V0001", "reason": "A neighbour called."}
PICKS = "/v1/spot-checks"
KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'


def note(server: Server, key: str, seen: str = "*", text: str = "I called them.") -> httpx.Response:
    body = {"action": "note", "payload": {"text": text}}
    headers = {"Idempotency-Key": key, "If-Match": seen}
    return call(server, "auditor", "POST", f"/v1/cases/{CAR}/actions", body, headers)


def n_events(server: Server) -> int:
    with server.store.reading() as session:
        case = load_case(session, CAR)
        assert case is not None
        return case.n_events


def rows(server: Server) -> list[Idempotent]:
    with server.store.reading() as session:
        return list(session.scalars(select(Idempotent)))


def later(server: Server, ms: int) -> None:
    server.store.clock.ms += ms  # type: ignore[attr-defined]


# ---------------------------------------------------------------- once


def test_the_same_request_is_done_once_and_answered_alike(server: Server) -> None:
    first, again = note(server, KEY), note(server, KEY)
    assert (first.status_code, first.json()["n_events"], n_events(server)) == (200, 2, 2)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    for name in ("etag", "content-type", "cache-control"):
        assert again.headers[name] == first.headers[name]
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


def test_without_a_key_it_is_done_each_time(server: Server) -> None:
    body = {"action": "note", "payload": {"text": "x"}}
    for n in (2, 3):
        assert post(server, "auditor", f"/v1/cases/{CAR}/actions", body, If_Match="*").json()["n_events"] == n
    assert rows(server) == []


def test_a_key_with_and_without_quotes_is_one_and_an_accounts_own(server: Server) -> None:
    assert post(server, "auditor", PICKS, PICK, Idempotency_Key=KEY).status_code == 201
    assert post(server, "auditor", PICKS, PICK, Idempotency_Key=KEY.strip('"')).status_code == 201
    assert post(server, "reviewer", PICKS, PICK, Idempotency_Key=KEY).status_code == 409
    assert [row.actor for row in rows(server)] == ["auditor"]


def test_a_key_of_another_request_is_refused(server: Server) -> None:
    assert note(server, KEY).status_code == 200
    others = [note(server, KEY, text="Something else."), note(server, KEY, seen='"2"')]
    others.append(post(server, "auditor", PICKS, PICK, Idempotency_Key=KEY))
    assert [(a.status_code, kind_of(a)) for a in others] == [(422, "key-used")] * 3
    assert n_events(server) == 2


@pytest.mark.parametrize("key", ["", '""', "two words", "x" * 193, '"half'])
def test_a_key_that_cannot_be_is_refused(reading_server: Server, key: str) -> None:
    answer = note(reading_server, key)
    assert (answer.status_code, kind_of(answer)) == (400, "bad-request")
    assert answer.json()["errors"][0]["where"].lower() == "header.idempotency-key"


def test_at_once_one_is_done_and_the_others_wait_or_hear_its_answer(server: Server) -> None:
    answers: list[httpx.Response] = []

    async def ask() -> None:
        async with server.client("auditor") as client:
            body = {"action": "note", "payload": {"text": "x"}}
            headers = {"Idempotency-Key": KEY, "If-Match": "*"}
            answers.append(await client.post(f"/v1/cases/{CAR}/actions", json=body, headers=headers))

    async def together() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(ask)

    run(together)
    assert n_events(server) == 2
    done = [a for a in answers if a.status_code == 200]
    assert len({a.content for a in done}) == 1
    assert len([a for a in done if "idempotent-replayed" not in a.headers]) == 1
    waiting = [a for a in answers if a.status_code != 200]
    assert {(a.status_code, kind_of(a)) for a in waiting} <= {(409, "under-way")}


# ---------------------------------------------------------------- what was not done


def test_what_was_refused_was_not_done_and_may_be_tried_again(server: Server) -> None:
    assert note(server, KEY, seen='"7"').status_code == 412
    assert note(server, KEY, text=" ").status_code == 409
    nonsense = {"action": "dance"}
    headers = {"Idempotency-Key": KEY, "If-Match": "*"}
    assert call(server, "auditor", "POST", f"/v1/cases/{CAR}/actions", nonsense, headers).status_code == 422
    assert rows(server) == []
    assert note(server, KEY).status_code == 200


def test_a_request_that_broke_off_is_done_anew_after_a_while(server: Server) -> None:
    killed = claim_of(server)
    assert isinstance(killed, Claim)
    waits = note(server, KEY)
    assert (waits.status_code, kind_of(waits), waits.headers["retry-after"]) == (409, "under-way", "5")
    later(server, BROKEN_OFF_MS - 1)
    assert note(server, KEY).status_code == 409
    later(server, 1)
    assert (note(server, KEY).status_code, n_events(server)) == (200, 2)
    assert note(server, KEY).headers["idempotent-replayed"] == "true"


def claim_of(server: Server) -> object:
    """Do what a server does that is killed when it has just begun with a note."""
    seen: list[str] = []

    def digest(request: Request, body: bytes) -> str:
        seen.append(digest_of(request, body))
        raise Refuse(503, "killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(idempotency, "digest_of", digest)
        assert note(server, KEY).status_code == 503
    return claim(server.store, "auditor", KEY.strip('"'), seen[0])


def test_who_was_taken_over_keeps_no_answer(server: Server) -> None:
    slow = claim_of(server)
    assert isinstance(slow, Claim)
    later(server, BROKEN_OFF_MS)
    assert note(server, KEY).status_code == 200
    keep(server.store, slow, 200, {}, b"another answer")
    forget(server.store, slow)
    assert note(server, KEY).json()["n_events"] == 2


def test_a_fault_leaves_it_open_whether_it_was_done(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(case_desk, "act", broken)
        assert note(server, KEY).status_code == 500
    assert (note(server, KEY).status_code, [row.status for row in rows(server)]) == (409, [None])


def test_of_many_servers_at_once_one_does_it(store: Store) -> None:
    """In both databases, each request on a connection of its own."""

    def come(_: int) -> object:
        try:
            return claim(store, "auditor", "k", "0" * 64)
        except Refuse as refused:
            return refused.code

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(come, range(6)))
    (ours,) = [t for t in told if isinstance(t, Claim)]
    assert [t for t in told if t is not ours] == ["under-way"] * 5
    keep(store, ours, 201, {"location": "/x"}, b"{}")
    again = claim(store, "auditor", "k", "0" * 64)
    assert isinstance(again, Response)
    assert (again.status_code, again.body, again.headers["location"]) == (201, b"{}", "/x")
    with pytest.raises(Refuse) as refused:
        claim(store, "auditor", "k", "1" * 64)
    assert refused.value.code == "key-used"


def test_an_answer_is_kept_for_a_day(server: Server) -> None:
    assert note(server, KEY).status_code == 200
    later(server, KEPT_MS - 1)
    assert note(server, KEY).json()["n_events"] == 2
    later(server, 1)
    assert note(server, KEY).json()["n_events"] == 3
    assert len(rows(server)) == 1


def test_nobody_hears_an_answer_again_that_he_may_not_ask_for_any_more(server: Server) -> None:
    assert note(server, KEY).status_code == 200
    with server.store.writing() as session:
        now_ms = server.store.clock()
        revoke(session, actor_of(session, "admin", now_ms), "auditor", Role.AUDITOR, now_ms)
    assert note(server, KEY).status_code == 403
    assert call(server, None, "POST", PICKS, PICK, {"Idempotency-Key": KEY}).status_code == 401
    assert get(server, "auditor", "/v1/cases").status_code == 403
