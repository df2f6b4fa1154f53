"""The sample city on other days, whole or with some of its cars."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from pathlib import Path

from tests.nights.making import CITY, DAY

_DATE = re.compile(r"2026-03-1[789]")
_AMAP_MS = re.compile(r'(?<="locatetime":)\d+')
_BAIDU_S = re.compile(r'(?<="loc_time":)\d+')
_DAY_S = 86_400
OLDER = "2026-03-17"
"""Part of the name of a track file of the day before."""


def shifted_city(
    out: Path, day: date, cars: Collection[str] | None = None, older: bool = True, without: Collection[str] = ()
) -> Path:
    """Write the sample city as it would be on another day. `cars`: these alone, everything else of them stays.

    `older`: with the track of the day before that lies among them; `without`: feeds that brought nothing.
    """
    days = (day - DAY).days
    for path in sorted(p for p in CITY.rglob("*") if p.is_file()):
        name = path.relative_to(CITY).as_posix()
        feed = path.parent.name
        is_track = name.startswith("tracks/")
        if is_track:
            (out / "tracks" / feed).mkdir(parents=True, exist_ok=True)
        is_wanted = not is_track or cars is None or path.name.split(".")[0].removeprefix("T") in cars
        if not is_wanted or (is_track and feed in without) or (OLDER in name and not older):
            continue
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode("utf-8")
        text = _moved(text if cars is None or is_track else _only(path.name, text, cars), days)
        target = out / _moved(name, days)
        target.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode("utf-8")
        target.write_bytes(gzip.compress(data, 1, mtime=0) if name.endswith(".gz") else data)
    return out


def _moved(text: str, days: int) -> str:
    def moved(found: re.Match[str]) -> str:
        return (date.fromisoformat(found[0]) + timedelta(days=days)).isoformat()

    text = _DATE.sub(moved, text)
    text = _AMAP_MS.sub(lambda found: str(int(found[0]) + days * _DAY_S * 1000), text)
    return _BAIDU_S.sub(lambda found: str(int(found[0]) + days * _DAY_S), text)


def _only(name: str, text: str, cars: Collection[str]) -> str:
    """Leave out what is about other cars; what is about no car stays."""
    if name == "passages.ndjson":
        plates = set(_plates(cars))
        return "".join(f"{line}\n" for line in text.splitlines() if json.loads(line).get("plate") in plates)
    if not name.endswith(".csv"):
        return text
    rows = list(csv.DictReader(io.StringIO(text)))
    names = text.splitlines()[0].split(",")
    if "vehicle_id" not in names:
        return text
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for row in rows if row["vehicle_id"] in cars)
    return out.getvalue()


def _plates(cars: Collection[str]) -> Iterator[str]:
    for row in csv.DictReader((CITY / "vehicles.csv").read_text("utf-8").splitlines()):
        if row["vehicle_id"] in cars:
            yield row["plate"]
