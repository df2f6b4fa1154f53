"""What comes into the store: once, under its name, with everything that it supersedes; never a checkpoint record."""

from __future__ import annotations

import gzip
import shutil
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from feeds.faults import UnusableInput
from runs.ingest import Source, ingest, kept_passages
from runs.night_folder import night_folder
from store.check import check
from store.engine import Store
from store.nights import current_files, current_passages
from store.registers import REGISTERS, register_rows
from store.tables.nights import Ingest, NightFile
from store.tables.registers import RegisterVersion
from tests.runs.conftest import copy_city, files_of

DAY = date(2026, 3, 18)


@pytest.fixture
def city(tmp_path: Path) -> Path:
    return copy_city(tmp_path / "city")


def test_every_file_of_a_bundle_but_the_checkpoint_records_is_in_the_store(store: Store, city: Path) -> None:
    came = ingest(store, Source(city, DAY, 3))
    with store.reading() as session:
        held = current_files(session, DAY)
    files = {n for n in files_of(city) if not n.startswith(("passages", "README"))}
    assert set(held) == files
    assert set(came.changed) == files | {"passages.ndjson"}
    with night_folder(store, held) as folder:
        assert files_of(folder) == {n: data for n, data in files_of(city).items() if n in files}
    assert check(store, deep=True) == []


def test_coming_in_twice_changes_nothing(store: Store, city: Path) -> None:
    ingest(store, Source(city, DAY, 3))
    store.clock.ms += 1000  # type: ignore[attr-defined]
    assert ingest(store, Source(city, DAY, 3)).changed == ()
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Ingest)) == 1


def test_no_plate_out_of_scope_and_no_record_is_in_any_byte_of_the_store(store: Store, city: Path) -> None:
    with (city / "passages.ndjson").open("a", encoding="utf-8") as file:
        file.write(
            '{"passage_id": "CANARY1", "camera_id": "CAM01", "shot_time": "2026-03-18T10:00:00+08:00", '
            '"plate": "京QCANARY", "plate_score": 0.9, "faces": []}\n'
        )
    ingest(store, Source(city, DAY, 3))
    for name, data in files_of(store.folder).items():
        assert b"CANARY" not in data, name
    with store.reading() as session:
        kept = kept_passages(store, current_passages(session, DAY))
    assert kept is not None
    assert kept.readmitted.count.balances()
    assert 0 < len(kept.readmitted.passages) == kept.readmitted.count.kept < kept.readmitted.count.read == 860


def test_a_late_file_may_come_alone_and_the_rest_stays(store: Store, city: Path, tmp_path: Path) -> None:
    ingest(store, Source(city, DAY, 3))
    name = "tracks/terminal/TV0010.csv.gz"
    late = tmp_path / "late" / name
    late.parent.mkdir(parents=True)
    late.write_bytes(gzip.compress(gzip.decompress((city / name).read_bytes())[:-200].rpartition(b"\n")[0] + b"\n"))
    assert ingest(store, Source(tmp_path / "late", DAY, 3)).changed == (name,)
    with store.reading() as session:
        assert len(current_files(session, DAY)) == len(
            [n for n in files_of(city) if not n.startswith(("passages", "README"))]
        )


def test_pages_of_a_terminal_replace_all_that_it_had(store: Store, city: Path, tmp_path: Path) -> None:
    ingest(store, Source(city, DAY, 3))
    late = tmp_path / "late"
    (late / "tracks" / "amap").mkdir(parents=True)
    shutil.copy(city / "bundle.toml", late)
    shutil.copy(city / "tracks/amap/TV0001.1.json.gz", late / "tracks/amap/TV0001.1.json.gz")
    came = ingest(store, Source(late, DAY, 3))
    assert set(came.changed) == {f"tracks/amap/TV0001.{n}.json.gz" for n in (2, 3, 4)}
    with store.reading() as session:
        assert "tracks/amap/TV0002.1.json.gz" in current_files(session, DAY)


def test_zones_in_another_format_take_the_place_of_the_zones(store: Store, city: Path, tmp_path: Path) -> None:
    import geopandas

    ingest(store, Source(city, DAY, 3))
    late = tmp_path / "late"
    late.mkdir()
    told = geopandas.read_file(city / "zones.geojson")
    for name in ("school_ids", "parts", "vehicle_classes"):
        told[name] = [",".join(map(str, v)) if v is not None else None for v in told[name]]
    told.to_file(late / "zones.gpkg", driver="GPKG")
    ingest(store, Source(late, DAY, 3))
    with store.reading() as session:
        names = set(current_files(session, DAY))
    assert "zones.gpkg" in names
    assert "zones.geojson" not in names


def test_what_could_not_be_audited_is_refused_and_nothing_has_changed(store: Store, city: Path) -> None:
    ingest(store, Source(city, DAY, 3))
    with store.reading() as session:
        before = current_files(session, DAY)
    (city / "vehicles.csv").write_text("vehicle_id\nV1\n", "utf-8")
    with pytest.raises(UnusableInput, match=r"vehicles\.csv"):
        ingest(store, Source(city, DAY, 3))
    with store.reading() as session:
        assert current_files(session, DAY) == before
        assert session.scalar(select(func.count()).select_from(Ingest)) == 1


def test_what_was_known_at_a_time_is_asked_for_by_that_time(store: Store, city: Path) -> None:
    ingest(store, Source(city, DAY, 3))
    known_ms = store.clock()
    store.clock.ms += 60_000  # type: ignore[attr-defined]
    lines = (city / "vehicles.csv").read_text("utf-8").splitlines()
    (city / "vehicles.csv").write_text("\n".join(lines[:-1]) + "\n", "utf-8")
    ingest(store, Source(city, DAY, 3))
    with store.reading() as session:
        then = [row.vehicle_id for row in register_rows(session, DAY, "vehicles", known_ms)]
        now = [row.vehicle_id for row in register_rows(session, DAY, "vehicles")]
        old = current_files(session, DAY, known_ms)["vehicles.csv"]
        assert len(then) == len(now) + 1 == 17
        assert old != current_files(session, DAY)["vehicles.csv"]
        assert register_rows(session, DAY, "vehicles", known_ms - 1) == []


def test_a_register_that_two_nights_share_is_written_once(store: Store, city: Path) -> None:
    ingest(store, Source(city, DAY, 3))
    ingest(store, Source(city, date(2026, 3, 19), 3))
    with store.reading() as session:
        versions = session.scalars(select(RegisterVersion).where(RegisterVersion.register == "zones")).all()
        assert len({v.content for v in versions}) == 1
        assert len(versions) == 2
        table = REGISTERS["zones"].table
        assert session.scalar(select(func.count()).select_from(table)) == 6


def test_nothing_that_was_ever_true_is_changed_in_place(store: Store, city: Path) -> None:
    ingest(store, Source(city, DAY, 3))
    with store.reading() as session:
        before = {r.id: (r.name, r.sha256, r.recorded_ms) for r in session.scalars(select(NightFile))}
    (city / "exams.csv").write_text((city / "exams.csv").read_text("utf-8").replace("EX", "EY"), "utf-8")
    store.clock.ms += 1  # type: ignore[attr-defined]
    ingest(store, Source(city, DAY, 3))
    with store.reading() as session:
        after = {r.id: (r.name, r.sha256, r.recorded_ms) for r in session.scalars(select(NightFile))}
    assert before.items() <= after.items()


def test_two_deliveries_of_a_night_at_once_are_both_in(store: Store, city: Path, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    ingest(store, Source(city, DAY, 3))
    names = [f"tracks/terminal/TV00{n}.csv.gz" for n in (10, 11, 12)]
    for i, name in enumerate(names):
        late = tmp_path / str(i) / name
        late.parent.mkdir(parents=True)
        late.write_bytes(gzip.compress(gzip.decompress((city / name).read_bytes())[:-200].rpartition(b"\n")[0] + b"\n"))
    with ThreadPoolExecutor(3) as pool:
        came = list(pool.map(lambda i: ingest(store, Source(tmp_path / str(i), DAY, 3)).changed, range(3)))
    assert came == [(name,) for name in names]
    with store.reading() as session:
        held = current_files(session, DAY)
    for i, name in enumerate(names):
        from store.files import sha256_of

        assert held[name].sha256 == sha256_of(tmp_path / str(i) / name)
