"""How much one account or one client's address may ask for; in the memory of each worker, so n workers allow n times.

Windows slide: of the minute before counts what is left of it. What must hold over all workers, an account's lock, is in
the database (`store.failed_logins`).
"""

from __future__ import annotations

import ipaddress
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock

from runs.settings import Settings
from store.failed_logins import Attempt, LockRule, name_digest

WINDOW_S = 60.0
MOST_KEYS = 20_000
"""Addresses and accounts remembered at once; beyond that the longest known are forgotten."""
_MOST_FAILURES = 64
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
    """At most `most` a minute for each key; 0: any number."""

    def __init__(self, most: int, clock: Clock = time.monotonic) -> None:
        """Begin with nothing counted."""
        self.most, self._clock = most, clock
        self._counts: dict[str, tuple[int, int, int]] = {}  # key: number of the window, count in it, in the one before
        self._lock = Lock()

    def wait_s(self, key: str) -> int:
        """Count one more and return 0; or, where it is too much, return after how many seconds to ask again."""
        if not self.most:
            return 0
        number, part = divmod(self._clock() / WINDOW_S, 1.0)
        with self._lock:
            here, before = self._now(key, int(number))
            if before * (1.0 - part) + here < self.most:
                self._counts[key] = (int(number), here + 1, before)
                return 0
        left = 1.0 - part if here >= self.most else 1.0 - (self.most - here) / before - part
        return int(left * WINDOW_S + 1e-6) + 1  # never just then, but a moment later

    def _now(self, key: str, number: int) -> tuple[int, int]:
        """Return the counts of this window and the one before."""
        held = self._counts.pop(key, None)  # put in again at the end: the first ones are the longest unused
        while len(self._counts) >= MOST_KEYS:
            del self._counts[next(iter(self._counts))]
        last, here, before = held or (number, 0, 0)
        if last != number:
            here, before = 0, here if last == number - 1 else 0
        self._counts[key] = (number, here, before)
        return here, before


@dataclass(slots=True)
class _Failures:
    names: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=_MOST_FAILURES))
    held_until_ms: int = 0


class AddressLocks:
    """Failed logins from one address, whatever the names: as `store.failed_logins` does for a name.

    A success takes back the failures under that name only: with an account of one's own one does not buy more guesses.
    """

    def __init__(self, rule: LockRule, clock: Clock = time.monotonic) -> None:
        """Begin with nobody locked."""
        self._rule, self._clock = rule, clock
        self._by_address: dict[str, _Failures] = {}
        self._lock = Lock()

    def begin(self, address: str, name: str) -> Attempt:
        """Count an attempt as a failure, unless the address is locked; times count from the server's start."""
        now_ms = self.now_ms()
        with self._lock:
            held = self._by_address.pop(address, None) or _Failures()
            while len(self._by_address) >= MOST_KEYS:
                del self._by_address[next(iter(self._by_address))]
            self._by_address[address] = held
            if now_ms < held.held_until_ms:
                return Attempt(held.held_until_ms)
            while held.names and held.names[0][1] < now_ms - 2 * self._rule.longest_ms:
                held.names.popleft()
            held.names.append((name_digest(name), now_ms))
            lock_ms = self._rule.lock_ms(len(held.names))
            held.held_until_ms = now_ms + lock_ms if lock_ms else 0
            return Attempt(None, lock_ms > 0)

    def forget(self, address: str, name: str) -> None:
        """Take back the failures under a name that has succeeded, and the lock that its last attempt brought."""
        with self._lock:
            held = self._by_address.get(address)
            if held is not None:
                kept = [one for one in held.names if one[0] != name_digest(name)]
                held.names = deque(kept, maxlen=_MOST_FAILURES)
                held.held_until_ms = 0

    def now_ms(self) -> int:
        """Return the time that locks count in."""
        return int(self._clock() * 1000)


class Limits:
    """All that is counted on a worker."""

    def __init__(self, settings: Settings, clock: Clock = time.monotonic) -> None:
        """Take the numbers from the settings."""
        most = settings.limits
        self.rule = lock_rule(settings)
        self.locks = AddressLocks(replace(self.rule, after=settings.login.lock_address_after), clock)
        self.logins_account, self.logins_address = (
            Window(most.logins_account, clock),
            Window(most.logins_address, clock),
        )
        self.account, self.address = Window(most.requests_account, clock), Window(most.requests_address, clock)


def lock_rule(settings: Settings) -> LockRule:
    """Return when a name is locked, and for how long."""
    login = settings.login
    return LockRule(login.lock_after, login.lock_minutes * 60_000, login.lock_longest_minutes * 60_000)
