"""Pages that a server gives out: scripts and styles by an address that is their digest, and a nonce for each answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from maps.assets import OWN, REPLACED, STATIC, asset, is_style

FOLDER = "/assets"
"""Under which path of the server scripts and styles lie."""
NONCE = "\0"
"""Stands in a page where the nonce of each answer goes; nothing else of a page is NUL."""
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Served:
    """What a page of a server has beside one in a file. `tiles`: names of backgrounds; `home`: where it leads back."""

    tiles: tuple[str, ...] = ()
    home: str = "/"

    def as_data(self) -> dict[str, object]:
        """Return it for the page's scripts."""
        return {"tiles": [{"name": name, "url": f"/tiles/{name}/{{z}}/{{x}}/{{y}}"} for name in self.tiles]}


class Asset(NamedTuple):
    """A script or style sheet as it is given out."""

    media_type: str
    content: bytes


def named_by_digest(name: str, content: bytes) -> str:
    """Return a file's name with the digest of what is in it: under it, it never changes.

    >>> named_by_digest("page.css", b"")
    'page.e3b0c44298fc1c14.css'
    """
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:_DIGITS]}.{suffix}"


@lru_cache(maxsize=1)
def served_assets() -> Mapping[str, Asset]:
    """Return every script and style of the maps, by the name under which it is given out."""
    out = {}
    for url in (*REPLACED, *(f"{OWN}{file.name}" for file in sorted(STATIC.iterdir()) if file.is_file())):
        name, held = _named(url)
        out[name] = held
    return out


def address_of(url: str) -> str | None:
    """Return where a script or style of a page lies; None where nothing has to. Raises `UnknownAsset`."""
    return None if asset(url) is None else f"{FOLDER}/{_named(url)[0]}"


@lru_cache(maxsize=64)
def _named(url: str) -> tuple[str, Asset]:
    text = asset(url)
    assert text is not None, "only what a page carries is named"
    content = text.encode()
    kind = "text/css" if is_style(url) else "text/javascript"
    return named_by_digest(url.rpartition("/")[2].removeprefix(OWN), content), Asset(f"{kind}; charset=utf-8", content)
