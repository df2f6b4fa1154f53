"""Tracks with fewer fixes: what a slower terminal would have sent. Every fix that is left is as it was."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def thin_times(t_s: npt.NDArray[np.float64], step_s: float) -> npt.NDArray[np.bool_]:
    """Which of some times (in whatever order) are left if a fix comes no sooner than `step_s` after the last one."""
    kept = np.zeros(len(t_s), np.bool_)
    last = -np.inf
    for i in np.argsort(t_s, kind="stable"):
        if t_s[i] - last >= step_s - 0.5:  # terminals' clocks jitter below a second
            kept[i], last = True, t_s[i]
    return kept


def thin_rows(rows: pd.DataFrame, step_s: float) -> pd.DataFrame:
    """The rows of a real source (`vehicle_id`, `t`), thinned vehicle by vehicle."""
    seconds = rows.t.astype("datetime64[ms, UTC]").astype("int64").to_numpy() / 1000
    kept = np.zeros(len(rows), np.bool_)
    for index in rows.groupby("vehicle_id").indices.values():
        kept[index] = thin_times(seconds[index], step_s)
    return rows[kept]


def thin_bundle(bundle: Path, to: Path, step_s: float, with_speed: bool = True) -> Path:
    """Copy a bundle, its tracks (Amap, Baidu, CSV, Parquet) thinned; `with_speed` False: no speed is reported."""
    shutil.copytree(bundle, to)
    for folder in sorted((to / "tracks").iterdir()):
        by_terminal = defaultdict(list)
        for file in sorted(folder.iterdir()):
            by_terminal[file.name.split(".")[0]].append(file)
        for files in by_terminal.values():
            if ".parquet" in files[0].name:
                _thin_parquet(files, step_s, with_speed)
            elif ".csv" in files[0].name:
                _thin_csv(files, step_s, with_speed)
            else:
                _thin_pages(files, step_s, with_speed)
    return to


def _thin_parquet(files: list[Path], step_s: float, with_speed: bool) -> None:
    for file in files:
        rows = pd.read_parquet(file).rename(columns={"terminal_id": "vehicle_id", "time": "t"})
        rows = thin_rows(rows, step_s) if with_speed else thin_rows(rows, step_s).assign(speed_kmh=np.nan)
        rows.rename(columns={"vehicle_id": "terminal_id", "t": "time"}).to_parquet(file, index=False)


def _thin_csv(files: list[Path], step_s: float, with_speed: bool) -> None:
    tables = [list(csv.reader(_read(file).splitlines())) for file in files]
    at = tables[0][0].index("time")
    text = [row[at] for table in tables for row in table[1:]]
    times = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
    kept = iter(_kept(times, step_s))
    for file, table in zip(files, tables, strict=True):
        rows = [row for row in table[1:] if next(kept)]
        if not with_speed:
            rows = [[*row[:4], "", *row[5:]] if len(row) > 4 else row for row in rows]
        out = io.StringIO(newline="")
        csv.writer(out).writerows([table[0], *rows])
        _write(file, out.getvalue())


def _thin_pages(files: list[Path], step_s: float, with_speed: bool) -> None:
    pages = [json.loads(_read(file)) for file in files]
    points = [point for page in pages for part in _parts(page) for point in part["points"]]
    kept = iter(_kept(pd.to_datetime([_ms(p) for p in points], unit="ms", utc=True), step_s))
    for page in pages:
        for part in _parts(page):
            part["points"] = [point for point in part["points"] if next(kept)]
            for point in part["points"] if not with_speed else ():
                point.pop("speed", None)
    total = sum(len(part["points"]) for page in pages for part in _parts(page))
    for file, page in zip(files, pages, strict=True):
        _recount(page, total)
        _write(file, json.dumps(page, ensure_ascii=False))


def _read(file: Path) -> str:
    raw = file.read_bytes()
    return (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")


def _write(file: Path, text: str) -> None:
    raw = text.encode("utf-8")
    file.write_bytes(gzip.compress(raw, mtime=0) if file.suffix == ".gz" else raw)


def _kept(times: Any, step_s: float) -> npt.NDArray[np.bool_]:
    """Fixes without a readable time are left in: what is wrong with a bundle stays wrong."""
    unread = np.asarray(times.isna())
    seconds = times.as_unit("ms").asi8 / 1000
    kept = unread.copy()
    kept[~unread] = thin_times(seconds[~unread], step_s)
    return kept


def _parts(page: dict[str, Any]) -> Iterable[dict[str, Any]]:
    if "points" in page:
        return [page]
    return [part for part in ((page.get("data") or {}).get("tracks") or []) if "points" in part]


def _ms(point: dict[str, Any]) -> float:
    value = point.get("locatetime", point.get("loc_time", "nan"))
    return float(value) * (1 if "locatetime" in point else 1000)


def _recount(page: dict[str, Any], total: int) -> None:
    for part in _parts(page):
        if part is page and "total" in page:
            page |= {"total": total, "size": len(page["points"])}
        elif "counts" in part:
            part["counts"] = total
