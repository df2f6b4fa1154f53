"""A car's passages before checkpoint cameras, in the shape that the page's scripts read.

A passage comes here without the faces that were seen in it: a seat and a strength stand only with the finding that
rests on them (`maps.sightings`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from checkpoints.positions import FASTEST_MPS, CheckedPassage
from maps.entries import web_href
from maps.shapes import DECIMALS

ClipOf = Callable[[str, int], str | None]
"""Where a camera's video is: camera_id and the time by the camera's own clock (ms UTC) to an address."""


def passage_layer(
    passages: Iterable[CheckedPassage], cameras: Mapping[str, tuple[float, float]], clip_of: ClipOf | None
) -> dict[str, Any]:
    """Return passages by time, and where (lon, lat) the cameras stand that read the car.

    ValueError where a clip's address is none of the web.
    """
    held = sorted(passages, key=lambda c: (c.t_ms, c.passage.passage_id))
    used = sorted({c.passage.camera_id for c in held} & set(cameras))
    return {
        "cameras": [[name, *(round(degrees, DECIMALS) for degrees in cameras[name])] for name in used],
        "passages": [_passage(c, clip_of) for c in held],
        "kmh": round(3.6 * FASTEST_MPS),
    }


def _passage(c: CheckedPassage, clip_of: ClipOf | None) -> dict[str, Any]:
    passage, clock = c.passage, c.clock
    clip = None if clip_of is None else clip_of(passage.camera_id, passage.shot_ms)
    return {
        "id": passage.passage_id,
        "camera": passage.camera_id,
        "t": c.t_ms,
        "shot": passage.shot_ms,
        "sigma": _rounded(c.sigma_s),
        "offset": _rounded(clock.offset_s),
        "votes": clock.votes,
        "trusted": clock.is_trusted,
        "where": c.whereabouts.value,
        "near": _rounded(c.nearest_m),
        "late": _rounded(c.margin_s),
        "readSo": c.is_read_so,
        "file": passage.file or None,
        "row": passage.row or None,
        "clip": web_href(clip, f"passage {passage.passage_id}"),
    }


def _rounded(value: float) -> float | None:
    return round(value, 1) if math.isfinite(value) else None
