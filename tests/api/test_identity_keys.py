"""Keys, passwords and second factors as an administrator gives and takes them; what is taken is dead at once."""

from __future__ import annotations

import io
import json
import os
import pwd
import select
import socket
import subprocess
import sys
import time
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select as choose

from api import identity
from runs.cli import main
from store import api_keys, sealing, totp
from store.access_log import recent
from store.accounts import AccountRefused, actor_of
from store.passwords import is_password
from store.tables.access import AccessEntry, User
from store.tables.api import ApiKey, Credential
from tests.api.browser_like import PASSWORD, Browser, give_password, later, one_clock
from tests.api.conftest import Server
from tests.runs.conftest import Answer

ME = pwd.getpwuid(os.geteuid()).pw_name
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def chief(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server on whose command line we are the administrator."""
    one_clock(server)
    with server.store.writing() as session:
        session.get_one(User, "admin").os_name = ME
    monkeypatch.setenv("TRAJAUDIT_STORE__FOLDER", str(server.store.folder))
    if server.settings.store.database_url is not None:
        monkeypatch.setenv("TRAJAUDIT_STORE__DATABASE_URL", server.settings.store.database_url.get_secret_value())
    monkeypatch.setenv("TRAJAUDIT_LANG", "en")
    return server


def typed(*arguments: str, stdin: str = "") -> Answer:
    out, err, code = io.StringIO(), io.StringIO(), 0
    before, sys.stdin = sys.stdin, io.StringIO(stdin)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main([*arguments, "--lang", "en"])
    except SystemExit as leave:
        code = int(leave.code or 0)
    finally:
        sys.stdin = before
    return Answer(code, out.getvalue(), err.getvalue())


def with_key(server: Server, key: str) -> httpx.Response:
    return Browser(server)("GET", "/v1/me", headers={"authorization": f"Bearer {key}"})


# ---------------------------------------------------------------- keys


def test_a_key_is_shown_once_and_counts_until_it_is_revoked(chief: Server) -> None:
    given = typed("user", "key", "platform", "--label", "supervision")
    key = given.out.strip()
    assert key.startswith("tak_")
    assert len(key) == 47
    assert key not in given.err
    assert with_key(chief, key).json()["name"] == "platform"
    listed = typed("user", "keys", "platform", "--json")
    assert [k["label"] for k in listed.json()] == ["test", "supervision"]
    assert "tak_" not in listed.out + typed("user", "keys", "platform").out
    number = listed.json()[-1]["id"]
    assert typed("user", "revoke-key", str(number), "--reason", "lost").code == 0
    assert with_key(chief, key).status_code == 401
    assert typed("user", "keys", "platform", "--json").json()[-1]["state"] == "revoked"
    with chief.store.reading() as session:
        log = [(link.actor, link.action, link.reason) for link in recent(session, 10, "platform")]
        rows = json.dumps([repr(row.__dict__) for row in session.scalars(choose(AccessEntry))])
    assert log == [("admin", "give-key", f"key {number}: supervision"), ("admin", "revoke-key", f"key {number}: lost")]
    assert key not in rows
    raw = b"".join(path.read_bytes() for path in chief.store.folder.glob("trajaudit.db*"))
    assert key.encode() not in raw


def test_a_key_ends_on_its_day(chief: Server) -> None:
    with chief.store.writing() as session:
        admin = actor_of(session, "admin", chief.store.clock())
        given = api_keys.give_key(session, admin, "platform", "for a day", 1, chief.store.clock())
    later(chief.store, 86_399)
    assert with_key(chief, given.key).status_code == 200
    later(chief.store, 1)
    assert with_key(chief, given.key).status_code == 401


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("user", "key", "nobody", "--label", "x"), "no account"),
        (("user", "key", "platform", "--label", " "), "label"),
        (("user", "revoke-key", "9999"), "no key 9999"),
        (("user", "password", "nobody"), "no account"),
        (("user", "totp-reset", "auditor"), "no second factor"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(chief: Server, arguments: tuple[str, ...], said: str) -> None:
    answer = typed(*arguments)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_only_an_administrator_gives_keys(chief: Server) -> None:
    with chief.store.writing() as session:
        session.get_one(User, "admin").os_name = None
        session.flush()
        session.get_one(User, "auditor").os_name = ME
    for command in (
        "key platform --label x",
        "keys platform",
        "revoke-key 1",
        "password auditor",
        "totp-reset auditor",
    ):
        arguments = ("user", *command.split())
        answer = typed(*arguments, stdin="nine slow red trains\n")
        assert answer.code == 2, arguments
        assert "administrator" in answer.err
    with chief.store.writing() as session:
        auditor = actor_of(session, "auditor", chief.store.clock())
        with pytest.raises(AccountRefused):
            api_keys.give_key(session, auditor, "auditor", "x", None, chief.store.clock())


def test_a_key_that_is_nearly_right_is_not(chief: Server) -> None:
    key = chief.keys["auditor"]
    for wrong in (key[:-1], key + "x", key.upper(), key[4:], "tak_", "tak_ü", identity.KEY_PREFIX + "x" * 5000):
        told = wrong.encode()
        answer = Browser(chief)("GET", "/v1/me", headers={"authorization": f"Bearer {told.decode('latin-1')}"})
        assert answer.status_code == 401
    assert with_key(chief, key).status_code == 200
    headers = {"authorization": f"bEaReR  {key} "}
    assert Browser(chief)("GET", "/v1/me", headers=headers).status_code == 200


def test_a_key_needs_no_csrf_token_and_no_cookie(chief: Server) -> None:
    answer = Browser(chief)("POST", "/v1/logout", headers={"authorization": f"Bearer {chief.keys['auditor']}"})
    assert answer.status_code == 403
    assert answer.json()["type"].endswith(":session-needed")


# ---------------------------------------------------------------- passwords and second factors


def test_an_administrator_gives_a_password_that_must_be_changed(chief: Server) -> None:
    give_password(chief, "auditor")
    browser = Browser(chief)
    browser.log_in("auditor")
    for n in range(5):
        Browser(chief, f"10.9.{n}.1").log_in("auditor", "wrong wrong wrong")
    answer = typed("user", "password", "auditor", stdin="nine slow red trains\r\n")
    assert answer.code == 0, answer.err
    assert "nine slow" not in answer.out + answer.err
    assert browser("GET", "/v1/me").status_code == 401
    told = Browser(chief, "10.8.0.1").log_in("auditor", "nine slow red trains")
    assert told.status_code == 200  # and the lock is gone
    assert told.json()["must_change_password"]
    with chief.store.reading() as session:
        assert recent(session, 10, "auditor")[-2].action == "set-password"


@pytest.mark.parametrize("stdin", ["", "\n", "short\n", "password1234\n", "auditor12345\n"])
def test_an_administrator_gives_no_weak_password(chief: Server, stdin: str) -> None:
    answer = typed("user", "password", "auditor", stdin=stdin)
    assert answer.code == 2
    assert not stdin.strip() or stdin.strip() not in answer.err
    with chief.store.reading() as session:
        assert session.get(Credential, "auditor") is None


def test_at_a_terminal_a_password_is_asked_for_twice_and_not_shown(chief: Server) -> None:
    import pty

    code = "from runs.cli import main; main(['user', 'password', 'auditor', '--lang', 'en'])"
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = b""

    def until(words: bytes) -> None:
        nonlocal shown
        deadline = time.monotonic() + 20
        while words not in shown and time.monotonic() < deadline:
            if select.select([ours], [], [], 1)[0]:
                shown += os.read(ours, 1000)
        assert words in shown

    until(b"New password: ")  # what is typed earlier is thrown away
    os.write(ours, b"nine slow red trains\n")
    until(b"Once more: ")
    os.write(ours, b"nine slow red trains\n")
    until(b"must change it")
    assert program.wait(20) == 0
    os.close(ours)
    assert b"nine slow" not in shown
    with chief.store.reading() as session:
        held = session.get_one(Credential, "auditor")
    assert is_password(held.password_hash, "nine slow red trains")
    assert held.must_change


def test_a_lost_second_factor_is_taken_away_and_sessions_end(chief: Server) -> None:
    give_password(chief, "auditor")
    browser = Browser(chief)
    browser.log_in("auditor")
    with chief.store.writing() as session:
        held = session.get_one(Credential, "auditor")
        held.totp_sealed = sealing.seal(sealing.load_sealing_key(chief.store), totp.new_secret(), "auditor")
    assert Browser(chief, "10.1.0.1").log_in("auditor", PASSWORD).status_code == 401
    assert typed("user", "totp-reset", "auditor", "--reason", "phone lost").code == 0
    assert browser("GET", "/v1/me").status_code == 401
    assert Browser(chief, "10.1.0.2").log_in("auditor", PASSWORD).status_code == 200


# ---------------------------------------------------------------- on all workers

APPLICATION = """
from pathlib import Path
from api.app import create_app
from api.platform import Platform
from runs.settings import Settings, StoreSettings
from store.engine import open_store

def make():
    folder, url = Path({folder!r}), {url!r}
    settings = Settings(store=StoreSettings(folder=folder, database_url=url))
    return create_app(Platform(open_store(folder, url), settings, b"s" * 32))
"""


@pytest.mark.slow
def test_a_revoked_key_is_dead_on_all_workers_at_once(chief: Server, tmp_path: Path) -> None:
    secret = chief.settings.store.database_url
    url = None if secret is None else secret.get_secret_value()
    (tmp_path / "served_here.py").write_text(APPLICATION.format(folder=str(chief.store.folder), url=url))
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "served_here:make", "--workers", "2", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    server = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        key = chief.keys["platform"]
        url = f"http://127.0.0.1:{port}/v1/me"

        def status() -> int:
            """Ask over a connection of its own: any worker may take it."""
            return httpx.get(url, headers={"authorization": f"Bearer {key}"}).status_code

        deadline = time.monotonic() + 60
        while True:
            try:
                if status() == 200:
                    break
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline
            time.sleep(0.2)
        time.sleep(3)  # the other worker starts, too
        assert {status() for _ in range(20)} == {200}
        with chief.store.writing() as session:
            admin = actor_of(session, "admin", chief.store.clock())
            row = session.scalars(choose(ApiKey).where(ApiKey.name == "platform")).one()
            api_keys.revoke_key(session, admin, row.id, chief.store.clock())
        revoked = time.monotonic()
        assert {status() for _ in range(40)} == {401}
        assert time.monotonic() - revoked < 5
    finally:
        server.terminate()
        server.wait(20)
