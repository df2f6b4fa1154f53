"""Where live tracks come from: the TOML file of `trajaudit pull --sources`, one `[feeds.NAME]` for each feed.

Keys are never in that file: it names an environment variable, or a file that nobody else may read.
"""

from __future__ import annotations

import math
import os
import re
import ssl
import stat
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from feeds.bundle_config import BundleConfig
from feeds.faults import Fault, UnusableInput
from feeds.hints import did_you_mean
from feeds.track_reader import FeedConfig
from geo.datum import Datum

KEY_CHARS = 8
OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO
HOURS = tuple(range(1, 25))


class Secret:
    """A key. It shows itself nowhere: not as text, not in a repr, not pickled.

    >>> Secret("0123456789abcdef"), str(Secret("0123456789abcdef"))
    (Secret(***), 'Secret(***)')
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep the key."""
        self._value = value

    def reveal(self) -> str:
        """Return the key itself, for a request alone."""
        return self._value

    def is_in(self, data: bytes) -> bool:
        """Whether bytes hold the key, as it is or as it is written in an address."""
        forms = {self._value, quote(self._value), quote(self._value, safe=""), quote_plus(self._value)}
        return any(form.encode() in data for form in forms)

    def __repr__(self) -> str:
        """Hide the key."""
        return "Secret(***)"

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Refuse to be written anywhere."""
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a `[feeds.NAME]` table: what it may be, and what it is for. None as default: it may be absent."""

    name: str
    holds: Callable[[Any], bool]
    expected: str
    default: Any
    purpose: str


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _is_address(value: Any) -> bool:
    """Whether a value is an address to which a path can be added.

    >>> _is_address("https://tsapi.amap.com/v1/track"), _is_address("ftp://h/"), _is_address("https://me:word@h/")
    (True, False, False)
    """
    if not _is_text(value):
        return False
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # reads it, and fails on a bad one
    except ValueError:
        return False
    more = parts.query or parts.fragment or parts.username is not None or "?" in value or "#" in value
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not more


TEXT, COUNT, POSITIVE = "text in quotes", "a whole number, 1 or more", "a number above 0"
SETTINGS = (
    Setting("service_id", _is_count, COUNT, None, "the service at the provider: Amap's sid, Baidu's service_id"),
    Setting("key_env", _is_text, TEXT, None, "the environment variable that holds the key"),
    Setting("key_file", _is_text, TEXT, None, "the file that holds the key, mode 0600"),
    Setting("secret_env", _is_text, TEXT, None, "Baidu: the environment variable of the secret key that signs"),
    Setting("secret_file", _is_text, TEXT, None, "Baidu: the file of the secret key, mode 0600"),
    Setting("base_url", _is_address, "an http or https address", None, "where the provider, or a gateway to it, is"),
    Setting("ca_file", _is_text, TEXT, None, "certificates that are trusted in place of the usual ones"),
    Setting(
        "terminal_key",
        lambda value: value in ("tid", "name"),
        '"tid" or "name"',
        "tid",
        "Amap: what terminal_id of the register is there",
    ),
    Setting("window_hours", HOURS.__contains__, "1 to 24", None, "hours asked for at once (Amap 24, Baidu 4)"),
    Setting("page_size", _is_count, COUNT, None, "points a page (Amap 999, Baidu 5000, which are the most)"),
    Setting("timeout_s", _is_positive, POSITIVE, 10.0, "seconds until a silent provider counts as absent"),
    Setting("attempts", _is_count, COUNT, 4, "how often one page is asked for before its car is given up"),
    Setting(
        "backoff_s", _is_positive, POSITIVE, 1.0, "seconds before the second attempt, then twice as long each time"
    ),
    Setting("give_up_after", _is_count, COUNT, 3, "cars that fail in a row, after which a feed is left for later"),
    Setting("queries_per_second", _is_positive, POSITIVE, 5.0, "queries a second, all connections together"),
    Setting("queries_per_day", _is_count, COUNT, None, "queries a day (Beijing time); none: only counted"),
    Setting("count_file", _is_text, TEXT, None, "keeps the day's count; feeds that share a key share the file"),
    Setting("connections", _is_count, COUNT, 2, "cars asked for at the same time"),
    Setting("settle_minutes", _is_count, COUNT, 60, "late points are waited for so long: earlier answers are renewed"),
    Setting("max_answer_mb", _is_positive, POSITIVE, 32.0, "the largest answer that is taken"),
)
"""Every setting; the recipe names each of them."""

_BY_PROVIDER: Mapping[str, Mapping[str, Any]] = {
    "amap": {"base_url": "https://tsapi.amap.com/v1/track", "window_hours": 24, "page_size": 999},
    "baidu": {"base_url": "https://yingyan.baidu.com/api/v3", "window_hours": 4, "page_size": 5000},
}
PROVIDERS = tuple(_BY_PROVIDER)


@dataclass(frozen=True, slots=True)
class Source:
    """One feed's live source: its provider, datum, keys, and `values` of `SETTINGS` by name, defaults filled in."""

    feed: str
    provider: str
    datum: Datum
    key: Secret
    secret: Secret | None
    count_file: Path
    ca_file: Path | None
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Return the value of a setting."""
        return self.values[name]

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not be written anywhere."""
        return (self.key,) if self.secret is None else (self.key, self.secret)


def read_sources(path: Path, config: BundleConfig, wanted: Collection[str] = ()) -> tuple[Source, ...]:
    """Read the live sources of a bundle's feeds, of `wanted` ones only where any is named.

    Raises `UnusableInput` with every fault of the file and of the keys it names.
    """
    faults: list[Fault] = []
    tables = _tables(path, faults)
    known = {feed.name: feed for feed in config.feeds}
    for name in wanted:
        if name not in tables:
            hint = did_you_mean(name, tables) or f"Write [feeds.{name}]."
            faults.append(Fault(path.name, "is not described here", None, f"feeds.{name}", hint=hint))
    sources = []
    for name, table in tables.items():
        if wanted and name not in wanted:
            continue
        if name in known:
            sources.append(_Table(path, known[name], table, faults).source())
        else:
            hint = did_you_mean(name, known) or "The feed must be one of bundle.toml."
            faults.append(Fault(path.name, "is no feed of the bundle", None, f"feeds.{name}", hint=hint))
    if faults:
        raise UnusableInput(faults)
    return tuple(source for source in sources if source is not None)


def _tables(path: Path, faults: list[Fault]) -> dict[str, dict[str, Any]]:
    try:
        raw = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        where = re.search(r"line \d+, column \d+", str(error))  # no more of the text: it may hold a key by mistake
        why = error.strerror if isinstance(error, OSError) else "it is not TOML in UTF-8"
        why = f"{why} ({where[0]})" if where else why
        raise UnusableInput([Fault(path.name, f"cannot be read: {why}", hint="See https://toml.io")]) from None
    feeds = raw.get("feeds")
    if not isinstance(feeds, dict) or not feeds or not all(isinstance(table, dict) for table in feeds.values()):
        raise UnusableInput([Fault(path.name, "names no feed", None, "feeds", expected="a table [feeds.NAME] each")])
    faults.extend(
        Fault(path.name, "is no key of this file", None, key, expected="[feeds.NAME] tables")
        for key in sorted(set(raw) - {"feeds"})
    )
    return feeds


@dataclass(frozen=True, slots=True)
class _Table:
    """One `[feeds.NAME]` of the file."""

    path: Path
    feed: FeedConfig
    table: Mapping[str, Any]
    faults: list[Fault]

    def source(self) -> Source | None:
        """Return the source; None where a fault was found."""
        before = len(self.faults)
        if self.feed.format not in PROVIDERS:
            expected = " or ".join(PROVIDERS)
            self._fault("", "is not a feed that can be pulled", f'format = "{self.feed.format}"', f"format {expected}")
            return None
        self._check_names()
        values = {setting.name: self._value(setting) for setting in SETTINGS}
        values |= {k: v for k, v in _BY_PROVIDER[self.feed.format].items() if values[k] is None}
        self._check_values(values)
        key, secret = self._secret("key"), self._secret("secret")
        if len(self.faults) > before or key is None:
            return None
        count_file = self._path("count_file") or self.path.with_name(f"{self.path.stem}.{self.feed.name}.count")
        ca_file = self._path("ca_file")
        return Source(self.feed.name, self.feed.format, self.feed.datum, key, secret, count_file, ca_file, values)

    def _fault(self, key: str, message: str, found: str | None, expected: str | None, hint: str | None = None) -> None:
        field = f"feeds.{self.feed.name}.{key}".rstrip(".")
        self.faults.append(Fault(self.path.name, message, None, field, found, expected, hint))

    def _check_names(self) -> None:
        names = [setting.name for setting in SETTINGS]
        for key in sorted(set(self.table) - set(names)):  # what is written there may be a key: it is not repeated
            hint = did_you_mean(key, names)
            if key in ("key", "ak", "sk", "secret"):
                hint = "A key is never written here: name key_env or key_file."
            self._fault(key, "is no setting", None, "one of " + ", ".join(names), hint)

    def _value(self, setting: Setting) -> Any:
        value = self.table.get(setting.name, setting.default)
        if setting.name in self.table and not setting.holds(value):
            self._fault(setting.name, "is not what it should be", None, setting.expected)
            return setting.default
        return value

    def _check_values(self, values: Mapping[str, Any]) -> None:
        most = _BY_PROVIDER[self.feed.format]["page_size"]
        if values["page_size"] > most:
            self._fault("page_size", "is more than the provider gives", str(values["page_size"]), f"{most} at most")
        if "service_id" not in self.table:
            self._fault("service_id", "is missing", None, COUNT)
        if self.feed.format == "baidu" and self.feed.datum not in (Datum.GCJ02, Datum.BD09):
            found, hint = str(self.feed.datum.value), 'Write datum = "bd09" for this feed in bundle.toml.'
            self._fault("", "has a datum that Baidu does not give", found, "gcj02 or bd09", hint)
        if self.feed.format == "amap" and (self.table.keys() & {"secret_env", "secret_file"}):
            self._fault("secret_env", "is not for Amap, which signs nothing here", None, None)
        ca_file = self._path("ca_file")
        if ca_file is not None:
            try:
                ssl.create_default_context(cafile=ca_file)
            except OSError:  # ssl.SSLError is one
                self._fault("ca_file", "cannot be read", ca_file.name, "certificates in PEM")

    def _path(self, name: str) -> Path | None:
        value = self.table.get(name)
        return self.path.parent / str(value) if _is_text(value) else None

    def _secret(self, what: str) -> Secret | None:
        named = [name for name in (f"{what}_env", f"{what}_file") if _is_text(self.table.get(name))]
        if len(named) != 1:
            if named or what == "key":
                message = "are both there" if named else "are both missing"
                self._fault(f"{what}_env", f"and {what}_file {message}", None, "one of the two")
            return None
        name = named[0]
        place = str(self.table[name])
        try:
            text = _from_file(self.path.parent / place) if name.endswith("_file") else os.environ.get(place, "")
        except _BadKey as error:
            self._fault(name, str(error), None, error.expected, error.hint)
            return None
        if len(text) < KEY_CHARS or not text.isascii() or not text.isprintable() or " " in text:
            expected = f"one line of {KEY_CHARS} characters or more without blanks"
            self._fault(name, "leads to no key", None, expected)  # what is written there may be the key itself
            return None
        return Secret(text)


class _BadKey(Exception):
    def __init__(self, message: str, expected: str, hint: str | None = None) -> None:
        self.expected, self.hint = expected, hint
        super().__init__(message)


def _from_file(path: Path) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _BadKey("is not a file", "a file with the key")
        if status.st_mode & OTHERS_MAY:
            mode = f"{stat.S_IMODE(status.st_mode):04o}"
            raise _BadKey(f"may be read by others (mode {mode})", "mode 0600", f"chmod 600 {path.name}")
        if status.st_uid not in (os.geteuid(), 0):
            raise _BadKey("belongs to somebody else", "a file of your own")
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise _BadKey(f"cannot be read: {why}", "a file with the key") from None


def pullable(config: BundleConfig, sources: Iterable[Source]) -> list[str]:
    """Return the bundle's feeds of these providers that no source describes."""
    described = {source.feed for source in sources}
    return [feed.name for feed in config.feeds if feed.format in PROVIDERS and feed.name not in described]
