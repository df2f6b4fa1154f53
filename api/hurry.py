"""Connections whose client must hurry: a request's head that does not come in time is hung up on.

uvicorn waits for a head as long as it takes; a few hundred clients that send a byte a minute would keep others out.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from runs.settings import read_settings


@lru_cache(maxsize=1)
def head_timeout_s() -> float:
    """Return for how long a head is waited for."""
    return read_settings().server.header_timeout_s


class Hurried(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to waiting."""

    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on where a head has begun and is not whole."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._rest()
        elif self._alarm is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._alarm = self.loop.call_later(head_timeout_s(), self._hang_up)

    def _rest(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _hang_up(self) -> None:
        self._alarm = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()
