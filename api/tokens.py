"""Tokens of the platform's own identity provider (JWT, RFC 7519): its signature says who asks, our grants what he may.

A token's header chooses among the keys of our file by their name, and nothing else: the algorithm is the key's own. So
`none`, a public key taken as a shared secret, and keys that a token brings along or names an address of, do not count.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from feeds.faults import Fault, UnusableInput
from runs.settings import IdentitySettings

if TYPE_CHECKING:
    from jwt.types import Options

ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
"""The one algorithm of each kind of key; there is no other."""
LONGEST_TOKEN = 8192
_LEAST_RSA_BITS = 2048
_LATEST_S = 1e11  # beyond the year 5000: no number of a date
_LONGEST_TEXT = 200
_log = logging.getLogger("trajaudit.identity")


class Key(NamedTuple):
    """A public key with its algorithm."""

    algorithm: str
    public: Any


class Told(NamedTuple):
    """What a token says that was found good. `number`: its `jti`. After `expires_ms` it is not taken anyway."""

    account: str
    number: str | None
    expires_ms: int


class Tokens:
    """The provider's keys, and what its tokens say."""

    def __init__(self, settings: IdentitySettings) -> None:
        """Read the keys; raises `UnusableInput` for a file that is not as it should be."""
        self._settings = settings
        self._lock = Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}
        if settings.jwks_file is not None:
            self._keys = read_jwks(settings.jwks_file, settings.algorithms)
            self._stamp = _stamp(settings.jwks_file)

    @property
    def issuer(self) -> str:
        """Return whose tokens are taken."""
        return self._settings.issuer or ""

    def told(self, token: str, now_ms: int) -> Told | None:
        """Return what a token says; None where it is not to be believed, whatever the reason."""
        keys = self._current()
        if not keys or len(token) > LONGEST_TOKEN:
            return None
        claims = self._signed(token, keys)
        return None if claims is None else self._timely(claims, now_ms / 1000)

    def _current(self) -> dict[str, Key]:
        """Return the keys of the file as it is now; none while it is not as it should be."""
        path = self._settings.jwks_file
        if path is None:
            return {}
        with self._lock:
            try:
                stamp = _stamp(path)
                if stamp != self._stamp:
                    self._stamp, self._keys = stamp, {}
                    self._keys = read_jwks(path, self._settings.algorithms)
            except (OSError, UnusableInput) as error:
                if self._keys or isinstance(error, UnusableInput):  # once, not at each request
                    _log.error("no token is taken until the keys can be read: %s", error)
                self._keys = {}
            return self._keys

    def _signed(self, token: str, keys: dict[str, Key]) -> dict[str, Any] | None:
        """Return the claims of a token that is signed by the provider for us."""
        wanted = ["exp", "iat", "iss", "aud", self._settings.account_claim]
        ours: Options = {"require": wanted, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        # The times are compared below, with the store's clock.
        try:
            header = jwt.get_unverified_header(token)
            name = header.get("kid")
            key = keys.get(name) if isinstance(name, str) else None
            if key is None or header.get("alg") != key.algorithm or "crit" in header:
                return None
            return jwt.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                options=ours,
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None

    def _timely(self, claims: dict[str, Any], now_s: float) -> Told | None:
        """Return what the claims say, if it is neither too early nor too late for them."""
        leeway_s, max_age_s = self._settings.leeway_s, self._settings.max_age_s
        expires, issued, begins = claims["exp"], claims["iat"], claims.get("nbf", claims["iat"])
        if not all(_is_time(t) for t in (expires, issued, begins)):
            return None
        last_s = min(expires, issued + max_age_s) + leeway_s
        if now_s >= last_s or now_s < max(issued, begins) - leeway_s:
            return None
        account, number = claims[self._settings.account_claim], claims.get("jti")
        if not _is_text(account) or not (number is None or _is_text(number)):
            return None
        return Told(account, number, int(last_s * 1000) + 1)


def read_jwks(path: Path, algorithms: tuple[str, ...]) -> dict[str, Key]:
    """Return the keys of a file by their names; keys for other purposes or algorithms are left out.

    Raises `UnusableInput` for a file that cannot be read, holds a secret, names a key twice, or has none for us.
    """
    try:
        listed = json.loads(path.read_text("utf-8"))["keys"]
        members = [member for member in listed if isinstance(member, dict)]
    except OSError as error:
        raise _fault(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _fault(path, "is no JSON Web Key Set") from None
    keys: dict[str, Key] = {}
    for member in members:
        if member.get("kty") == "oct" or "d" in member:
            raise _fault(path, "holds a secret key")
        name, algorithm = member.get("kid"), _algorithm(member)
        if not isinstance(name, str) or algorithm not in algorithms or member.get("use", "sig") != "sig":
            continue
        if name in keys:
            raise _fault(path, f"names key {name[:80]!r} twice")
        keys[name] = Key(algorithm, _public(path, member, algorithm))
    if not keys:
        raise _fault(path, f"holds no key for {', '.join(algorithms)} that has a kid")
    return keys


def _algorithm(member: dict[str, Any]) -> str:
    """Return the algorithm of a key; blank where it has none of ours."""
    curve = member.get("crv") if member.get("kty") != "RSA" else None
    found = ALGORITHMS.get((str(member.get("kty")), None if curve is None else str(curve)), "")
    return found if member.get("alg", found) == found else ""


def _public(path: Path, member: dict[str, Any], algorithm: str) -> Any:
    try:
        key = jwt.PyJWK(member, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        raise _fault(path, f"key {str(member['kid'])[:80]!r} cannot be read") from None
    if isinstance(key, RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        raise _fault(path, f"key {str(member['kid'])[:80]!r} has {key.key_size} bits: expected {_LEAST_RSA_BITS}")
    return key


def _fault(path: Path, found: str) -> UnusableInput:
    return UnusableInput([Fault(str(path), found, hint="It must hold the identity provider's public keys (JWKS).")])


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST_S


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and value.isprintable()
