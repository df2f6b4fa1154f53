"""Telemetry: what was read is in the lake to the last fix, and the same fixes give the same bytes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from store.engine import Store
from store.lake import SCHEMA, LakeWriter, Written, bucket_of, read_track, record_partitions

DAY = date(2026, 3, 18)


def columns(n: int, first: int) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    ramp = np.arange(first, first + n)
    plain = {f.name: ramp.astype(f.type.to_pandas_dtype()) for f in SCHEMA if f.name not in {"vehicle_id", "file"}}
    return {**plain, "t_ms": ramp[::-1].astype(np.int64)}


def written(store: Store, order: list[str]) -> list[Written]:
    with LakeWriter(store, DAY, 4) as writer:
        for vehicle_id in order:
            i = int(vehicle_id[1:])
            rows = np.zeros(10 + i, np.int32)
            writer.add([vehicle_id], np.array([0, 10 + i]), columns(10 + i, 100 * i), ["a.csv"], rows)
        return writer.finish()


def test_the_same_fixes_give_the_same_files(sqlite_store: Store) -> None:
    names = [f"V{i}" for i in range(8)]
    one, other = written(sqlite_store, names), written(sqlite_store, names)
    assert one == other
    assert len(one) > 1
    assert sum(w.n_rows for w in one) == sum(10 + i for i in range(8))


def test_what_is_not_finished_leaves_nothing(sqlite_store: Store) -> None:
    with LakeWriter(sqlite_store, DAY, 4) as writer:
        writer.add(["V1"], np.array([0, 5]), columns(5, 0), ["a.csv"], np.zeros(5, np.int32))
    assert [p for p in sqlite_store.folder.rglob("*") if p.is_file() and p.parent.name == "aside"] == []


def test_a_vehicle_is_read_back_by_time_to_the_last_fix(sqlite_store: Store) -> None:
    files = written(sqlite_store, ["V1", "V2", "V5"])
    with sqlite_store.writing() as session:
        record_partitions(session, DAY, files, 1)
    with sqlite_store.reading() as session:
        track = read_track(sqlite_store, session, DAY, "V5")
        nobody = read_track(sqlite_store, session, DAY, "V9")
        no_day = read_track(sqlite_store, session, date(2026, 3, 19), "V5")
    assert track.schema == SCHEMA
    assert track["t_ms"].to_pylist() == list(range(500, 515))
    assert track["row"].to_pylist() == list(range(514, 499, -1))
    assert set(track["vehicle_id"].to_pylist()) == {"V5"}
    assert nobody.num_rows == no_day.num_rows == 0


def test_a_folder_with_a_patterns_signs_in_its_name_is_a_folder(tmp_path: Path) -> None:
    from store.engine import open_store
    from store.schema import migrate

    store = open_store(tmp_path / "st[o]re*")
    migrate(store)
    with store.writing() as session:
        record_partitions(session, DAY, written(store, ["V1"]), 1)
    with store.reading() as session:
        assert read_track(store, session, DAY, "V1").num_rows == 11
    store.close()


@pytest.mark.parametrize("buckets", [1, 16, 64])
def test_vehicles_are_spread_over_all_buckets(buckets: int) -> None:
    filled = np.bincount([bucket_of(f"V{i:04d}", buckets) for i in range(4000)], minlength=buckets)
    mean = 4000 / buckets
    assert abs(filled - mean).max() <= 5 * np.sqrt(mean) or buckets == 1
