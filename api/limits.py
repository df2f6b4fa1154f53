"""How much one account or one client's address may ask for, of all processes of a server together (`api.tallies`).

Windows slide: of the minute before counts what is left of it. What must outlive the server, an account's lock, is in
the database (`store.failed_logins`).
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import replace

from api.tallies import OwnTallies, Tallies, Tally
from runs.settings import Settings
from store.failed_logins import Attempt, LockRule, name_digest

WINDOW_S = 60.0
_MOST_FAILURES = 64
_LOCKS = "address-locks"
Clock = Callable[[], float]


def client_address(host: str | None) -> str:
    """Return what counts as one client: an IPv4 address, or the 64 bits of an IPv6 network that one household has.

    >>> client_address("10.1.2.3"), client_address("2001:db8:1:2:3:4:5:6"), client_address("::ffff:10.1.2.3")
    ('10.1.2.3', '2001:db8:1:2::/64', '10.1.2.3')
    >>> client_address(None)
    'unknown'
    """
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


class Window:
    """At most `most` a minute for each key; 0: any number. `kind`: tells its counts apart from others."""

    def __init__(
        self, most: int, clock: Clock = time.monotonic, tallies: Tallies | None = None, kind: str = "window"
    ) -> None:
        """Count in the tallies that are given, or by itself."""
        self.most, self._clock = most, clock
        self._tallies, self._kind = tallies or OwnTallies(), kind

    def wait_s(self, key: str) -> int:
        """Count one more and return 0; or, where it is too much, return after how many seconds to ask again."""
        if not self.most:
            return 0
        number, part = divmod(self._clock() / WINDOW_S, 1.0)
        return self._tallies.change(self._kind, key, lambda held: self._counted(held, int(number), part))

    def _counted(self, held: Tally | None, number: int, part: float) -> tuple[Tally, int]:
        """Return the number of the window, the count in it and in the one before; and for how long to wait."""
        last, here, before = held or (number, 0, 0)
        if last > number:  # another process looked at the clock later, and counted first
            number, part = last, 0.0
        elif last < number:
            here, before = 0, here if last == number - 1 else 0
        if before * (1.0 - part) + here < self.most:
            return [number, here + 1, before], 0
        left = 1.0 - part if here >= self.most else 1.0 - (self.most - here) / before - part
        return [number, here, before], int(left * WINDOW_S + 1e-6) + 1  # never just then, but a moment later


class AddressLocks:
    """Failed logins from one address, whatever the names: as `store.failed_logins` does for a name.

    A success takes back the failures under that name only: with an account of one's own one does not buy more guesses.
    """

    def __init__(self, rule: LockRule, clock: Clock = time.monotonic, tallies: Tallies | None = None) -> None:
        """Count in the tallies that are given, or by itself."""
        self._rule, self._clock, self._tallies = rule, clock, tallies or OwnTallies()

    def begin(self, address: str, name: str) -> Attempt:
        """Count an attempt as a failure, unless the address is locked; times count from the machine's start."""
        now_ms = self.now_ms()
        return self._tallies.change(_LOCKS, address, lambda held: self._begun(held, name_digest(name), now_ms))

    def _begun(self, held: Tally | None, name_sha256: str, now_ms: int) -> tuple[Tally, Attempt]:
        """Return until when the address is held, and its failures: name, time; and where the attempt stands."""
        held_until_ms, failures = held or (0, [])
        if now_ms < held_until_ms:
            return [held_until_ms, failures], Attempt(held_until_ms)
        kept = [one for one in failures if one[1] >= now_ms - 2 * self._rule.longest_ms]
        kept = [*kept, [name_sha256, now_ms]][-_MOST_FAILURES:]
        lock_ms = self._rule.lock_ms(len(kept))
        return [now_ms + lock_ms if lock_ms else 0, kept], Attempt(None, lock_ms > 0)

    def forget(self, address: str, name: str) -> None:
        """Take back the failures under a name that has succeeded, and the lock that its last attempt brought."""
        self._tallies.change(_LOCKS, address, lambda held: (_without(held, name_digest(name)), None))

    def now_ms(self) -> int:
        """Return the time that locks count in: the same for all processes of a machine."""
        return int(self._clock() * 1000)


def _without(held: Tally | None, name_sha256: str) -> Tally | None:
    kept = [one for one in held[1] if one[0] != name_sha256] if held else []
    return [0, kept] if kept else None


class Limits:
    """All that is counted."""

    def __init__(self, settings: Settings, clock: Clock = time.monotonic, tallies: Tallies | None = None) -> None:
        """Take the numbers from the settings."""
        most, self.tallies = settings.limits, tallies or OwnTallies()
        self.rule = lock_rule(settings)
        self.locks = AddressLocks(replace(self.rule, after=settings.login.lock_address_after), clock, self.tallies)
        self.logins_account = Window(most.logins_account, clock, self.tallies, "logins-account")
        self.logins_address = Window(most.logins_address, clock, self.tallies, "logins-address")
        self.account = Window(most.requests_account, clock, self.tallies, "account")
        self.address = Window(most.requests_address, clock, self.tallies, "address")


def lock_rule(settings: Settings) -> LockRule:
    """Return when a name is locked, and for how long."""
    login = settings.login
    return LockRule(login.lock_after, login.lock_minutes * 60_000, login.lock_longest_minutes * 60_000)
