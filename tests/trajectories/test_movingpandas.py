"""MovingPandas as the oracle of stops, silences, lengths and speeds; each difference has its reason.

MovingPandas reads times without their offset as they stand, so it is given UTC without one (peers: M3).
"""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shapely import points

from tests.trajectories.drives import T0_MS, Drive, Seen, along, fixes_of, fleet_of, observed, ring, stand
from trajectories.spans import SpanKind

# MovingPandas still asks pandas to sort in place, which newer pandas announce to end.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

SPEED_AND_LENGTH = 0.005
METRES = "EPSG:32651"  # the plane of the drives, shifted to a place where this CRS is at home


@pytest.fixture(scope="module")
def mpd() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that it imports and we do not use
        import movingpandas  # slow, so only where it is asked for
    return movingpandas


def trajectory(mpd: Any, seen: Seen) -> Any:
    import geopandas as gpd

    frame = gpd.GeoDataFrame(
        {"id": "V1", "t": pd.to_datetime(seen.fleet.t_ms, unit="ms")},
        geometry=points(seen.east_m + 350_000, seen.north_m + 3_456_000),
        crs=METRES,
    ).set_index("t")
    return mpd.Trajectory(frame, "V1")


HALTS_S = (150.0, 240.0, 600.0, 1500.0)


def day_of_stops() -> Drive:
    """Drives of a few kilometres with four halts, and two red lights that are none."""
    out = along([(0, 0), (3000, 0), (3000, 20)], [11.0, 5.0])
    for k, halt_s in enumerate(HALTS_S):
        out = out.then(stand(halt_s), along([(0, 0), (900, 700)], 9.0), stand((20.0, 45.0)[k % 2]))
        out = out.then(along([(0, 0), (2500, 200)], 12.0))
    return out


def test_stops_are_those_of_the_stop_detector(mpd: Any) -> None:
    """Both find the four halts and nothing else; theirs begin up to some steps earlier and end some later.

    Their stop is a time in which all fixes lie within a circle of 50 m: it takes in the last metres of braking and
    the first of pulling away (50 m at 11 m/s: 5 s, and as much again for the steps). Our span begins where the car
    stays within 8 m, so it is the shorter one and nearer the truth. Our minimum is 60 s (`standing_ms`), and so is
    theirs here; with noise of 3 m neither is disturbed.
    """
    t, x, y, speed = fixes_of(day_of_stops(), 5.0, noise_m=3.0)
    seen = observed(fleet_of(t, x, y, speed), x, y)
    found = mpd.TrajectoryStopDetector(trajectory(mpd, seen)).get_stop_time_ranges(
        max_diameter=50, min_duration=timedelta(seconds=60)
    )
    theirs = [((r.t_0 - pd.Timestamp(T0_MS, unit="ms")) / timedelta(seconds=1), r.t_n) for r in found]
    theirs_end = [(end - pd.Timestamp(T0_MS, unit="ms")) / timedelta(seconds=1) for _, end in theirs]
    ours = seen.times(SpanKind.STANDING)
    assert len(ours) == len(theirs) == len(HALTS_S)
    for (start, end), (their_start, _), their_end, halt_s in zip(ours, theirs, theirs_end, HALTS_S, strict=True):
        assert -5.0 <= start - their_start <= 15.0
        assert -15.0 <= end - their_end <= 10.0
        assert abs((end - start) - halt_s) <= 12.0
        assert (their_end - their_start) - halt_s <= 25.0


def test_silences_are_those_of_the_gap_splitter_but_for_parts_of_one_fix(mpd: Any) -> None:
    """Both cut at the same steps. The splitter then drops a part of a single fix without a word (peers: M2); we keep
    it as a standing span of its own, since a row that was sent must stay to be seen."""
    t, x, y, speed = fixes_of(ring(900, 600, 8, 9.0), 5.0, noise_m=2.0)
    assert speed is not None
    minute = (t - T0_MS) / 60_000
    keep = (minute < 8) | ((minute > 14) & (minute < 20)) | (np.abs(minute - 26.5) < 0.04) | (minute > 33)
    seen = observed(fleet_of(t[keep], x[keep], y[keep], speed[keep]), x[keep], y[keep])
    parts = mpd.ObservationGapSplitter(trajectory(mpd, seen)).split(gap=timedelta(seconds=180))
    edges = [
        ((p.get_start_time() - pd.Timestamp(T0_MS, unit="ms")) / timedelta(seconds=1), p.get_end_time()) for p in parts
    ]
    gaps = seen.times(SpanKind.GAP)
    assert len(gaps) == 3
    assert len(edges) == 3  # of four pieces
    assert sum(len(p.df) for p in parts) == seen.fleet.n_fixes - 1
    ours = [0.0, *(end for _, end in gaps)]
    assert [start for start, _ in edges] == [ours[0], ours[1], ours[3]]
    assert seen.spans.kind.tolist().count(int(SpanKind.STANDING)) == 1
    lone = seen.spans.kind == SpanKind.STANDING
    assert (seen.spans.stop - seen.spans.start)[lone].tolist() == [1]


def test_length_and_speed_are_theirs(mpd: Any) -> None:
    """Length: our path leaves out vertices nearer than 10 m, so on a drive with steps above that the two are equal
    (corners, where a step may be shorter, stay within `SPEED_AND_LENGTH`). Speed: seconds in motion and path give
    the mean of theirs weighted by time."""
    drive = along([(0, 0), (4000, 0), (4000, 3000), (9000, 5000)], 12.0)
    t, x, y, speed = fixes_of(drive, 5.0)
    seen = observed(fleet_of(t, x, y, speed), x, y)
    theirs = trajectory(mpd, seen)
    table = seen.table()
    path_m, moving_s = float(table.path_m.sum()), float(table.moving_s.sum())
    assert path_m == pytest.approx(theirs.get_length(), rel=SPEED_AND_LENGTH)
    theirs.add_speed()
    their_speed = theirs.df["speed"].to_numpy()[1:]
    assert path_m / moving_s == pytest.approx(their_speed.mean(), rel=SPEED_AND_LENGTH)
    per_minute = (table.path_m / 60)[0, 1:-1]
    step_end = (seen.fleet.t_ms[1:] - T0_MS) // 60_000
    wanted = [their_speed[step_end == m].mean() for m in range(1, table.n_minutes - 1)]
    assert per_minute == pytest.approx(np.array(wanted), rel=SPEED_AND_LENGTH)
