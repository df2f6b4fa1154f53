"""`trajaudit retention`, as a person types it: who may, what is shown, what is asked, what is on record."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select, text

from runs.cli_retention import hold, retention
from runs.retention import FLAWS, KEPT, KINDS
from store import lease, retention_plan, signing
from store.access_log import recent
from store.check import check
from store.engine import Store
from store.retention import POINTS
from store.signing import public_hex
from store.tables.access import LegalHold, Tombstone
from tests.runs.conftest import ROOT, Answer, environment, trajaudit
from tests.runs.test_help import HEAVY, LOADED, width
from tests.store.conftest import as_of
from tests.store.erasing import files_in
from tests.store.filled import rows_of
from tests.stores import Place

Says = Callable[..., Answer]
PAGES = [
    ("retention",),
    *(("retention", c.callback.__name__.strip("_")) for c in retention.registered_commands),
    ("retention", "hold"),
    *(("retention", "hold", c.callback.__name__.strip("_")) for c in hold.registered_commands),
]
ONE_DAY = {f"TRAJAUDIT_RETENTION__{kind.upper()}_DAYS": "1" for kind in retention_plan.KINDS}
DAY = "2026-03-18"


def run(place: Place, *statements: str) -> None:
    store = place.opened()
    with store.writing() as session:
        for statement in statements:
            session.execute(text(statement))
    store.close()


def look(place: Place, asked: object) -> list:
    store = place.opened()
    with store.reading() as session:
        found = list(session.execute(asked))
    store.close()
    return found


def rows(place: Place) -> dict:
    store = place.opened()
    found = rows_of(store)
    store.close()
    return found


def entries(place: Place, n: int) -> list[tuple[str, ...]]:
    store = place.opened()
    with store.reading() as session:
        told = [(e.actor, e.role, e.action, e.subject_kind, e.subject_id) for e in recent(session, n)]
    store.close()
    return told


@pytest.fixture
def due(night_place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An office with periods of one day, all of whose cases are closed."""
    return _due(night_place, monkeypatch)


@pytest.fixture
def sqlite_due(sqlite_night: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    return _due(sqlite_night, monkeypatch)


def _due(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name, value in ONE_DAY.items():
        monkeypatch.setenv(name, value)
    run(place, "UPDATE cases SET state = 'closed', needs_review = FALSE")
    return place


class Terminal(io.StringIO):
    """Somebody at a terminal, and what he types."""

    def isatty(self) -> bool:
        return True


# ---------------------------------------------------------------- help


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_help_comes_at_once_and_shows_an_example(page: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", LOADED, *page, "--help"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment({"TRAJAUDIT_LANG": "en"}), check=True, capture_output=True, encoding="utf-8"
    )
    told, _, loaded = done.stdout.rpartition("LOADED")
    assert set(loaded.split()) & HEAVY == set()
    assert f"Example: trajaudit {' '.join(page)}" in " ".join(told.split())
    assert max(map(width, told.splitlines())) <= 80


def test_every_code_has_its_words() -> None:
    assert tuple(KINDS) == retention_plan.KINDS
    reasons = (retention_plan.LEGAL_HOLD, retention_plan.OPEN_CASE, retention_plan.LATER_NIGHT)
    assert tuple(KEPT) == (*reasons, retention_plan.SHARED_FILE, retention_plan.DAMAGED)
    assert set(FLAWS) == set(signing.FLAWS)


# ---------------------------------------------------------------- preview and run


def test_a_preview_changes_nothing_and_a_run_does_what_it_showed(due: Place, says: Says) -> None:
    before = rows(due)
    shown = says("root", "retention", "preview", "--json")
    assert (shown.code, shown.err) == (0, "")
    assert rows(due) == before
    done = says("root", "retention", "run", "--yes", "--json").json()
    assert done["kinds"] == shown.json()["kinds"]
    assert (done["tombstone"], done["damaged"], done["is_scrubbed"]) == (1, [], True)
    assert {kind: told["nights"] for kind, told in done["kinds"].items()} == {
        "candidates": 0, "passages": 1, "tracks": 1, "findings": 1, "log": 0,
    }  # fmt: skip
    assert entries(due, 1) == [("root", "administrator", "erase", "tombstone", "1")]
    assert json.loads(look(due, select(Tombstone.payload))[0][0])["actor"] == "root"
    assert says("root", "log", "verify").code == 0
    assert says("root", "retention", "verify", "--json").json()["whole"]
    again = says("root", "retention", "run", "--yes")
    assert again.code == 0
    assert again.out.startswith("Nothing is due.")
    assert len(look(due, select(Tombstone.id))) == 1
    assert entries(due, 1) == [("root", "administrator", "erase", "tombstone", "-")]


def test_what_is_kept_is_shown_with_its_reason(sqlite_due: Place, sqlite_says: Says) -> None:
    run(sqlite_due, "UPDATE cases SET state = 'new'")
    told = sqlite_says("root", "retention", "preview").out.splitlines()
    assert told[0] == "Past its period"
    assert told[1].split("\t") == ["Kind", "Before", "Nights", "Rows", "Files", "Size", "Kept"]
    tracks = next(line for line in told if line.startswith("track files"))
    assert tracks.split("\t")[2:] == ["-", "0", "0", "0.0 MB", "needed by a case that is not closed: 1"]


def test_in_a_pipe_nothing_is_erased_without_being_told_so(sqlite_due: Place, sqlite_says: Says) -> None:
    before = rows(sqlite_due)
    answer = sqlite_says("root", "retention", "run")
    assert (answer.code, answer.out) == (2, "")
    assert "give --yes" in answer.err
    assert rows(sqlite_due) == before


@pytest.mark.parametrize(("typed", "code", "tombstones"), [("n\n", 1, 0), ("\n", 1, 0), ("y\n", 0, 1)])
def test_at_a_terminal_it_asks(
    sqlite_due: Place, sqlite_says: Says, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, tombstones: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    answer = sqlite_says("root", "retention", "run")
    assert answer.code == code
    assert "Erase this? It cannot be undone." in answer.err
    assert "findings, closed cases, registers" in answer.out
    assert len(look(sqlite_due, select(Tombstone.id))) == tombstones


def test_while_a_nightly_runs_it_is_put_off(sqlite_due: Place, sqlite_says: Says) -> None:
    store = sqlite_due.opened()
    store.clock.ms = 4_000_000_000_000  # type: ignore[attr-defined]
    lease.take(store, lease.NIGHTLY, 60_000)
    answer = sqlite_says("root", "retention", "run", "--yes")
    assert answer.code == 2
    assert "erase when it is done" in answer.err
    store.close()


# ---------------------------------------------------------------- who may


def test_administrators_erase_and_heads_of_the_office_hold(sqlite_due: Place, sqlite_says: Says) -> None:
    add = ("retention", "hold", "add", "--date", DAY, "--reason", "suit")
    # Whoever owns the store's folder may erase without an account, as a scheduler does; here that is everybody.
    for name in ("li", "wang", "zhao", "school-1", "robot"):
        for command in (("preview",), ("run", "--yes")):
            answer = sqlite_says(name, "retention", *command)
            assert (answer.code, answer.out) == (2, ""), (name, command)
    for name in ("li", "wang", "root", "school-1", "robot", "nobody"):
        for command in (add, ("retention", "hold", "list"), ("retention", "hold", "release", "1", "--reason", "x")):
            answer = sqlite_says(name, *command)
            assert (answer.code, answer.out) == (2, ""), (name, command)
    assert look(sqlite_due, select(LegalHold.id)) == look(sqlite_due, select(Tombstone.id)) == []
    assert sqlite_says("zhao", *add).code == 0
    assert sqlite_says("root", "retention", "preview").code == 0


# ---------------------------------------------------------------- holds


def test_a_hold_keeps_the_night_until_it_is_released(due: Place, says: Says) -> None:
    placed = says("zhao", "retention", "hold", "add", "--date", DAY, "--vehicle", "V0001", "--reason", "诉讼2026/17")
    assert placed.out == f"Hold 1: nothing of the night of {DAY} is erased until it is released.\n"
    kinds = says("root", "retention", "preview", "--json").json()["kinds"]
    assert {kind: told["kept"] for kind, told in kinds.items() if told["kept"]} == {
        kind: {"legal-hold": 1} for kind in ("candidates", "passages", "tracks", "findings")
    }
    (told,) = says("sun", "retention", "hold", "list", "--json").json()
    assert (told["vehicle_id"], told["reason"], told["placed_by"], told["released"]) == (
        "V0001", "诉讼2026/17", "zhao", None,
    )  # fmt: skip
    released = says("sun", "retention", "hold", "release", "1", "--reason", "settled")
    assert released.out == f"Hold 1 on the night of {DAY} is released.\n"
    assert entries(due, 2) == [
        ("zhao", "office-head", "place-hold", "night", DAY),
        ("sun", "office-head", "release-hold", "night", DAY),
    ]
    assert says("root", "retention", "run", "--yes").code == 0
    assert says("sun", "retention", "hold", "release", "1", "--reason", "x").code == 2
    late = says("zhao", "retention", "hold", "add", "--date", DAY, "--reason", "suit")
    assert late.err.splitlines() == [
        f"Erased before: {KINDS[kind]}." for kind in ("candidates", "passages", "tracks", "findings")
    ]


def test_a_reason_cannot_steer_a_terminal(sqlite_due: Place, sqlite_says: Says) -> None:
    add = ("retention", "hold", "add", "--date", DAY, "--reason", "a\x1b[31m\tb\nc")
    assert sqlite_says("zhao", *add).code == 0
    told = sqlite_says("zhao", "retention", "hold", "list").out
    assert "\x1b" not in told
    assert len(told.splitlines()) == 3


# ---------------------------------------------------------------- tombstones and the log


def test_a_tombstone_that_was_tampered_with_is_found(sqlite_due: Place, sqlite_says: Says) -> None:
    assert sqlite_says("root", "retention", "run", "--yes").code == 0
    assert sqlite_says("root", "retention", "verify").out == "All 1 tombstones are as they were signed.\n"
    other = public_hex(Ed25519PrivateKey.generate())
    answer = sqlite_says("root", "retention", "verify", "--public-key", other, "--json")
    assert (answer.code, [flaw["code"] for flaw in answer.json()["flaws"]]) == (3, ["key"])
    run(sqlite_due, "UPDATE tombstones SET payload = replace(payload, 'nights', 'nighty')")
    answer = sqlite_says("root", "retention", "verify")
    assert answer.code == 3
    assert answer.out.splitlines() == [
        "tombstone 1: the signature does not fit what it says",
        "tombstone 1: the access log names it, but it is not there, or another one is",
    ]


def test_the_office_may_have_its_key_elsewhere(
    sqlite_due: Place, sqlite_says: Says, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "office.pem"
    monkeypatch.setenv("TRAJAUDIT_RETENTION__SIGNING_KEY_FILE", str(path))
    answer = sqlite_says("root", "retention", "run", "--yes")
    assert (answer.code, look(sqlite_due, select(Tombstone.id))) == (2, [])
    assert "openssl genpkey -algorithm ed25519" in answer.err
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    assert sqlite_says("root", "retention", "run", "--yes").code == 0
    assert look(sqlite_due, select(Tombstone.public_key)) == [(public_hex(key),)]
    assert not (sqlite_due.folder / signing.KEY_FILE).exists()
    assert sqlite_says("root", "retention", "verify").code == 0
    path.unlink()
    answer = sqlite_says("root", "retention", "verify")
    assert (answer.code, "anybody may have signed" in answer.err) == (0, True)


def test_the_log_is_whole_after_a_cut_and_tampering_with_the_rest_is_found(due: Place, says: Says) -> None:
    assert says("zhao", "log", "show").code == 0
    done = says("root", "retention", "run", "--yes", "--json").json()
    assert done["kinds"]["log"]["rows"]["entries"] > 10
    assert says("root", "log", "verify").code == 0
    run(due, "UPDATE access_log SET actor = 'li' WHERE seq = (SELECT min(seq) FROM access_log)")
    answer = says("root", "log", "verify", "--json")
    assert (answer.code, [b["code"] for b in answer.json()["breaks"]]) == (3, ["digest"])


# ---------------------------------------------------------------- killed

KILLED = """
import os, signal, sys
from runs import points
from runs.cli import main
def listener(point):
    if point == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
points.listener = listener
main(["retention", "run", "--yes"])
"""


@pytest.mark.parametrize("point", POINTS[1:3])
def test_after_a_kill_the_next_run_leaves_what_one_would_have(
    night_backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    place = Place(Path(shutil.copytree(night_backup / "store", tmp_path / "store")), None)
    _due(place, monkeypatch)
    run(place, f"UPDATE users SET os_name = '{_me()}' WHERE name = 'root'")
    as_of(place.folder)
    told = environment({**place.environment, **ONE_DAY, "TRAJAUDIT_RETENTION__PASSAGES_DAYS": "0"})
    done = subprocess.run([sys.executable, "-c", KILLED, point], cwd=ROOT, env=told, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    answer = trajaudit("retention", "run", "--yes", "--json", env={k: v for k, v in told.items() if "TRAJAUDIT" in k})
    assert answer.code == 0, answer.err
    assert (answer.json()["tombstone"] is not None) == (point == POINTS[1])
    store: Store = place.opened()
    assert [t for t in check(store, deep=True) if t.is_fault] == []
    assert len(rows_of(store)["tombstones"]) == 1
    assert [name.partition("/")[0] for name in files_in(store)] == ["passages"]
    data = [p.read_bytes() for p in place.folder.rglob("*") if p.is_file()]
    assert not any(b"P00041" in held for held in data)
    store.close()


def _me() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name
