"""The listener, over real sockets on loopback, in a process of its own: what is acknowledged is in the file."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from feeds.jt808_frames import body_of, phone_text, read_frames
from feeds.ledger import Ledger, SourceFiles
from feeds.track_feed import open_track_feed
from feeds.track_reader import FeedConfig
from geo.datum import Datum
from tests.feeds.jt808_encoder import batch, frame, in_parts, position
from tests.feeds.track_builders import CHINA, T0_MS
from tests.runs.conftest import ROOT, copy_city, edit, environment, trajaudit

PHONE, OTHER, CODED, STRANGER = "13800138000", "13900000001", "13700000007", "13111111111"
HEARTBEAT, LOGOUT, REGISTRATION, AUTHENTICATION, POSITION, BATCH = 0x0002, 0x0003, 0x0100, 0x0102, 0x0200, 0x0704
WAIT_S = 20.0


@dataclass
class Running:
    """A listener's process, where it listens and where it writes."""

    process: subprocess.Popen[str]
    port: int
    out: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, out, err


@contextmanager
def listening(folder: Path, *options: str, out: Path | None = None) -> Iterator[Running]:
    """Start a listener that accepts three terminals; what started it stops it."""
    out = out or folder / "city" / "tracks" / "f"
    accepted = folder / "accepted.csv"
    accepted.write_text(f"terminal_id,auth_code\n{PHONE},\n0{OTHER},\n{CODED},secret7\n", encoding="utf-8")
    which = (
        [] if "--terminals" in options or (out.parent.parent / "bundle.toml").exists() else ["--terminals", accepted]
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "runs.cli", "listen", "--out", out, "--bind", "127.0.0.1:0", *map(str, which), *options],
        cwd=ROOT,
        env=environment({"TRAJAUDIT_LANG": "en"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Listening on 127.0.0.1:"), line
        yield Running(process, int(line.rpartition(":")[2]), out)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with listening(tmp_path_factory.mktemp("listen")) as running:
        yield running


def at(k: int) -> bytes:
    return position(T0_MS + 5000 * k, 113.0 + k / 1000, 34.5)


Reply = tuple[int, int, int, int]


def replies(sock: socket.socket, n: int) -> list[Reply]:
    """The next n replies: (message, number answered, message answered or -1, result)."""
    data, found = b"", []
    while data.count(b"\x7e") < 2 * n:
        piece = sock.recv(65_536)
        if not piece:
            break
        data += piece
    frames = read_frames(data)
    assert not frames.fault.any()
    for k in range(len(frames)):
        body = body_of(frames, k)
        if frames.message[k] == 0x8001:
            found.append((0x8001, int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big"), body[4]))
        else:
            found.append((int(frames.message[k]), int.from_bytes(body[:2], "big"), -1, body[2]))
    return found


def ended(sock: socket.socket) -> bool:
    """Whether the other side has hung up."""
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def stored(out: Path, terminal: str = PHONE) -> bytes:
    path = out / f"{terminal}.bin"
    return path.read_bytes() if path.exists() else b""


def seconds(out: Path, terminal: str) -> list[int]:
    """Which positions `at(k)` the feed of tracks reads in a terminal's file."""
    feed = open_track_feed(
        out.parent.parent, FeedConfig(out.name, "jt808", Datum.WGS84), CHINA, Ledger(), SourceFiles()
    )
    return ((feed.read((terminal,)).t_ms - T0_MS) // 5000).tolist()


def test_a_day_of_a_terminal_is_answered_and_stored_as_it_was_sent(tmp_path: Path) -> None:
    day = [
        frame(REGISTRATION, bytes(37), PHONE, 1),
        frame(AUTHENTICATION, PHONE.encode(), PHONE, 2),
        frame(HEARTBEAT, b"", PHONE, 3),
        frame(POSITION, at(0), PHONE, 4),
        frame(BATCH, batch([at(1), at(2)], kind=1), PHONE, 5),
        *in_parts(BATCH, batch([at(k) for k in range(3, 13)]), 200, 6, PHONE),
        frame(LOGOUT, b"", PHONE, 8),
    ]
    with listening(tmp_path) as server:
        with server.connect() as sock:
            for piece in day:
                sock.sendall(piece)
            answers = replies(sock, len(day))
            assert ended(sock)
        code, out, err = server.stop()
    assert answers[0] == (0x8100, 1, -1, 0)
    assert [answer[2] for answer in answers[1:]] == [AUTHENTICATION, HEARTBEAT, POSITION, BATCH, BATCH, BATCH, LOGOUT]
    assert [answer[3] for answer in answers] == [0] * len(day)
    assert [answer[1] for answer in answers] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert stored(server.out) == b"".join(day)
    assert seconds(server.out, PHONE) == list(range(13))
    assert (code, out, err) == (0, "Frames kept: 8\n", "")
    assert server.out.stat().st_mode & 0o777 == 0o700
    assert (server.out / f"{PHONE}.bin").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("head", ["2013", "2019", "training"])
def test_replies_come_under_the_head_that_the_terminal_uses(server: Running, head: str) -> None:
    with server.connect() as sock:
        sock.sendall(frame(POSITION, at(0), PHONE, 9, head=head))
        data = sock.recv(4096)
    frames = read_frames(data)
    assert (len(frames), frames.fault[0], frames.message[0]) == (1, 0, 0x8001)
    assert ["2013", "2019", "training"][frames.head[0]] == head
    assert phone_text(frames.phone[0]) == PHONE
    assert frames.version[0] == {"2013": data[1], "2019": 1, "training": 0x80}[head]


def test_frames_split_over_segments_and_two_frames_in_one_are_all_answered(server: Running) -> None:
    with server.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(POSITION, at(20), PHONE, 20):
            sock.sendall(bytes([byte]))
            time.sleep(0.001)
        assert replies(sock, 1) == [(0x8001, 20, POSITION, 0)]
        sock.sendall(frame(POSITION, at(21), PHONE, 21) + frame(POSITION, at(22), PHONE, 22))
        assert replies(sock, 2) == [(0x8001, 21, POSITION, 0), (0x8001, 22, POSITION, 0)]
        third = frame(POSITION, at(23), PHONE, 23)
        sock.sendall(third[:-1] + frame(POSITION, at(24), PHONE, 24))  # one mark between two frames
        assert replies(sock, 2) == [(0x8001, 23, POSITION, 0), (0x8001, 24, POSITION, 0)]
    assert seconds(server.out, PHONE)[-5:] == [20, 21, 22, 23, 24]


def test_garbage_is_neither_stored_nor_acknowledged_and_the_next_frame_is(server: Running) -> None:
    before = len(stored(server.out))
    broken = bytearray(frame(POSITION, at(30), PHONE, 30))
    broken[20] ^= 1
    good = frame(POSITION, at(31), PHONE, 31)
    with server.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(broken) + good)
        assert replies(sock, 1) == [(0x8001, 31, POSITION, 0)]
    assert stored(server.out)[before:] == good


@pytest.mark.parametrize("flood", [b"\0" * 100_000, b"\x7eab" * 200])
def test_endless_garbage_ends_the_connection(server: Running, flood: bytes) -> None:
    with server.connect() as sock:
        try:
            sock.sendall(flood)
        except ConnectionError:
            return
        assert ended(sock)


@pytest.mark.parametrize(
    ("first", "answer"), [(POSITION, (0x8001, 5, POSITION, 1)), (REGISTRATION, (0x8100, 5, -1, 4))]
)
def test_an_unknown_terminal_is_refused_and_leaves_no_file(server: Running, first: int, answer: Reply) -> None:
    with server.connect() as sock:
        sock.sendall(frame(first, at(0), STRANGER, 5) + frame(POSITION, at(1), STRANGER, 6))
        assert replies(sock, 1) == [answer]
        assert ended(sock)
    assert stored(server.out, STRANGER) == b""


def test_a_connection_is_one_terminals(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(frame(POSITION, at(40), f"0{OTHER}", 1) + frame(POSITION, at(41), PHONE, 2))
        assert replies(sock, 2) == [(0x8001, 1, POSITION, 0), (0x8001, 2, POSITION, 1)]
        assert ended(sock)
    assert seconds(server.out, f"0{OTHER}") == [40]  # the file is named as the list names the terminal


def test_a_terminal_with_a_code_must_show_it(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(frame(POSITION, at(0), CODED, 1) + frame(REGISTRATION, bytes(37), CODED, 2))
        assert replies(sock, 2) == [(0x8001, 1, POSITION, 1), (0x8100, 2, -1, 0)]
        sock.sendall(frame(AUTHENTICATION, b"secret7", CODED, 3) + frame(POSITION, at(1), CODED, 4))
        assert [answer[3] for answer in replies(sock, 2)] == [0, 0]
    with server.connect() as sock:  # in 2019 the code has a length before it, and other things after it
        sock.sendall(frame(AUTHENTICATION, b"\x07secret7" + bytes(35), CODED, 5, head="2019"))
        assert replies(sock, 1) == [(0x8001, 5, AUTHENTICATION, 0)]
    with server.connect() as sock:
        sock.sendall(frame(AUTHENTICATION, b"guess", CODED, 6))
        assert replies(sock, 1) == [(0x8001, 6, AUTHENTICATION, 1)]
        assert ended(sock)
    assert seconds(server.out, CODED) == [1]


def training(message: int, data: bytes, sequence: int) -> bytes:
    body = b"\x13" + message.to_bytes(2, "big") + bytes(4) + b"1234567890123456" + len(data).to_bytes(4, "big") + data
    return frame(0x0900, body, OTHER, sequence, head="training")


def test_pictures_and_identity_numbers_are_answered_as_unsupported_and_never_stored(server: Running) -> None:
    before = len(stored(server.out, f"0{OTHER}"))
    record = training(0x0203, bytes(76) + at(50)[:28] + bytes(10), 2)
    sent = [
        training(0x0101, b"2222222222222222" + b"510101199001010015" + b"C1" + at(49)[:28], 1),
        record,
        training(0x0306, b"0000000001" + b"\xff\xd8 a face", 3),
        frame(0x0801, b"\xff\xd8 a face", OTHER, 4),
        frame(0x0900, b"\x13\x02\x03" + bytes(20), OTHER, 5, part=(2, 1)),
    ]
    with server.connect() as sock:
        sock.sendall(b"".join(sent))
        assert [answer[3] for answer in replies(sock, 5)] == [3, 0, 3, 3, 3]
    assert stored(server.out, f"0{OTHER}")[before:] == record


def test_a_slow_peer_holds_nobody_up_and_is_hung_up_on(tmp_path: Path) -> None:
    with listening(tmp_path, "--idle", "1") as server, server.connect() as slow:
        piece = frame(POSITION, at(0), PHONE, 1)
        slow.sendall(piece[:10])
        with server.connect() as quick:
            quick.sendall(frame(POSITION, at(1), PHONE, 2))
            assert replies(quick, 1) == [(0x8001, 2, POSITION, 0)]
        slow.sendall(piece[10:20])  # some bytes, never a whole frame
        assert ended(slow)
        code, _, err = server.stop()
    assert code == 0
    assert "127.0.0.1: connection ended: no whole frame for too long" in err
    assert seconds(server.out, PHONE) == [1]


def test_connections_beyond_the_limit_are_turned_away(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "2") as server:
        held = [server.connect() for _ in range(2)]
        for k, sock in enumerate(held):
            sock.sendall(frame(HEARTBEAT, b"", PHONE, k))
            assert replies(sock, 1) == [(0x8001, k, HEARTBEAT, 0)]
        with server.connect() as third:
            assert ended(third)
        held.pop().close()
        deadline = time.monotonic() + WAIT_S
        answered: Sequence[Reply] = ()
        while not answered and time.monotonic() < deadline:
            with server.connect() as fourth:
                try:
                    fourth.sendall(frame(HEARTBEAT, b"", PHONE, 7))
                    answered = replies(fourth, 1)
                except ConnectionError:
                    time.sleep(0.05)
        assert answered == [(0x8001, 7, HEARTBEAT, 0)]
        held.pop().close()


def test_after_kill_9_every_acknowledged_frame_is_in_the_file(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    with listening(tmp_path) as server:
        with server.connect() as sock:
            sent = 0
            try:
                while len(acknowledged) < 5000:
                    if len(acknowledged) > 300 and server.process.poll() is None:
                        sock.sendall(b"".join(frame(POSITION, at(k), PHONE, k) for k in range(sent, sent + 400)))
                        server.process.kill()
                    else:
                        sock.sendall(b"".join(frame(POSITION, at(k), PHONE, k) for k in range(sent, sent + 40)))
                        sent += 40
                    answers = replies(sock, 1)
                    if not answers:
                        break
                    acknowledged += [number for _, number, _, result in answers if result == 0]
            except ConnectionError:
                pass
        server.process.wait(WAIT_S)
        assert server.process.returncode == -signal.SIGKILL
    assert 300 < len(acknowledged) < 5000
    assert set(acknowledged) <= set(seconds(server.out, PHONE))
    with listening(tmp_path) as server, server.connect() as sock:  # and it goes on where it was killed
        sock.sendall(frame(POSITION, at(6000), PHONE, 6000))
        assert replies(sock, 1) == [(0x8001, 6000, POSITION, 0)]
    assert seconds(server.out, PHONE)[-1] == 6000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_connections_and_exits_0(tmp_path: Path, number: int) -> None:
    with listening(tmp_path) as server, server.connect() as sock:
        sock.sendall(frame(POSITION, at(0), PHONE, 1))
        assert replies(sock, 1) == [(0x8001, 1, POSITION, 0)]
        code, out, err = server.stop(number)
        assert (code, out, err) == (0, "Frames kept: 1\n", "")
        assert ended(sock)


def test_what_cannot_be_written_is_not_acknowledged(tmp_path: Path) -> None:
    with listening(tmp_path) as server:
        (server.out / f"{PHONE}.bin").mkdir()
        with server.connect() as sock:
            sock.sendall(frame(POSITION, at(0), PHONE, 1))
            assert replies(sock, 1) == []
        _, _, err = server.stop()
    assert f"{PHONE}.bin: cannot be written: " in err


def test_the_bundles_terminals_of_the_feed_are_accepted_and_no_others(tmp_path: Path) -> None:
    city = copy_city(tmp_path)
    out = city / "tracks" / "box"
    edit(city / "bundle.toml", "[feeds.depot]", '[feeds.box]\nformat = "jt808"\ndatum = "wgs84"\n\n[feeds.depot]')
    header, *rows = (city / "vehicles.csv").read_text(encoding="utf-8").splitlines()
    columns = header.split(",")
    values = dict(zip(columns, rows[0].split(","), strict=True)) | {"provider": "box", "terminal_id": PHONE}
    moved = [header, ",".join(values[name] for name in columns), *rows[1:], ""]
    (city / "vehicles.csv").write_text("\n".join(moved), encoding="utf-8")
    with listening(tmp_path, out=out) as server:
        for phone, result in ((PHONE, 0), (OTHER, 1)):
            with server.connect() as sock:
                sock.sendall(frame(POSITION, at(0), phone, 1))
                assert replies(sock, 1) == [(0x8001, 1, POSITION, result)]
    assert seconds(out, PHONE) == [0]


def test_orders_that_cannot_be_followed_end_with_2_and_say_why(tmp_path: Path) -> None:
    accepted = tmp_path / "accepted.csv"
    accepted.write_text(f"terminal_id\n{PHONE}\n", encoding="utf-8")
    bad = tmp_path / "bad.csv"
    bad.write_text("terminal_id\n../x\n", encoding="utf-8")
    long = tmp_path / "long.csv"
    long.write_text(f"terminal_id,auth_code\n{PHONE},{'x' * 300}\n", encoding="utf-8")
    empty = tmp_path / "empty.csv"
    empty.write_text("terminal_id\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = f"127.0.0.1:{taken.getsockname()[1]}"
        for options, says in (
            (["--terminals", accepted, "--bind", busy], "--bind: cannot listen"),
            (["--terminals", accepted, "--bind", "nowhere"], "--bind: is not an address"),
            (["--terminals", bad], "row 1, field terminal_id: a file cannot be named so"),
            (["--terminals", long], "row 1, field auth_code: is too long"),
            (["--terminals", empty], "no terminal is to be accepted"),
            (["--terminals", tmp_path / "none.csv"], "cannot be opened"),
            ([], "is not BUNDLE/tracks/NAME"),
            (
                ["--out", copy_city(tmp_path) / "tracks" / "terminal"],
                "field feeds.terminal.format: is not a feed of frames",
            ),
        ):
            answer = trajaudit("listen", "--out", tmp_path / "out", *options)
            assert answer.code == 2, answer
            assert says in answer.err
