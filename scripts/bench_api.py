"""Measures the HTTP entrance on this machine's loopback (`python scripts/bench_api.py`).

A store with the sample night and copies of its findings and cases over many nights (100,000 findings by default) is
served by `trajaudit serve` with two workers. A second process asks over a few connections that stay open, one kind of
request after the other. Client and server share the processors, so seconds of the server's processors a request are
told beside requests per second and times. Each answer is looked at: what is not as expected ends the run.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import func, insert, select

from api.positions import MOST_ROWS
from cases.matter import Matter, SubjectKind
from cases.roles import Role
from runs.night_desk import Desk
from runs.nightly import Order, nightly
from runs.open_store import opened
from runs.settings import Settings, StoreSettings
from store.api_keys import key_digest, new_key
from store.engine import Store
from store.schema import migrate
from store.tables.access import Grant, User
from store.tables.api import ApiKey
from store.tables.casework import CaseEvent, CaseRow
from store.tables.nights import Night
from store.tables.results import FindingRow

ROOT = Path(__file__).resolve().parent.parent
DAY = date(2026, 3, 18)
DAY_MS = 86_400_000
AT_ONCE = 5000
WARM_S = 2
"""For so long a kind is asked before it is measured: pages are made, caches are full."""
ACCOUNTS = {"bench-auditor": Role.AUDITOR, "bench-platform": Role.SERVICE}


def main() -> None:
    """Run the benchmark, or the process that asks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10, help="for how long each kind is asked")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database-url", help="PostgreSQL's, an empty database; otherwise SQLite")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--ask", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        print(json.dumps(_asked(json.loads(Path(options.ask).read_text("utf-8")))))
        return
    figures = _measured(options)
    _show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


# ---------------------------------------------------------------- the store
def _measured(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="trajaudit-bench-") as folder:
        named = {"folder": Path(folder) / "store", "database_url": options.database_url}
        settings = Settings(store=StoreSettings.model_validate(named))
        store = opened(settings)
        keys, cases = _filled(store, settings, options.findings)
        with store.reading() as session:
            n_findings = session.scalar(select(func.count()).select_from(FindingRow))
            n_cases = session.scalar(select(func.count()).select_from(CaseRow))
            days = list(session.scalars(select(FindingRow.service_date).distinct().order_by(FindingRow.service_date)))
            schools = list(session.scalars(select(FindingRow.school_id).distinct()))
        store.close()
        kinds = _kinds(days, [s for s in schools if s], cases)
        with _serving(Path(folder), options) as (port, pid):
            measured = {
                name: _one(Path(folder), port, pid, {"kind": name, **kind, "key": keys[kind["as"]]}, options)
                for name, kind in kinds.items()
            }
    return {"findings": n_findings, "cases": n_cases, "workers": options.workers, "kinds": measured}


def _filled(store: Store, settings: Settings, n: int) -> tuple[dict[str, str], list[str]]:
    """Audit the sample night, and lay copies of what it found behind it; return keys and some cases' ids."""
    migrate(store)
    nightly(Desk.open(store, settings), Order(DAY, ROOT / "sample_data/city"))
    keys = {name: new_key() for name in ACCOUNTS}
    with store.writing() as session:
        for name, role in ACCOUNTS.items():
            session.add(User(name=name, created_ms=1, created_by="bench"))
            session.add(Grant(name=name, role=str(role), granted_ms=1, granted_by="bench"))
            key = ApiKey(name=name, sha256=key_digest(keys[name]), label="bench", created_ms=1, created_by="bench")
            session.add(key)
    with store.reading() as session:
        findings, nights = _rows(session, FindingRow), _rows(session, Night)
        cases, events = _rows(session, CaseRow), _rows(session, CaseEvent)
    for first in range(1, n // len(findings) + 1, AT_ONCE // len(findings)):
        shifts = range(first, min(first + AT_ONCE // len(findings), n // len(findings) + 1))
        with store.writing() as session:
            for table, rows in ((FindingRow, findings), (Night, nights), (CaseRow, cases), (CaseEvent, events)):
                session.execute(insert(table), [_shifted(row, shift) for shift in shifts for row in rows])
    return keys, [str(case["case_id"]) for case in cases]


def _rows(session: Any, table: Any) -> list[dict[str, Any]]:
    names = [column.name for column in table.__table__.columns if not (column.name == "id" and table is FindingRow)]
    return [{name: getattr(row, name) for name in names} for row in session.scalars(select(table))]


def _shifted(row: dict[str, Any], days: int) -> dict[str, Any]:
    """Return a row of so many days before, about another matter."""
    moved = dict(row)
    for name in ("start_ms", "end_ms"):
        if name in moved:
            moved[name] -= days * DAY_MS
    if "service_date" in moved:
        moved["service_date"] = DAY - timedelta(days=days)
    if "finding_id" in moved:
        moved["finding_id"] = _other(row["finding_id"], days)
    if "subject_id" in moved:
        kind, subject = SubjectKind(row["subject_kind"]), row["subject_id"]
        moved["case_id"] = Matter(moved["service_date"], kind, subject).case_id
    if "payload" in moved:
        told = json.loads(row["payload"])
        matter = {**told["matter"], "service_date": (DAY - timedelta(days=days)).isoformat()}
        found = [{**f, "finding_id": _other(f["finding_id"], days)} for f in told["findings"]]
        moved["payload"] = json.dumps({**told, "matter": matter, "findings": found}, ensure_ascii=False)
        moved["case_id"] = Matter.from_json(matter).case_id
    return moved


def _other(key: str, days: int) -> str:
    return hashlib.sha256(f"{key} {days}".encode()).hexdigest()[: len(key)]


# ---------------------------------------------------------------- what is asked
def _kinds(days: list[date], schools: list[str], cases: list[str]) -> dict[str, dict[str, Any]]:
    """Return what is asked by name: as whom, and paths that are gone through again and again."""
    nights = [days[(i * 37) % len(days)] for i in range(200)]
    of_schools = [f"school={school}&date_to={day}" for school, day in zip(schools * 50, nights, strict=False)]
    lists = ["", *(f"date={day}" for day in nights), *of_schools]
    vehicle = urlencode({"reason": "bench", "lang": "zh"})
    return {
        "findings list (100 a page)": {
            "as": "bench-auditor",
            "paths": [f"/v1/findings?limit=100&{told}" for told in lists],
        },
        "one case": {"as": "bench-auditor", "paths": [f"/v1/cases/{case}?reason=bench" for case in cases]},
        "cases list (100 a page)": {"as": "bench-auditor", "paths": ["/v1/cases?limit=100"]},
        "map of a night": {"as": "bench-auditor", "paths": [f"/maps/nights/{DAY}?lang=zh"]},
        "map of a car's day": {"as": "bench-auditor", "paths": [f"/maps/nights/{DAY}/vehicles/V0001?{vehicle}"]},
        f"batch of {MOST_ROWS:,} positions": {"as": "bench-platform", "paths": ["/v1/positions"], "rows": MOST_ROWS},
    }


def _batch(number: int, rows: int) -> bytes:
    """Return a batch of positions that came in no other: a second each, of the hours before now."""
    first = datetime.now().astimezone() - timedelta(hours=8)
    told = [
        {
            "feed": "terminal", "terminal_id": f"B{number}", "time": (first + timedelta(seconds=i)).isoformat(),
            "lon": 113.6 + i * 1e-5, "lat": 34.8, "speed_kmh": 20.0, "heading_deg": 90.0,
        }
        for i in range(rows)
    ]  # fmt: skip
    return json.dumps(told).encode()


# ---------------------------------------------------------------- server and asking process
@contextmanager
def _serving(folder: Path, options: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """Run `trajaudit serve` without limits of requests; give its port and process id."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    limits = ("LOGINS_ACCOUNT", "LOGINS_ADDRESS", "REQUESTS_ACCOUNT", "REQUESTS_ADDRESS")
    told = {**os.environ, "TRAJAUDIT_STORE__FOLDER": str(folder / "store"),
            **{f"TRAJAUDIT_LIMITS__{name}": "0" for name in limits}}  # fmt: skip
    if options.database_url:
        told["TRAJAUDIT_STORE__DATABASE_URL"] = options.database_url
    command = [sys.executable, "-m", "runs.cli", "serve", "--port", str(port), "--workers", str(options.workers)]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen([*command, "--quiet"], cwd=ROOT, env=told, stdout=log, stderr=log)
        try:
            _await(port)
            yield port, server.pid
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def _await(port: int) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit("the server did not start")


def _one(folder: Path, port: int, pid: int, kind: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Ask one kind from a process of its own; return what it saw, and what it cost the server."""
    file = folder / "ask.json"
    told = {**kind, "port": port, "connections": options.connections}
    command = [sys.executable, __file__, "--ask", str(file)]

    def ask(seconds: float) -> dict[str, Any]:
        file.write_text(json.dumps({**told, "seconds": seconds}), "utf-8")
        before = _cpu_s(pid)
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
        found: dict[str, Any] = json.loads(done.stdout)
        return {**found, "server_cpu_ms": (_cpu_s(pid) - before) / found["requests"] * 1000}

    ask(WARM_S)
    return ask(options.seconds)


def _cpu_s(pid: int) -> float:
    """Return the processor seconds of a process and its children."""
    tick, total = os.sysconf("SC_CLK_TCK"), 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().rsplit(") ", 1)
        except OSError:
            continue
        fields = rest.split()
        if int(name.split(maxsplit=1)[0]) == pid or int(fields[1]) == pid:
            total += (int(fields[11]) + int(fields[12])) / tick
    return total


def _asked(told: dict[str, Any]) -> dict[str, Any]:
    """Ask over some connections for some seconds; return times in ms and how many were answered a second."""
    times: list[float] = []
    faults: list[str] = []
    numbers = count(os.getpid() * 1000)
    until = time.monotonic() + told["seconds"]

    def ask(offset: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", told["port"], timeout=60)
        headers = {"Authorization": f"Bearer {told['key']}"}
        for i in count(offset):
            path, rows = told["paths"][i % len(told["paths"])], told.get("rows")
            body = _batch(next(numbers), rows) if rows else None
            if time.monotonic() >= until:
                return
            start = time.perf_counter()
            if body is None:
                connection.request("GET", path, headers=headers)
            else:
                connection.request("POST", path, body, {**headers, "Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            times.append((time.perf_counter() - start) * 1000)
            if answer.status != http.HTTPStatus.OK or (rows and json.loads(text)["kept"] != rows):
                faults.append(f"{path}: {answer.status} {text[:300]!r}")
                return

    began = time.monotonic()
    step = max(1, len(told["paths"]) // told["connections"])
    threads = [threading.Thread(target=ask, args=(i * step,)) for i in range(told["connections"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    if faults:
        raise SystemExit(faults[0])
    ends = statistics.quantiles(times, n=100)
    return {"requests": len(times), "per_s": len(times) / took, "p50_ms": ends[49], "p99_ms": ends[98]}


def _show(figures: dict[str, Any]) -> None:
    print(f"{figures['findings']:,} findings, {figures['cases']:,} cases, {figures['workers']} workers")
    print("| asked | requests/s | p50 ms | p99 ms | server's processor ms a request |")
    print("|---|---|---|---|---|")
    for name, k in figures["kinds"].items():
        print(f"| {name} | {k['per_s']:.0f} | {k['p50_ms']:.1f} | {k['p99_ms']:.1f} | {k['server_cpu_ms']:.1f} |")


if __name__ == "__main__":
    main()
