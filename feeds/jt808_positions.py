"""The positions in JT/T 808 messages: 0x0200, 0x0704 (many at once) and the training records under 0x0900, as columns.

Both layouts of a position have in common what is read here: 0 alarm u32, 4 status u32, 8 latitude, 12 longitude u32 in
1e-6 degrees, 18 satellite speed u16 in 0.1 km/h, 20 direction u16, 22 time BCD[6] in GMT+8. At 16 a 0x0200 has its
height and a training record the recorder's speed: neither is read, nor is what follows from 28 on (mileage, recorder
speed, satellites ...), for which a track has no column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feeds.jt808_frames import U1, Bools, Messages, unsigned
from feeds.track_rows import PointColumns, flagged
from feeds.track_times import HOUR_MS, T_BAD, civil_ms
from trajectories.fleet import F8, I8, LAG_UNKNOWN, Flag

POSITION, BATCH, TRANSPARENT = 0x0200, 0x0704, 0x0900
TRAINING_TYPE = 0x13
BLIND_AREA = 1
POSITION_BYTES = 28
TRAINING_START, SIGNATURE_BYTES = 27, 256
"""Bytes of an 0x0900 body before its data (25 where the data's length is a u16), and of the signature after it."""

TRAINING_POSITIONS = {0x0101: 36, 0x0102: 16, 0x0201: 41, 0x0202: 30, 0x0203: 76, 0x0305: 40}
"""Where in the data of a training message its position begins: logins and logouts of coach and student, the record of a
minute, the announcement of a photo."""

FIXED, SOUTH, WEST, PLUGIN = 1 << 1, 1 << 2, 1 << 3, 1 << 5
"""Bits of the status: positioned, southern, western, positions encrypted by the plug-in (that is GCJ-02)."""

GNSS_ALARMS = 1 << 4 | 1 << 5 | 1 << 6
"""Bits of the alarm: receiver faulty, antenna open, antenna short."""

UNFIXED_ACCURACY_M = 100_000.0
"""Stands for "not positioned": the terminal sends its last place, and says that it does not know where it is now.

Below the million metres from which on an accuracy is taken for none (track_rows)."""

GMT8_MS = 8 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Places:
    """p positions in the order they were sent.

    `at` (p,) says where each begins in `Messages.bytes`, `frame` and `item` its frame and its place in it, `late`
    whether it was sent again or from a blind area.
    `refused` are the rows that hold none: (frame, place in the frame, reason). `other` (k,) are the messages without
    a position.
    """

    at: I8
    frame: I8
    item: I8
    late: Bools
    refused: list[tuple[int, int, str]]
    other: I8


Found = tuple[I8, I8, I8, Bools]
"""Places, frames, places in the frame, and whether late: columns of positions."""


def find_positions(messages: Messages) -> Places:
    """Return where the positions of all messages are."""
    kind, length = messages.message, messages.body_end - messages.body
    lone = kind == POSITION
    fits = lone & (length >= POSITION_BYTES)
    rows = np.flatnonzero(fits)
    no_item, on_time = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.bool_)
    found: list[Found] = [(messages.body[rows], messages.frame[rows], no_item, on_time)]
    refused = [(int(frame), 0, "short-body") for frame in messages.frame[lone & ~fits]]
    batches, refused_items = _batches(messages, np.flatnonzero(kind == BATCH))
    training, refused_training, other = _training(messages, np.flatnonzero(kind == TRANSPARENT))
    found += [*batches, training]
    at, frame, item, late = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.lexsort((item, frame))
    at, frame, item, late = (column[order] for column in (at, frame, item, late))
    strange = np.concatenate([messages.message[~np.isin(kind, (POSITION, BATCH, TRANSPARENT))], other])
    return Places(at, frame, item, late, refused + refused_items + refused_training, strange)


def _batches(messages: Messages, rows: I8) -> tuple[list[Found], list[tuple[int, int, str]]]:
    """Walk all batches at once, item by item: count u16, type u8, then items of length u16 and a 0x0200 body."""
    refused: list[tuple[int, int, str]] = []
    headless = messages.body_end[rows] - messages.body[rows] < 3
    refused += [(int(frame), 0, "short-body") for frame in messages.frame[rows[headless]]]
    rows = rows[~headless]
    at, end, frame = messages.body[rows], messages.body_end[rows], messages.frame[rows]
    count = unsigned(messages.bytes, at, 2)
    late: Bools = messages.bytes[at + 2] == BLIND_AREA
    at = at + 3
    found: list[Found] = []
    item = 0
    while len(at):
        here = (count > item) & (end - at >= 2)
        size = np.where(here, unsigned(messages.bytes, np.where(here, at, 0), 2), 0)
        here &= at + 2 + size <= end
        over = ~here & ((count > item) | (at < end))
        refused += [(int(f), item, "batch-count") for f in frame[over]]
        at, end, frame, count, size = (column[here] for column in (at, end, frame, count, size))
        late = late[here]
        full = size >= POSITION_BYTES
        found.append((at[full] + 2, frame[full], np.full(int(full.sum()), item, np.int64), late[full]))
        refused += [(int(f), item, "short-body") for f in frame[~full]]
        at = at + 2 + size
        item += 1
    return found, refused


def _training(messages: Messages, rows: I8) -> tuple[Found, list[tuple[int, int, str]], I8]:
    """Return the positions of training messages, the refused, and the messages without a position."""
    data, body, end = messages.bytes, messages.body[rows], messages.body_end[rows]
    ours = (end > body) & (data[np.minimum(body, len(data) - 1)] == TRAINING_TYPE)
    other = messages.message[rows[~ours]]
    rows, body, end = rows[ours], body[ours], end[ours]
    short = end - body < TRAINING_START - 2
    start, n_bytes = _training_data(data, body, end)
    kind = np.where(short, 0, unsigned(data, np.where(short, 0, body + 1), 2))
    offset = np.full(len(rows), -1, np.int64)
    for message, place in TRAINING_POSITIONS.items():
        offset[kind == message] = place
    bad = short | ((offset >= 0) & (n_bytes < offset + POSITION_BYTES))
    refused = [(int(frame), 0, "short-body") for frame in messages.frame[rows[bad]]]
    good = ~bad & (offset >= 0)
    again = (unsigned(data, body[good] + 3, 2) & 1) == 1
    places = (start + offset)[good]
    none = ~bad & (offset < 0)
    return (
        (places, messages.frame[rows[good]], np.zeros(len(places), np.int64), again),
        refused,
        np.concatenate([other, (messages.message[rows] << 16 | kind)[none]]),
    )


def _training_data(data: U1, body: I8, end: I8) -> tuple[I8, I8]:
    """Return where the data begins and its length (-1 where neither width of the length fits what is there).

    The length is a u32, in some terminals a u16; what follows the data is nothing or the signature.
    """
    start, n_bytes = np.zeros(len(body), np.int64), np.full(len(body), -1, np.int64)
    for width in (2, 4):  # the standard's own width last, so that it wins
        begin = body + TRAINING_START - 4 + width
        size = np.where(begin <= end, unsigned(data, np.where(begin <= end, begin - width, 0), width), -1)
        rest = end - begin - size
        fits = (size >= 0) & ((rest == 0) | (rest == SIGNATURE_BYTES))
        start, n_bytes = np.where(fits, begin, start), np.where(fits, size, n_bytes)
    return start, n_bytes


def decode(data: U1, at: I8, late: Bools) -> tuple[PointColumns, I8]:
    """Return the positions at places (p,) as columns, and their status words."""
    alarm, status = unsigned(data, at, 4), unsigned(data, at + 4, 4)
    lat_deg: F8 = unsigned(data, at + 8, 4) / 1e6
    lon_deg: F8 = unsigned(data, at + 12, 4) / 1e6
    return PointColumns(
        _times(data, at + 22),
        np.where(status & WEST, -lon_deg, lon_deg),
        np.where(status & SOUTH, -lat_deg, lat_deg),
        unsigned(data, at + 18, 2) / 10,
        unsigned(data, at + 20, 2).astype(np.float64),
        np.where(status & FIXED, np.nan, UNFIXED_ACCURACY_M),
        np.full(len(at), LAG_UNKNOWN, np.int32),
        flagged(late, Flag.LATE) | flagged((alarm & GNSS_ALARMS) != 0, Flag.GNSS_FAULT),
    ), status


def _times(data: U1, at: I8) -> I8:
    """Return times YYMMDDhhmmss in BCD and GMT+8 as ms UTC; what is no time becomes `T_BAD`."""
    digits = data[at[:, None] + np.arange(6)].astype(np.int64)
    good = ((digits >> 4) <= 9).all(axis=1) & ((digits & 15) <= 9).all(axis=1)
    year, month, day, hour, minute, second = ((digits >> 4) * 10 + (digits & 15)).T
    t_ms = civil_ms(2000 + year, month, day, hour, minute, second * 1000, good)
    return np.where(good, t_ms - GMT8_MS, T_BAD)
