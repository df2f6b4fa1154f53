"""Positions that a platform pushes: each row is told about, none counts twice, the night judges them like a file."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from runs.ingest import Source, ingest
from runs.push_night import late_days, only_pushed
from store.nights import current_files
from store.tables.api import PushedPosition
from tests.api.conftest import CITY, DAY, Server
from tests.api.databases import template
from tests.api.looping import run
from tests.api.pushing import all_findings, city_without, make_known, run_night, server_with

NDJSON = "application/x-ndjson"
ROW = {"feed": "terminal", "terminal_id": "T1", "time": "2026-03-19T08:00:00+08:00", "lon": 114.1, "lat": 34.2}


@pytest.fixture(scope="module")
def trackless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample city without the tracks of the feed `terminal`, and with one feed of Parquet files."""
    city = city_without(tmp_path_factory.mktemp("trackless") / "city")
    for path in (city / "tracks" / "terminal").iterdir():
        path.unlink()
    return city


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, trackless: Path) -> Path:
    folder = tmp_path_factory.mktemp("known") / "store"
    make_known(folder, trackless)
    return folder


@pytest.fixture
def server(known: Path, tmp_path: Path) -> Iterator[Server]:
    shutil.copytree(known, tmp_path / "store")
    made = server_with(tmp_path / "store", None)
    yield made
    made.store.close()


def post(server: Server, told: Any, name: str | None = "platform", kind: str = "application/json") -> httpx.Response:
    async def ask() -> httpx.Response:
        async with server.client(name) as client:
            body = told if isinstance(told, bytes) else json.dumps(told).encode()
            return await client.post("/v1/positions", content=body, headers={"content-type": kind})

    return run(ask)


def count(server: Server) -> int:
    with server.store.reading() as session:
        return session.scalar(select(func.count()).select_from(PushedPosition)) or 0


def counts(answer: httpx.Response) -> dict[str, int]:
    assert answer.status_code == 200, answer.text
    return {name: answer.json()[name] for name in ("received", "kept", "repeated", "rejected")}


def batch(n: int = 1000) -> list[dict[str, Any]]:
    return [{**ROW, "terminal_id": f"T{k % 7}", "time": 1_773_878_400 + k} for k in range(n)]


def timed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from datetime import UTC, datetime

    return [{**row, "time": datetime.fromtimestamp(row["time"], UTC).isoformat()} for row in rows]


def test_a_thousand_sent_twice_are_kept_once(server: Server) -> None:
    rows = timed(batch())
    assert counts(post(server, rows)) == {"received": 1000, "kept": 1000, "repeated": 0, "rejected": 0}
    assert counts(post(server, rows)) == {"received": 1000, "kept": 0, "repeated": 1000, "rejected": 0}
    lines = "\n".join(map(json.dumps, rows)).encode()
    assert counts(post(server, lines, kind=NDJSON)) == {"received": 1000, "kept": 0, "repeated": 1000, "rejected": 0}
    assert count(server) == 1000


BROKEN: list[tuple[dict[str, Any], str, str]] = [
    ({"feed": "nowhere"}, "unknown-feed", "feed"),
    ({"feed": "amap"}, "unknown-feed", "feed"),
    ({"feed": None}, "missing-value", "feed"),
    ({"terminal_id": " "}, "missing-value", "terminal_id"),
    ({"terminal_id": "T\n1"}, "bad-value", "terminal_id"),
    ({"terminal_id": 5}, "bad-value", "terminal_id"),
    ({"time": "yesterday"}, "bad-time", "time"),
    ({"time": "0001-01-01T00:00:00+14:00"}, "too-old", "time"),
    ({"time": "2026-03-01T08:00:00+08:00"}, "too-old", "time"),
    ({"time": "2026-03-19T09:11:00+08:00"}, "in-future", "time"),
    ({"lon": None}, "missing-value", "lon"),
    ({"lon": "114.1"}, "bad-number", "lon"),
    ({"lat": 90.5}, "bad-number", "lat"),
    ({"lat": True}, "bad-number", "lat"),
    ({"speed_kmh": -1}, "bad-number", "speed_kmh"),
    ({"heading_deg": 361}, "bad-number", "heading_deg"),
]


def test_each_row_is_told_about_and_a_broken_one_costs_itself_alone(server: Server) -> None:
    rows: list[Any] = [{**ROW, **change} for change, _, _ in BROKEN]
    answer = post(server, [*rows, "no object", ROW, ROW, {**ROW, "time": "2026-03-19T08:00:01", "more": 1}])
    n = len(BROKEN)
    assert counts(answer) == {"received": n + 4, "kept": 2, "repeated": 1, "rejected": n + 1}
    told = answer.json()["rows"]
    assert [(row["row"], row["status"]) for row in told[:n]] == [(k, "rejected") for k in range(1, n + 1)]
    assert [(row["reason"], row["field"]) for row in told[:n]] == [(reason, field) for _, reason, field in BROKEN]
    assert [row["status"] for row in told[n:]] == ["rejected", "kept", "repeated", "kept"]


def test_a_broken_line_is_one_row(server: Server) -> None:
    text = f"{json.dumps(ROW)}\n{{broken\n\n{json.dumps({**ROW, 'terminal_id': 'T2'})}\n"
    assert counts(post(server, text.encode(), kind=NDJSON)) == {"received": 3, "kept": 2, "repeated": 0, "rejected": 1}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"{}", "application/json", 422),
        (b"[NaN]", "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b"[]", "text/csv", 415),
        (b" " * (2 << 20) + b"[]", "application/json", 413),
        (json.dumps([ROW] * 1001).encode(), "application/json", 422),
    ],
    ids=["no JSON", "no list", "NaN", "deep", "another form", "too large", "too many"],
)
def test_a_batch_that_is_none_is_refused_whole(server: Server, body: bytes, kind: str, status: int) -> None:
    answer = post(server, body, kind=kind)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert count(server) == 0


@pytest.mark.parametrize(
    ("name", "status"), [(None, 401), ("auditor", 403), ("head", 403), ("admin", 403), ("school-1", 403)]
)
def test_only_service_accounts_push(server: Server, name: str | None, status: int) -> None:
    assert post(server, [ROW], name).status_code == status


def test_pushed_tracks_give_the_same_findings_as_the_file(server: Server, city_store: Path, trackless: Path) -> None:
    rows = list(rows_of_city("terminal"))
    for n in range(0, len(rows), 1000):
        assert counts(post(server, rows[n : n + 1000]))["rejected"] == 0
    for day in late_days(server.store, DAY + timedelta(days=1)):  # a replayed track is one of the day before
        with only_pushed() as folder:
            ingest(server.store, Source(folder, day, 0))
    run_night(server.store, trackless)
    expected = template(city_store)
    assert all_findings(server.store) == all_findings(expected)
    expected.close()
    assert count(server) == 0
    assert f"tracks/terminal/pushed-{DAY}.csv" in names(server)


def rows_of_city(feed: str) -> Iterator[dict[str, Any]]:
    for path in sorted((CITY / "tracks" / feed).iterdir()):
        for row in csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode("utf-8-sig"))):
            told = {
                name: float(row[name]) if row.get(name) else None for name in ("lon", "lat", "speed_kmh", "heading_deg")
            }
            yield {"feed": feed, "terminal_id": row["terminal_id"], "time": row["time"], **told}


def names(server: Server) -> list[str]:
    with server.store.reading() as session:
        return list(current_files(session, DAY))


def test_a_late_push_is_added_to_what_the_night_has(server: Server, trackless: Path, tmp_path: Path) -> None:
    first, late = ({**ROW, "time": f"2026-03-18T10:00:0{n}+08:00"} for n in (1, 2))
    post(server, [first])
    take_in(server, trackless)
    assert lines(server) == 2
    post(server, [first, late])
    (tmp_path / "pushed").mkdir()
    take_in(server, tmp_path / "pushed")
    assert lines(server) == 3
    assert count(server) == 0
    take_in(server, trackless)
    assert lines(server) == 3


def take_in(server: Server, folder: Path) -> None:
    ingest(server.store, Source(folder, DAY, 0))


def lines(server: Server) -> int:
    from store.files import blob_path

    with server.store.reading() as session:
        (held,) = (a for n, a in current_files(session, DAY).items() if "/pushed-" in n)
    return len(blob_path(server.store, held.sha256).read_text("utf-8").splitlines())


def test_a_feed_of_parquet_gets_a_file_of_parquet(server: Server, trackless: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from store.files import blob_path

    city = tmp_path / "city"
    shutil.copytree(trackless, city)
    config = (city / "bundle.toml").read_text("utf-8")
    (city / "bundle.toml").write_text(
        config.replace('[feeds.terminal]\nformat = "csv"', '[feeds.terminal]\nformat = "parquet"'), "utf-8"
    )
    take_in(server, city)
    for n in (1, 2, 1):
        post(server, [{**ROW, "time": f"2026-03-18T10:00:0{n}.250+08:00", "speed_kmh": 7}])
        take_in(server, city)
    with server.store.reading() as session:
        held = current_files(session, DAY)[f"tracks/terminal/pushed-{DAY}.parquet"]
    rows = pq.read_table(blob_path(server.store, held.sha256)).to_pylist()
    assert [(r["terminal_id"], r["time"].microsecond, r["speed_kmh"]) for r in rows] == [("T1", 250_000, 7.0)] * 2


def test_positions_of_a_feed_that_the_night_does_not_have_wait_on(
    server: Server, trackless: Path, tmp_path: Path
) -> None:
    post(server, [{**ROW, "time": "2026-03-18T10:00:01+08:00"}])
    city = tmp_path / "city"
    shutil.copytree(trackless, city)
    config = (city / "bundle.toml").read_text("utf-8")
    (city / "bundle.toml").write_text(
        config.replace('[feeds.terminal]\nformat = "csv"', '[feeds.terminal]\nformat = "gpx"'), "utf-8"
    )
    take_in(server, city)
    assert count(server) == 1


def test_a_killed_ingest_leaves_them_waiting(server: Server, trackless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from runs import ingest as module

    post(server, [{**ROW, "time": "2026-03-18T10:00:01+08:00"}])

    def reached(point: str) -> None:
        if point == "ingest-before-commit":
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "reached", reached)
    with pytest.raises(KeyboardInterrupt):
        take_in(server, trackless)
    assert count(server) == 1
    monkeypatch.undo()
    take_in(server, trackless)
    assert (count(server), lines(server)) == (0, 2)


def test_a_day_not_over_waits_for_its_own_night(server: Server, trackless: Path) -> None:
    post(server, [ROW, {**ROW, "time": "2026-03-18T10:00:01+08:00"}])
    take_in(server, trackless)
    with server.store.reading() as session:
        (day,) = session.scalars(select(PushedPosition.service_date))
    assert day == DAY + timedelta(days=1)
