"""Keys and tombstones: whatever is changed, put in or taken out is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from store.access_log import Entry, append
from store.engine import Store
from store.signing import (
    ERASE,
    FLAWS,
    KEY_FILE,
    SUBJECT_KIND,
    Flaw,
    KeyRefused,
    add_tombstone,
    digest_of,
    load_key,
    public_hex,
    tombstones,
    verify_tombstones,
)
from store.tables.access import Tombstone
from tests.stores import START_MS

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def bury(session: Session, key: Ed25519PrivateKey = KEY, n: int = 3) -> None:
    for i in range(n):
        row = add_tombstone(session, key, "root", START_MS + i, {"erased": {"tracks": {"nights": i}}})
        append(
            session, [Entry(START_MS + i, "root", "administrator", ERASE, SUBJECT_KIND, str(row.id), digest_of(row))]
        )


# ---------------------------------------------------------------- keys


def test_a_key_is_made_once_for_us_alone(sqlite_store: Store) -> None:
    key = load_key(sqlite_store)
    path = sqlite_store.folder / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_hex(load_key(sqlite_store)) == public_hex(key)
    assert [p.name for p in sqlite_store.folder.glob(f"{KEY_FILE}*")] == [KEY_FILE]


def test_a_key_that_others_may_read_is_refused(sqlite_store: Store) -> None:
    load_key(sqlite_store)
    (sqlite_store.folder / KEY_FILE).chmod(0o640)
    with pytest.raises(KeyRefused, match="mode 0600"):
        load_key(sqlite_store)


def test_a_key_file_that_is_named_is_not_made(sqlite_store: Store, tmp_path: Path) -> None:
    with pytest.raises(KeyRefused, match="openssl genpkey -algorithm ed25519"):
        load_key(sqlite_store, tmp_path / "key.pem")
    assert not (tmp_path / "key.pem").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: b"no key", "no private key in PEM"),
        (lambda: _pem(generate_private_key(65537, 2048)), "expected Ed25519"),
        (lambda: _pem(KEY, BestAvailableEncryption(b"secret")), "without a password"),
    ],
)
def test_another_file_is_refused(sqlite_store: Store, tmp_path: Path, make: Callable[[], bytes], message: str) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(make())
    path.chmod(0o600)
    with pytest.raises(KeyRefused, match=message):
        load_key(sqlite_store, path)


def _pem(key: object, how: object = None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how or NoEncryption())  # type: ignore[attr-defined]


# ---------------------------------------------------------------- tombstones


def test_a_tombstone_is_canonical_json_that_anybody_can_verify(store: Store) -> None:
    with store.writing() as session:
        bury(session)
        rows = tombstones(session)
        for row in rows:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(row.public_key))
            key.verify(bytes.fromhex(row.signature), row.payload.encode())
        told = [json.loads(row.payload) for row in rows]
        assert rows[0].payload == (
            f'{{"actor":"root","at_ms":{START_MS},"erased":{{"tracks":{{"nights":0}}}},"previous":"{"0" * 64}"}}'
        )
        assert [t["previous"] for t in told[1:]] == [digest_of(row) for row in rows[:-1]]
        assert verify_tombstones(session) == []
        assert verify_tombstones(session, {public_hex(KEY)}) == []


def test_a_key_that_is_not_known_is_found(store: Store) -> None:
    with store.writing() as session:
        bury(session, KEY, 2)
        bury(session, OTHER, 1)
        assert verify_tombstones(session) == []
        assert verify_tombstones(session, {public_hex(KEY)}) == [Flaw(3, "key")]
        assert verify_tombstones(session, {public_hex(KEY), public_hex(OTHER)}) == []


def _forge(session: Session, number: int) -> None:
    """Write a tombstone anew and sign it with another key."""
    row = session.get(Tombstone, number)
    assert row is not None
    row.payload = row.payload.replace('"nights":1', '"nights":0')
    row.public_key, row.signature = public_hex(OTHER), OTHER.sign(row.payload.encode()).hex()
    session.flush()


def _set(**values: object) -> Callable[[Session], object]:
    return lambda session: session.execute(update(Tombstone).where(Tombstone.id == 2).values(**values))


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (_set(payload='{"a":1}'), {(2, "signature"), (2, "row"), (2, "previous"), (2, "missing"), (3, "previous")}),
        (_set(payload="no JSON"), {(2, "signature"), (2, "payload"), (2, "missing"), (3, "previous")}),
        (_set(signature="00" * 64), {(2, "signature"), (2, "missing"), (3, "previous")}),
        (_set(signature="no hex"), {(2, "signature"), (2, "missing"), (3, "previous")}),
        (_set(public_key=public_hex(OTHER)), {(2, "key"), (2, "signature"), (2, "missing"), (3, "previous")}),
        (_set(actor="li"), {(2, "row")}),
        (_set(erased_ms=5), {(2, "row")}),
        (lambda s: _forge(s, 2), {(2, "key"), (2, "missing"), (3, "previous")}),
        (lambda s: s.execute(delete(Tombstone).where(Tombstone.id == 1)), {(1, "missing"), (2, "previous")}),
        (lambda s: s.execute(delete(Tombstone).where(Tombstone.id == 2)), {(2, "missing"), (3, "previous")}),
        (lambda s: s.execute(delete(Tombstone).where(Tombstone.id == 3)), {(3, "missing")}),
        (lambda s: s.execute(delete(Tombstone)), {(1, "missing"), (2, "missing"), (3, "missing")}),
        (lambda s: add_tombstone(s, OTHER, "li", START_MS, {}), {(4, "key")}),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_found(
    store: Store, tamper: Callable[[Session], object], expected: set[tuple[int, str]]
) -> None:
    with store.writing() as session:
        bury(session)
    with store.writing() as session:
        tamper(session)
        session.expire_all()
        assert {tuple(flaw) for flaw in verify_tombstones(session, {public_hex(KEY)})} == expected


def test_a_flaw_says_where_and_what() -> None:
    assert str(Flaw(7, "signature")) == "tombstone 7: the signature does not fit what it says"
    assert all(str(Flaw(1, code)).startswith("tombstone 1: ") for code in FLAWS)
