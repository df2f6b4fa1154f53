"""Pages damaged at random: nothing crashes, and every row is accounted for."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.feeds.track_builders import account, amap_page, amap_point, baidu_page, baidu_point, open_feed, write

N_PAGES = 300
JUNK: list[Any] = [
    None,
    True,
    -1,
    1e308,
    10**30,
    "",
    "x",
    "113.1,34.2",
    [],
    {},
    [1, 2],
    {"a": 1},
    "\ud800",
    float("nan"),
    "1e999",
]
RAW_JUNK = [b"", b"\x00", b"}", b"{", b'"', b"\xff", b"1" * 40, b",", b"null", b"\\ud800", b"-Infinity"]


def mutate(value: Any, rng: random.Random) -> Any:
    """Change one place of a JSON value."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.93:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        value = value.copy()
        if isinstance(value, dict) and rng.random() < 0.05:
            del value[key]
        else:
            value[key] = mutate(value[key], rng)
        return value
    return rng.choice(JUNK)


def damage(data: bytes, rng: random.Random) -> bytes:
    """Overwrite, insert or cut bytes."""
    at = rng.randrange(len(data))
    return data[:at] + rng.choice(RAW_JUNK) + data[at + rng.randrange(3) :] if rng.random() < 0.8 else data[:at]


@pytest.mark.parametrize("kind", ["amap", "baidu"])
def test_mutated_pages_never_crash_and_always_add_up(tmp_path: Path, kind: str) -> None:
    rng = random.Random(kind)
    for number in range(N_PAGES):
        page = (
            amap_page([amap_point(k) for k in range(6)])
            if kind == "amap"
            else baidu_page([baidu_point(k, create_time="2026-03-18 12:00:02") for k in range(6)])
        )
        for _ in range(rng.randrange(1, 4)):
            page = mutate(page, rng) or {}
        data = json.dumps(page).encode()
        write(tmp_path, f"T{number}.1.json", damage(data, rng) if rng.random() < 0.4 else data)
    feed, ledger, _ = open_feed(tmp_path, kind)
    table = feed.read()
    entry = account(ledger)
    assert entry["read"] == entry["kept"] + sum(entry["rejected"].values())
    assert entry["kept"] == len(table)
    assert len(ledger.rejects) == sum(entry["rejected"].values())
    assert len(feed.broken_terminals()) > N_PAGES / 10  # the damage was real,
    assert entry["kept"] > N_PAGES  # and not total
    for reject in ledger.rejects:
        json.dumps([reject.file, reject.found], ensure_ascii=False).encode()
