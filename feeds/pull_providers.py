"""What is asked of each provider: raw tracks only, never de-noised, matched, thinned or supplemented ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

from feeds import amap, baidu
from feeds.pull_settings import Secret, Source
from feeds.track_pages import Dialect
from geo.datum import Datum

MS_PER_S = 1000
RAW = "denoise=0,mapmatch=0,attribute=0,threshold=0,mode=driving"
_COORD_TYPES = {Datum.GCJ02: "gcj02", Datum.BD09: "bd09ll"}

Pairs = Sequence[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a service day, [start_ms, end_ms); `number` counts from 1."""

    number: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Provider:
    """How one provider is asked.

    `about_the_terminal` are the error codes that say nothing of other terminals. `track(source, terminal, window,
    page)` gives the address of a page; `search(source, terminal_id)` that of the list in which the provider's own
    number of a terminal stands, None where the register has what is asked for.
    """

    dialect: Dialect
    about_the_terminal: frozenset[str]
    track: Callable[[Source, str, Window, int], str]
    search: Callable[[Source, str], str | None]


def _address(source: Source, path: str, pairs: Pairs) -> str:
    return f"{source['base_url'].rstrip('/')}/{path}?{urlencode(pairs, quote_via=quote, safe='')}"


def _amap_track(source: Source, terminal: str, window: Window, page: int) -> str:
    pairs: Pairs = (
        ("key", source.key.reveal()),
        ("sid", source["service_id"]),
        ("tid", terminal),
        ("starttime", window.start_ms),
        ("endtime", window.end_ms - 1),
        ("correction", RAW),
        ("recoup", 0),
        ("ispoints", 1),
        ("page", page),
        ("pagesize", source["page_size"]),
    )
    return _address(source, "terminal/trsearch", pairs)


def _amap_search(source: Source, terminal_id: str) -> str | None:
    if source["terminal_key"] == "tid":
        return None
    pairs = (("key", source.key.reveal()), ("sid", source["service_id"]), ("name", terminal_id))
    return _address(source, "terminal/list", pairs)


def tid_of(document: Any, name: str) -> str | None:
    """Return the number of the terminal with just this name in an answer of `terminal/list`, None where none has it.

    >>> tid_of({"data": {"results": [{"tid": 584693620, "name": "A1"}]}}, "A1")
    '584693620'
    """
    data = document.get("data") if isinstance(document, dict) else None
    results = data.get("results") if isinstance(data, dict) else None
    for item in results if isinstance(results, list) else ():
        if isinstance(item, dict) and item.get("name") == name and item.get("tid"):
            return str(item["tid"])
    return None


def _baidu_track(source: Source, terminal: str, window: Window, page: int) -> str:
    pairs: Pairs = (
        ("ak", source.key.reveal()),
        ("service_id", source["service_id"]),
        ("entity_name", terminal),
        ("start_time", window.start_ms // MS_PER_S),
        ("end_time", window.end_ms // MS_PER_S - 1),
        ("is_processed", 0),
        ("supplement_mode", "no_supplement"),
        ("coord_type_output", _COORD_TYPES[source.datum]),
        ("sort_type", "asc"),
        ("page_index", page),
        ("page_size", source["page_size"]),
    )
    address = _address(source, "track/gettrack", pairs)
    return address if source.secret is None else f"{address}&sn={signature(address, source.secret)}"


def signature(address: str, secret: Secret) -> str:
    """Return Baidu's `sn`: the MD5 of the quoted path and query, just as they are sent, with the secret key after them.

    Source: Baidu's SN appendix, whose sample this is.

    >>> sample = "/geocoder/v2/?address=%E7%99%BE%E5%BA%A6%E5%A4%A7%E5%8E%A6&output=json&ak=yourakyoursk"
    >>> signature(sample.removesuffix("yoursk"), Secret("yoursk"))
    '7de5a22212ffaa9e326444c75a58f9a0'
    """
    parts = urlsplit(address)
    text = quote_plus(f"{parts.path}?{parts.query}{secret.reveal()}")
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


PROVIDER_OF = {
    "amap": Provider(amap.AMAP, amap.ABOUT_THE_TERMINAL, _amap_track, _amap_search),
    "baidu": Provider(baidu.BAIDU, baidu.ABOUT_THE_TERMINAL, _baidu_track, lambda _source, _terminal_id: None),
}
"""A feed's format to its provider."""
