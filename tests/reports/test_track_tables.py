"""The columns of an export that are made without an object for each fix, beside the same made one by one."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely

from reports.track_tables import local_texts, wkb_points
from trajectories.clock import LocalTime

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("Asia/Shanghai", "2026-03-18T04:00"),
        ("Europe/Berlin", "2026-03-29T02:00"),  # summer time begins
        ("Europe/Berlin", "2026-10-25T02:00"),  # and ends: an hour comes twice
        ("Australia/Lord_Howe", "2026-04-05T02:00"),  # by half an hour
        ("Asia/Kathmandu", "2026-03-18T04:00"),  # 5 h 45 min
        ("America/St_Johns", "2026-03-08T02:00"),
    ],
)
def test_a_local_time_is_that_of_the_standard_library(zone: str, around: str) -> None:
    middle = int(datetime.fromisoformat(around).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    t_ms = middle + np.arange(-3 * HOUR_MS, 3 * HOUR_MS, 611_137)
    wanted = [
        datetime.fromtimestamp(t // 1000, ZoneInfo(zone)).replace(microsecond=t % 1000 * 1000) for t in t_ms.tolist()
    ]
    assert local_texts(t_ms, LocalTime(zone)).tolist() == [w.isoformat(timespec="milliseconds") for w in wanted]


def test_no_time_gives_no_text() -> None:
    assert len(local_texts(np.zeros(0, np.int64), LocalTime("Asia/Shanghai"))) == 0


def test_points_are_the_bytes_that_shapely_writes() -> None:
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-180, 180, 50), rng.uniform(-90, 90, 50)
    ours = wkb_points(lon, lat).to_pylist()
    assert ours == shapely.to_wkb(shapely.points(lon, lat), byte_order=1).tolist()
    assert wkb_points(lon[:0], lat[:0]).to_pylist() == []
