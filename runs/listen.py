"""A listener for JT/T 808 terminals: frames are on the disk, as received, before they are acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from feeds.faults import Fault, UnusableInput
from feeds.jt808_frames import LONGEST_FRAME, MARK, read_frames
from runs.terminal_files import TerminalFiles
from runs.terminal_list import TerminalList, terminals_of_bundle, terminals_of_file
from runs.terminal_session import LOGGED_OUT, Session
from runs.words import N_, say

READ_BYTES = 65_536
SEND_S, STOP_S, HANG_UP_S = 30.0, 5.0, 1.0
"""How long a peer may take to take an answer; all connections to end at a stop; one connection to be closed."""

CLOSED, LOST, STOPPED = "closed by the terminal", "connection lost", "stopped"
ORDINARY = (CLOSED, LOST, STOPPED, LOGGED_OUT)
MOST_TOLD = 10_000
FIRST_FRAME_S = 30.0
"""Who has not said within this time which terminal it is, is none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a connection may be without a whole frame, and how many connections there may be."""

    idle_s: float
    connections: int


@dataclass(slots=True)
class Listener:
    """All connections of one address; `tell` gets a line for people about those that somebody should look at."""

    files: TerminalFiles
    terminals: TerminalList
    limits: Limits
    tell: Callable[[str], None]
    kept: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _waiting: set[asyncio.Task[None]] = field(default_factory=set)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _told: set[tuple[str, str]] = field(default_factory=set)
    _stops: bool = False

    async def serve(self, host: str, port: int, ready: Callable[[str, int], None], stop: asyncio.Event) -> None:
        """Accept terminals until `stop`; what was taken in by then is written and answered before this returns."""
        server = await asyncio.start_server(self._accept, host, port, limit=READ_BYTES)
        address = server.sockets[0].getsockname()
        ready(address[0], address[1])
        await stop.wait()
        self._stops = True
        server.close()
        for task in list(self._waiting):
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._tasks) >= self.limits.connections:
            self._end(writer, N_("too many connections"))
            writer.transport.abort()
            return
        self._tasks.add(task)
        try:
            self._end(writer, await self._converse(reader, writer, task))
        except asyncio.CancelledError:
            self._end(writer, STOPPED)
        except (ConnectionError, TimeoutError):
            self._end(writer, LOST)
        finally:
            await _hang_up(writer)
            self._tasks.discard(task)

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> str:
        """Take a connection's frames in until it ends; return why it ended."""
        session = Session(self.terminals)
        loop = asyncio.get_running_loop()
        last_frame, stream = loop.time(), b""
        while not self._stops:
            self._waiting.add(task)  # may be stopped while it waits, and not while it writes
            try:
                patience_s = self.limits.idle_s if session.terminal else min(self.limits.idle_s, FIRST_FRAME_S)
                async with asyncio.timeout_at(last_frame + patience_s):
                    piece = await reader.read(READ_BYTES)
            except TimeoutError:
                return N_("no whole frame for too long")
            finally:
                self._waiting.discard(task)
            if not piece:
                return CLOSED
            stream += piece
            end = stream.rfind(MARK) + 1
            if end:
                closes, good = await self._take(session, stream[:end], writer)
                stream = stream[end:]
                last_frame = loop.time() if good else last_frame
                if closes is not None:
                    return closes
            if len(stream) > LONGEST_FRAME:
                return N_("a frame without end")
        return STOPPED

    async def _take(self, session: Session, stream: bytes, writer: asyncio.StreamWriter) -> tuple[str | None, int]:
        """Write the frames of a piece of the stream, then answer them; return why the session ends, if so."""
        answer = session.take(stream, read_frames(stream))
        if answer.keep and session.terminal is not None:
            name = session.terminal.terminal_id
            try:
                async with self._locks.setdefault(name, asyncio.Lock()):
                    await asyncio.to_thread(self.files.append, name, bytes(answer.keep))
            except OSError as trouble:
                self.tell(say("{name}: cannot be written: {why}").format(name=f"{name}.bin", why=trouble.strerror))
                return N_("not written"), answer.good
            self.kept += answer.kept
        if answer.replies:
            writer.write(bytes(answer.replies))
            async with asyncio.timeout(SEND_S):
                await writer.drain()
        return answer.closes, answer.good

    def _end(self, writer: asyncio.StreamWriter, why: str) -> None:
        """Count an end, and tell once for each peer of those that somebody should look at."""
        self.ended[why] += 1
        peer = str((writer.get_extra_info("peername") or ("?",))[0])
        if why not in ORDINARY and (peer, why) not in self._told and len(self._told) < MOST_TOLD:
            self._told.add((peer, why))
            self.tell(say("{peer}: connection ended: {why}").format(peer=peer, why=say(why)))


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection: what was answered is sent if the peer takes it at once."""
    writer.close()
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(HANG_UP_S):
            await writer.wait_closed()
    writer.transport.abort()


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT; raises `UnusableInput`.

    >>> parse_address("127.0.0.1:6808"), parse_address("[::1]:0")
    (('127.0.0.1', 6808), ('::1', 0))
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise UnusableInput([Fault("--bind", "is not an address", found=text, expected="HOST:PORT", code="bad-value")])
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks for; `terminals` None means those of the bundle that `out` lies in."""

    bind: str
    out: Path
    terminals: Path | None
    limits: Limits


def run_listener(order: Order, ready: Callable[[str], None], tell: Callable[[str], None]) -> Listener:
    """Listen until SIGTERM or SIGINT; return the listener with its counts. Raises `UnusableInput`."""
    host, port = parse_address(order.bind)
    if order.terminals is not None or (order.out.parent.parent / "bundle.toml").is_file():
        order.out.mkdir(mode=0o700, parents=True, exist_ok=True)
    terminals = terminals_of_bundle(order.out) if order.terminals is None else terminals_of_file(order.terminals)
    if not len(terminals):
        raise UnusableInput([Fault(str(order.terminals or order.out), "no terminal is to be accepted", code="no-rows")])
    listener = Listener(TerminalFiles(order.out), terminals, order.limits, tell)
    try:
        asyncio.run(_until_stopped(listener, host, port, ready))
    except OSError as trouble:
        hint = "Is another program listening there?"
        fault = Fault("--bind", f"cannot listen: {trouble.strerror}", found=order.bind, hint=hint, code="bad-value")
        raise UnusableInput([fault]) from trouble
    finally:
        listener.files.close()
    return listener


async def _until_stopped(listener: Listener, host: str, port: int, ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def started(where: str, at: int) -> None:
        if not is_loopback(where):
            listener.tell(say("Others can reach this address, and JT/T 808 neither encrypts nor signs."))
        ready(f"[{where}]:{at}" if ":" in where else f"{where}:{at}")

    await listener.serve(host, port, started, stop)
