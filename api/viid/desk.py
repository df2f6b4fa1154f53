"""What the GA/T 1400 entrance has at hand: who may register, the door for pushes, how many are decided on at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request

from api.platform import Platform, platform_of
from api.tallies import Change, Tally
from api.viid.dialect import Code, ViidRefused
from runs.push_door import PushDoor
from runs.push_night import decide, forget_old
from runs.pushed import Undecided
from runs.viid_files import ViidPeer, read_crosswalk, read_peers

DECIDE_EVERY_S = 600
_LOCK_AFTER, _LOCK_MS = 5, 60_000
_FAILURES = "viid-passwords"
_MADE = threading.Lock()
T = TypeVar("T")


@dataclass(slots=True)
class ViidDesk:
    """Made once, by `desk_of`."""

    platform: Platform
    peers: dict[str, ViidPeer]
    door: PushDoor
    taking: int = 0
    limiter: anyio.CapacityLimiter | None = None

    @classmethod
    def open(cls, platform: Platform) -> ViidDesk:
        """Read the files that the settings name; raises `UnusableInput`."""
        told = platform.settings.viid
        undecided = Undecided(told.undecided)
        crosswalk = read_crosswalk(told.crosswalk_file)
        door = PushDoor(platform.store, platform.local, undecided, platform.settings.push.days, crosswalk)
        return cls(platform, read_peers(told.devices_file), door)

    def by_username(self, username: str) -> ViidPeer | None:
        """Return the peer of a username."""
        return next((peer for peer in self.peers.values() if peer.username == username), None)

    def is_locked(self, device_id: str) -> bool:
        """Whether no password of a device is tried for now."""
        now_ms = self.platform.store.clock()
        return self._failures(device_id, lambda held: (held, held is not None and held[1] > now_ms))

    def failed(self, device_id: str) -> None:
        """Count a wrong password."""
        until_ms = self.platform.store.clock() + _LOCK_MS
        self._failures(device_id, lambda held: (_one_more(held, until_ms), None))

    def proven(self, device_id: str) -> None:
        """Take back the wrong passwords before a right one."""
        self._failures(device_id, lambda _held: (None, None))

    def _failures(self, device_id: str, how: Change[T]) -> T:
        """Change what is counted of a device, on all workers: wrong passwords, and until when none is tried."""
        return self.platform.limits.tallies.change(_FAILURES, device_id, how)

    def take_place(self) -> None:
        """Take a place among the pushes in work; raises `ViidRefused` (busy) where all are taken."""
        told = self.platform.settings.viid
        if self.taking >= told.at_once + told.waiting:
            raise ViidRefused(503, Code.BUSY, headers={"Retry-After": "5"})
        self.taking += 1

    def give_place(self) -> None:
        """Give the place back."""
        self.taking -= 1

    def places(self) -> anyio.CapacityLimiter:
        """Return what bounds the threads that decide; to be asked for within the event loop."""
        if self.limiter is None:
            self.limiter = anyio.CapacityLimiter(self.platform.settings.viid.at_once)
        return self.limiter

    def settle(self) -> None:
        """Decide on what is held in memory, for nights of which the tracks are there; forget what waited in vain."""
        platform, days = self.platform, self.platform.settings.push.days
        decide(platform.store, self.door.undecided, platform.local, platform.settings.nightly.history_days)
        forget_old(platform.store, platform.local, days)
        self.door.undecided.forget_before(self.door.first_day())


def _one_more(held: Tally | None, until_ms: int) -> Tally:
    n = 1 if held is None else held[0] + 1
    return [n, until_ms if n >= _LOCK_AFTER else 0]


def desk_of_platform(app: FastAPI) -> ViidDesk:
    """Return the application's desk, made at the first call."""
    with _MADE:
        found: ViidDesk | None = getattr(app.state, "viid", None)
        if found is None:
            found = app.state.viid = ViidDesk.open(app.state.platform)
    return found


def desk_of(request: Request) -> ViidDesk:
    """Return the desk of a request's application."""
    platform_of(request)
    return desk_of_platform(request.app)


@asynccontextmanager
async def settling(app: FastAPI) -> AsyncIterator[None]:
    """Read the files when the server starts, and settle what is held from time to time while it runs."""
    desk = desk_of_platform(app)

    async def again() -> None:
        while True:
            await anyio.sleep(DECIDE_EVERY_S)
            await anyio.to_thread.run_sync(_settle_quietly, desk)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(again)
        yield
        tasks.cancel_scope.cancel()


def _settle_quietly(desk: ViidDesk) -> None:
    """Settle; what cannot be done now is done next time: the passages stay held."""
    try:
        desk.settle()
    except Exception as error:  # noqa: BLE001 -- whatever is wrong with a night must not end the server's task
        logging.getLogger("trajaudit.viid").warning("pushed passages wait on: %s", type(error).__name__)
