"""Cases over HTTP: the whole way of one, who sees which, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from sqlalchemy.orm import Session

from api.languages import best_language
from cases.case import Event
from cases.roles import Permission
from runs import case_desk
from store.access_log import recent
from store.accounts import actor_of
from store.api_keys import key_digest, new_key
from store.casework import load_events
from store.tables.api import ApiKey
from tests.api.calls import call, get, kind_of, post
from tests.api.conftest import Server

CAR, CAR_THERE = "Cbe4971150dea54315bc9", "C17dc8b98908be572fa41"
"""Cases about a car of SCH01 in 419901, and of SCH02 in 419902."""
PERSON, NOBODYS = "Cad9b8e5031a46e0a5aa6", "C" + "0" * 20
WHY = {"X-Reason": "%E6%8A%95%E8%AF%89%E6%A0%B8%E6%9F%A5"}


def act(server: Server, name: str, case: str, action: str, seen: int | str, **payload: Any) -> httpx.Response:
    tag = f'"{seen}"' if isinstance(seen, int) else seen
    body = {"action": action, "payload": payload}
    headers = {"If-Match": tag, "Accept-Language": "en"}
    return call(server, name, "POST", f"/v1/cases/{case}/actions", body, headers)


def confirmed(server: Server) -> dict[str, Any]:
    """Bring a case to where somebody has confirmed it; return it as it stands."""
    assert act(server, "auditor", CAR, "start-verifying", 1).status_code == 200
    found = get(server, "auditor", f"/v1/cases/{CAR}").json()["findings"]
    answer = act(server, "auditor", CAR, "confirm", 2, findings={f["finding_id"]: "confirmed" for f in found})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


# ---------------------------------------------------------------- the whole way


def test_the_whole_way_of_a_case_with_two_persons_for_a_suspension(server: Server) -> None:
    assert act(server, "head", CAR, "assign", 1, assignee="auditor").json()["assignee"] == "auditor"
    assert act(server, "auditor", CAR, "start-verifying", 2).json()["state"] == "verifying"
    assert act(server, "auditor", CAR, "ask-school", 3, text="Where was the car?").json()["state"] == "awaiting-school"
    assert act(server, "school-1", CAR, "answer", 4, text="At the ground.").json()["state"] == "verifying"
    found = [f["finding_id"] for f in get(server, "auditor", f"/v1/cases/{CAR}").json()["findings"]]
    assert act(server, "auditor", CAR, "confirm", 5, findings=dict.fromkeys(found, "confirmed")).json()["n_events"] == 6

    assert act(server, "head", CAR, "propose-suspension", 6, days=30, text="The third time.").status_code == 200
    alone = act(server, "head", CAR, "dispose", 7, kind="suspension", days=30)
    assert (alone.status_code, kind_of(alone)) == (409, "same-person")
    lower = act(server, "reviewer", CAR, "dispose", 7, kind="suspension", days=30)
    assert (lower.status_code, kind_of(lower)) == (403, "not-allowed")

    second_head(server)
    done = act(server, "head-2", CAR, "dispose", 7, kind="suspension", days=30)
    assert (done.status_code, done.json()["state"], done.headers["etag"]) == (200, "disposed", '"8"')
    assert act(server, "school-1", CAR, "give-feedback", 8, text="We closed.").json()["state"] == "feedback"
    assert act(server, "reviewer", CAR, "review-feedback", 9, accepted=True).json()["state"] == "feedback-reviewed"
    assert act(server, "reviewer", CAR, "close", 10).json()["state"] == "closed"

    told = get(server, "auditor", f"/v1/cases/{CAR}")
    assert (told.headers["etag"], told.headers["cache-control"]) == ('"11"', "private, no-store")
    assert [e["action"] for e in told.json()["events"]][-4:] == ["dispose", "give-feedback", "review-feedback", "close"]
    later = get(server, "auditor", f"/v1/cases/{CAR}/events?after=9").json()["items"]
    assert [e["seq"] for e in later] == [10, 11]
    rows = get(server, "auditor", "/v1/precision?by=rule,month").json()["items"]
    assert [(r["rule"], r["month"], r["n_confirmed"], "school" in r) for r in rows] == [
        ("ghost-session", "2026-03", 1, False)
    ]


def second_head(server: Server) -> None:
    """Give the store a second head of the office, as the administrator does, with a key."""
    assert post(server, "admin", "/v1/users", {"name": "head-2"}).status_code == 201
    assert post(server, "admin", "/v1/users/head-2/grants", {"role": "office-head"}).status_code == 201
    server.keys["head-2"] = new_key()
    with server.store.writing() as session:
        digest = key_digest(server.keys["head-2"])
        session.add(ApiKey(name="head-2", sha256=digest, label="test", created_ms=1, created_by="test"))


# ---------------------------------------------------------------- conditions and refusals


def test_a_case_is_acted_on_only_as_it_was_seen(server: Server) -> None:
    path, body = f"/v1/cases/{CAR}/actions", {"action": "start-verifying"}
    bare = post(server, "auditor", path, body)
    assert (bare.status_code, kind_of(bare)) == (428, "precondition-required")
    for tag in ('"2"', 'W/"1"', "1", '"1", "2"', '"x"'):
        stale = post(server, "auditor", path, body, If_Match=tag)
        assert (stale.status_code, kind_of(stale)) == (412, "stale"), tag
    assert get(server, "auditor", f"/v1/cases/{CAR}").json()["n_events"] == 1
    assert post(server, "auditor", path, body, If_Match='"1"').status_code == 200
    assert post(server, "reviewer", path, body, If_Match='"1"').status_code == 412
    note = {"action": "note", "payload": {"text": "whatever stands"}}
    assert post(server, "reviewer", path, note, If_Match="*").json()["n_events"] == 3


def test_what_may_not_be_done_is_said_in_the_callers_language_with_what_may(reading_server: Server) -> None:
    path, body = f"/v1/cases/{CAR}/actions", {"action": "close", "payload": {"text": "x"}}
    chinese = post(reading_server, "reviewer", path, body, If_Match='"1"')
    english = post(reading_server, "reviewer", path, body, If_Match='"1"', Accept_Language="en-GB,zh;q=0.5")
    assert chinese.status_code == english.status_code == 409
    assert kind_of(chinese) == "wrong-state"
    assert chinese.json()["detail"] == "当前状态不能执行此操作:待分派 – 办结"
    assert english.json()["detail"] == "this cannot be done in the case's present state: new – close"
    steps = {step["action"]: step["required"] for step in english.json()["possible"]}
    assert steps == {"assign": ["assignee"], "start-verifying": [], "note": ["text"], "pick": ["text"]}


def test_who_may_see_a_case_and_not_handle_it_is_forbidden_and_it_is_written_down(server: Server) -> None:
    answer = act(server, "platform", CAR, "note", 1, text="x")
    assert (answer.status_code, kind_of(answer), answer.json()["possible"]) == (403, "not-allowed", [])
    for action in ("open", "escalate", "pre-review"):
        assert act(server, "head", CAR, action, 1).status_code == 403
    with server.store.reading() as session:
        written = [e.actor for e in recent(session, 10) if e.action == case_desk.ACT_DENIED]
    assert written == ["platform", "head", "head", "head"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"action": "dance"}, "body.action"),
        ({"action": "note", "payload": {"text": "a"}, "reason": "x"}, "body.reason"),
        ({"action": "note", "payload": {"text": "\ud800"}}, "body"),
        ({"action": "note", "payload": {"text": "\0"}}, "body"),
        ({"action": "note", "payload": []}, "body.payload"),
        ([], "body"),
    ],
)
def test_a_body_that_cannot_be_is_refused_where_it_is_wrong(reading_server: Server, body: Any, where: str) -> None:
    headers = {"If-Match": '"1"', "Content-Type": "application/json"}
    path = f"/v1/cases/{CAR}/actions"
    answer = call(reading_server, "auditor", "POST", path, content=json.dumps(body).encode(), headers=headers)
    assert (answer.status_code, kind_of(answer)) == (422, "bad-body")
    assert [e["where"] for e in answer.json()["errors"]] == [where]


def test_a_case_given_to_somebody_who_may_not_handle_it_is_refused(reading_server: Server) -> None:
    for name in ("school-1", "admin", "nobody"):
        answer = act(reading_server, "head", CAR, "assign", 1, assignee=name)
        assert (answer.status_code, kind_of(answer)) == (409, "refused")
        assert name in answer.json()["detail"]


# ---------------------------------------------------------------- who sees what


def test_a_person_is_named_only_to_whoever_may_look_and_says_why(reading_server: Server) -> None:
    bare = get(reading_server, "auditor", f"/v1/cases/{PERSON}")
    assert (bare.status_code, kind_of(bare)) == (400, "reason-needed")
    assert "X-Reason" in bare.json()["detail"]
    told = get(reading_server, "auditor", f"/v1/cases/{PERSON}", **WHY).json()
    key = told["subject"]
    assert key[0] != "#"
    assert get(reading_server, "auditor", f"/v1/cases/{PERSON}?reason=C7").json()["subject"] == key
    with reading_server.store.reading() as session:
        looks = [(e.actor, e.reason) for e in recent(session, 100, key)]
    assert looks == [("auditor", f"{PERSON}: 投诉核查"), ("auditor", f"{PERSON}: C7")]
    for path in (f"/v1/cases/{PERSON}", "/v1/cases", "/v1/cases/queue"):
        answer = get(reading_server, "platform", path)
        assert (answer.status_code, key in answer.text) == (200, False)


def test_a_school_sees_its_own_cases_once_it_is_asked(server: Server) -> None:
    for name in ("school-1", "school-2"):
        assert get(server, name, "/v1/cases?everything=true").json()["items"] == []
        assert get(server, name, f"/v1/cases/{CAR}").status_code == 404
    act(server, "auditor", CAR, "start-verifying", 1)
    act(server, "auditor", CAR, "ask-school", 2, text="Where was the car?")
    assert [c["case_id"] for c in get(server, "school-1", "/v1/cases").json()["items"]] == [CAR]
    told = get(server, "school-1", f"/v1/cases/{CAR}").json()
    assert [(e["action"], e["actor"], e["text"]) for e in told["events"]] == [
        ("ask-school", None, "Where was the car?")
    ]
    assert [step["action"] for step in told["possible"]] == ["answer"]
    assert get(server, "school-2", "/v1/cases").json()["items"] == []
    assert get(server, "school-2", f"/v1/cases/{CAR}").status_code == 404
    assert act(server, "school-2", CAR, "answer", 3, text="x").status_code == 404


def test_what_lies_elsewhere_answers_like_what_is_not_there(reading_server: Server) -> None:
    def told(answer: httpx.Response) -> dict[str, Any]:
        return {k: v for k, v in answer.json().items() if k != "instance"}

    for name in ("auditor-here", "auditor-elsewhere", "school-2"):
        for case in (CAR_THERE, "nonsense", NOBODYS):
            answers = [
                get(reading_server, name, f"/v1/cases/{case}"),
                get(reading_server, name, f"/v1/cases/{case}/events"),
                act(reading_server, name, case, "note", 1, text="x"),
            ]
            assert {a.status_code for a in answers} == {404}, (name, case)
            assert [told(a) for a in answers] == [told(get(reading_server, name, "/v1/nowhere"))] * 3
    listed = get(reading_server, "auditor-here", "/v1/cases?everything=true").json()["items"]
    assert {c["district"] for c in listed} == {"419901"}
    assert get(reading_server, "auditor-elsewhere", "/v1/cases").json()["items"] == []


CASES = (
    ("GET", "/v1/cases"), ("GET", "/v1/cases/queue"), ("GET", f"/v1/cases/{CAR}"), ("GET", f"/v1/cases/{CAR}/events"),
    ("POST", f"/v1/cases/{CAR}/actions"), ("GET", "/v1/precision"), ("GET", "/v1/spot-checks"),
    ("POST", "/v1/spot-checks"), ("POST", "/v1/spot-checks/2026-03-18/V0013/decision"),
    ("GET", "/v1/spot-checks/missed"), ("POST", "/v1/nights/2026-03-18/preview"),
)  # fmt: skip
RUNNING = (
    ("GET", "/v1/users"), ("GET", "/v1/users/head"), ("POST", "/v1/users"), ("POST", "/v1/users/head/grants"),
    ("DELETE", "/v1/users/head/grants/office-head"), ("POST", "/v1/users/head/disable"),
    ("POST", "/v1/nights/2026-03-18/runs"),
)  # fmt: skip
LOG = (("GET", "/v1/log"), ("GET", "/v1/log/head"))


def test_an_administrator_reads_no_case_and_who_reads_cases_administers_nothing(reading_server: Server) -> None:
    refused = [("admin", *route) for route in (*CASES, *LOG)]
    for name in ("auditor", "reviewer", "head", "school-1", "platform"):
        refused += [(name, *route) for route in RUNNING]
    for name in ("auditor", "reviewer", "school-1", "platform"):
        refused += [(name, *route) for route in LOG]
    body = {"action": "note", "name": "x", "role": "auditor"}
    for name, method, path in refused:
        answer = call(reading_server, name, method, path, None if method != "POST" else body, {"If-Match": '"1"'})
        assert (answer.status_code, kind_of(answer)) == (403, "not-allowed"), (name, method, path)
    for method, path in (*CASES, *RUNNING, *LOG):
        assert call(reading_server, None, method, path).status_code == 401, path


# ---------------------------------------------------------------- lists


def test_a_list_goes_page_by_page_and_its_cursor_fits_no_other_list(reading_server: Server) -> None:
    whole = get(reading_server, "auditor", "/v1/cases?date=2026-03-18&state=new").json()
    found, path = [], "/v1/cases?date=2026-03-18&state=new&limit=5"
    after = ""
    while True:
        page = get(reading_server, "auditor", path + after).json()
        found += [c["case_id"] for c in page["items"]]
        if page["next"] is None:
            break
        after = f"&cursor={page['next']}"
    assert found == [c["case_id"] for c in whole["items"]]
    assert (len(found), whole["next"]) == (14, None)
    other = get(reading_server, "auditor", "/v1/cases?limit=5" + after)
    assert (other.status_code, kind_of(other)) == (400, "bad-cursor")
    assert get(reading_server, "auditor", "/v1/cases?state=closed").json()["items"] == []
    assert get(reading_server, "auditor", "/v1/cases?date=2026-03-17&everything=true").json()["items"] == []


@pytest.mark.parametrize("name", ["auditor", "auditor-here"])
def test_a_page_reads_the_events_of_its_own_cases_only(
    reading_server: Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole = [c["case_id"] for c in get(reading_server, name, "/v1/cases?everything=true").json()["items"]]
    read: list[str] = []

    def noted(session: Session, case_ids: Iterable[str]) -> dict[str, list[Event]]:
        read.extend(case_ids)
        return load_events(session, read)

    monkeypatch.setattr(case_desk, "load_events", noted)
    page = get(reading_server, name, "/v1/cases?everything=true&limit=3").json()
    assert [c["case_id"] for c in page["items"]] == whole[:3]
    assert read == whole[:4], "one more tells that the list goes on"


def test_the_models_say_all_that_the_desk_says(reading_server: Server) -> None:
    store, settings = reading_server.store, reading_server.settings
    with store.reading() as session:
        actor = actor_of(session, "auditor", store.clock())
    told = case_desk.show(store, actor, settings, CAR)
    assert get(reading_server, "auditor", f"/v1/cases/{CAR}").json() == told
    queue = case_desk.queue(store, actor, settings)
    wire = get(reading_server, "auditor", "/v1/cases/queue").json()
    assert {k: v for k, v in wire.items() if k != "today"} == {k: v for k, v in queue.items() if k != "today"}
    for one, other in zip(wire["today"], queue["today"], strict=True):
        assert {**one, "subject": ""} == {**other, "subject": ""}


def test_the_office_works_off_its_queue(server: Server) -> None:
    first = get(server, "auditor-here", "/v1/cases/queue").json()
    assert (first["n_today"], first["n_waiting"], len(first["today"])) == (14, 0, 9)
    confirmed(server)
    assert CAR not in [c["case_id"] for c in get(server, "auditor", "/v1/cases/queue").json()["today"]]
    assert get(server, "school-1", "/v1/cases/queue").status_code == 403


# ---------------------------------------------------------------- spot checks


def test_a_spot_check_is_decided_once_and_anew_only_on_purpose(server: Server) -> None:
    path = "/v1/spot-checks/2026-03-18/V0013/decision"
    silent = post(server, "auditor", path, {"outcome": "violation"})
    assert (silent.status_code, kind_of(silent)) == (409, "refused")
    assert post(server, "auditor", path, {"outcome": "clean"}).json()["decided_by"] == "auditor"
    assert post(server, "reviewer", path, {"outcome": "clean"}).status_code == 409
    anew = {"outcome": "violation", "note": "No instructor in the car.", "again": True}
    assert post(server, "reviewer", path, anew).json()["outcome"] == "violation"
    left = get(server, "auditor", "/v1/spot-checks?from=2026-03-18&undecided=true").json()["items"]
    assert [c["vehicle_id"] for c in left] == ["V0014", "V0015"]
    missed = get(server, "auditor", "/v1/spot-checks/missed").json()
    assert (missed["n"], missed["n_violations"], missed["last"]) == (1, 1, "2026-03-18")


def test_a_vehicle_day_is_picked_by_hand(server: Server) -> None:
    body = {"service_date": "2026-03-18", "vehicle_id": "V0001", "reason": "A neighbour called."}
    picked = post(server, "auditor-here", "/v1/spot-checks", body)
    assert (picked.status_code, picked.json()["picked_by"], picked.json()["probability"]) == (201, "auditor-here", None)
    assert get(server, "auditor", picked.headers["location"]).json()["items"][0] == picked.json()
    twice = post(server, "auditor", "/v1/spot-checks", body)
    assert (twice.status_code, kind_of(twice)) == (409, "refused")
    for vehicle in ("V0006", "V9999"):
        answer = post(server, "auditor-here", "/v1/spot-checks", {**body, "vehicle_id": vehicle})
        assert answer.status_code == 404, vehicle
    for vehicle in ("V0014", "V9999"):
        answer = post(server, "auditor-here", f"/v1/spot-checks/2026-03-18/{vehicle}/decision", {"outcome": "clean"})
        assert answer.status_code == 404, vehicle


def test_what_is_asked_for_wrongly_is_named(reading_server: Server) -> None:
    wrong = {
        "/v1/precision?by=colour": "query.by",
        "/v1/precision?by=": "query.by",
        "/v1/precision?by=rule,rule": "query.by",
        "/v1/spot-checks?from=2026-03-19&to=2026-03-18": "query.from",
        "/v1/cases?state=odd": "query.state",
        "/v1/cases?date=yesterday": "query.date",
        "/v1/cases?limit=0": "query.limit",
        f"/v1/cases/{CAR}/events?after=-1": "query.after",
        "/v1/cases?colour=red": "query.colour",
    }
    for path, where in wrong.items():
        answer = get(reading_server, "auditor", path)
        assert (answer.status_code, answer.json()["errors"][0]["where"]) == (400, where), path
    for path in ("/v1/spot-checks?from=0001-01-01&to=0001-01-01", "/v1/spot-checks/missed?to=0001-01-02"):
        assert get(reading_server, "auditor", path).status_code == 200, path


def test_the_language_is_the_better_liked_one() -> None:
    said = {"": "zh", "*": "zh", "en": "en", "en;q=0.1, zh;q=0": "en", "zh-CN,zh;q=0.9,en;q=0.8": "zh", "en;q=x": "zh"}
    assert {accepted: best_language(accepted) for accepted in said} == said


def test_every_route_says_who_may_call_it(reading_server: Server) -> None:
    from fastapi.routing import APIRoute

    from api.guard import Unguarded, all_routes, check_guards, rule_of

    rules = {
        (method, route.path): rule_of(route)
        for route in all_routes(reading_server.app)
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert all(rules.values())
    assert rules["POST", "/v1/users"].permission is Permission.MANAGE_USERS  # type: ignore[union-attr]

    @reading_server.app.get("/bare")
    def bare() -> None: ...

    with pytest.raises(Unguarded, match="/bare"):
        check_guards(reading_server.app)
    reading_server.app.router.routes.pop()
