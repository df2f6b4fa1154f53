"""One GET of a provider, bounded in size and time; what goes wrong is told without the address, which holds the key."""

from __future__ import annotations

import logging
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

from feeds.faults import Fault, UnusableInput

try:
    import httpx
except ModuleNotFoundError as absent:
    missing = Fault("trajaudit pull", "needs an HTTP client that is not installed", hint="Install trajaudit[pull].")
    raise UnusableInput([missing]) from absent

from feeds.pull_settings import Source
from feeds.pull_timing import Timing

SLOWEST = 12
"""A whole answer may take so many time-outs: one that drips for ever is cut off."""
MB = 1_000_000
TOO_MANY, SERVER_FAULT, CLIENT_FAULT, ELSEWHERE = 429, 500, 400, 300


class NotAllowed(httpx.TransportError):
    """A transport's word that nothing may be sent there; nothing was. The message names no more than host and port."""


class NoAnswer(Exception):
    """Nothing usable came; `retryable` says whether asking again may help, `after_s` when the provider wants it.

    `reached` is False where the provider could not be had at all, `allowed` where it may not be asked.
    """

    def __init__(
        self, message: str, *, retryable: bool, reached: bool = True, allowed: bool = True, after_s: float | None = None
    ) -> None:
        """Keep what is known."""
        self.retryable, self.reached, self.allowed, self.after_s = retryable, reached, allowed, after_s
        super().__init__(message)


class _NoQuery(logging.Filter):
    """Takes the query, where the key is, out of the addresses that the HTTP library logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, shortened."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                str(arg.copy_with(query=None, userinfo=b"")) if isinstance(arg, httpx.URL) else arg
                for arg in record.args
            )
        return True


_NO_QUERY = _NoQuery()


class Http:
    """Connections to one provider, closed at the end of the `with` block. May be used by several threads.

    Redirects are not followed, and no proxy is taken from the environment. Where it may connect to, how many
    connections there are, and whose certificates are trusted is the transport's matter: it raises `NotAllowed`.
    """

    def __init__(self, source: Source, timing: Timing, transport: httpx.BaseTransport) -> None:
        """Open nothing yet."""
        logging.getLogger("httpx").addFilter(_NO_QUERY)
        self._timeout_s = float(source["timeout_s"])
        self._max_bytes = int(source["max_answer_mb"] * MB)
        self._timing = timing
        self._client = httpx.Client(
            transport=transport,
            timeout=self._timeout_s,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "trajaudit", "Accept": "application/json"},
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, url: str) -> tuple[int, bytes]:
        """Return the status (200 to 299 or 400 to 499) and the body of an answer; raises `NoAnswer`."""
        trouble: NoAnswer
        try:
            return self._get(url)
        except NoAnswer:
            raise
        except NotAllowed as error:
            trouble = NoAnswer(str(error), retryable=False, reached=False, allowed=False)
        except httpx.TimeoutException as error:
            kind = "connection" if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout) else "answer"
            trouble = NoAnswer(f"no {kind} within {self._timeout_s:g} s", retryable=True, reached=False)
        except httpx.ConnectError as error:
            untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
            message = "its certificate is not trusted (ca_file names others)" if untrusted else "no connection"
            trouble = NoAnswer(message, retryable=not untrusted, reached=False)
        except (httpx.TransportError, httpx.DecodingError) as error:
            trouble = NoAnswer(f"the connection broke ({type(error).__name__})", retryable=True, reached=False)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            trouble = NoAnswer(f"the exchange failed ({type(error).__name__})", retryable=False)
        raise trouble  # out here, so that no cause or context with the address hangs on it

    def _get(self, url: str) -> tuple[int, bytes]:
        with self._client.stream("GET", url) as response:
            status = response.status_code
            if status == TOO_MANY or status >= SERVER_FAULT:
                after_s = _retry_after_s(response.headers.get("Retry-After"), self._timing.now_s())
                raise NoAnswer(f"HTTP {status}", retryable=True, reached=status == TOO_MANY, after_s=after_s)
            if ELSEWHERE <= status < CLIENT_FAULT:
                raise NoAnswer(f"HTTP {status}, which leads elsewhere and is not followed", retryable=False)
            return status, self._body(response)

    def _body(self, response: httpx.Response) -> bytes:
        deadline_s = self._timing.tick_s() + self._timeout_s * SLOWEST
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > self._max_bytes:
                raise NoAnswer(f"an answer of more than {self._max_bytes / MB:g} MB", retryable=False)
            if self._timing.tick_s() > deadline_s:
                raise NoAnswer(f"an answer that took over {self._timeout_s * SLOWEST:g} s", retryable=True)
        return bytes(body)


def _retry_after_s(value: str | None, now_s: float) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3), None where it says nothing.

    >>> _retry_after_s("120", 0.0), _retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", 20.0), _retry_after_s("soon", 0.0)
    (120.0, 40.0, None)
    """
    if value is None:
        return None
    if value.isascii() and value.strip().isdigit() and len(value) < 10:
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, TypeError):
        return None
    return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now_s)
