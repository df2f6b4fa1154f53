"""A vehicle's day as columns of small integers, for the replay in the browser."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from maps.words import FLAGS, Words
from trajectories.fleet import I8, UNUSABLE, Track
from trajectories.spans import Spans, Stretches

PER_DEG = 1_000_000
MISSING = -1
SourceOf = Callable[[int], tuple[str, int]]


def track_columns(
    track: Track, spans: Spans, stretches: Stretches, source_of: SourceOf, texts: Words
) -> dict[str, Any]:
    """Return a track for the page: times and places as differences from row to row, spans by row of the track.

    Columns of a value for each row are packed (see `_packed`); `t0`, `x0`, `y0` and `source0` are the first row's, from
    which its difference is 0. Places are in 1e-6 degrees, speeds in 0.1 m/s and headings in degrees (-1 where none was
    sent). `unit` is 1000 where all times are whole seconds, else 1 (ms). A row without a finite position repeats the
    one before it and is listed in `nowhere`.
    """
    t_ms = track.t_ms
    start_ms = int(t_ms[0]) if len(track) else 0
    unit = 1000 if not np.any((t_ms - start_ms) % 1000) else 1
    lost = ~(np.isfinite(track.lon_deg) & np.isfinite(track.lat_deg))
    flagged = np.flatnonzero(track.flags)
    east, north = _microdegrees(track.lon_deg, lost), _microdegrees(track.lat_deg, lost)
    source = track.source.astype(np.int64)
    return {
        "n": len(track),
        "t0": start_ms,
        "unit": unit,
        "dt": _steps((t_ms - start_ms) // unit),
        "x0": _first(east),
        "dx": _steps(east),
        "y0": _first(north),
        "dy": _steps(north),
        "v": _packed(_whole(track.speed_mps * np.float32(10))),
        "h": _packed(_whole(track.heading_deg)),
        "nowhere": np.flatnonzero(lost).tolist(),
        "flagged": [flagged.tolist(), track.flags[flagged].tolist()],
        "flagNames": [[bit, texts(name)] for bit, name in FLAGS.items()],
        "unusable": int(UNUSABLE),
        "source0": _first(source),
        "source": _steps(source),
        **_files(source, source_of),
        "spans": _rows(spans, "kind", track),
        "stretches": _rows(stretches, "activity", track),
        "probabilities": np.round(
            np.column_stack([stretches.p_yard, stretches.p_road, stretches.p_plain]).astype(float), 2
        ).tolist(),
    }


def _packed(values: I8) -> list[Any]:
    """Return [bits of a value, values as Base64 of little-endian whole numbers]: as text they take ten times as long.

    >>> _packed(np.array([1, -2])), _packed(np.array([40_000]))
    ([16, 'AQD+/w=='], [32, 'QJwAAA=='])
    """
    bits = 16 if np.array_equal(values.astype(np.int16), values) else 32
    return [bits, base64.b64encode(values.astype(f"<i{bits // 8}").tobytes()).decode("ascii")]


def _first(values: I8) -> int:
    return int(values[0]) if len(values) else 0


def _steps(values: I8) -> list[Any]:
    return _packed(np.diff(values, prepend=values[:1]))


def _microdegrees(degrees: npt.NDArray[np.float64], lost: npt.NDArray[np.bool_]) -> I8:
    """Whole micro-degrees; a lost row takes the last place before it (the first rows the first one after them)."""
    if lost.all():
        return np.zeros(len(degrees), np.int64)
    row = np.maximum.accumulate(np.where(lost, -1, np.arange(len(degrees))))
    row[row < 0] = int(np.argmin(lost))
    return np.rint(degrees[row] * PER_DEG).astype(np.int64)


def _whole(values: npt.NDArray[np.float32]) -> I8:
    return np.where(np.isfinite(values), np.rint(np.nan_to_num(values)), MISSING).astype(np.int64)


def _rows(table: Spans | Stretches, what: str, track: Track) -> list[list[int]]:
    """[what, first row, row after the last, start, end]; rows count from the track's first, times from its first."""
    t0 = int(track.t_ms[0]) if len(track) else 0
    columns = [
        getattr(table, what).astype(np.int64),
        table.start - track.start,
        table.stop - track.start,
        table.start_ms - t0,
        table.end_ms - t0,
    ]
    out: list[list[int]] = np.column_stack(columns).tolist()
    return out


def _files(source: I8, source_of: SourceOf) -> dict[str, Any]:
    """File names and the runs [source number, file, row] from which each fix's file and row follow.

    Source numbers count the rows of one file after the other, so between two numbers of one file that lie as far
    apart as their rows everything is linear; only where that fails is the middle asked for.
    """
    numbers = source if (source[1:] > source[:-1]).all() else np.unique(source)
    files: dict[str, int] = {}
    runs: list[list[int]] = []
    asked: dict[int, tuple[str, int]] = {}

    def ask(k: int) -> tuple[str, int]:
        if k not in asked:
            asked[k] = source_of(int(numbers[k]))
        return asked[k]

    pending = [(0, len(numbers) - 1)] if len(numbers) else []
    while pending:
        low, high = pending.pop()
        (file, row), (last_file, last_row) = ask(low), ask(high)
        if file == last_file and last_row - row == numbers[high] - numbers[low]:
            runs.append([int(numbers[low]), files.setdefault(file, len(files)), row])
        else:
            middle = (low + high) // 2
            pending += [(middle + 1, high), (low, middle)]
    return {"files": list(files), "runs": _joined(runs)}


def _joined(runs: list[list[int]]) -> list[list[int]]:
    """Neighbouring runs that are one straight run, joined."""
    out: list[list[int]] = []
    for number, file, row in runs:
        if not (out and out[-1][1] == file and row - out[-1][2] == number - out[-1][0]):
            out.append([number, file, row])
    return out
