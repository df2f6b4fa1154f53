"""ISO 8601 times of whole columns, without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from feeds.track_arrow import valid
from feeds.track_table import Mask
from trajectories.clock import LocalTime, to_ms
from trajectories.fleet import I8

T_BAD = np.iinfo(np.int64).min
"""What stands for a time that could not be read."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOURS_FROM, HOURS_TO = -613_608, 2_016_144  # 1900-01-01 and 2200-01-01, in hours since 1970
MINUTES_ONLY = len("2026-03-18T06:57")
SECONDS = len("2026-03-18T06:57:29")
LONGEST = len("2026-03-18T06:57:29.123456789+08:00")
MARKS = ((4, b"-"), (7, b"-"), (10, b"Tt "), (13, b":"))

U1 = npt.NDArray[np.uint8]


def local_to_utc_ms(wall_ms: I8, local: LocalTime) -> I8:
    """Turn local wall time, in ms as if it were UTC, into ms UTC; what is not between 1900 and 2200 becomes `T_BAD`.

    A wall time that the clock shows twice is taken as the first of the two.

    >>> wall = np.array([0, T_BAD])
    >>> (local_to_utc_ms(wall, LocalTime("Asia/Shanghai")) == [-8 * HOUR_MS, T_BAD]).all()
    np.True_
    """
    hours = wall_ms // HOUR_MS
    good = (hours >= HOURS_FROM) & (hours < HOURS_TO)
    if not good.any():
        return np.full(len(wall_ms), T_BAD, np.int64)
    first = int(hours[good].min())
    at = np.where(good, hours, first) - first
    offsets = np.zeros(int(at.max()) + 1, np.int64)
    seen = np.zeros(len(offsets), np.bool_)
    seen[at] = True
    for k in np.flatnonzero(seen):  # one step for each hour of the clock, not for each row
        offsets[k] = _offset_ms(first + int(k), local)
    utc_ms: I8 = np.where(good, wall_ms - offsets[at], T_BAD)
    return utc_ms


def _offset_ms(hour: int, local: LocalTime) -> int:
    wall = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    return to_ms(wall) - local.at(wall.date(), wall.time())


def parse_iso(texts: Any, local: LocalTime) -> tuple[I8, Mask]:
    """Read a pyarrow string array of ISO 8601 times as ms UTC; also say which had no offset and were read as local.

    Unreadable and null texts become `T_BAD`. A space for the T, Z, +08:00, +0800, +08, fractions of a second
    (cut to ms) and a time without seconds are read.

    >>> t_ms, naive = parse_iso(pa.array(["2026-03-18T12:00:00+08:00", "2026-03-18 12:00:00", "noon"]),
    ...                         LocalTime("Asia/Shanghai"))
    >>> t_ms[:2].tolist(), bool(t_ms[2] == T_BAD), naive.tolist()
    ([1773806400000, 1773806400000], True, [False, True, False])
    """
    return _parse(*_buffers(texts), local)


def parse_iso_list(texts: Sequence[object], local: LocalTime) -> I8:
    """Read a list the same way; what is not a string becomes `T_BAD`.

    >>> parse_iso_list(["2026-03-18 12:00:00", None], LocalTime("Asia/Shanghai"))[0]
    np.int64(1773806400000)
    """
    return parse_iso_list_naive(texts, local)[0]


def parse_iso_list_naive(texts: Sequence[object], local: LocalTime) -> tuple[I8, Mask]:
    """Read a list as `parse_iso_list` does, and also say which times had no offset.

    >>> parse_iso_list_naive(["2026-03-18T04:00:00Z", "2026-03-18T12:00:00"], LocalTime("Asia/Shanghai"))[1].tolist()
    [False, True]
    """
    chars = [text.encode("utf-8", "replace") if isinstance(text, str) else b"" for text in texts]
    lengths = np.fromiter(map(len, chars), np.int64, len(chars))
    return _parse(np.cumsum(lengths) - lengths, lengths, np.frombuffer(b"".join(chars), np.uint8), local)


def _parse(starts: I8, lengths: I8, data: U1, local: LocalTime) -> tuple[I8, Mask]:
    n = len(starts)
    t_ms, naive = np.full(n, T_BAD, np.int64), np.zeros(n, np.bool_)
    for length in np.unique(lengths):
        if not MINUTES_ONLY <= length <= LONGEST:
            continue
        rows = np.flatnonzero(lengths == length)
        text = data[starts[rows][:, None] + np.arange(length)]
        for zone_chars, members in _zone_kinds(text):
            t_ms[rows[members]] = _parse_alike(text[members], zone_chars)
            naive[rows[members]] = zone_chars == 0
    naive &= t_ms != T_BAD
    if naive.any():
        t_ms[naive] = local_to_utc_ms(t_ms[naive], local)
    return t_ms, naive


def _buffers(texts: Any) -> tuple[I8, I8, U1]:
    """Return where each trimmed text starts, how long it is, and the bytes of all."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = pc.utf8_trim_whitespace(texts.cast(pa.large_string()))
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64), np.zeros(0, np.uint8)
    ends = np.frombuffer(offsets, np.int64, count=len(texts) + 1, offset=8 * texts.offset)
    lengths = np.diff(ends)
    if texts.null_count:
        lengths[~valid(texts)] = 0
    return ends[:-1], lengths, np.frombuffer(data, np.uint8)


def _zone_kinds(text: U1) -> list[tuple[int, npt.NDArray[np.int64]]]:
    """Group equally long texts by the number of characters of their offset (0 = none)."""
    length = text.shape[1]
    chars = np.zeros(len(text), np.int64)
    for width in (3, 5, 6):  # +08, +0800, +08:00
        if length - width >= MINUTES_ONLY:
            chars[_is_any(text[:, -width], b"+-")] = width
    chars[_is_any(text[:, -1], b"Zz")] = 1
    return [(int(width), np.flatnonzero(chars == width)) for width in np.unique(chars)]


def _parse_alike(text: U1, zone_chars: int) -> I8:
    """Read texts of one length and one kind of offset."""
    body = text[:, : text.shape[1] - zone_chars]
    good = np.ones(len(text), np.bool_)
    for at, allowed in MARKS:
        good &= _is_any(body[:, at], allowed)
    year, month, day = (_digits(body[:, a:b], good) for a, b in ((0, 4), (5, 7), (8, 10)))
    hour, minute = _digits(body[:, 11:13], good), _digits(body[:, 14:16], good)
    second_ms = _seconds_ms(body, good)
    t_ms = civil_ms(year, month, day, hour, minute, second_ms, good)
    t_ms -= _zone_ms(text[:, text.shape[1] - zone_chars :], good)
    read: I8 = np.where(good, t_ms, T_BAD)
    return read


def civil_ms(year: I8, month: I8, day: I8, hour: I8, minute: I8, second_ms: I8, good: Mask) -> I8:
    """Return dates and times of day (n,) as ms since 1970, as if they were UTC; what no calendar has loses its `good`.

    >>> good = np.ones(2, np.bool_)
    >>> columns = [np.array(column) for column in ([2024, 2023], [2, 2], [29, 29], [0, 0], [0, 0], [0, 0])]
    >>> civil_ms(*columns, good)[0], good.tolist()
    (np.int64(1709164800000), [True, False])
    """
    good &= (year >= 1900) & (month >= 1) & (month <= 12) & (day >= 1)
    good &= (hour < 24) & (minute < 60) & (second_ms < 60_000)
    months = (np.where(good, year, 1970) - 1970) * 12 + np.where(good, month, 1) - 1
    first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    next_first = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    good &= day <= next_first - first
    t_ms: I8 = (first + day - 1) * DAY_MS + hour * HOUR_MS + minute * 60_000 + second_ms
    return t_ms


def _seconds_ms(body: U1, good: Mask) -> I8:
    length = body.shape[1]
    if length == MINUTES_ONLY:
        return np.zeros(len(body), np.int64)
    if length < SECONDS or length == SECONDS + 1 or length > SECONDS + 10:
        good[:] = False
        return np.zeros(len(body), np.int64)
    good &= _is_any(body[:, 16], b":")
    whole_ms = _digits(body[:, 17:19], good) * 1000
    if length == SECONDS:
        return whole_ms
    good &= _is_any(body[:, SECONDS], b".,")
    fraction = _digits(body[:, SECONDS + 1 :], good)
    n_digits = length - SECONDS - 1
    return np.asarray(whole_ms + (fraction * 1000) // 10**n_digits, np.int64)


def _zone_ms(zone: U1, good: Mask) -> I8:
    """Return the offset east of Greenwich in ms."""
    if zone.shape[1] <= 1:
        return np.zeros(len(zone), np.int64)
    hours = _digits(zone[:, 1:3], good)
    minutes = _digits(zone[:, -2:], good) if zone.shape[1] > 3 else np.zeros(len(zone), np.int64)
    if zone.shape[1] == 6:
        good &= _is_any(zone[:, 3], b":")
    good &= (hours <= 14) & (minutes < 60)
    west: I8 = np.where(zone[:, 0] == ord("-"), -1, 1)
    return west * (hours * HOUR_MS + minutes * 60_000)


def _digits(chars: U1, good: Mask) -> I8:
    """Return the number that columns of digits spell; rows with anything else lose their `good`."""
    values = chars.astype(np.int64) - ord("0")
    good &= ((values >= 0) & (values <= 9)).all(axis=1)
    return np.asarray(values @ 10 ** np.arange(chars.shape[1] - 1, -1, -1, dtype=np.int64), np.int64)


def _is_any(chars: U1, allowed: bytes) -> Mask:
    hit = chars == allowed[0]
    for char in allowed[1:]:
        hit = hit | (chars == char)
    return np.asarray(hit, np.bool_)
