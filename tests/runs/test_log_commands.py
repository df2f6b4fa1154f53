"""`trajaudit user` and `trajaudit log`, as a person types them."""

from __future__ import annotations

import io
import json
import os
import pwd
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from sqlalchemy import text

from cases.roles import Role
from runs.cli import main
from runs.cli_access import log, user
from store.access_log import Entry, append, recent, verify
from store.accounts import actor_of, add_first, create_user, grant
from store.engine import Store
from store.heads import read_heads
from tests.runs.conftest import Answer, trajaudit
from tests.stores import START_MS, Place

ME = pwd.getpwuid(os.geteuid()).pw_name
SOMEBODY = next(p.pw_name for p in pwd.getpwall() if p.pw_name != ME)
T = START_MS
ESC = "\x1b"


class Desk:
    """A store, and the command line before it: in this process, for a new one takes a second to start."""

    def __init__(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        for name, value in {**place.environment, "TRAJAUDIT_LANG": "en"}.items():
            monkeypatch.setenv(name, value)

    def __call__(self, *arguments: str | Path) -> Answer:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main([*map(str, arguments), "--lang", "en"])
            except SystemExit as leave:
                code = int(leave.code or 0)
        return Answer(code, out.getvalue(), err.getvalue())

    def opened(self) -> Store:
        return self.place.opened()

    def run(self, *statements: str) -> None:
        store = self.opened()
        with store.writing() as session:
            for statement in statements:
                session.execute(text(statement))
        store.close()


@pytest.fixture
def desk(store_settings: Place, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(store_settings, monkeypatch)


@pytest.fixture
def sqlite_desk(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(Place(sqlite_store.folder, None), monkeypatch)


def seat(desk: Desk, role: Role | None = Role.OFFICE_HEAD) -> None:
    """Make whoever runs the tests an account with a role, and another one the administrator."""
    store = desk.opened()
    with store.writing() as session:
        add_first(session, ME, "chief", SOMEBODY, T)
        create_user(session, actor_of(session, "chief", T), "me", ME, T)
        if role is not None:
            grant(session, actor_of(session, "chief", T), "me", role, T)
        append(session, [Entry(T + n, "li", "auditor", "look", "person", f"P{n}", f"核查 {n}") for n in range(6)])
    store.close()


# ---------------------------------------------------------------- accounts


def test_one_person_sets_the_accounts_up(desk: Desk) -> None:
    assert desk("user", "list", "--json").json() == []
    first = desk("user", "add", "chief")
    assert (first.code, first.out) == (0, "Account chief was added: the first one, an administrator.\n")
    assert desk("user", "add", "wang", "--os-user", SOMEBODY, "--reason", "new").out == "Account wang was added.\n"
    granted = desk("user", "grant", "wang", "auditor", "--district", "370103", "--district", "370102", "--json")
    assert granted.json() == {"name": "wang", "role": "auditor"}
    listed = desk("user", "list", "--json").json()
    assert [(a["name"], a["os_user"], a["disabled"], a["grants"]) for a in listed] == [
        ("chief", ME, None, [{"role": "administrator", "districts": None, "school_id": None}]),
        ("wang", SOMEBODY, None, [{"role": "auditor", "districts": ["370102", "370103"], "school_id": None}]),
    ]
    assert "wang\t" + SOMEBODY + "\tauditor 370102,370103\tin use" in desk("user", "list").out
    assert desk("user", "revoke", "wang", "auditor").out == "Account wang no longer has the role auditor.\n"
    assert desk("user", "disable", "wang").code == 0
    assert desk("user", "list", "--json").json()[1]["disabled"] is not None
    store = desk.opened()
    with store.reading() as session:
        assert verify(session) == []
        assert [e.action for e in recent(session, 99)] == [
            "create-account", "grant-role", "create-account", "grant-role", "revoke-role", "disable-account"
        ]  # fmt: skip
    store.close()


def test_what_is_refused_is_said_in_a_line_and_ends_with_2(sqlite_desk: Desk) -> None:
    assert sqlite_desk("user", "add", "chief").code == 0
    refusals = {
        ("user", "grant", "chief", "auditor"): "to himself",
        ("user", "grant", "chief", "king"): "no role king",
        ("user", "grant", "nobody", "auditor"): "no account 'nobody'",
        ("user", "disable", "chief"): "last administrator",
        ("user", "add", "wang", "--os-user", "no-such-user"): "no system user no-such-user",
        ("log", "show"): "role: office-head",
    }
    for command, said in refusals.items():
        answer = sqlite_desk(*command)
        assert (answer.code, answer.out) == (2, ""), command
        assert said in answer.err
        assert len(answer.err.splitlines()) == 1


def test_who_is_no_administrator_manages_no_accounts(sqlite_desk: Desk) -> None:
    seat(sqlite_desk)
    for command in (("list",), ("add", "x"), ("disable", "chief"), ("grant", "chief", "auditor")):
        answer = sqlite_desk("user", *command)
        assert answer.code == 2
        assert "Account me may not do this (manage-users)" in answer.err


# ---------------------------------------------------------------- the log


def test_who_looks_at_the_log_stands_in_it(sqlite_desk: Desk) -> None:
    seat(sqlite_desk)
    shown = sqlite_desk("log", "show", "--last", "2", "--json").json()
    assert [(e["actor"], e["action"], e["subject_kind"], e["subject_id"]) for e in shown] == [
        ("li", "look", "person", "P5"),
        ("me", "read-log", "access-log", "all"),
    ]
    assert shown[0]["at"].startswith("2026-03-19T09:00:00.005+08:00")
    about = sqlite_desk("log", "show", "--subject", "P3", "--reason", "complaint", "--json").json()
    assert [(e["actor"], e["subject_id"], e["reason"]) for e in about] == [
        ("li", "P3", "核查 3"),
        ("me", "P3", "complaint"),
    ]
    lines = sqlite_desk("log", "show", "--actor", "me").out.splitlines()
    assert lines[:2] == ["Access log", "Entry\tTime\tAccount\tRole\tAction\tSubject\tReason"]
    assert [line.split("\t")[2:] for line in lines[2:]] == [
        ["me", "office-head", "read-log", "access-log all", ""],
        ["me", "office-head", "read-log", "access-log P3", "complaint"],
        ["me", "office-head", "read-log", "access-log all", "actor me"],
    ]


def test_text_from_outside_steers_no_terminal(sqlite_desk: Desk) -> None:
    seat(sqlite_desk)
    store = sqlite_desk.opened()
    with store.writing() as session:
        append(session, [Entry(T, "li", "auditor", "look", "person", "P9\n999\tx", f"a{ESC}[2Jb\nforged\tline")])
    store.close()
    lines = sqlite_desk("log", "show", "--last", "2").out.splitlines()
    assert len(lines) == 4
    assert ESC not in "".join(lines)
    assert "forged" in lines[2]


@pytest.mark.parametrize("role", [r for r in Role if r not in (Role.OFFICE_HEAD, Role.SCHOOL)])
def test_nobody_else_reads_the_log(sqlite_desk: Desk, role: Role) -> None:
    seat(sqlite_desk, role)
    answer = sqlite_desk("log", "show")
    assert (answer.code, answer.out) == (2, "")


def test_a_whole_log_is_whole(sqlite_desk: Desk) -> None:
    """As a program of its own, for once."""
    assert trajaudit("log", "verify", env={**sqlite_desk.place.environment, "TRAJAUDIT_LANG": "en"}).code == 0
    seat(sqlite_desk)
    answer = sqlite_desk("log", "verify")
    assert answer.code == 0
    assert answer.out.startswith("The access log is whole, up to entry 10 (")
    assert "No heads at a second place" in answer.err


def test_each_broken_place_is_named(sqlite_desk: Desk) -> None:
    seat(sqlite_desk)
    sqlite_desk.run("UPDATE access_log SET actor = 'lo' WHERE seq = 6", "DELETE FROM access_log WHERE seq = 8")
    answer = sqlite_desk("log", "verify")
    assert answer.code == 3
    assert answer.out.splitlines() == [
        "entry 6: its digest does not match what it says",
        "entries 8 to 8 are missing",
    ]
    told = sqlite_desk("log", "verify", "--json")
    assert told.code == 3
    assert told.json()["whole"] is False
    assert [(b["seq"], b["code"]) for b in told.json()["breaks"]] == [(6, "digest"), (8, "missing")]


def test_the_head_is_written_down_and_tells_of_a_cut_tail(desk: Desk, tmp_path: Path) -> None:
    heads = tmp_path / "second" / "heads.ndjson"
    seat(desk, Role.ADMINISTRATOR)
    refused = desk("log", "head", "--heads", heads)
    assert refused.code == 2
    assert "is the medium there" in refused.err
    heads.parent.mkdir()
    first = desk("log", "head", "--heads", heads)
    assert (first.code, first.err) == (0, "")
    [head] = read_heads(heads)
    assert first.out == f"{head.seq} {head.digest}\n"
    assert (head.seq, head.run_id) == (10, "by-hand")
    assert desk("log", "head", "--heads", heads, "--json").json()["seq"] == 10
    assert len(read_heads(heads)) == 1
    assert desk("log", "verify", "--heads", heads, "--json").json()["heads"] == 1
    desk.run("DELETE FROM access_log WHERE seq > 7")
    assert desk("log", "verify").code == 0
    cut = desk("log", "verify", "--heads", heads)
    assert cut.code == 3
    assert "entry 10 was written down on 20" in cut.out
    assert "but the log ends at 7" in cut.out


def test_the_settings_name_the_second_place(sqlite_desk: Desk, tmp_path: Path) -> None:
    settings = tmp_path / "office.toml"
    settings.write_text(f'[log]\nheads = "heads.ndjson"\n[store]\nfolder = "{sqlite_desk.place.folder}"\n')
    answer = sqlite_desk("log", "head", "--settings", settings)
    assert (answer.code, answer.err) == (0, "")
    assert read_heads(tmp_path / "heads.ndjson")[0].seq == 0
    (tmp_path / "heads.ndjson").write_text("torn")
    broken = sqlite_desk("log", "verify", "--settings", settings)
    assert broken.code == 2
    assert "heads.ndjson, line 1: is damaged" in broken.err


def test_without_a_second_place_the_head_is_printed_alone(sqlite_desk: Desk) -> None:
    answer = sqlite_desk("log", "head")
    assert (answer.code, answer.out) == (0, f"0 {'0' * 64}\n")
    assert "no second place" in answer.err
    assert json.loads(sqlite_desk("log", "head", "--json").out)["heads"] is None


# ---------------------------------------------------------------- help

PAGES = [(app.info.name, c.name or c.callback.__name__) for app in (user, log) for c in app.registered_commands]


def test_every_command_has_a_help_page_with_an_example_of_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(PAGES) == 13
    for group, command in PAGES:
        with pytest.raises(SystemExit):
            main([group, command, "--help"])
        assert f": trajaudit {group} {command}" in capsys.readouterr().out
