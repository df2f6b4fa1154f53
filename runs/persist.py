"""Writing down what came of a night, again and again while the database is away: the results wait in memory."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from store.engine import Store

T = TypeVar("T")
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 10.0


class CannotWrite(Exception):
    """The database or the disk does not take what is to be written: nothing of it was; the message says why."""


def persistently(store: Store, wait_s: float, work: Callable[[], T], told: list[str] | None = None) -> T:
    """Return what `work` (one transaction, all or nothing) returns, tried anew for `wait_s` while the database is away.

    That it was away goes to `told`. Raises `CannotWrite` where the time is over, or the disk is full.
    """
    began, wait = time.monotonic(), FIRST_WAIT_S
    while True:
        try:
            return work()
        except DBAPIError as error:
            if is_full(error) or not is_away(error) or time.monotonic() - began + wait > wait_s:
                if is_full(error) or is_away(error):
                    raise CannotWrite(_first_line(error)) from error
                raise
            store.engine.dispose()
        except OSError as error:
            if is_full(error):
                raise CannotWrite(str(error)) from error
            raise
        if told is not None and "database-away" not in told:
            told.append("database-away")
        time.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT_S)


def is_away(error: BaseException) -> bool:
    """Whether the database could not be reached, or went away, or was held by another writer for too long."""
    return isinstance(error, DBAPIError) and (error.connection_invalidated or isinstance(error, OperationalError))


def is_passing(error: BaseException) -> bool:
    """Whether the database is away, or full, or has no connection left: nothing was done, and it may be done later."""
    return is_away(error) or is_full(error) or isinstance(error, NoConnection)


def is_full(error: BaseException) -> bool:
    """Whether the disk, or the size a file may have, is used up."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    text = str(getattr(error, "orig", "")).lower()
    return isinstance(error, DBAPIError) and ("full" in text or "no space left" in text or "disk i/o error" in text)


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
