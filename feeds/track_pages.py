"""Feeds whose files are a provider's own answers, one page a file: `TERMINAL.PAGE.json`.

PAGE is any running number, or YYYYMMDDWWPPPP: page PPPP of window WW of the request for a service day (see `Page`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Any

from feeds.faults import FOUND_CHARS
from feeds.ledger import Reject
from feeds.text import UnreadableFile, clean_text, decode, encoding_warning, read_bytes
from feeds.track_reader import FeedContext, TrackFeed
from feeds.track_rows import FieldNames, PointColumns, RawRows, Unit, flag_disorder, flagged, judge
from feeds.track_table import empty_table
from trajectories.fleet import U4, Flag

BYTES_PER_POINT = 140  # of a page as the providers write it
GZIP_RATIO = 9
SUPPLEMENT_MARKS = ("supplement", "_supplement", "recoup")
PAGE_DIGITS = 14
OPEN_WINDOW = 99  # of a page number with a date: not all of that day was answered; an error answer, or empty
ABSENT_NAMED = 10


class NotAnAnswer(ValueError):
    """A file that is not the provider's answer: truncated JSON, an HTML error page, another shape."""


class ProviderError(Exception):
    """An answer that says that the request failed."""

    def __init__(self, code: str, message: str, advice: str) -> None:
        """Keep the provider's code and message, and whether asking again helps."""
        self.code, self.advice = code, advice
        super().__init__(f"{code} {message}".strip())


@dataclass(frozen=True, slots=True)
class PointRun:
    """The points of one track in one page, and how many the provider says the whole track has."""

    key: str
    declared: int | None
    points: list[Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one provider answers.

    `answer(document)` gives the runs of points, or raises `ProviderError` or `NotAnAnswer`; `columns(points)` gets
    dicts only.
    """

    answer: Callable[[Any], list[PointRun]]
    columns: Callable[[list[dict[str, Any]]], PointColumns]
    names: FieldNames


@dataclass(frozen=True, slots=True, order=True)
class Page:
    """One file of a terminal.

    A number of 14 digits that begins with a date is page PPPP of window WW of that service day, and a window's counts
    are its own.

    >>> page = Page("T1", 20260318020003, "")
    >>> page.day, page.window
    (datetime.date(2026, 3, 18), 2)
    >>> Page("T1", 3, "").day, Page("T1", 99999999020003, "").day
    (None, None)
    """

    terminal: str
    number: int
    name: str

    @property
    def day(self) -> date | None:
        """The service day that the number names."""
        if self.number < 10 ** (PAGE_DIGITS - 1):
            return None
        try:
            return date.fromisoformat(str(self.number // 10**6))
        except ValueError:
            return None

    @property
    def window(self) -> int:
        """The window that the number names, 0 where it names no day."""
        return 0 if self.day is None else self.number // 10**4 % 100

    @property
    def run(self) -> int:
        """The number of the page before the first one of the same request."""
        return 0 if self.day is None else self.number // 10**4 * 10**4


def page_of(name: str) -> Page | None:
    """Return what a file name says, None for another kind of name.

    >>> page_of("TV.7.12.json.gz"), page_of("README.txt"), page_of(".1.json")
    (Page(terminal='TV.7', number=12, name='TV.7.12.json.gz'), None, None)
    """
    stem = name.removesuffix(".gz")
    if not stem.endswith(".json"):
        return None
    terminal, _, number = stem.removesuffix(".json").rpartition(".")
    if not terminal.strip() or not (number.isascii() and number.isdigit() and len(number) <= PAGE_DIGITS):
        return None
    return Page(terminal, int(number), name)


def page_number(day: date, window: int, page: int) -> int:
    """Return the number of a page (from 1) of a window (from 1) of a service day.

    >>> page_number(date(2026, 3, 18), 2, 3)
    20260318020003
    """
    return (int(day.strftime("%Y%m%d")) * 100 + window) * 10**4 + page


def document_of(data: bytes) -> tuple[Any, str | None]:
    """Return the document of a page, and a note on its encoding as `feeds.text.decode` gives it.

    Raises `UnreadableFile` for bytes that are no text, `NotAnAnswer` for text that is no JSON.
    """
    text, note = decode(data)
    try:
        return json.loads(text), note
    except RecursionError as error:
        raise NotAnAnswer("nested too deeply") from error
    except ValueError as error:  # a number of thousands of digits is one too
        raise NotAnAnswer(f"not JSON: {error}" if text.strip() else "an empty file") from error


class Completeness:
    """Whether the pages of one terminal hold as many points as the provider said.

    Walks the pages in order; a run that has all its points is followed by the next run (history of other days may
    lie beside), unless all pages answer `one_request`. A page that repeats another byte for byte brings nothing.

    >>> pages = Completeness()
    >>> pages.add(b"page 1", [PointRun("20", 3, [{}, {}])]); pages.missing()
    1
    >>> pages.add(b"page 2", [PointRun("20", 3, [{}])]); pages.missing()
    0
    """

    def __init__(self, one_request: bool = False) -> None:
        """Start without a page."""
        self._one_request = one_request
        self._seen: set[bytes] = set()
        self._state: dict[str, tuple[int, int]] = {}

    def add(self, data: bytes, runs: Sequence[PointRun]) -> None:
        """Count a page."""
        digest = blake2b(data, digest_size=16).digest()
        if digest in self._seen:
            return
        self._seen.add(digest)
        for run in runs:
            got, declared = self._state.get(run.key, (0, 0))
            if got >= declared and not self._one_request:
                if got and not run.points:  # past the end: the count comes once more, and no points
                    continue
                got = declared = 0
            self._state[run.key] = got + len(run.points), max(declared, run.declared or 0)

    def missing(self) -> int:
        """Return how many points are not there."""
        return sum(max(0, declared - got) for got, declared in self._state.values())


class PageFeed(TrackFeed):
    """A feed of pages in one dialect. Pages are read when their terminal is."""

    def __init__(self, context: FeedContext, dialect: Dialect) -> None:
        """List the pages; no page is opened yet."""
        super().__init__(context)
        self._dialect = dialect
        self._pages: dict[str, list[Page]] = {}
        self._n_bytes = 0
        self._first_source: dict[str, int] = {}
        self._broken: dict[str, dict[date | None, str]] = {}
        for path in context.paths():
            self._list(path)
        for pages in self._pages.values():
            pages.sort()

    def _list(self, path: Path) -> None:
        page = page_of(path.name)
        if page is None:
            self.context.ledger.warn(
                f"{self.context.relative(path)}: not read; expected a file named TERMINAL.PAGE.json"
            )
            return
        self._pages.setdefault(page.terminal, []).append(page)
        self._n_bytes += path.stat().st_size * (GZIP_RATIO if path.suffix == ".gz" else 1)

    def terminals(self) -> tuple[str, ...]:
        """Return the terminals that have a page, sorted."""
        return tuple(sorted(self._pages))

    def files(self) -> list[str]:
        """Return the pages, relative to the bundle, sorted."""
        return sorted(self._relative(page) for pages in self._pages.values() for page in pages)

    def n_rows_estimate(self) -> int:
        """Return a guess from the sizes of the files."""
        return self._n_bytes // BYTES_PER_POINT

    def broken_terminals(self, day: date | None = None) -> dict[str, str]:
        """Return the terminals read so far whose pages are not all there, with a reason code.

        With a service day, what is known to be missing from other days only does not count.
        """
        counted = {
            terminal: [reason for of, reason in days.items() if day is None or of in (None, day)]
            for terminal, days in sorted(self._broken.items())
        }
        return {terminal: reasons[0] for terminal, reasons in counted.items() if reasons}

    def units(self, terminals: Sequence[str]) -> list[Unit]:
        """Return the judged pages of these terminals, one unit for each track in a page."""
        wanted = tuple(terminals)
        return [unit for ix, terminal in enumerate(wanted) for unit in self._read_terminal(terminal, ix, wanted)]

    def _relative(self, page: Page) -> str:
        return f"{self.context.account_name}/{page.name}"

    def _read_terminal(self, terminal: str, terminal_ix: int, terminals: tuple[str, ...]) -> list[Unit]:
        units: list[Unit] = []
        counts: dict[int, Completeness] = {}
        for page in self._pages.get(terminal, ()):
            data = b""
            try:
                data = read_bytes(self.context.folder / page.name)
                runs = self._dialect.answer(self._document(data, page))
            except ProviderError as error:
                self._break(page, "provider-error", f"the provider answered {error} ({error.advice})")
            except (UnreadableFile, NotAnAnswer) as error:
                self._break(page, "unreadable-page", f"not an answer of the provider: {error}")
                units.append(self._refused_page(page, terminal_ix, terminals, data))
            else:
                counts.setdefault(page.run, Completeness(page.run > 0)).add(data, runs)
                units += self._judge_runs(page, runs, terminal_ix, terminals)
        for run, complete in counts.items():
            self._check_complete([page for page in self._pages[terminal] if page.run == run], complete.missing())
        return units

    def _document(self, data: bytes, page: Page) -> Any:
        if page.window == OPEN_WINDOW and not data:
            raise ProviderError("nothing", "yet for a part of the day", "pull it again")
        document, note = document_of(data)
        if note is not None:
            self.context.ledger.warn(encoding_warning(self._relative(page), note))
        return document

    def _break(self, page: Page, reason: str, message: str) -> None:
        self.context.ledger.warn(clean_text(f"{self._relative(page)}: {message}"))
        self._broken.setdefault(page.terminal, {}).setdefault(page.day, reason)

    def _refused_page(self, page: Page, terminal_ix: int, terminals: tuple[str, ...], data: bytes) -> Unit:
        found = data[: 4 * FOUND_CHARS].decode("utf-8", "replace")[:FOUND_CHARS]
        reject = Reject(self._relative(page), 0, "unreadable-page", "", clean_text(found))
        return Unit(empty_table(terminals), [(terminal_ix, reject)])

    def _judge_runs(
        self, page: Page, runs: Sequence[PointRun], terminal_ix: int, terminals: tuple[str, ...]
    ) -> list[Unit]:
        first_source = self._first_source.get(page.name)
        if first_source is None:
            first_source = self.context.sources.add(self._relative(page), sum(len(run.points) for run in runs))
            self._first_source[page.name] = first_source
        units, row = [], 1
        for run in runs:
            raw = self._raw(run.points, row, first_source, terminal_ix, terminals)
            unit = judge(raw, self._relative(page), self._dialect.names, _finder(run.points))
            units.append(Unit(flag_disorder(unit.table), unit.rejects))
            row += len(run.points)
        return units

    def _raw(
        self, points: list[Any], row: int, first_source: int, terminal_ix: int, terminals: tuple[str, ...]
    ) -> RawRows:
        if set(map(type, points)) - {dict}:
            points = [point if isinstance(point, dict) else {} for point in points]
        return self._dialect.columns(points).raw(terminals, terminal_ix, row, first_source)

    def _check_complete(self, pages: Sequence[Page], missing: int) -> None:
        terminal, day = pages[0].terminal, pages[0].day
        broken = self._broken.get(terminal, {})
        if not missing or day in broken:
            return
        gaps = _absent([page.number for page in pages], pages[0].run)
        which = f"; page {', '.join(map(str, gaps))} absent" if gaps else ""
        self.context.ledger.warn(
            f"{self.context.account_name}/{terminal}: {missing} points fewer than the provider's count{which}"
        )
        self._broken.setdefault(terminal, {})[day] = "missing-page"


def _absent(numbers: Sequence[int], before: int) -> list[int]:
    """Return the first of the numbers between `before` and the last one that are not there; `numbers` are sorted.

    >>> _absent([2, 5, 999_999_999], 0)
    [1, 3, 4, 6, 7, 8, 9, 10, 11, 12]
    """
    absent: list[int] = []
    for last, number in zip([before, *numbers], numbers, strict=False):
        absent += range(last + 1, min(number, last + 1 + ABSENT_NAMED))
    return absent[:ABSENT_NAMED]


def _finder(points: Sequence[Any]) -> Callable[[str, int], str]:
    def found(name: str, i: int) -> str:
        point = points[i]
        value = point.get(name, "") if isinstance(point, dict) else point
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return found


def field_of(points: Sequence[dict[str, Any]], name: str) -> list[Any]:
    """Return one field of every point, None where absent."""
    try:
        return [point[name] for point in points]
    except KeyError:
        return [point.get(name) for point in points]


def supplemented(points: Sequence[dict[str, Any]]) -> U4 | None:
    """Flag the points that carry the provider's mark of an interpolated point; None when there is none."""
    marks = [name for name in SUPPLEMENT_MARKS if any(name in point for point in points)]
    if not marks:
        return None
    bits = [any(point.get(name) not in (None, 0, "", "0", False) for name in marks) for point in points]
    return flagged(bits, Flag.SUPPLEMENTED)


def whole_number(value: object) -> int | None:
    """Return a count or code given as a number or a numeral, else None.

    >>> whole_number("10000"), whole_number(3.0), whole_number("x"), whole_number(True)
    (10000, 3, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
        return int(number) if number.is_integer() else None
    except (ValueError, OverflowError):
        return None
