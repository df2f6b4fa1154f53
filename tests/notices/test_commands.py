"""`trajaudit notices`, as a person types it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from runs.cli import main
from store.access_log import recent
from store.engine import SQLITE
from store.tables.access import User
from tests.notices.making import SECRET, case_notice, put, secret_file
from tests.notices.receiver import Receiver, receiving
from tests.runs.conftest import ROOT, Answer, environment
from tests.stores import Place

pytestmark = pytest.mark.parametrize("store_settings", [SQLITE], indirect=True)


class Office:
    """A store with its settings and a receiver."""

    def __init__(self, place: Place, receiver: Receiver, **more: str) -> None:
        self.place, self.receiver = place, receiver
        self.env = {
            **place.environment, "TRAJAUDIT_LANG": "en", "TRAJAUDIT_OUTBOUND__ENABLED": "true",
            "TRAJAUDIT_OUTBOUND__ALLOW": receiver.allow, "TRAJAUDIT_NOTICES__ATTEMPTS": "1", **more,
        }  # fmt: skip

    def does(self, *words: str) -> Answer:
        """Run a command in this process: it takes seconds to start one."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRAJAUDIT_")}
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(os, "environ", kept | self.env)
            try:
                main(["notices", *words, "--lang", "en"])
            except SystemExit as leave:
                code = int(leave.code or 0)
        return Answer(code, out.getvalue(), err.getvalue())

    def has(self, *rows: object) -> None:
        store = self.place.opened()
        put(store, *rows)
        store.close()


def test_a_webhook_from_its_adding_to_its_removal(store_settings: Place, tmp_path: Path) -> None:
    ref = secret_file(tmp_path)
    with receiving() as receiver:
        office = Office(store_settings, receiver)
        added = office.does("add-webhook", receiver.url, "--kinds", "case.*", "--secret-ref", ref, "--json")
        assert (added.code, added.json()) == (0, {"webhook": 1})
        (listed,) = office.does("webhooks", "--json").json()
        assert (listed["url"], listed["kinds"], listed["clearance"]) == (receiver.url, "case.*", "none")
        assert office.does("test-webhook", "1").code == 0
        office.has(case_notice("C1", 1, 1), case_notice("C2", 1, 1))
        receiver.status = 500
        assert office.does("test-webhook", "1").code == 4
        assert "Given up: 2." in office.does("deliver").out
        dead = office.does("list", "--state", "dead", "--json").json()
        assert {(d["state"], d["error"], d["receiver"]) for d in dead} == {("dead", "HTTP 500", "webhook:1")}
        receiver.status = 200
        assert office.does("retry", str(dead[0]["id"])).out == "1 deliveries are tried again.\n"
        assert office.does("retry", "--dead", "--json").json() == {"retried": 1}
        assert "Sent: 2." in office.does("deliver", "--once").out
        assert office.does("remove-webhook", "1").code == 0
        assert office.does("webhooks", "--json").json() == []
        assert office.does("test-webhook", "1").code == 2
        shown = "".join(a.out + a.err for a in (added, office.does("list"), office.does("webhooks")))
    assert SECRET not in shown
    store = store_settings.opened()
    with store.reading() as session:
        acts = [(link.action, link.subject_id) for link in recent(session, 10) if link.subject_kind == "webhook"]
    store.close()
    assert sorted(acts) == [("add-webhook", "1"), ("remove-webhook", "1")]


def test_what_cannot_be_is_refused_with_all_its_faults(store_settings: Place, tmp_path: Path) -> None:
    with receiving() as receiver:
        office = Office(store_settings, receiver)
        wrong = office.does(
            "add-webhook",
            "https://u:hush@h/x",
            "--kinds",
            "case.*,people",
            "--secret-ref",
            "s",
            "--clearance",
            "person",
        )
        assert wrong.code == 2
        assert len(wrong.err.splitlines()) == 4
        assert "hush" not in wrong.err
        assert (
            office.does("retry").code == office.does("retry", "7").code == office.does("list", "--state", "x").code == 2
        )
        assert office.does("remove-webhook", "9").code == 2
        assert office.does("webhooks", "--json").json() == []


def test_with_outbound_off_the_command_says_so(store_settings: Place, tmp_path: Path) -> None:
    with receiving() as receiver:
        office = Office(store_settings, receiver, TRAJAUDIT_OUTBOUND__ENABLED="false")
        office.does("add-webhook", receiver.url, "--secret-ref", secret_file(tmp_path))
        office.has(case_notice("C1", 1, 1))
        for words in (("deliver",), ("deliver", "--watch")):
            told = office.does(*words)
            assert (told.code, told.out) == (0, "Nothing was sent: outbound.enabled is not set.\n")
        assert receiver.seen == 0


def test_who_has_no_right_to_it_sees_and_changes_nothing(store_settings: Place, tmp_path: Path) -> None:
    with receiving() as receiver:
        office = Office(store_settings, receiver)
        office.has(User(name="chief", os_name="nobody", created_ms=1, created_by="system"))
        for words in (
            ("webhooks",),
            ("remove-webhook", "1"),
            ("add-webhook", "https://h/", "--secret-ref", "env:HOME"),
        ):
            assert office.does(*words).code == 2
        assert "not allowed" in office.does("webhooks").err


def test_watching_sends_what_comes_until_it_is_stopped(store_settings: Place, tmp_path: Path) -> None:
    with receiving() as receiver:
        office = Office(store_settings, receiver)
        office.does("add-webhook", receiver.url, "--secret-ref", secret_file(tmp_path))
        office.has(case_notice("C1", 1, 1))
        command = [sys.executable, "-m", "runs.cli", "notices", "deliver", "--watch", "--json"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment(office.env), stdout=subprocess.PIPE)
        for n in (1, 2):
            until = time.monotonic() + 60
            while len(receiver.arrivals) < n:
                assert time.monotonic() < until
                assert process.poll() is None
                time.sleep(0.02)
            if n == 1:
                office.has(case_notice("C1", 2, 1))
        os.kill(process.pid, signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b'"waiting": 0' in out
