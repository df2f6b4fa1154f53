"""The guard over libraries that connect by themselves (mail, messengers): Python's audit events, in one thread.

Names are asked for where the guard allows them; connections are made where it has found them to lead. What a library
does meanwhile in another thread is not watched, so only such parts of it are used as stay in theirs
(`runs.notices_apprise`).
"""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runs.outbound import Guard, NotReached, OutboundRefused

_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")
_DATAGRAMS = ("socket.sendto", "socket.sendmsg")
_LOCK = threading.Lock()


class _Watched(threading.local):
    """What is watched in this thread."""

    guard: Guard | None = None
    judged: frozenset[tuple[str, int]] = frozenset()
    refused: list[str]


_watched = _Watched()
_hooked: list[bool] = []


@contextmanager
def watched(guard: Guard) -> Iterator[list[str]]:
    """Have every connection of this thread pass the guard until the block ends; what does not is an `OSError` to it.

    Gives what was refused, in words: libraries tend to say only that something failed.
    """
    with _LOCK:
        if not _hooked:  # a hook stays for good: it is set where something is sent, and not before
            sys.addaudithook(_hook)
            _hooked.append(True)
    refused: list[str] = []
    _watched.guard, _watched.judged, _watched.refused = guard, frozenset(), refused
    try:
        yield refused
    finally:
        _watched.guard = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    guard = _watched.guard
    if guard is None or not (event.startswith("socket.") or event in _PROGRAMS):
        return
    _watched.guard = None  # looking up a name is an event, too
    try:
        _judge(guard, event, arguments)
    except OutboundRefused as error:
        _watched.refused.append(str(error))
        raise
    finally:
        _watched.guard = guard


def _judge(guard: Guard, event: str, arguments: tuple[Any, ...]) -> None:
    if event in _PROGRAMS or event in _DATAGRAMS:
        raise OutboundRefused(f"{event}: only TCP goes out")
    if event in {"socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}:
        raise OutboundRefused(f"{event}: names are looked up with their port")
    if event == "socket.getaddrinfo":
        _name(guard, *arguments[:2])
    elif event == "socket.connect":
        _connection(guard, *arguments[:2])


def _name(guard: Guard, host: Any, port: Any) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    number = port if isinstance(port, int) else int(port) if str(port or "").isdigit() else 0
    try:
        found = guard.addresses(f"[{name}]" if ":" in name else name, number)
    except NotReached as error:
        raise OSError(str(error)) from error
    _watched.judged |= {(str(address), number) for address in found}


def _connection(guard: Guard, connection: Any, address: Any) -> None:
    if getattr(connection, "family", None) not in {socket.AF_INET, socket.AF_INET6}:
        raise OutboundRefused("only TCP goes out")
    if connection.type & socket.SOCK_STREAM != socket.SOCK_STREAM:
        raise OutboundRefused("only TCP goes out")
    host, port = str(address[0]).partition("%")[0], int(address[1])
    try:
        plain = ipaddress.ip_address(host)
    except ValueError:  # the system would look it up by itself, and nobody would see where it leads
        raise OutboundRefused("a connection goes to an address, not to a name") from None
    if (str(plain), port) not in _watched.judged:
        guard.addresses(f"[{host}]" if plain.version == 6 else host, port)
