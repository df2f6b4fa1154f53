"""Tombstones: what retention has erased, by kind and number, signed, each holding the digest of the one before.

A tombstone that was changed, put in or taken out is found. That the last ones were taken out is told by the access log,
which names each with its digest, and which has its heads at a second place (`store.heads`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.evidence import canonical
from store.engine import Store
from store.key_files import KeyRefused, make_key_file
from store.tables.access import AccessEntry, Tombstone

KEY_FILE = "signing.key"
ERASE, SUBJECT_KIND = "erase", "tombstone"
"""How the access log names a tombstone. Its number is the subject, its digest the reason."""
FIRST_PREVIOUS = "0" * 64


class Flaw(NamedTuple):
    """Something wrong with a tombstone, by its number. `code`: one of `FLAWS`."""

    number: int
    code: str

    def __str__(self) -> str:
        """Return what is wrong, in words."""
        return f"tombstone {self.number}: {FLAWS[self.code]}"


FLAWS = {
    "payload": "what it says cannot be read",
    "signature": "the signature does not fit what it says",
    "key": "it is signed with a key that is not known",
    "row": "time or actor beside it are not those that it says",
    "previous": "it does not follow the one before: one was changed, put in or taken out",
    "missing": "the access log names it, but it is not there, or another one is",
}


# ---------------------------------------------------------------- keys
def load_key(store: Store, path: Path | None = None) -> Ed25519PrivateKey:
    """Return the key that signs: from a file, or (None) from the store's folder, where it is made when it is needed.

    Raises `KeyRefused` for a file that others may read, or that holds no such key.
    """
    if path is None:
        path = store.folder / KEY_FILE
        if not path.exists():
            make_key_file(
                path,
                Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            )
    return read_key(path)


def read_key(path: Path) -> Ed25519PrivateKey:
    """Return the key of a file; raises `KeyRefused`."""
    hint = f"make one: openssl genpkey -algorithm ed25519 -out {path}; chmod 600 {path}"
    try:
        if path.stat().st_mode & 0o077:
            raise KeyRefused(f"{path}: others may read this key: expected mode 0600; chmod 600 it, and change the key")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise KeyRefused(f"{path}: the signing key cannot be read: {error.strerror}; {hint}") from error
    except (ValueError, TypeError) as error:
        raise KeyRefused(f"{path}: holds no private key in PEM without a password; {hint}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRefused(f"{path}: holds a key of another kind: expected Ed25519; {hint}")
    return key


def public_hex(key: Ed25519PrivateKey) -> str:
    """Return the public part of a key, as tombstones tell it."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


# ---------------------------------------------------------------- tombstones
def add_tombstone(
    session: Session, key: Ed25519PrivateKey, actor: str, at_ms: int, told: Mapping[str, Any]
) -> Tombstone:
    """Add a signed tombstone to the end of their chain, in the caller's transaction."""
    last = session.scalar(select(Tombstone).order_by(Tombstone.id.desc()).limit(1))
    previous = FIRST_PREVIOUS if last is None else digest_of(last)
    payload = _text({**told, "actor": actor, "at_ms": at_ms, "previous": previous})
    row = Tombstone(
        erased_ms=at_ms,
        actor=actor,
        payload=payload,
        public_key=public_hex(key),
        signature=key.sign(payload.encode()).hex(),
    )
    session.add(row)
    session.flush()
    return row


def digest_of(row: Tombstone) -> str:
    """Return a tombstone's digest: over what it says, and by whom it is signed."""
    return hashlib.sha256(_text([row.payload, row.public_key, row.signature]).encode()).hexdigest()


def tombstones(session: Session) -> list[Tombstone]:
    """Return all tombstones, the oldest first."""
    return list(session.scalars(select(Tombstone).order_by(Tombstone.id)))


def verify_tombstones(session: Session, trusted: Collection[str] | None = None) -> list[Flaw]:
    """Return what is wrong with the tombstones; nothing where all are what was signed.

    `trusted`: the public keys that may have signed, from elsewhere than the database; None: any, so that whoever can
    write to the database could have signed with a key of his own.
    """
    rows, flaws, previous = tombstones(session), list[Flaw](), FIRST_PREVIOUS
    for row in rows:
        flaws += [Flaw(row.id, code) for code in _codes(row, previous, trusted)]
        previous = digest_of(row)
    return flaws + _missing(session, {row.id: digest_of(row) for row in rows})


def _codes(row: Tombstone, previous: str, trusted: Collection[str] | None) -> Iterable[str]:
    if trusted is not None and row.public_key not in trusted:
        yield "key"
    if not _is_signed(row):
        yield "signature"
    told = _told(row.payload)
    if told is None:
        yield "payload"
        return
    if (told.get("actor"), told.get("at_ms")) != (row.actor, row.erased_ms):
        yield "row"
    if told.get("previous") != previous:
        yield "previous"


def _is_signed(row: Tombstone) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(row.public_key))
        key.verify(bytes.fromhex(row.signature), row.payload.encode())
    except (ValueError, InvalidSignature):
        return False
    return True


def _told(payload: str) -> dict[str, Any] | None:
    """Return what a tombstone says; None where it is not as it was written."""
    try:
        told = json.loads(payload)
    except ValueError:
        return None
    return told if isinstance(told, dict) and _text(told) == payload else None


def _missing(session: Session, there: Mapping[int, str]) -> list[Flaw]:
    """Find the tombstones that the access log names, and that are not there or are others."""
    row = AccessEntry
    named = session.execute(
        select(row.subject_id, row.reason)
        .where(row.action == ERASE, row.subject_kind == SUBJECT_KIND)
        .order_by(row.seq)
    )
    found = [(int(number), digest) for number, digest in named if number.isdecimal()]
    return [Flaw(number, "missing") for number, digest in found if there.get(number) != digest]


def _text(value: Any) -> str:
    return json.dumps(canonical(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
