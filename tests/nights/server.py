"""A process that has everything imported and every kernel loaded, and forks a child for each nightly it is told of.

A line of JSON comes in, a line goes out. It has one thread, so nothing is cut off by a fork. Its children end with it.

    {"start": {...}, "log": FILE, "result": FILE}  gives  {"pid": 1234}
    {"reap": 1234, "within_s": 20}                 gives  {"code": 0}: -9 where it was killed, null while it lives
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import numba
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from runs import points
from store.engine import StoreRefused
from store.lease import LeaseLost, LeaseTaken
from tests.nights.making import LEASE_MS, Told, faults_of, parts_of, run
from tests.stores import Place

TAKEN, LOST, FAILED = 3, 4, 1
PATIENCE_S = 60.0
_PR_SET_PDEATHSIG = 1
_CLONE_NEWNS = 0x00020000
_LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(Told(folder, None))
    assert threading.active_count() == 1, threading.enumerate()
    assert not has_kernel_threads()
    _say({"ready": True})
    lines, children = sys.stdin, set[int]()
    try:
        while line := lines.readline():
            asked = json.loads(line)
            if "start" in asked:
                pid = _forked(Told(**asked["start"]), Path(asked["log"]), Path(asked["result"]))
                children.add(pid)
                _say({"pid": pid})
            else:
                code = _reaped(asked["reap"], asked["within_s"])
                if code is not None:
                    children.discard(asked["reap"])
                _say({"code": code})
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def has_kernel_threads() -> bool:
    """Whether numba has started threads of its own: they would not live on in a child."""
    try:
        numba.threading_layer()
    except ValueError:  # it was never begun, as no kernel is parallel
        return False
    return True


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _reaped(pid: int, within_s: float) -> int | None:
    until = time.monotonic() + within_s
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        time.sleep(0.001)


def _forked(told: Told, log: Path, result: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = FAILED
    try:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        shown = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for source, target in ((nothing, 0), (shown, 1), (shown, 2)):
            os.dup2(source, target)
        code = child(told, result)
    except BaseException:  # noqa: BLE001 -- a fork must never go back into the loop above
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def child(told: Told, result: Path) -> int:
    """Do one nightly; tell in a file what it did, or why it did not."""
    seen: list[str] = []
    points.listener = listener(told, seen)
    if told.max_bytes is not None:
        limit_bytes(told.max_bytes)
    if told.max_pages is not None:
        limit_pages(told.max_pages)
    if told.barrier is not None:
        wait_for(Path(told.barrier))
    if told.disk_kb:
        _write(result, on_small_disks(told))
        return 0
    began = time.monotonic()
    try:
        done = run(told)
    except (LeaseTaken, LeaseLost) as error:
        code = TAKEN if isinstance(error, LeaseTaken) else LOST
        _write(result, {"error": type(error).__name__, "message": str(error), "points": seen})
        return code
    nights = [night.as_dict() for night in done.nights]
    _write(result, {"nights": nights, "points": seen, "seconds": time.monotonic() - began})
    return 0


def _write(path: Path, told: dict[str, Any]) -> None:
    limit_bytes(resource.RLIM_INFINITY)
    path.write_text(json.dumps(told), encoding="utf-8")


def listener(told: Told, seen: list[str]) -> Any:
    def reached(point: str) -> None:
        seen.append(point)
        if point == told.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if point == told.stop_at:
            os.kill(os.getpid(), signal.SIGSTOP)
        if point == told.pause_at and seen.count(point) == 1:
            Path(f"{told.signals}.here").touch()
            wait_for(Path(f"{told.signals}.go"))

    return reached


def wait_for(path: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < until, f"{path} never came"
        time.sleep(0.001)


def limit_bytes(most: int) -> None:
    """Have every file end at so many bytes; Python takes no notice of the signal, and sees the error."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))


def limit_pages(n: int) -> None:
    """Have every SQLite file end at so many pages, as a full disk would end it."""

    @event.listens_for(Engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={n}")


# ---------------------------------------------------------------- a disk of its own


def on_small_disks(told: Told) -> dict[str, Any]:
    """Run on a disk that only this process sees, and that grows from run to run; tell how each run ended."""
    if _LIBC.unshare(_CLONE_NEWNS) != 0:
        return {"refused": os.strerror(ctypes.get_errno())}
    mount("--make-rprivate", "/")
    Path(told.folder).mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={told.disk_kb[0]}k,mode=700", "tmpfs", told.folder)
    ends = []
    for number, size_kb in enumerate(told.disk_kb):
        mount("-o", f"remount,size={size_kb}k", told.folder)
        # A lease that cannot be given back on a full disk has to run out: this process lives.
        ends.append(end_of(told.but(ahead_ms=number * 2 * LEASE_MS)))
        if ends[-1] == ["done"]:
            break
    place = Place(Path(told.folder), told.url)
    return {"ends": ends, "parts": parts_of(place), "faults": [str(fault) for fault in faults_of(place)]}


def end_of(told: Told) -> list[str]:
    """How a run ended: the state of its night, and what was wrong; or that the store could not even be opened."""
    try:
        (night,) = run(told).nights
    except (StoreRefused, DBAPIError, OSError) as error:
        return ["refused", f"{type(error).__name__}: {error}"]
    return [night.state, *(line for lines in night.trouble.values() for line in lines)]


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, timeout=PATIENCE_S)


if __name__ == "__main__":
    main()
