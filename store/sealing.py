"""Sealing small secrets (AES-256-GCM) with a key that lies in a file: who copies the database does not have them.

The key is not in a backup. Where it is lost, second factors are enrolled anew (`trajaudit user totp-reset`).
"""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.engine import Store
from store.key_files import KeyRefused, make_key_file

KEY_FILE = "sealing.key"
KEY_BYTES = 32
_NONCE_BYTES = 12


def load_sealing_key(store: Store, path: Path | None = None) -> bytes:
    """Return the key of a file (None: of the store's folder); it is made where there is none yet.

    Raises `KeyRefused` for a file that others may read, or that holds no such key.
    """
    path = path or store.folder / KEY_FILE
    try:
        if not path.exists():
            make_key_file(path, f"{secrets.token_hex(KEY_BYTES)}\n".encode())
        if path.stat().st_mode & 0o077:
            raise KeyRefused(f"{path}: others may read this key: expected mode 0600; chmod 600 it")
        return _read(path)
    except OSError as error:
        raise KeyRefused(f"{path}: the sealing key cannot be read or made: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyRefused(f"{path}: holds no key: expected {KEY_BYTES * 2} hexadecimal digits (openssl rand -hex 32)")
    return key


def seal(key: bytes, secret: bytes, owner: str) -> bytes:
    """Return a secret sealed for its owner: as another one's it cannot be opened."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, secret, owner.encode())


def unseal(key: bytes, sealed: bytes, owner: str) -> bytes:
    """Return what was sealed; raises `KeyRefused` with another key, for another owner, and where it was changed."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.encode())
    except (InvalidTag, ValueError):
        raise KeyRefused("a sealed secret cannot be opened with this key: was the store restored without it?") from None
