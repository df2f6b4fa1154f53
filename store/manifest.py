"""What a backup says of itself: written last, so that a folder without it is not a backup."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audit.evidence import digest
from store.engine import StoreRefused
from store.files import sha256_of

MANIFEST = "manifest.json"
TABLES = "tables"
KIND, FORMAT = "trajaudit-store", 1
NAMED_AT_MOST = 5
_SHA256 = "[0-9a-f]{64}"
_NAMES = re.compile(
    rf"tables/[a-z_]+\.parquet|blobs/[0-9a-f]{{2}}/{_SHA256}"
    rf"|lake/day=[0-9-]{{10}}/bucket=[0-9]+/{_SHA256}\.parquet|passages/day=[0-9-]{{10}}/{_SHA256}\.parquet"
)
"""Where a file of a backup may lie. Nothing leads out of its folder."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`schema`: the revision of the tables. `tables`: rows by table. `files`: SHA-256 by name, tables among them."""

    schema: str
    made_ms: int
    database: str
    tables: Mapping[str, int]
    files: Mapping[str, str]

    def text(self) -> str:
        """Return it as JSON that carries its own digest."""
        told = {"kind": KIND, "format": FORMAT, **asdict(self)}
        return json.dumps({**told, "sha256": digest(told)}, indent=1, ensure_ascii=False) + "\n"


def table_file(table: str) -> str:
    """Return the name of a table's file.

    >>> table_file("nights")
    'tables/nights.parquet'
    """
    return f"{TABLES}/{table}.parquet"


def read_manifest(folder: Path) -> Manifest:
    """Read a backup's manifest; raises `StoreRefused` where there is none, or where it is damaged."""
    path = folder / MANIFEST
    try:
        told = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        hint = "name the folder of a backup; one that was cut short has none and is of no use"
        raise StoreRefused(f"{folder}: is not a backup: no {MANIFEST} in it; {hint}") from None
    except (OSError, ValueError) as error:
        raise StoreRefused(f"{path}: cannot be read: {error}") from error
    if not isinstance(told, dict) or told.get("kind") != KIND:
        raise StoreRefused(f"{path}: is not the manifest of a backup: expected kind {KIND!r}")
    if told.get("format") != FORMAT:
        raise StoreRefused(f"{path}: has format {told.get('format')!r}, expected {FORMAT}: a newer trajaudit made it")
    said = told.pop("sha256", None)
    if digest(told) != said:
        raise StoreRefused(f"{path}: is damaged: what it says does not fit its own SHA-256; take another backup")
    return _manifest(path, told)


def _manifest(path: Path, told: dict[str, Any]) -> Manifest:
    held = Manifest(**{name: told[name] for name in Manifest.__slots__})
    wrong = [name for name in held.files if not _NAMES.fullmatch(name)]
    wrong += [table for table in held.tables if table_file(table) not in held.files]
    if wrong:
        raise StoreRefused(f"{path}: names what no backup has: {', '.join(wrong[:NAMED_AT_MOST])}")
    return held


def verify(folder: Path, manifest: Manifest) -> None:
    """Read every file of a backup; raises `StoreRefused` naming those that are damaged or not there."""
    found = [fault for name, sha256 in manifest.files.items() if (fault := _fault(folder / name, sha256))]
    if found:
        told = "; ".join(found[:NAMED_AT_MOST])
        raise StoreRefused(
            f"the backup is damaged, {len(found)} of {len(manifest.files)} files: {told}; nothing was restored, "
            "take another backup"
        )


def _fault(path: Path, sha256: str) -> str | None:
    try:
        found = sha256_of(path)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return None if found == sha256 else f"{path}: SHA-256 {found}, expected {sha256}"
