"""HTTP Digest (MD5, qop=auth) as GA/T 1400 peers do it, and nonces that are ours, short-lived, and good for once.

What a peer hashed is hashed again as its header has it: peers write `nc=1`, the whole address as uri, or leave
quotation marks out (formats.md 5.2). MD5 is what the standard prescribes: who may push is bound by networks besides.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

REALM = "viid"
NONCE_MS = 120_000
_PART = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_NC = re.compile(r"[0-9A-Fa-f]{1,8}\Z")
_MOST_CHARS = 4000


@dataclass(frozen=True, slots=True)
class Told:
    """What an Authorization header says, literally."""

    username: str
    realm: str
    nonce: str
    uri: str
    nc: str
    cnonce: str
    response: str

    def response_for(self, password: str, method: str) -> str:
        """Return what the response must be.

        >>> rfc = Told("Mufasa", "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "/dir/index.html",
        ...            "00000001", "0a4f113b", "")
        >>> rfc.response_for("Circle Of Life", "GET")
        '6629fae49393a05397450978507c4ef1'
        """
        ha1 = _md5(f"{self.username}:{self.realm}:{password}")
        return _md5(f"{ha1}:{self.nonce}:{self.nc}:{self.cnonce}:auth:{_md5(f'{method}:{self.uri}')}")

    def is_for(self, path: str) -> bool:
        """Whether it was made for a path: the uri is that path, or an address that ends in it."""
        return urlsplit(self.uri).path == path

    def fits(self, password: str, method: str) -> bool:
        """Whether whoever made it knew the password."""
        return hmac.compare_digest(self.response_for(password, method), self.response.lower())


def read_authorization(header: str | None) -> Told | None:
    """Return what a header says; None where it is none of Digest, MD5 and qop=auth, or lacks anything.

    >>> read_authorization('Digest username=a, realm="viid",nonce="n",uri="/x",nc=1,cnonce="c",response="0",qop=auth')
    Told(username='a', realm='viid', nonce='n', uri='/x', nc='1', cnonce='c', response='0')
    >>> read_authorization("Basic YTpi") is read_authorization(None) is None
    True
    """
    if header is None or len(header) > _MOST_CHARS or header[:7].lower() != "digest ":
        return None
    parts: dict[str, str] = {}
    for name, quoted, bare in _PART.findall(header[7:]):
        if name.lower() in parts:
            return None
        parts[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) or bare
    return _told(parts)


def _told(parts: Mapping[str, str]) -> Told | None:
    if parts.get("qop", "").lower() != "auth" or parts.get("algorithm", "MD5").upper() != "MD5":
        return None
    values = [parts.get(name, "") for name in Told.__slots__]
    if not all(values) or not _NC.match(parts["nc"]) or parts["realm"] != REALM or not "".join(values).isascii():
        return None
    return Told(*values)


def challenge(nonce: str, *, stale: bool = False) -> str:
    """Return the header that asks for a digest."""
    told = f'Digest realm="{REALM}",qop="auth",nonce="{nonce}",opaque="{REALM}",algorithm=MD5'
    return f"{told},stale=true" if stale else told


def new_nonce(secret: bytes, now_ms: int) -> str:
    """Return a nonce that every worker with the secret knows for ours."""
    told = f"{now_ms:x}.{secrets.token_hex(12)}"
    return f"{told}.{_signature(secret, told)}"


def expires_ms(secret: bytes, nonce: str) -> int | None:
    """Return until when a nonce is good; None for one that is not ours.

    >>> expires_ms(b"s", new_nonce(b"s", 1000)), expires_ms(b"s", new_nonce(b"t", 1000)), expires_ms(b"s", "..")
    (121000, None, None)
    """
    told, _, signature = nonce.rpartition(".")
    if not told or not nonce.isascii() or not hmac.compare_digest(_signature(secret, told), signature):
        return None
    return int(told.partition(".")[0], 16) + NONCE_MS


def _signature(secret: bytes, told: str) -> str:
    return hmac.digest(secret, b"viid nonce " + told.encode(), "sha256").hex()[:32]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
