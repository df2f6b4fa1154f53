"""Measures JT/T 808: how fast files of frames are decoded, and how fast a listener acknowledges what it has written.

Decoding: a day of each car, one 0x0200 with four extras every 5 s, in files of their own; processor seconds, the median
over rounds of one process. Listening: so many terminals at once on loopback, each waiting for its acknowledgement
before it sends again.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from feeds.jt808_frames import encode  # noqa: E402 -- after the path is set
from feeds.ledger import Ledger, SourceFiles  # noqa: E402
from feeds.track_feed import FeedConfig, open_track_feed  # noqa: E402
from geo.datum import Datum  # noqa: E402
from runs.listen import Limits, Listener  # noqa: E402
from runs.terminal_files import TerminalFiles  # noqa: E402
from runs.terminal_list import Accepted, TerminalList  # noqa: E402
from trajectories.clock import LocalTime  # noqa: E402

FIXES_A_DAY = 17_280
MIDNIGHT = datetime(2026, 3, 18)  # noqa: DTZ001 -- wall time of the terminals, as it stands in the frames
EXTRAS = bytes.fromhex("010400000064 03020168 300118 31010b")


def main() -> None:
    """Run both measurements."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cars", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--terminals", type=int, default=50)
    parser.add_argument("--frames", type=int, default=40, help="frames each terminal sends")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        _decode(Path(folder), options.cars, options.rounds)
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        asyncio.run(_listen(Path(folder), options.terminals, options.frames))


def _phone(car: int) -> str:
    return str(13_800_000_000 + car)


def _frame(car: int, k: int) -> bytes:
    """The k-th position of a car's day."""
    place = [1, 2, 34_500_000 + k, 113_000_000 + 10 * car]
    body = b"".join(n.to_bytes(4, "big") for n in place) + bytes([0, 80, 1, 104, 0, 90])
    body += bytes.fromhex((MIDNIGHT + timedelta(seconds=5 * k)).strftime("%y%m%d%H%M%S")) + EXTRAS
    phone = np.frombuffer(bytes.fromhex(_phone(car).zfill(20)), np.uint8)
    return encode(0x0200, body, phone, k & 0xFFFF)


def _decode(bundle: Path, cars: int, rounds: int) -> None:
    folder = bundle / "tracks" / "f"
    folder.mkdir(parents=True)
    for car in range(cars):
        (folder / f"{_phone(car)}.bin").write_bytes(b"".join(_frame(car, k) for k in range(FIXES_A_DAY)))
    mb = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    config = FeedConfig("f", "jt808", Datum.WGS84)
    n, seconds = 0, []
    for _ in range(rounds):
        feed = open_track_feed(bundle, config, LocalTime("Asia/Shanghai"), Ledger(), SourceFiles())
        began = time.process_time()
        n = len(feed.read())
        seconds.append(time.process_time() - began)
    median = statistics.median(seconds)
    print(
        f"decoded {n:,} fixes, {mb:.1f} MB in {median:.3f} s: {mb / median:.0f} MB/s, {n / median / 1e6:.2f} M fixes/s"
    )


async def _listen(folder: Path, terminals: int, frames: int) -> None:
    accepted = TerminalList(Accepted(_phone(car), None, lambda: True) for car in range(terminals))
    files = TerminalFiles(folder)
    listener = Listener(files, accepted, Limits(60, terminals), print)
    stop, where = asyncio.Event(), asyncio.get_running_loop().create_future()
    server = asyncio.create_task(listener.serve("127.0.0.1", 0, lambda _host, port: where.set_result(port), stop))
    port = await where
    began = time.perf_counter()
    waits = await asyncio.gather(*(_send(port, car, frames) for car in range(terminals)))
    seconds = time.perf_counter() - began
    stop.set()
    await server
    files.close()
    each = sorted(wait for car in waits for wait in car)
    late = each[len(each) * 95 // 100]
    print(
        f"acknowledged {listener.kept:,} frames of {terminals} terminals in {seconds:.2f} s: "
        f"{listener.kept / seconds:.0f} a second; median {1000 * statistics.median(each):.1f} ms, "
        f"95th percentile {1000 * late:.1f} ms"
    )


async def _send(port: int, car: int, frames: int) -> list[float]:
    """Send frames one after another; return how long each waited for its acknowledgement."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    waits = []
    for k in range(frames):
        began = time.perf_counter()
        writer.write(_frame(car, k))
        await reader.readuntil(b"\x7e")
        await reader.readuntil(b"\x7e")
        waits.append(time.perf_counter() - began)
    writer.close()
    await writer.wait_closed()
    return waits


if __name__ == "__main__":
    main()
