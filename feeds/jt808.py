"""Feeds of JT/T 808 frames as the terminals sent them, one file a terminal: `TERMINAL.bin`.

A row is a position, or a piece that could not be read; messages without a position (heartbeats ...) are no rows.
The file's name says whose terminal it is: registers often know a terminal by another number than the phone number in
its frames, so a file whose frames all have one other number is read, with a warning. Frames of a second number in one
file are rejected, for they are another car's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from feeds.jt808_frames import U1, Bools, FrameFault, Frames, phone_text, read_frames, whole_messages
from feeds.jt808_positions import BATCH, PLUGIN, POSITION, TRANSPARENT, Places, decode, find_positions
from feeds.track_files import FileFeed, FileRows, Refused, TerminalFile
from feeds.track_rows import FieldNames, PointColumns
from geo.datum import Datum
from trajectories.fleet import I8

POSITION_MESSAGES = (POSITION, BATCH, TRANSPARENT)
LOST_BYTES = 1000
"""So many unreadable bytes on end held some twenty positions; a disturbed frame or two are what any line has."""

MOST_KINDS = 20
"""Kinds of messages without a position that are named for a file; terminals send a dozen."""

NAMES = FieldNames("phone", "time", "longitude", "latitude")


@dataclass(frozen=True, slots=True)
class Numbered:
    """Rows in the order of the stream: the number (from 1) of each position and of each refused piece."""

    positions: I8
    refused: I8


@dataclass(frozen=True, slots=True)
class Stretches:
    """Unreadable stretches (k,): the first and the last piece of each."""

    first: I8
    last: I8


class Jt808Feed(FileFeed):
    """A feed of `TERMINAL.bin`."""

    suffixes = (".bin",)
    bytes_per_row = 50

    def parse(self, data: bytes, file: TerminalFile) -> FileRows:
        """Return the positions of a stream of frames; nothing in it can make the reading fail."""
        frames = read_frames(data)
        stretches = _unreadable(frames)
        rows, refused = self._own_frames(frames, stretches, file)
        messages, left_over = whole_messages(frames, rows)
        places = find_positions(messages)
        refused += [(frame, 0, reason) for frame, reason in left_over] + places.refused
        points, status = decode(messages.bytes, places.at, places.late)
        self._note(frames, places, status, file)
        numbers = _number(places, refused)
        end = frames.at + frames.size
        end[stretches.first] = end[stretches.last]
        return FileRows(
            len(places.at) + len(refused),
            points,
            NAMES,
            _finder(points, messages.bytes, places.at),
            numbers.positions,
            [
                Refused(int(number), reason, "frame", f"byte {frames.at[frame]}, {end[frame] - frames.at[frame]} bytes")
                for number, (frame, _, reason) in zip(numbers.refused, refused, strict=True)
            ],
            cut_short=_lost(frames, refused),
        )

    def _own_frames(
        self, frames: Frames, stretches: Stretches, file: TerminalFile
    ) -> tuple[I8, list[tuple[int, int, str]]]:
        """Return the frames that may hold a position of this terminal, and the refused ones (frame, 0, reason)."""
        refused = [(int(k), 0, FrameFault(frames.fault[k]).reason) for k in stretches.first]
        asked = (frames.fault == 0) & np.isin(frames.message, POSITION_MESSAGES)
        foreign = self._foreign(frames, asked, file)
        reasons = ((foreign, "other-terminal"), (asked & ~foreign & frames.encrypted, "encrypted"))
        refused += [(int(k), 0, reason) for holds, reason in reasons for k in np.flatnonzero(holds)]
        return np.flatnonzero(asked & ~foreign & ~frames.encrypted), refused

    def _foreign(self, frames: Frames, asked: Bools, file: TerminalFile) -> Bools:
        """Return which frames are not of the file's terminal."""
        rows = np.flatnonzero(asked)
        if not len(rows) or not (frames.phone[rows] != frames.phone[rows[0]]).any():
            phones, own_rows = frames.phone[rows[:1]], np.zeros(len(rows), np.int64)
        else:
            phones, own_rows = np.unique(frames.phone[rows], axis=0, return_inverse=True)
        texts = [phone_text(phone) for phone in phones]
        name = file.terminal.lstrip("0").lower()
        foreign = np.zeros(len(frames), np.bool_)
        if not texts or texts == [name]:
            return foreign
        own = texts.index(name) if name in texts else int(own_rows.ravel()[0])
        if texts[own] != name:
            text = f"frames are of terminal {texts[own]}; taken as {file.terminal}, as the file is named"
            self.context.ledger.warn(f"{file.relative}: {text}")
        foreign[rows[own_rows.ravel() != own]] = True
        return foreign

    def _note(self, frames: Frames, places: Places, status: I8, file: TerminalFile) -> None:
        """Warn of what is read otherwise than it might be thought to be."""
        datum = self.context.config.datum
        if datum != Datum.GCJ02 and (status & PLUGIN).any():
            text = "positions are marked as encrypted by the plug-in (GCJ-02), and are taken as the feed's datum"
            self.context.ledger.warn(f"{file.relative}: {text} {datum}")
        plain = (frames.fault == 0) & ~np.isin(frames.message, POSITION_MESSAGES)
        for kind in np.unique(np.concatenate([frames.message[plain], places.other])).tolist()[:MOST_KINDS]:
            name = f"0x{kind:04X}" if kind <= 0xFFFF else f"0x{kind >> 16:04X}/{kind & 0xFFFF:04X}"
            self.context.ledger.warn(f"{self.context.account_name}: messages {name} hold no position and are not read")


def _unreadable(frames: Frames) -> Stretches:
    """Return the pieces that are no frame; those too short to be one are one piece with their like beside them."""
    short = frames.fault == FrameFault.TOO_SHORT
    goes_on = np.concatenate([[False], short[1:] & short[:-1]])
    first = np.flatnonzero((frames.fault != 0) & ~goes_on)
    ends = np.flatnonzero((frames.fault != 0) & ~np.append(goes_on[1:], False))
    return Stretches(first, ends)


def _lost(frames: Frames, refused: list[tuple[int, int, str]]) -> str | None:
    """Say why positions that were sent are not among the rows, so that their absence is no silence of the terminal."""
    told = Counter(reason for _, _, reason in refused)
    if told["encrypted"]:
        return f"{told['encrypted']} encrypted frames cannot be read"
    # Training messages in parts are photos: a record with a position fits into one frame.
    parts = sum(reason == "missing-part" and frames.message[frame] != TRANSPARENT for frame, _, reason in refused)
    if parts:
        return f"{parts} frames are parts of messages that are not all there"
    edges = np.flatnonzero(np.diff(np.concatenate([[False], frames.fault != 0, [False]]).astype(np.int8)))
    size = np.append(np.cumsum(frames.size) - frames.size, frames.size.sum())
    longest = int((size[edges[1::2]] - size[edges[::2]]).max(initial=0))
    return f"{longest} bytes on end cannot be read" if longest >= LOST_BYTES else None


def _number(places: Places, refused: list[tuple[int, int, str]]) -> Numbered:
    """Number positions and refused pieces as they come in the stream."""
    frame = np.concatenate([places.frame, np.array([frame for frame, _, _ in refused], np.int64)])
    item = np.concatenate([places.item, np.array([item for _, item, _ in refused], np.int64)])
    number = np.empty(len(frame), np.int64)
    number[np.lexsort((item, frame))] = np.arange(1, len(frame) + 1)
    return Numbered(number[: len(places.at)], number[len(places.at) :])


def _finder(points: PointColumns, data: U1, at: I8) -> Callable[[str, int], str]:
    def found(name: str, i: int) -> str:
        if name == NAMES.time:
            return data[at[i] + 22 : at[i] + 28].tobytes().hex()
        return f"{(points.lon_deg if name == NAMES.lon else points.lat_deg)[i]:.6f}"

    return found
