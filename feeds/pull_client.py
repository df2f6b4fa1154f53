"""Asking a provider for the pages of a window: retries where they help, and an end where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from feeds.pull_http import CLIENT_FAULT, Http, NoAnswer
from feeds.pull_providers import Provider
from feeds.pull_quota import Quota, QuotaSpent
from feeds.pull_settings import Source
from feeds.pull_timing import Timing
from feeds.text import UnreadableFile
from feeds.track_pages import Completeness, NotAnAnswer, PointRun, ProviderError, document_of

LONGEST_WAIT_S = 60.0
LONGEST_RETRY_AFTER_S = 300.0
MOST_PAGES = 400
"""Of one window: four times what a fix a second for a day fills at Amap."""
REFUSED = "refused"
ADVICE_RETRY, ADVICE_TOMORROW = "retryable", "retryable tomorrow"


class Lost(Exception):
    """A car's tracks could not be had: `code` says in one word why, `envelope` is the provider's own error answer.

    Codes: "provider-error", "no-answer" (nothing usable came), "unreachable" (nothing came at all), "refused" (nothing
    may be sent there), "daily-quota", "incomplete" (fewer points than counted), "endless" (more pages than counted),
    "unknown-terminal", "stopped".
    """

    def __init__(self, code: str, message: str, envelope: bytes | None = None) -> None:
        """Keep the three."""
        self.code, self.message, self.envelope = code, message, envelope
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer: the bytes, the document in them, and its runs of points."""

    body: bytes
    document: Any
    runs: Sequence[PointRun]


@dataclass(slots=True)
class _Trouble:
    """Why an attempt failed, and whether another one may do better."""

    lost: Lost
    again: bool
    after_s: float | None = None


class Asker:
    """Asks one provider. May be used by several threads."""

    def __init__(self, source: Source, provider: Provider, http: Http, quota: Quota, timing: Timing) -> None:
        """Keep what asking needs."""
        self._source, self._provider, self._http, self._quota, self._timing = source, provider, http, quota, timing

    def ask(self, url: str) -> Answer:
        """Return a good answer; raises `Lost` when no attempt gave one, or none was worth making."""
        attempts = self._source["attempts"]
        for failed in range(1, attempts + 1):
            if self._timing.stopped.is_set():
                raise Lost("stopped", "the pull was stopped")
            result = self._attempt(url)
            if isinstance(result, Answer):
                return result
            if not result.again or failed == attempts:
                raise result.lost
            self._timing.wait(self._wait_s(result, failed))
        raise AssertionError("unreachable: there is at least one attempt")

    def _wait_s(self, trouble: _Trouble, failed: int) -> float:
        wait_s = self._timing.backoff_s(self._source["backoff_s"], failed, LONGEST_WAIT_S)
        if trouble.after_s is None:
            return wait_s
        if trouble.after_s > LONGEST_RETRY_AFTER_S:
            raise Lost("no-answer", f"{trouble.lost.message}: the provider wants {trouble.after_s:.0f} s of patience")
        return max(wait_s, trouble.after_s)

    def _attempt(self, url: str) -> Answer | _Trouble:
        try:
            self._quota.take()
        except QuotaSpent:
            return _Trouble(Lost("daily-quota", "no query is left today; run it again tomorrow"), again=False)
        try:
            status, body = self._http.get(url)
        except NoAnswer as error:
            code = REFUSED if not error.allowed else "no-answer" if error.reached else "unreachable"
            return _Trouble(Lost(code, str(error)), error.retryable, error.after_s)
        if any(secret.is_in(body) for secret in self._source.secrets):
            return _Trouble(Lost("no-answer", "an answer that repeats the key; it was not kept"), again=False)
        return self._judge(status, body)

    def _judge(self, status: int, body: bytes) -> Answer | _Trouble:
        refused = status >= CLIENT_FAULT
        try:
            document, _ = document_of(body)
            runs = self._provider.dialect.answer(document)
        except ProviderError as error:
            return self._provider_error(error, body)
        except (NotAnAnswer, UnreadableFile) as error:
            message = f"HTTP {status}" if refused else f"not an answer of the provider: {error}"
            return _Trouble(Lost("no-answer", message), again=not refused)
        if refused:
            return _Trouble(Lost("no-answer", f"HTTP {status}"), again=False)
        return Answer(body, document, runs)

    def _provider_error(self, error: ProviderError, body: bytes) -> _Trouble:
        message = f"the provider answered {error} ({error.advice})"
        if error.advice == ADVICE_TOMORROW:
            self._quota.close()
            return _Trouble(Lost("daily-quota", message, body), again=False)
        code = "unknown-terminal" if error.code in self._provider.about_the_terminal else "provider-error"
        return _Trouble(Lost(code, message, body), again=error.advice == ADVICE_RETRY)


@dataclass(slots=True)
class Pages:
    """The pages of a window that brought something, in order, and why they are not all, if so."""

    bodies: list[bytes] = field(default_factory=list)
    points: int = 0
    lost: Lost | None = None


class _Walk:
    """The pages of one window, until they end by themselves or must be ended.

    The provider's count says how many pages there may be, and one more is asked for where the last was full: the
    count may be too small. A page that brings no new point is the end, whatever the count says.
    """

    def __init__(self, page_size: int) -> None:
        self.pages = Pages()
        self._page_size = page_size
        self._complete = Completeness(one_request=True)
        self._seen: set[bytes] = set()
        self._declared = 0

    def take(self, answer: Answer) -> bool:
        """Take a page in; return whether to ask for another."""
        points = [point for run in answer.runs for point in run.points]
        marks = {_mark(point) for point in points} - self._seen
        if self.pages.bodies and not marks:
            return self._end()
        self._seen |= marks
        self._complete.add(answer.body, answer.runs)
        self._declared = max([self._declared, *(run.declared or 0 for run in answer.runs)])
        self.pages.bodies.append(answer.body)
        self.pages.points += len(points)
        full = any(len(run.points) >= self._page_size for run in answer.runs)
        if not points or not (full or self._complete.missing()):
            return self._end()
        if len(self.pages.bodies) >= self._most_pages():
            return self._end(full)
        return True

    def _most_pages(self) -> int:
        """The pages of the largest track, and one."""
        if not self._declared:
            return MOST_PAGES
        return min(-(-self._declared // self._page_size) + 1, MOST_PAGES)

    def _end(self, full: bool = False) -> bool:
        missing = self._complete.missing()
        if missing:
            self.pages.lost = Lost("incomplete", f"{missing} points fewer than the provider's count")
        elif full:
            self.pages.lost = Lost("endless", f"still more after {len(self.pages.bodies)} pages, beyond the count")
        return False


def _mark(point: Any) -> bytes:
    return blake2b(json.dumps(point, sort_keys=True).encode(), digest_size=16).digest()


def fetch(ask: Callable[[str], Answer], url_of: Callable[[int], str], page_size: int) -> Pages:
    """Return all pages of a window; `url_of(page)` gives their addresses, pages count from 1."""
    walk = _Walk(page_size)
    page = 1
    try:
        while walk.take(ask(url_of(page))):
            page += 1
    except Lost as lost:
        walk.pages.lost = lost
    except RecursionError:  # a point that is read, and too deep to be compared
        walk.pages.lost = Lost("no-answer", "nested too deeply")
    return walk.pages
