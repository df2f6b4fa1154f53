"""Files of the settings group `[viid]`: who may register, and the way from identity numbers to a register's keys.

Both are secrets: others may not read them, and no fault quotes them.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from feeds.faults import Fault, UnusableInput
from feeds.viid_faces import Crosswalk

_DEVICE_ID = re.compile(r"[0-9]{20}\Z")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}\Z")
_KEYS = frozenset({"password", "password_file", "username", "networks"})


@dataclass(frozen=True, slots=True)
class ViidPeer:
    """A platform or device that may register. `networks`: from where; none: from anywhere."""

    device_id: str
    username: str
    password: SecretStr
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def may_come_from(self, host: str | None) -> bool:
        """Whether it may speak from an address."""
        if not self.networks:
            return True
        try:
            address = ip_address(host or "")
        except ValueError:
            return False
        return any(address in network for network in self.networks)


def read_peers(path: Path | None) -> dict[str, ViidPeer]:
    """Return who may register, by device; raises `UnusableInput`."""
    if path is None:
        return {}
    try:
        told = tomllib.loads(_private_text(path))
    except tomllib.TOMLDecodeError:
        raise UnusableInput([Fault(str(path), "is not TOML", hint="See https://toml.io", code="not-toml")]) from None
    devices = told.get("devices")
    if not isinstance(devices, dict) or set(told) != {"devices"}:
        raise UnusableInput([Fault(str(path), "names no device", expected="[devices.ID] for each one")])
    peers = [_peer(path, device_id, held) for device_id, held in devices.items()]
    if len({peer.username for peer in peers}) < len(peers):
        raise UnusableInput([Fault(str(path), "two devices have one username", expected="a username for each")])
    return {peer.device_id: peer for peer in peers}


def _peer(path: Path, device_id: str, held: Any) -> ViidPeer:
    def fault(key: str, message: str, expected: str) -> UnusableInput:
        return UnusableInput([Fault(str(path), message, field=f"devices.{device_id}.{key}", expected=expected)])

    if not _DEVICE_ID.match(device_id):
        raise UnusableInput([Fault(str(path), "is no id of a device", found=device_id[:40], expected="20 digits")])
    if not isinstance(held, dict) or not set(held) <= _KEYS:
        raise fault("", "has keys that are not known", ", ".join(sorted(_KEYS)))
    if ("password" in held) == ("password_file" in held):
        raise fault("password", "needs one password", "password or password_file")
    password = held["password"] if "password" in held else _private_text(path.parent / str(held["password_file"]))
    if not isinstance(password, str) or not password.strip():
        raise fault("password", "is no password", "text in quotes")
    username, networks = held.get("username", device_id), held.get("networks", [])
    if not isinstance(username, str) or not (username.isascii() and username.strip()):
        raise fault("username", "is no username", "ASCII text in quotes")
    try:
        parts = tuple(ip_network(network) for network in networks)
    except (ValueError, TypeError):
        raise fault("networks", "is no list of networks", '["10.0.0.0/8"]') from None
    return ViidPeer(device_id, username, SecretStr(password.strip()), parts)


def read_crosswalk(path: Path | None) -> Crosswalk | None:
    """Return the way from identity numbers to person_id; None without a file. Raises `UnusableInput`.

    Under a key that dies with the process: neither the numbers nor their digests stay in memory.
    """
    if path is None:
        return None
    rows = csv.DictReader(io.StringIO(_private_text(path)))
    names = [name.strip() for name in rows.fieldnames or ()]
    columns = [name for name in ("id_number", "id_number_sha256") if name in names]
    if len(columns) != 1 or "person_id" not in names:
        expected = "the columns id_number or id_number_sha256, and person_id"
        raise UnusableInput([Fault(str(path), "lacks a column", expected=expected)])
    rows.fieldnames = names
    secret = secrets.token_bytes(32)
    people: dict[str, str] = {}
    for row in rows:
        digest, person_id = _digest(row, columns[0]), (row["person_id"] or "").strip()
        key = "" if digest is None else hmac.digest(secret, digest.encode(), "sha256").hex()
        if not key or not person_id or people.get(key, person_id) != person_id:
            message = "is no row of this file, or names a number twice"
            raise UnusableInput([Fault(str(path), message, row=rows.line_num - 1, field=columns[0])])
        people[key] = person_id
    return Crosswalk(secret, people, hashed=True)


def _digest(row: Mapping[str, str | None], column: str) -> str | None:
    told = (row[column] or "").strip()
    if column == "id_number":
        return hashlib.sha256(told.upper().encode()).hexdigest() if told else None
    return told.lower() if _SHA256.match(told) else None


def _private_text(path: Path) -> str:
    """Return the text of a file that nobody else may read; raises `UnusableInput`."""
    try:
        if path.stat().st_mode & 0o077:
            hint = "chmod 600 it: it holds secrets."
            raise UnusableInput([Fault(str(path), "others may read this file", expected="mode 0600", hint=hint)])
        return path.read_text("utf-8-sig").strip()
    except OSError as error:
        raise UnusableInput([Fault(str(path), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError:
        raise UnusableInput([Fault(str(path), "is not UTF-8")]) from None
