"""Proving to be an account, on both databases: guesses, codes and tokens at once, and rolled back whole."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from cases.roles import Role
from store import credentials, failed_logins, proving, sealing, totp
from store.accounts import actor_of, add_first, create_user, grant
from store.engine import Store
from store.failed_logins import LockRule
from store.logins import end, find, start
from store.passwords import hash_password
from store.proving import Claim, Locked, NotProven, prove
from store.tables.api import Credential, FailedLogin, UsedToken
from store.used_tokens import use_once
from tests.stores import START_MS

T = START_MS
RIGHT = "seven green bicycles"
SECRET = b"12345678901234567890"


@pytest.fixture
def peopled(store: Store) -> Store:
    """An administrator, and an auditor with a password."""
    with store.writing() as session:
        add_first(session, "root", "chief", "root", T)
        chief = actor_of(session, "chief", T)
        create_user(session, chief, "li", None, T)
        grant(session, chief, "li", Role.AUDITOR, T)
        credentials.set_password(session, chief, "li", hash_password(RIGHT), T)
    return store


def outcome(store: Store, claim: Claim, then: Callable[..., Any] = lambda *_: None) -> str:
    try:
        prove(store, claim, LockRule(), None, then)
    except (Locked, NotProven) as error:
        return type(error).__name__
    return "in"


def at_once(n: int, act: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(act, range(n)))


def test_of_guesses_at_once_five_are_looked_at(peopled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(proving.passwords, "is_password", lambda _kept, password: bool(looked.append(password)))
    told = at_once(20, lambda n: outcome(peopled, Claim("li", f"guess {n}")))
    assert sorted(told) == ["Locked"] * 15 + ["NotProven"] * 5
    assert len(looked) == 5
    names_of_nobody = at_once(20, lambda n: outcome(peopled, Claim("nobody", f"guess {n}")))
    assert sorted(names_of_nobody) == sorted(told)


def test_a_code_opens_once_however_many_bring_it_at_once(peopled: Store) -> None:
    with peopled.writing() as session:
        sealed = sealing.seal(sealing.load_sealing_key(peopled), SECRET, "li")
        session.get_one(Credential, "li").totp_sealed = sealed
    code = totp.code_at(SECRET, T // totp.STEP_MS)
    told = at_once(4, lambda _: outcome(peopled, Claim("li", RIGHT, code)))
    assert told.count("in") == 1


def test_a_token_counts_once_however_many_bring_it_at_once(peopled: Store) -> None:
    assert at_once(8, lambda _: use_once(peopled, "issuer", "t1", T + 1000)).count(True) == 1
    peopled.clock.ms += 1000  # type: ignore[attr-defined]
    assert use_once(peopled, "issuer", "t2", T + 2000)
    with peopled.reading() as session:
        assert session.scalar(select(func.count()).select_from(UsedToken)) == 1


def test_what_fails_behind_a_proof_leaves_the_failure_counted_and_nothing_done(peopled: Store) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        prove(peopled, Claim("li", RIGHT), LockRule(), None, broken)
    with peopled.reading() as session:
        (row,) = session.scalars(select(FailedLogin)).all()
    assert (row.failures, row.name_sha256) == (1, failed_logins.name_digest("li"))
    assert outcome(peopled, Claim("li", RIGHT)) == "in"
    with peopled.reading() as session:
        assert session.scalars(select(FailedLogin)).all() == []


def test_a_password_that_was_changed_meanwhile_no_longer_opens(peopled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = proving.passwords.is_password

    def meanwhile(kept: str | None, password: str) -> bool:
        with peopled.writing() as session:
            session.get_one(Credential, "li").password_hash = "another"
        return real(kept, password)

    monkeypatch.setattr(proving.passwords, "is_password", meanwhile)
    assert outcome(peopled, Claim("li", RIGHT)) == "NotProven"


def test_a_session_is_found_by_its_token_until_it_ends(peopled: Store) -> None:
    with peopled.writing() as session:
        token = start(session, "li", T, 1000)
    with peopled.reading() as session:
        assert find(session, token, T + 499, 500) is not None
        assert find(session, token, T + 500, 500) is None
        assert find(session, token, T + 1000, 5000) is None
        assert find(session, token + "x", T, 5000) is None
    with peopled.writing() as session:
        end(session, token, T)
        assert find(session, token, T, 5000) is None
