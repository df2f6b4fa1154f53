"""What a platform answers a JT/T 808 terminal, frame by frame, and which frames it keeps. No socket, no file, no clock.

Kept, and acknowledged only once they are on the disk: positions, their batches, the training messages that carry one,
and what belongs to a session (registration, authentication, heartbeat, logout). Everything else, pictures and the
coach's login with an identity number in it above all, is answered "not supported" and never stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from feeds.jt808_frames import Frames, Head, body_of, encode, phone_text
from feeds.jt808_positions import BATCH, POSITION, TRAINING_TYPE, TRANSPARENT
from runs.terminal_list import Accepted, TerminalList
from runs.words import N_

TERMINAL_REPLY, HEARTBEAT, LOGOUT, REGISTRATION, AUTHENTICATION = 0x0001, 0x0002, 0x0003, 0x0100, 0x0102
GENERAL_REPLY, REGISTRATION_REPLY = 0x8001, 0x8100
NO_SUCH_TERMINAL = 4  # of the registration reply
KEPT_TRAINING = frozenset({0x0102, 0x0201, 0x0202, 0x0203})
"""Coach logout, student login and logout, record of a minute; not 0x0101, which has the coach's identity number."""

MOST_BAD_FRAMES = 100
LOGGED_OUT = "logout"


class Result(IntEnum):
    """Results of the general reply."""

    DONE = 0
    FAILED = 1
    UNSUPPORTED = 3


@dataclass(slots=True)
class Answer:
    """What came of some frames: the bytes to keep before `replies` may go out, and whether the session ends then."""

    keep: bytearray = field(default_factory=bytearray)
    kept: int = 0
    replies: bytearray = field(default_factory=bytearray)
    good: int = 0
    closes: str | None = None


@dataclass(slots=True)
class Session:
    """One connection of one terminal."""

    terminals: TerminalList
    terminal: Accepted | None = None
    bad_frames: int = 0
    _phone: str | None = None
    _is_authentic: bool = False
    _sequence: int = 0

    def take(self, stream: bytes, frames: Frames) -> Answer:
        """Judge the frames of a piece of the stream in turn; nothing after the one that ends the session counts."""
        answer = Answer()
        for k in range(len(frames)):
            if frames.fault[k]:
                self.bad_frames += 1
                if self.bad_frames > MOST_BAD_FRAMES:
                    answer.closes = N_("too many broken frames")
            else:
                answer.good += 1
                self._frame(answer, stream, frames, k)
            if answer.closes is not None:
                break
        return answer

    def _frame(self, answer: Answer, stream: bytes, frames: Frames, k: int) -> None:
        message = int(frames.message[k])
        if not self._is_known(frames, k):
            answer.closes = N_("unknown terminal") if self.terminal is None else N_("frames of two terminals")
            if message == REGISTRATION:
                self._reply(answer, frames, k, REGISTRATION_REPLY, bytes([NO_SUCH_TERMINAL]))
            else:
                self._general(answer, frames, k, Result.FAILED)
            return
        if message == TERMINAL_REPLY:
            return
        result = self._result(frames, k, message)
        if result == Result.DONE:
            at, size = int(frames.at[k]), int(frames.size[k])
            answer.keep += b"\x7e" + stream[at : at + size] + b"\x7e"
            answer.kept += 1
        if message == REGISTRATION and self.terminal is not None:
            code = self.terminal.auth_code or self.terminal.terminal_id
            self._reply(answer, frames, k, REGISTRATION_REPLY, bytes([Result.DONE]) + code.encode("gb18030"))
        else:
            self._general(answer, frames, k, result)
        if message == LOGOUT:
            answer.closes = LOGGED_OUT
        elif message == AUTHENTICATION and result != Result.DONE:
            answer.closes = N_("wrong authentication code")

    def _is_known(self, frames: Frames, k: int) -> bool:
        """Whether a frame is of the session's terminal; the first frame says which that is."""
        phone = phone_text(frames.phone[k])
        if self.terminal is None:
            self.terminal, self._phone = self.terminals.find(phone), phone
            if self.terminal is not None:
                self._is_authentic = self.terminal.auth_code is None
        return self.terminal is not None and phone == self._phone

    def _result(self, frames: Frames, k: int, message: int) -> Result:
        if message == AUTHENTICATION:
            self._is_authentic = self._is_authentic or self._shows_code(frames, k)
            return Result.DONE if self._is_authentic else Result.FAILED
        if message == REGISTRATION:
            return Result.DONE
        if not _is_kept(frames, k, message):
            return Result.UNSUPPORTED
        return Result.DONE if self._is_authentic else Result.FAILED

    def _shows_code(self, frames: Frames, k: int) -> bool:
        """Whether the code shown is the listed one: the whole body, in 2019 one of a stated length before the rest."""
        body = body_of(frames, k)
        if frames.head[k] == Head.Y2019 and body:
            body = body[1 : 1 + body[0]]
        shown = body.rstrip(b"\0").decode("gb18030", "replace")
        return self.terminal is not None and shown == self.terminal.auth_code

    def _general(self, answer: Answer, frames: Frames, k: int, result: Result) -> None:
        about = int(frames.message[k]).to_bytes(2, "big")
        self._reply(answer, frames, k, GENERAL_REPLY, about + bytes([result]))

    def _reply(self, answer: Answer, frames: Frames, k: int, message: int, rest: bytes) -> None:
        """Add a reply under the head that the terminal used; every reply begins with the frame's own number."""
        body = int(frames.sequence[k]).to_bytes(2, "big") + rest
        head, version = Head(frames.head[k]), int(frames.version[k])
        answer.replies += encode(message, body, frames.phone[k], self._sequence, head, version)
        self._sequence = (self._sequence + 1) & 0xFFFF


def _is_kept(frames: Frames, k: int, message: int) -> bool:
    """Whether a message is of those that are stored."""
    if message in (HEARTBEAT, LOGOUT, POSITION, BATCH):
        return True
    if message != TRANSPARENT or frames.parts[k] or frames.encrypted[k]:
        return False
    body = body_of(frames, k)[:3]
    return len(body) == 3 and body[0] == TRAINING_TYPE and int.from_bytes(body[1:3], "big") in KEPT_TRAINING
