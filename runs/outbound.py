"""The one guard before every address that we send to or fetch from: webhooks, messengers, map tiles, providers.

Off by default. A name must be on `outbound.allow`; it is looked up here, every address it has is judged, and the
connection is made to the very address that was judged, with the name in TLS and in the Host header. So an answer of the
name service that changes between look and connection changes nothing; a connection that is kept stays with the address
that was judged for it. No redirect is followed, no proxy is taken from the environment, and a whole exchange has an end
in time and size.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from feeds.faults import Fault, UnusableInput
from runs.addresses import (
    Entry,
    IPAddress,
    OutboundRefused,
    allows_address,
    allows_name,
    is_public,
    parse_entry,
    parse_host,
    parse_url,
    placed,
    unmapped,
)
from runs.settings import OutboundSettings

try:
    import httpcore
    import httpx
except ModuleNotFoundError as absent:
    missing = Fault("outbound", "needs an HTTP client that is not installed", hint="Install trajaudit[notices].")
    raise UnusableInput([missing]) from absent

__all__ = ["Answer", "Exchange", "Guard", "Guarded", "NotReached", "OutboundRefused"]

Resolver = Callable[[str, int], Iterable[str]]
KB = 1024
MOST_ADDRESSES = 3
"""So many addresses of a name are tried."""
AT_ONCE = 10
"""Connections at once of a transport that keeps none."""
KEPT_S = 5.0
"""So long a kept connection stays open unused."""
OFF = "nothing goes out: outbound.enabled is not set"


class NotReached(Exception):
    """No answer came; the message says why, without the URL. `after_s`: nothing, or what the other side asks for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `headers` in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def looked_up(host: str, port: int) -> list[str]:
    """Return the addresses of a name as the system knows them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class Guard:
    """What the settings allow."""

    enabled: bool
    allow: tuple[Entry, ...]
    resolve: Resolver = looked_up

    @classmethod
    def of(cls, settings: OutboundSettings, resolve: Resolver = looked_up) -> Guard:
        """Return the guard that the settings ask for."""
        return cls(settings.enabled, tuple(parse_entry(text) for text in settings.allow), resolve)

    def check(self, url: str) -> None:
        """Raise `OutboundRefused` for a URL that leads where nothing may go, so far as no name need be looked up."""
        target = parse_url(url)
        if isinstance(target.host, str) and self.enabled:
            self._check_name(target.host, target.port)
            return
        written = f"[{target.host}]" if isinstance(target.host, ipaddress.IPv6Address) else str(target.host)
        self.addresses(written, target.port, in_clear=target.scheme == "http")

    def addresses(self, host: str, port: int, *, in_clear: bool = False) -> list[IPAddress]:
        """Return the addresses that may be connected to under a name, or an address itself.

        `in_clear`: without TLS, which the public internet does not get. Raises `OutboundRefused`, and `NotReached`
        where the name is not known.
        """
        if not self.enabled:
            raise OutboundRefused(OFF)
        named = parse_host(host)
        found = [named] if not isinstance(named, str) else self._known(named, port)
        literal = not isinstance(named, str)
        for address in found:
            if not allows_address(self.allow, address, port, literal=literal):
                raise OutboundRefused(_not_allowed(named, address, port))
            if in_clear and is_public(address):
                raise OutboundRefused(f"{placed(named, port)} is on the public internet, which takes https")
        return [unmapped(address) for address in found[:MOST_ADDRESSES]]

    def _check_name(self, name: str, port: int) -> None:
        if not allows_name(self.allow, name, port):
            raise OutboundRefused(f"{name}:{port} is not in outbound.allow: an administrator may add it")

    def _known(self, name: str, port: int) -> list[IPAddress]:
        self._check_name(name, port)
        try:
            found = [ipaddress.ip_address(text.partition("%")[0]) for text in self.resolve(name, port)]
        except (OSError, ValueError, UnicodeError) as error:
            raise NotReached(f"the name {name} is not known") from error
        if not found:
            raise NotReached(f"the name {name} has no address")
        return list(dict.fromkeys(found))


def _not_allowed(named: str | IPAddress, address: IPAddress, port: int) -> str:
    told = placed(named, port) if named == address else f"{placed(named, port)} leads to {address}, which"
    return f"{told} is in no network of outbound.allow: an administrator may add it"


# ---------------------------------------------------------------- connections
class _Stream(httpcore.NetworkStream):
    """A connection whose exchanges each end at a time, however slowly they drip; the first one begins with it."""

    def __init__(self, inner: httpcore.NetworkStream, until_s: float, total_s: float) -> None:
        self._inner, self._until_s, self._total_s = inner, until_s, total_s
        self._is_answered = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._is_answered = True
        return self._inner.read(max_bytes, _left(timeout, self._until_s, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._is_answered:  # a request is written whole before anything is read: this is the next one
            self._is_answered, self._until_s = False, time.monotonic() + self._total_s
        self._inner.write(buffer, _left(timeout, self._until_s, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left_s = _left(timeout, self._until_s, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left_s), self._until_s, self._total_s)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None, until_s: float, over: type[Exception]) -> float:
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise over
    return left_s if timeout is None else min(timeout, left_s)


class _Backend(httpcore.NetworkBackend):
    """Connects to what the guard gives, and to nothing else."""

    def __init__(self, guard: Guard, total_s: float, *, in_clear: bool) -> None:
        self._guard, self._total_s, self._in_clear = guard, total_s, in_clear
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        until_s = time.monotonic() + self._total_s
        written = f"[{host}]" if ":" in host else host
        trouble: Exception | None = None
        for address in self._guard.addresses(written, port, in_clear=self._in_clear):
            try:
                left_s = _left(timeout, until_s, httpcore.ConnectTimeout)
                made = self._inner.connect_tcp(str(address), port, left_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
                continue
            return _Stream(made, until_s, self._total_s)
        raise trouble or httpcore.ConnectError("no address")

    def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise OutboundRefused(f"{path}: only TCP goes out")


class _Pooled(httpx.HTTPTransport):
    """The library's transport over connections of our own. `kept`: so many at most, open for further exchanges."""

    def __init__(self, backend: _Backend, context: ssl.SSLContext, kept: int) -> None:
        # In place of the library's own start, which takes no network backend (encode/httpx discussion 3006).
        self._pool = httpcore.ConnectionPool(
            context, max_connections=kept or AT_ONCE, max_keepalive_connections=kept, keepalive_expiry=KEPT_S,
            network_backend=backend,
        )  # fmt: skip


class Guarded(httpx.BaseTransport):
    """A transport for any `httpx.Client(transport=..., trust_env=False)`: what it sends has passed the guard."""

    def __init__(
        self, guard: Guard, settings: OutboundSettings, *, ca_file: Path | None = None, total_s: float | None = None,
        kept: int = 0,
    ) -> None:  # fmt: skip
        """Open nothing yet. `ca_file`, `total_s`: where others than the settings' are meant.

        `kept`: so many connections at most, kept for further exchanges; 0: each is judged and made for one.
        """
        ca_file, total_s = ca_file or settings.ca_file, total_s or settings.total_s
        context = (
            httpx.create_ssl_context(trust_env=False)
            if ca_file is None
            else ssl.create_default_context(cafile=str(ca_file))
        )
        self._by_scheme = {
            scheme: _Pooled(_Backend(guard, total_s, in_clear=scheme == "http"), context, kept)
            for scheme in ("http", "https")
        }

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raises `OutboundRefused` before anything has gone out."""
        by = self._by_scheme.get(request.url.scheme)
        if by is None:
            raise OutboundRefused(f"{request.url.scheme}: only http and https go out")
        return by.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        for transport in self._by_scheme.values():
            transport.close()


class _HostOnly(logging.Filter):
    """Leaves of the addresses that the HTTP library logs the host alone: paths and queries hold keys."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and getattr(_OURS, "is_sent", False):
            record.args = tuple(_host_of(a) for a in record.args)
        return True


def _host_of(told: object) -> object:
    """Return an address's host, anything else as it is; another filter may have made text of the address."""
    if isinstance(told, httpx.URL):
        return told.host
    return urlsplit(told).hostname if isinstance(told, str) and "://" in told else told


_HOST_ONLY = _HostOnly()
_OURS = threading.local()
"""Whether this thread sends one of our requests: others' lines in the library's log are their own matter."""


class Exchange:
    """Single requests under the guard. Make one and keep it; any thread may use it."""

    def __init__(self, guard: Guard, settings: OutboundSettings, *, max_answer_kb: int | None = None) -> None:
        """Open nothing yet. `max_answer_kb`: where another limit than the settings' is meant, such as for a tile."""
        logging.getLogger("httpx").addFilter(_HOST_ONLY)
        self.guard, self._total_s = guard, settings.total_s
        self._max_bytes = (settings.max_answer_kb if max_answer_kb is None else max_answer_kb) * KB
        self._client = httpx.Client(
            transport=Guarded(guard, settings), timeout=settings.timeout_s, follow_redirects=False, trust_env=False,
            headers={"User-Agent": "trajaudit", "Accept-Encoding": "identity"},
        )  # fmt: skip

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a GET; raises `OutboundRefused` and `NotReached`."""
        return self._exchange("GET", url, None, headers)

    def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a POST; raises `OutboundRefused` and `NotReached`."""
        return self._exchange("POST", url, body, headers)

    def _exchange(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None) -> Answer:
        target = parse_url(url)
        _OURS.is_sent = True
        try:
            with self._client.stream(method, target.url, content=body, headers=headers) as response:
                return Answer(response.status_code, dict(response.headers), self._body(response))
        except httpx.TimeoutException:
            told = "no answer in time"
        except httpx.ConnectError as error:
            untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
            told = "its certificate is not trusted (outbound.ca_file)" if untrusted else "no connection"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            told = f"the exchange failed ({type(error).__name__})"
        finally:
            _OURS.is_sent = False
        raise NotReached(told)  # out here, so that no context with the address hangs on it

    def _body(self, response: httpx.Response) -> bytes:
        body, until_s = bytearray(), time.monotonic() + self._total_s
        for piece in response.iter_raw():
            body += piece
            if len(body) > self._max_bytes:
                raise NotReached(f"an answer of more than {self._max_bytes // KB} KB")
            if time.monotonic() > until_s:
                raise NotReached("no answer in time")
        return bytes(body)
