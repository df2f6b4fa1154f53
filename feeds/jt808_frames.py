"""JT/T 808 frames: cut out of a stream of bytes, unescaped, checked and read to the end of their heads, as columns.

`7E | escaped(head + body + check) | 7E`; 7E is escaped as 7D 02 and 7D as 7D 01; the check is the XOR of head and body;
numbers are big-endian. Three heads exist: of 2011 and 2013 (12 bytes), of 2019 (17 bytes, bit 14 of the properties),
and that of the driver-training timing extension (16 bytes). A frame is whatever lies between two 7E, so that reading
is in step again at the next 7E, whatever garbage or half frame came before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from trajectories.fleet import I8

U1 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

MARK, ESCAPE = 0x7E, 0x7D
BODY_BITS = 0x3FF
ENCRYPTED_BITS, PART_BIT, NEW_HEAD_BIT = 0x1C00, 1 << 13, 1 << 14
PHONE_BYTES = 10
PART_BYTES = 4
TRAINING_RESERVED = 0x3C
PAD = 64
"""Zero bytes after the last frame, so that a head may be looked at before its length is known."""

LONGEST_FRAME = 2 * (17 + PART_BYTES + BODY_BITS + 1) + 2
"""Bytes of the longest frame there can be: every byte escaped."""


class Head(IntEnum):
    """The three heads."""

    Y2013 = 0
    Y2019 = 1
    TRAINING = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a head has its fields, in bytes from its start, and its length without the part numbers.

    The head of 2013 has no version; what stands in its place is not looked at.
    """

    version: int
    message: int
    properties: int
    phone: int
    phone_bytes: int
    sequence: int
    length: int
    new_head_bit: int


LAYOUTS: Mapping[Head, Layout] = {
    Head.Y2013: Layout(0, 0, 2, 4, 6, 10, 12, 0),
    Head.Y2019: Layout(4, 0, 2, 5, 10, 15, 17, NEW_HEAD_BIT),
    Head.TRAINING: Layout(0, 1, 3, 5, 8, 13, 16, 0),
}


class FrameFault(IntEnum):
    """Why a piece between two 7E is no frame; the first that holds."""

    NONE = 0
    BAD_ESCAPE = 1  # 7D followed by neither 01 nor 02
    TOO_SHORT = 2  # not even a head
    BAD_CHECKSUM = 3
    BAD_LENGTH = 4  # the body is not as long as the head says
    BAD_PART = 5  # part 0, or part 3 of 2

    @property
    def reason(self) -> str:
        """Its reason code.

        >>> FrameFault.BAD_CHECKSUM.reason
        'bad-checksum'
        """
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Frames:
    """n pieces between two 7E. `bytes` holds them unescaped; `at` and `size` (n,) say where each lies in the stream.

    The other columns are those of the head: `head` (of `Head`), its `version`, `message` (its id), `phone` (n, 10) as
    it is sent, zeros before it, `sequence`, `part` of `parts` (0 where the message is whole), `encrypted`. The body is
    `bytes[body:body_end]`. Where `fault` is not 0 nothing else of a row means anything.
    """

    bytes: U1
    at: I8
    size: I8
    fault: U1
    head: U1
    version: U1
    message: I8
    phone: U1
    sequence: I8
    parts: I8
    part: I8
    encrypted: Bools
    body: I8
    body_end: I8

    def __len__(self) -> int:
        """Return the number of pieces."""
        return len(self.at)


def read_frames(data: bytes) -> Frames:
    """Return every piece of a stream that lies between two 7E (or before the first, or after the last).

    >>> frames = read_frames(bytes.fromhex("7e8001000512345678201300010001020000bd7e"))
    >>> hex(frames.message[0]), phone_text(frames.phone[0]), frames.fault.tolist()
    ('0x8001', '123456782013', [0])
    """
    raw = np.frombuffer(data, np.uint8)
    marks = np.flatnonzero(raw == MARK)
    starts, ends = np.concatenate([[0], marks + 1]), np.concatenate([marks, [len(raw)]])
    some = ends > starts
    starts, ends = starts[some].astype(np.int64), ends[some].astype(np.int64)
    plain, dropped, broken = _unescape(raw)
    bad_escape = np.zeros(len(starts), np.bool_)
    bad_escape[np.searchsorted(starts, broken, "right") - 1] = True
    first, last = (edge - np.searchsorted(dropped, edge) for edge in (starts, ends))
    fault = np.where(bad_escape, np.uint8(FrameFault.BAD_ESCAPE), np.uint8(0))
    _fault(fault, last - first <= LAYOUTS[Head.Y2013].length, FrameFault.TOO_SHORT)
    running = np.concatenate([np.zeros(1, np.uint8), np.bitwise_xor.accumulate(plain)])
    _fault(fault, running[first] != running[last], FrameFault.BAD_CHECKSUM)
    return _heads(np.concatenate([plain, np.zeros(PAD, np.uint8)]), starts, ends - starts, fault, first, last)


def _unescape(raw: U1) -> tuple[U1, I8, I8]:
    """Return the bytes without escapes, where bytes were dropped, and where an escape is none."""
    escapes = np.flatnonzero(raw == ESCAPE)
    if not len(escapes):
        return raw, escapes, escapes
    after = np.concatenate([raw, np.zeros(1, np.uint8)])[escapes + 1]
    good = (after == 0x01) | (after == 0x02)
    plain = raw.copy()
    plain[escapes[good & (after == 0x02)]] = MARK
    dropped = escapes[good] + 1
    kept = np.ones(len(raw), np.bool_)
    kept[dropped] = False
    return plain[kept], dropped, escapes[~good]


def _fault(fault: U1, holds: Bools, which: FrameFault) -> None:
    fault[holds & (fault == 0)] = which


def unsigned(data: U1, at: I8, n_bytes: int) -> I8:
    """Return big-endian whole numbers of `n_bytes` bytes at places (n,)."""
    value = np.zeros(len(at), np.int64)
    for k in range(n_bytes):
        value = (value << 8) | data[at + k]
    return value


def _heads(data: U1, at: I8, size: I8, fault: U1, first: I8, last: I8) -> Frames:
    n = len(at)
    head, version, chosen = np.zeros(n, np.uint8), np.zeros(n, np.uint8), np.zeros(n, np.bool_)
    message, properties, sequence, body = (np.zeros(n, np.int64) for _ in range(4))
    phone = np.zeros((n, PHONE_BYTES), np.uint8)
    for kind, layout in LAYOUTS.items():
        said = unsigned(data, first + layout.properties, 2)
        begin = first + layout.length + np.where(said & PART_BIT, PART_BYTES, 0)
        fits = begin + (said & BODY_BITS) + 1 == last
        if kind != Head.TRAINING:
            fits &= (said & NEW_HEAD_BIT) == layout.new_head_bit
        rows = np.flatnonzero(fits & ~chosen & (fault == 0))
        chosen[rows] = True
        head[rows], properties[rows], body[rows] = kind, said[rows], begin[rows]
        version[rows] = data[first[rows] + layout.version]
        message[rows] = unsigned(data, first[rows] + layout.message, 2)
        sequence[rows] = unsigned(data, first[rows] + layout.sequence, 2)
        digits = first[rows][:, None] + layout.phone + np.arange(layout.phone_bytes)
        phone[rows, PHONE_BYTES - layout.phone_bytes :] = data[digits]
    _fault(fault, ~chosen, FrameFault.BAD_LENGTH)
    split = (properties & PART_BIT) != 0
    parts = np.where(split, unsigned(data, body - PART_BYTES, 2), 0)
    part = np.where(split, unsigned(data, body - PART_BYTES + 2, 2), 0)
    _fault(fault, split & ((part < 1) | (part > parts)), FrameFault.BAD_PART)
    encrypted = (properties & ENCRYPTED_BITS) != 0
    return Frames(
        data, at, size, fault, head, version, message, phone, sequence, parts, part, encrypted, body, last - 1
    )


def phone_text(phone: U1) -> str:
    """Return a phone number (10,) as text, the zeros before it cut; some terminals send no digits but an IMEI's hex.

    >>> phone_text(np.frombuffer(bytes.fromhex("00000000017299841738"), np.uint8))
    '17299841738'
    """
    return phone.tobytes().hex().lstrip("0") or "0"


@dataclass(frozen=True, slots=True)
class Messages:
    """m whole messages: the bodies `bytes[body:body_end]`, and the frame (of the last part) each came with."""

    bytes: U1
    frame: I8
    message: I8
    body: I8
    body_end: I8


def whole_messages(frames: Frames, rows: I8) -> tuple[Messages, list[tuple[int, str]]]:
    """Return the messages of some good frames, those in parts put together; and the frames left over with a reason.

    Parts belong together by phone, message, number of parts and the sequence number of the first part, for parts are
    numbered on one after another. "missing-part": others of its message never came; "repeated-part": it came already.
    """
    split = frames.parts[rows] > 0
    whole = rows[~split]
    joined, left_over = _join(frames, rows[split])
    bodies = b"".join(body for _, _, body in joined)
    lengths = np.array([len(body) for _, _, body in joined], np.int64)
    start = len(frames.bytes) + np.cumsum(lengths) - lengths
    messages = Messages(
        np.concatenate([frames.bytes, np.frombuffer(bodies, np.uint8), np.zeros(PAD, np.uint8)]),
        np.concatenate([whole, np.array([frame for frame, _, _ in joined], np.int64)]),
        np.concatenate([frames.message[whole], np.array([message for _, message, _ in joined], np.int64)]),
        np.concatenate([frames.body[whole], start]),
        np.concatenate([frames.body_end[whole], start + lengths]),
    )
    return messages, left_over


def _join(frames: Frames, rows: I8) -> tuple[list[tuple[int, int, bytes]], list[tuple[int, str]]]:
    """Put parts together: (frame of the last part, message, body), and (frame, reason) of what is left over."""
    joined: list[tuple[int, int, bytes]] = []
    left_over: list[tuple[int, str]] = []
    waiting: dict[tuple[int, int, bytes, int], dict[int, int]] = {}
    for frame in rows.tolist():  # a Python loop, but only over the frames of messages in parts
        message, parts, part = (int(column[frame]) for column in (frames.message, frames.parts, frames.part))
        first = (int(frames.sequence[frame]) - part) & 0xFFFF
        key = (message, parts, frames.phone[frame].tobytes(), first)
        have = waiting.setdefault(key, {})
        if part in have and body_of(frames, have[part]) == body_of(frames, frame):
            left_over.append((frame, "repeated-part"))
            continue
        if part in have:  # sequence numbers have come round: another message
            left_over += [(old, "missing-part") for old in have.values()]
            have.clear()
        have[part] = frame
        if len(have) == parts:
            joined.append((frame, message, b"".join(body_of(frames, have[k]) for k in range(1, parts + 1))))
            del waiting[key]
    left_over += [(frame, "missing-part") for have in waiting.values() for frame in have.values()]
    return joined, left_over


def body_of(frames: Frames, frame: int) -> bytes:
    """Return the body of one frame."""
    return frames.bytes[int(frames.body[frame]) : int(frames.body_end[frame])].tobytes()


def encode(message: int, body: bytes, phone: U1, sequence: int, head: Head = Head.Y2013, version: int = 1) -> bytes:
    """Return the frame of one message as it is sent; `phone` (10,) as in `Frames`.

    >>> phone = read_frames(bytes.fromhex("7e8001000512345678201300010001020000bd7e")).phone[0]
    >>> encode(0x8001, bytes.fromhex("0001020000"), phone, 1).hex()
    '7e8001000512345678201300010001020000bd7e'
    """
    layout = LAYOUTS[head]
    start = bytes([version]) if head == Head.TRAINING else b""
    start += message.to_bytes(2, "big") + (len(body) | layout.new_head_bit).to_bytes(2, "big")
    start += bytes([version]) if head == Head.Y2019 else b""
    start += phone[PHONE_BYTES - layout.phone_bytes :].tobytes() + sequence.to_bytes(2, "big")
    start += bytes([TRAINING_RESERVED]) if head == Head.TRAINING else b""
    content = start + body
    check = int(np.bitwise_xor.reduce(np.frombuffer(content, np.uint8)))
    escaped = (content + bytes([check])).replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")
    return b"\x7e" + escaped + b"\x7e"
