"""What leaves this process, to any address, by Python's own account. And a name service that says what it is told."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

Answers = Callable[[str, int], Sequence[str]]
_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_listening: list[list[str]] = []
_hooked: list[bool] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening and event in _EVENTS and arguments[0].family in {socket.AF_INET, socket.AF_INET6}:
        for seen in _listening:
            seen.append(f"{event} {arguments[1]}")


@contextmanager
def packets() -> Iterator[list[str]]:
    """Give what goes to any address, in any thread, until the block ends. The hook stays, and falls silent."""
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked.append(True)
    seen: list[str] = []
    _listening.append(seen)
    try:
        yield seen
    finally:
        _listening.remove(seen)


def name_service(patch: pytest.MonkeyPatch, answers: Answers) -> list[str]:
    """Have names of this process be looked up in `answers`, addresses be as they are; return the names asked for."""
    asked: list[str] = []
    true = socket.getaddrinfo

    def look_up(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if not isinstance(host, str) or _is_address(host):
            return true(host, port, *more, **named)
        asked.append(host)
        found = [text.partition("%")[0] for text in answers(host, int(port or 0))]
        kinds = [socket.AF_INET6 if ":" in text else socket.AF_INET for text in found]
        return [(k, socket.SOCK_STREAM, 6, "", (text, port)) for k, text in zip(kinds, found, strict=True)]

    patch.setattr(socket, "getaddrinfo", look_up)
    return asked


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False
