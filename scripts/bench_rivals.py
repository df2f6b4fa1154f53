"""Measures our chain beside MovingPandas and beside two vectorised chains, on the same 20 cars (`make bench`).

The job: read the fixes and the approved places from their files, mark repeats and spikes, cut at silences of three
minutes, find stops, say of every fix in which places it lies, work out speed, direction and turning, and the length of
each piece. Every contender runs in a process of its own; seconds are processor seconds of a round, the first round
(imports, compilation, caches) left out, the median of the others taken. The run ends with code 1 where the contenders
disagree by more than the tolerances below say, so that nobody is quick by doing another job.

ours          the audit's own chain: bundle with registers, door, cleaning, spans, minute table with features, visits
              (longer than the job: six kinds of flags, path features of every minute, how deep in which place)
movingpandas  OutlierCleaner, ObservationGapSplitter, TrajectoryStopDetector (100 m, 120 s), speed, direction, angle,
              lengths, GeoPandas' sjoin; in the projected CRS, which is several times quicker than degrees
frames        pandas and GeoPandas without loops: groupby, shift, rolling, sjoin
arrays        NumPy and Shapely without frames or geometry objects: how far the job goes in Python without compiling
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
DATE = "2026-03-18"
CARS = 20
ROUNDS = {"ours": 9, "arrays": 7, "frames": 5, "movingpandas": 3}
GAP_S, TOP_MPS, STOP_M, STOP_S = 180.0, 50.0, 100.0, 120.0
GAP_MIN, REPEATS, SPIKES, SPIKE_M = 25.0, 0.003, 0.0005, 3000.0
AWAY_MS = 10 * 86_400_000  # pieces are laid this far apart in time, so that one window never spans two

LENGTH = 0.002  # metres of each vehicle, as a share: UTM's scale is 0.04 % off, and a spike more or less counts
MEMBERSHIP = 0.002  # pairs of fix and place that one has and another has not, as a share: edges, buffers, UTM
STOPPED = 0.05  # time in stops, as a share: a circle that grows (MovingPandas) or one that moves along (the others)
MET = 0.9  # of our standing spans of 120 s and more, the share that overlaps a stop of MovingPandas

Arr = npt.NDArray[Any]


def main() -> int:
    """Run the benchmark, or one contender of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cars", type=int, default=CARS)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--child", nargs=3, metavar=("WHO", "BUNDLE", "RESULT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        who, bundle, result = options.child
        print(json.dumps(_measured(who, Path(bundle), Path(result))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        bundle = _fleet(Path(folder), options.cars)
        figures = {who: _run(who, bundle, Path(folder)) for who in ROUNDS}
        answers = {who: dict(np.load(Path(folder) / f"{who}.npz")) for who in ROUNDS}
    differences, faults = _compare(answers)
    _show(figures, answers, differences)
    if options.json:
        options.json.write_text(json.dumps({"figures": figures, "differences": differences}, indent=1))
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


# ---------------------------------------------------------------- the fleet and the processes
def _fleet(folder: Path, n: int) -> Path:
    """Write the generated fleet, and damage it: a silence and a few repeats and spikes in every vehicle's day."""
    import pyarrow as pa  # noqa: PLC0415 -- a child imports only what it measures
    import pyarrow.parquet as pq  # noqa: PLC0415

    bundle = folder / "fleet"
    command = [sys.executable, "-m", "sample_data.bench_fleet", str(n), str(bundle)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    path = bundle / "tracks" / "fleet" / "fixes.parquet"
    table = pq.read_table(path)
    rng = np.random.default_rng(7)
    car = np.unique(table["terminal_id"].to_numpy(), return_inverse=True)[1]
    minute = (table["time"].cast(pa.int64()).to_numpy() // 1000 % 86_400) / 60.0  # UTC: the day runs from 0 to 8 h
    silent_from = rng.uniform(60.0, 400.0, n)[car]
    kept = np.flatnonzero((minute < silent_from) | (minute > silent_from + GAP_MIN))
    lat = table["lat"].to_numpy().copy()
    lat[rng.choice(kept, int(len(kept) * SPIKES), replace=False)] += SPIKE_M / 111_000.0
    rows = np.sort(np.concatenate([kept, rng.choice(kept, int(len(kept) * REPEATS), replace=False)]))
    table = table.set_column(table.schema.get_field_index("lat"), "lat", pa.array(lat)).take(rows)
    pq.write_table(table, path, compression="zstd")
    return bundle


def _run(who: str, bundle: Path, folder: Path) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).resolve()), "--child", who, str(bundle), str(folder / f"{who}.npz")]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _measured(who: str, bundle: Path, result: Path) -> dict[str, Any]:
    chain: Callable[[Path], dict[str, Arr]] = globals()[f"_{who}"]
    warnings.simplefilter("ignore")  # of packages among themselves; what a contender answers is compared
    seconds, answer = [], {}
    for _ in range(1 + ROUNDS[who]):
        began = time.process_time()
        answer = chain(bundle)
        seconds.append(time.process_time() - began)
    np.savez(result, **answer)  # type: ignore[arg-type]
    first, *rounds = seconds
    return {"cpu_s": statistics.median(rounds), "least_s": min(rounds), "most_s": max(rounds), "first_s": first}


# ---------------------------------------------------------------- the contenders
# Each answers: `length_m` by vehicle, `pairs` (vehicle, ms, place) of membership as one number each, `stops` (vehicle,
# from ms, to ms), `marked` (how many rows as repeats and spikes), `pieces`.
def _ours(bundle: Path) -> dict[str, Arr]:
    from audit.analysis import analyse, observe  # noqa: PLC0415 -- a child imports only what it measures
    from feeds.bundle import read_bundle  # noqa: PLC0415
    from feeds.ledger import Ledger  # noqa: PLC0415
    from runs.assemble import assemble  # noqa: PLC0415
    from runs.door import TrackDoor  # noqa: PLC0415
    from trajectories.recipe import Recipe  # noqa: PLC0415
    from trajectories.spans import SpanKind  # noqa: PLC0415

    ledger = Ledger()
    read = read_bundle(bundle, ledger)
    day = read.config.local.service_day(date.fromisoformat(DATE))
    door = TrackDoor(read, day, ledger)
    door.open()
    facts = assemble(read, day, door, Recipe())
    (batch,) = door.batches()
    motion = observe(batch.fleet, facts.places, facts.recipe)
    analyse(motion, facts.places, day, facts.recipe)
    fleet, spans = motion.fleet, motion.spans
    rows = np.flatnonzero(motion.ok)
    car = np.repeat(np.arange(len(fleet)), np.diff(fleet.offsets))[rows]
    new = np.zeros(fleet.n_fixes + 1, np.bool_)
    new[fleet.offsets] = True
    new[spans.start[spans.kind == SpanKind.GAP]] = True
    piece = np.cumsum(new[:-1])[rows]
    within, place = facts.places.match_true(motion.east_m[rows], motion.north_m[rows])
    standing = (spans.kind == SpanKind.STANDING) & (spans.end_ms - spans.start_ms >= STOP_S * 1000)
    stops = np.column_stack([spans.vehicle_ix[standing], spans.start_ms[standing], spans.end_ms[standing]])
    return {
        "length_m": _lengths(motion.east_m[rows], motion.north_m[rows], piece, car),
        "pairs": _pairs(car[within], fleet.t_ms[rows][within], place),
        "stops": stops,
        "marked": np.array(fleet.n_fixes - len(rows)),
        "pieces": np.array(piece[-1]),
    }


def _movingpandas(bundle: Path) -> dict[str, Arr]:
    import geopandas as gpd  # noqa: PLC0415
    import movingpandas as mpd  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    zones = _zones(bundle)
    sent = pd.read_parquet(next((bundle / "tracks").glob("*/*.parquet")))
    kept = sent.drop_duplicates(["terminal_id", "time"])
    points = gpd.points_from_xy(kept["lon"], kept["lat"], crs=4326)
    frame = gpd.GeoDataFrame(kept[["terminal_id"]], geometry=points).to_crs(zones.crs)
    frame["car"] = frame["terminal_id"].astype("category").cat.codes
    frame = frame.set_index(kept["time"].dt.tz_localize(None))
    whole = mpd.TrajectoryCollection(frame, "terminal_id")
    clean = mpd.OutlierCleaner(whole).clean(v_max=TOP_MPS, units=("m", "s"))
    pieces = mpd.ObservationGapSplitter(clean).split(gap=timedelta(seconds=GAP_S))
    stops = mpd.TrajectoryStopDetector(pieces).get_stop_segments(
        max_diameter=STOP_M, min_duration=timedelta(seconds=STOP_S)
    )
    pieces.add_speed()
    pieces.add_direction()
    pieces.add_angular_difference()
    length_m = np.zeros(len(whole))
    for piece in pieces:
        length_m[piece.df["car"].iloc[0]] += piece.get_length()
    fixes = pieces.to_point_gdf()
    inside = gpd.sjoin(fixes, zones[["place", "geometry"]], predicate="within")
    cars, ends = [s.df["car"].iloc[0] for s in stops], [(s.df.index[0], s.df.index[-1]) for s in stops]
    return {
        "length_m": length_m,
        "pairs": _pairs(inside["car"].to_numpy(), _t_ms(inside.index), inside["place"].to_numpy()),
        "stops": np.column_stack([cars, *(_t_ms(side) for side in zip(*ends, strict=True))]),
        "marked": np.array(len(sent) - len(fixes)),
        "pieces": np.array(len(pieces)),
    }


def _frames(bundle: Path) -> dict[str, Arr]:
    import geopandas as gpd  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    zones = _zones(bundle)
    sent = pd.read_parquet(next((bundle / "tracks").glob("*/*.parquet"))).sort_values(["terminal_id", "time"])
    kept = sent.drop_duplicates(["terminal_id", "time"])
    points = gpd.points_from_xy(kept["lon"], kept["lat"], crs=4326)
    fixes = gpd.GeoDataFrame(kept[["terminal_id", "time"]], geometry=points).to_crs(zones.crs)
    fixes["car"] = fixes["terminal_id"].astype("category").cat.codes
    fixes["x"], fixes["y"] = fixes.geometry.x, fixes.geometry.y
    speed = _step_m(fixes) / _step_s(fixes)
    fixes = fixes[~((speed > TOP_MPS) & (speed.groupby(fixes["car"]).shift(-1) > TOP_MPS))].copy()
    fixes["piece"] = ((_step_s(fixes) > GAP_S) | (fixes["car"] != fixes["car"].shift())).cumsum()
    by_piece = fixes.groupby("piece")
    dx, dy = by_piece["x"].diff(), by_piece["y"].diff()
    fixes["step_m"] = np.hypot(dx, dy)
    fixes["speed"] = fixes["step_m"] / by_piece["time"].diff().dt.total_seconds()
    fixes["direction"] = np.degrees(np.arctan2(dx, dy)) % 360
    turn = fixes.groupby("piece")["direction"].diff()
    fixes["turn"] = (turn + 180) % 360 - 180
    window = by_piece.rolling(f"{STOP_S:.0f}s", on="time", closed="both")[["x", "y"]]
    reach = (window.max() - window.min())[["x", "y"]].to_numpy()
    inside = gpd.sjoin(fixes, zones[["place", "geometry"]], predicate="within")
    t_ms = _t_ms(fixes["time"])
    return {
        "length_m": fixes.groupby("car")["step_m"].sum().to_numpy(),
        "pairs": _pairs(inside["car"].to_numpy(), _t_ms(inside["time"]), inside["place"].to_numpy()),
        "stops": _stops(fixes["car"].to_numpy(), fixes["piece"].to_numpy(), t_ms, np.hypot(*reach.T)),
        "marked": np.array(len(sent) - len(fixes)),
        "pieces": fixes["piece"].max(),
    }


def _step_s(fixes: Any) -> Any:
    return fixes.groupby("car")["time"].diff().dt.total_seconds()


def _step_m(fixes: Any) -> Any:
    by_car = fixes.groupby("car")
    return np.hypot(by_car["x"].diff(), by_car["y"].diff())


def _arrays(bundle: Path) -> dict[str, Arr]:
    import pandas as pd  # noqa: PLC0415 -- for its rolling extremes, which NumPy has not
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415
    from pyproj import Transformer  # noqa: PLC0415

    zones = _zones(bundle)
    table = pq.read_table(next((bundle / "tracks").glob("*/*.parquet")))
    car = table["terminal_id"].combine_chunks().dictionary_encode().indices.to_numpy()  # sorted, as the file is
    t_ms = table["time"].cast(pa.int64()).to_numpy()
    x, y = Transformer.from_crs(4326, zones.crs, always_xy=True).transform(table["lon"], table["lat"])
    sent = len(car)
    car, t_ms, x, y = _take(np.append(True, (np.diff(t_ms) != 0) | (np.diff(car) != 0)), car, t_ms, x, y)
    speed = np.hypot(np.diff(x), np.diff(y)) / np.where(np.diff(car) == 0, np.diff(t_ms) / 1000.0, np.inf)
    fast = np.concatenate([[False], speed > TOP_MPS, [False]])
    car, t_ms, x, y = _take(~(fast[:-1] & fast[1:]), car, t_ms, x, y)
    cut = (np.diff(car) != 0) | (np.diff(t_ms) > GAP_S * 1000)
    piece = np.append(0, np.cumsum(cut))
    dx, dy, dt_s = np.diff(x), np.diff(y), np.diff(t_ms) / 1000.0
    speed, direction = np.hypot(dx, dy) / dt_s, np.degrees(np.arctan2(dx, dy)) % 360
    _ = (np.diff(direction) + 180) % 360 - 180, speed
    apart = pd.to_datetime(t_ms + piece * AWAY_MS, unit="ms")
    window = pd.DataFrame({"x": x, "y": y}, index=apart).rolling(f"{STOP_S:.0f}s", closed="both")
    reach = (window.max() - window.min()).to_numpy()
    rows, places = _contained(x, y, zones)
    return {
        "length_m": _lengths(x, y, piece, car),
        "pairs": _pairs(car[rows], t_ms[rows], places),
        "stops": _stops(car, piece, t_ms, np.hypot(*reach.T)),
        "marked": np.array(sent - len(car)),
        "pieces": piece[-1] + 1,
    }


def _take(mask: Arr, *columns: Arr) -> tuple[Arr, ...]:
    return tuple(column[mask] for column in columns)


def _contained(x: Arr, y: Arr, zones: Any) -> tuple[Arr, Arr]:
    from shapely import contains_xy, prepare  # noqa: PLC0415

    rows, places = [], []
    for place, shape in zip(zones["place"], zones.geometry, strict=True):
        west, south, east, north = shape.bounds
        near = np.flatnonzero((x >= west) & (x <= east) & (y >= south) & (y <= north))
        prepare(shape)
        rows.append(near[contains_xy(shape, x[near], y[near])])
        places.append(np.full(len(rows[-1]), place))
    return np.concatenate(rows), np.concatenate(places)


# ---------------------------------------------------------------- what several need
def _zones(bundle: Path) -> Any:
    """The places in metres, routes as corridors, numbered as ours are: by zone_id."""
    import geopandas as gpd  # noqa: PLC0415

    zones = gpd.read_file(bundle / "zones.geojson").sort_values("zone_id")
    zones = zones.to_crs(zones.estimate_utm_crs())
    half = zones["width_m"].fillna(0.0) / 2
    zones["geometry"] = zones.geometry.where(zones["kind"] != "route", zones.geometry.buffer(half))
    zones["place"] = np.arange(len(zones))
    return zones


def _stops(car: Arr, piece: Arr, t_ms: Arr, reach_m: Arr) -> Arr:
    """Stops: runs of fixes each of which lies in some window of `STOP_S` that stays within `STOP_M`."""
    begins = np.searchsorted(piece, piece)
    apart = t_ms + piece.astype(np.int64) * AWAY_MS
    first = np.searchsorted(apart, apart - int(STOP_S * 1000))
    still = np.flatnonzero((reach_m < STOP_M) & (t_ms - t_ms[begins] >= STOP_S * 1000))
    n = len(t_ms)
    covered = np.cumsum(np.bincount(first[still], minlength=n + 1) - np.bincount(still + 1, minlength=n + 1))[:n] > 0
    edge = np.flatnonzero(np.diff(np.where(covered, piece, -1), prepend=-2, append=-2))
    runs = np.column_stack([edge[:-1], edge[1:] - 1])[covered[edge[:-1]]]
    return np.column_stack([car[runs[:, 0]], t_ms[runs[:, 0]], t_ms[runs[:, 1]]]).astype(np.int64)


def _lengths(x: Arr, y: Arr, piece: Arr, car: Arr) -> Arr:
    step_m = np.hypot(np.diff(x), np.diff(y)) * (np.diff(piece) == 0)
    return np.bincount(car[1:], weights=step_m)


def _pairs(car: Arr, t_ms: Arr, place: Arr) -> Arr:
    second = t_ms // 1000 % 1_000_000  # a fix every 5 s, all on one day
    return np.sort((car.astype(np.int64) * 1_000_000 + second) * 100 + place)


def _t_ms(times: Any) -> Arr:
    import pandas as pd  # noqa: PLC0415

    return np.asarray(pd.DatetimeIndex(times).tz_localize(None).as_unit("ms").asi8)


# ---------------------------------------------------------------- do they agree
def _compare(answers: dict[str, dict[str, Arr]]) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return how far each contender is from ours (stops: from MovingPandas), and what exceeds a tolerance."""
    ours, mpd = answers["ours"], answers["movingpandas"]
    out: dict[str, dict[str, float]] = {}
    for who, theirs in answers.items():
        apart = len(np.setxor1d(ours["pairs"], theirs["pairs"]))
        out[who] = {
            "length": float(np.abs(theirs["length_m"] / ours["length_m"] - 1).max()),
            "membership": apart / len(ours["pairs"]),
            "stopped": _stopped_s(theirs["stops"]) / _stopped_s(mpd["stops"]) - 1,
        }
    out["ours"]["met"] = _met(ours["stops"], mpd["stops"])
    limits = {"length": LENGTH, "membership": MEMBERSHIP, "stopped": STOPPED}
    faults = [
        f"{who}: {measure} {far[measure]:+.4f} apart, over {limit}"
        for who, far in out.items()
        for measure, limit in limits.items()
        # Ours asks for standing, not for staying within a circle: that is compared by `met`.
        if abs(far[measure]) > limit and (who, measure) != ("ours", "stopped")
    ]
    if out["ours"]["met"] < MET:
        faults.append(f"ours: {out['ours']['met']:.3f} of the standing spans meet a stop of theirs, below {MET}")
    return out, faults


def _stopped_s(stops: Arr) -> float:
    return float((stops[:, 2] - stops[:, 1]).sum() / 1000)


def _met(ours: Arr, theirs: Arr) -> float:
    same = ours[:, None, 0] == theirs[None, :, 0]
    overlap = (ours[:, None, 1] < theirs[None, :, 2]) & (theirs[None, :, 1] < ours[:, None, 2])
    return float((same & overlap).any(axis=1).mean())


def _show(
    figures: dict[str, dict[str, Any]], answers: dict[str, dict[str, Arr]], differences: dict[str, dict[str, float]]
) -> None:
    print("processor seconds a round (median; least to most), the first round with imports apart")
    for who, f in figures.items():
        ratio = f["cpu_s"] / figures["ours"]["cpu_s"]
        span = f"{f['least_s']:.4f} to {f['most_s']:.4f}"
        print(f"  {who:13} {f['cpu_s']:8.4f} s ({span}), first {f['first_s']:5.1f} s: {ratio:6.1f} times ours")
    print("what each found, and how far it is from ours (time in stops: from MovingPandas')")
    for who, a in answers.items():
        d = differences[who]
        print(
            f"  {who:13} {int(a['marked'])} rows marked, {int(a['pieces'])} pieces, {a['length_m'].sum() / 1000:.1f} km"
            f" ({100 * d['length']:.3f} %), {len(a['pairs']):,} pairs of fix and place ({100 * d['membership']:.3f} %),"
            f" {len(a['stops'])} stops, {_stopped_s(a['stops']) / 3600:.1f} h ({100 * d['stopped']:+.1f} %)"
        )
    met = 100 * differences["ours"]["met"]
    print(f"  {met:.1f} % of our standing spans of 120 s and more meet a stop of MovingPandas")


if __name__ == "__main__":
    sys.exit(main())
