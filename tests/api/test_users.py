"""Accounts and the access log over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete

from store.access_log import recent, verify
from store.tables.access import AccessEntry
from tests.api.calls import call, get, kind_of, post
from tests.api.conftest import ACCOUNTS, Server


def roles_of(told: dict[str, Any]) -> list[str]:
    return [g["role"] for g in told["grants"]]


# ---------------------------------------------------------------- accounts


def test_an_account_is_made_gets_roles_loses_them_and_acts_no_more(server: Server) -> None:
    made = post(server, "admin", "/v1/users", {"name": "wang", "reason": "new here"})
    assert (made.status_code, made.headers["location"], made.json()["grants"]) == (201, "/v1/users/wang", [])
    given = {"role": "auditor", "districts": ["419902", "419901"], "reason": "two districts"}
    assert post(server, "admin", "/v1/users/wang/grants", given).json()["grants"] == [
        {"role": "auditor", "districts": ["419901", "419902"], "school_id": None}
    ]
    assert roles_of(post(server, "admin", "/v1/users/wang/grants", {"role": "reviewer"}).json()) == [
        "auditor",
        "reviewer",
    ]
    left = call(server, "admin", "DELETE", "/v1/users/wang/grants/auditor?reason=moved")
    assert (left.status_code, roles_of(left.json())) == (200, ["reviewer"])
    off = post(server, "admin", "/v1/users/wang/disable", {"reason": "left"}).json()
    assert (off["disabled"], off["grants"]) == ("2026-03-19T09:00:00+08:00", [])
    assert get(server, "admin", "/v1/users/wang").json() == off
    with server.store.reading() as session:
        written = [(e.actor, e.action, e.reason) for e in recent(session, 20, "wang")]
        assert verify(session) == []
    assert written == [
        ("admin", "create-account", "no system user: new here"),
        ("admin", "grant-role", "auditor, districts 419901, 419902: two districts"),
        ("admin", "grant-role", "reviewer, the whole city"),
        ("admin", "revoke-role", "auditor, districts 419901, 419902: moved"),
        ("admin", "disable-account", "left"),
    ]


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_clients_take_out_of_addresses_is_refused(server: Server, name: str) -> None:
    refused = post(server, "admin", "/v1/users", {"name": name})
    assert (refused.status_code, kind_of(refused)) == (409, "account-refused")
    assert name not in [told["name"] for told in get(server, "admin", "/v1/users").json()["items"]]


def test_all_accounts_are_listed(reading_server: Server) -> None:
    told = get(reading_server, "admin", "/v1/users").json()["items"]
    assert [a["name"] for a in told] == sorted(ACCOUNTS)
    assert {a["name"]: a["grants"][0]["school_id"] for a in told}["school-1"] == "SCH01"


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/users", {"name": "Auditor"}, "there already"),
        ("/v1/users", {"name": "system"}, "cannot be the name"),
        ("/v1/users", {"name": " wang"}, "cannot be the name"),
        ("/v1/users/admin/grants", {"role": "auditor"}, "to himself"),
        ("/v1/users/auditor/grants", {"role": "auditor"}, "already"),
        ("/v1/users/auditor/grants", {"role": "administrator"}, "cannot be held with another role"),
        ("/v1/users/auditor/grants", {"role": "school"}, "school_id"),
        ("/v1/users/auditor/grants", {"role": "reviewer", "districts": []}, "at least one code"),
        ("/v1/users/admin/disable", None, "last administrator"),
    ],
)
def test_what_no_account_may_be_is_refused_and_said_why(
    reading_server: Server, path: str, body: Any, words: str
) -> None:
    answer = post(reading_server, "admin", path, body)
    assert (answer.status_code, kind_of(answer)) == (409, "account-refused")
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/users/nobody", None, 404),
        ("POST", "/v1/users/nobody/grants", {"role": "auditor"}, 404),
        ("POST", "/v1/users/nobody/disable", {}, 404),
        ("DELETE", "/v1/users/nobody/grants/auditor", None, 404),
        ("DELETE", "/v1/users/auditor/grants/reviewer", None, 404),
        ("DELETE", "/v1/users/auditor/grants/king", None, 400),
        ("POST", "/v1/users", {"name": "a/b"}, 422),
        ("POST", "/v1/users", {"name": "wang", "os_user": "root"}, 422),
        ("POST", "/v1/users/auditor/grants", {"role": "king"}, 422),
        ("POST", "/v1/users/auditor/grants", {"role": "reviewer", "reason": "\0"}, 422),
        ("GET", "/v1/log?limit=1001", None, 400),
    ],
)
def test_what_is_not_there_or_cannot_be_read_is_told_apart(
    reading_server: Server, method: str, path: str, body: Any, status: int
) -> None:
    name = "head" if "log" in path else "admin"
    assert call(reading_server, name, method, path, body).status_code == status


def test_an_administrator_does_not_take_his_own_role_if_he_is_the_last(server: Server) -> None:
    answer = call(server, "admin", "DELETE", "/v1/users/admin/grants/administrator")
    assert (answer.status_code, kind_of(answer)) == (409, "account-refused")


# ---------------------------------------------------------------- the log


def test_who_reads_the_log_stands_in_it(server: Server) -> None:
    get(server, "auditor", "/v1/cases/queue")
    told = get(server, "head", "/v1/log?limit=2&reason=review").json()["items"]
    assert [(e["actor"], e["action"], e["reason"]) for e in told] == [
        ("head", "read-log", "review"),
        ("auditor", "look", ""),
    ]
    mine = get(server, "head", "/v1/log?account=auditor&subject=queue").json()["items"]
    assert [(e["actor"], e["subject_id"]) for e in mine] == [("auditor", "queue")]
    with server.store.reading() as session:
        (last,) = recent(session, 1)
    assert (last.action, last.subject_id, last.reason) == ("read-log", "queue", "actor auditor")
    head = get(server, "head", "/v1/log/head").json()
    assert head == {"seq": last.seq, "digest": last.digest}


def test_the_log_goes_back_page_by_page_while_it_grows(server: Server) -> None:
    for _ in range(5):
        get(server, "auditor", "/v1/cases")
    found: list[int] = []
    after = ""
    while True:
        page = get(server, "head", f"/v1/log?limit=3{after}").json()
        found += [e["seq"] for e in page["items"]]
        if page["next"] is None:
            break
        after = f"&cursor={page['next']}"
    assert found == list(range(found[0], 0, -1))
    other = get(server, "head", f"/v1/log?limit=3&account=auditor{after}")
    assert (other.status_code, kind_of(other)) == (400, "bad-cursor")


def test_a_log_that_somebody_emptied_is_shown_as_it_is(server: Server) -> None:
    with server.store.writing() as session:
        session.execute(delete(AccessEntry))
    assert get(server, "head", "/v1/log/head").json() == {"seq": 0, "digest": "0" * 64}
    assert [e["seq"] for e in get(server, "head", "/v1/log").json()["items"]] == [1]
