"""Passwords: Argon2id with OWASP's parameters, and what no password may be.

There are no rules of composition (NIST SP 800-63B): twelve characters, not the account's own name, none of the
commonest.
"""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from store.engine import StoreRefused

SHORTEST, LONGEST = 12, 256
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$kut5O9HXfamHVhIHaQkEYA$VEvfSOdhbfiZK5CRasYnN0bxHy5JC/x9Yo4HNZVbBdw"
"""The hash of a random text that nobody has: an unknown account costs what a known one does."""
_COMMONEST = """
123456789012 1234567890123 12345678901234 123456789012345 1234567890123456 012345678901 098765432109 210987654321
123456123456 123123123123 112233445566 111222333444 password1234 password12345 password123456 passwordpassword
password@123 p@ssw0rd1234 passw0rd1234 qwertyuiop12 qwertyuiop123 qwertyuiop[] qwertyuiopasdfghjkl qwerty123456
qwerty1234567 1qaz2wsx3edc 1qaz2wsx3edc4rfv 1q2w3e4r5t6y 1q2w3e4r5t6y7u8i zaq12wsxcde3 asdfghjkl123
abcdefghijkl abcdefghijklmnopqrstuvwxyz abcd12345678 abc123456789 a123456789012 iloveyou1234 woaini123456
woaini1314520 woaiwojia123 5201314520131 administrator admin1234567 admin12345678 admin@123456 administrator1
letmeinletmein welcome12345 welcome123456 changeme1234 changemenow1 correcthorsebatterystaple zhongguo1234
jiaojing1234 police123456 trajaudit1234 trajaudit123
"""
COMMONEST = frozenset(_COMMONEST.split())
_LONGEST_BLOCK, _LEAST_NAME = 4, 3


class PasswordRefused(StoreRefused):
    """A password that cannot be; the message says why, and never repeats it."""


def hash_password(password: str) -> str:
    """Return what is kept of a password."""
    return HASHER.hash(_plain(password))


def is_password(stored: str | None, password: str) -> bool:
    """Whether a password is the one that was kept. None: there is none, which takes as long to say."""
    try:
        HASHER.verify(NOBODYS if stored is None else stored, _plain(password))
    except (Argon2Error, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return HASHER.check_needs_rehash(stored)


def refuse_weak(name: str, password: str) -> None:
    """Raise `PasswordRefused` for a password that is too short, too long, or among the first to be tried."""
    plain = _plain(password).decode("utf-8", "surrogatepass")
    if not SHORTEST <= len(plain) <= LONGEST:
        expected = f"expected {SHORTEST} to {LONGEST}; several words make a good one"
        raise PasswordRefused(f"the password has {len(plain)} characters: {expected}")
    bare = plain.casefold()
    own = name.casefold()
    if len(own) >= _LEAST_NAME and own in bare and len(bare.replace(own, "")) < SHORTEST:
        raise PasswordRefused(f"the password is the account's own name with little else: expected {SHORTEST} more")
    if bare in COMMONEST or _is_repeated(bare):
        raise PasswordRefused("the password is among the commonest: take several words that do not belong together")


def _is_repeated(text: str) -> bool:
    """Whether a text is one short block over and over.

    >>> _is_repeated("abcabcabcabc"), _is_repeated("correct horse")
    (True, False)
    """
    blocks = (text[:n] for n in range(1, _LONGEST_BLOCK + 1))
    return any((block * len(text))[: len(text)] == text for block in blocks)


def _plain(password: str) -> bytes:
    """Return a password's bytes, the same however it was typed: full width or not, composed or not."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
