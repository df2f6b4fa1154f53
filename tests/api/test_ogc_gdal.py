"""GDAL's driver for OGC API - Features reads /ogc from a real port, page by page, by box, in other coordinates."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyogrio
import pytest
from geopandas import GeoDataFrame

from api.ogc import tracks
from tests.api import gdal_child
from tests.api.calls import get
from tests.api.conftest import Server
from tests.api.live import listening

BOX = (113.60, 34.79, 113.61, 34.80)
REASON = "check C7"
WAIT_S = 60
Read = Callable[..., GeoDataFrame]


@pytest.fixture(scope="module")
def address(reading_server: Server) -> Iterator[str]:
    with listening(reading_server) as at:
        yield f"OAPIF:{at}/ogc"


@pytest.fixture(scope="module")
def child() -> Iterator[ProcessPoolExecutor]:
    """A process with GDAL in it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture
def gdal(child: ProcessPoolExecutor, reading_server: Server, tmp_path: Path) -> ProcessPoolExecutor:
    """GDAL with the headers of an account that may look at vehicles."""
    headers = tmp_path / "headers"
    headers.write_text(f"Authorization: Bearer {reading_server.keys['auditor']}\nX-Reason: {REASON}\n", "utf-8")
    child.submit(gdal_child.send_headers, str(headers)).result(WAIT_S)
    return child


@pytest.fixture
def read(gdal: ProcessPoolExecutor, address: str) -> Read:
    def of(layer: str, **options: Any) -> GeoDataFrame:
        return gdal.submit(gdal_child.read, address, {"layer": layer, **options}).result(WAIT_S)

    return of


def ids(server: Server, collection: str, query: str = "") -> list[str]:
    answer = get(server, "auditor", f"/ogc/collections/{collection}/items?limit=1000&{query}", x_reason=REASON)
    return [feature["id"] for feature in answer.json()["features"]]


def test_gdal_finds_every_collection(gdal: ProcessPoolExecutor, address: str) -> None:
    assert gdal.submit(gdal_child.layers, address).result(WAIT_S) == ["zones", "findings", "tracks"]


@pytest.mark.parametrize(("layer", "size"), [("zones", 2), ("findings", 3), ("tracks", 4)])
def test_gdal_reads_every_feature_page_by_page(read: Read, reading_server: Server, layer: str, size: int) -> None:
    found = read(layer, PAGE_SIZE=size)
    assert list(found["id"]) == ids(reading_server, layer)
    assert found.crs.to_authority() == ("OGC", "CRS84")
    assert found.total_bounds == pytest.approx((113.6, 34.8, 113.6, 34.8), abs=0.05)


@pytest.mark.parametrize("layer", ["zones", "findings", "tracks"])
def test_gdal_reads_what_touches_a_box(read: Read, reading_server: Server, layer: str) -> None:
    found = read(layer, bbox=BOX, PAGE_SIZE=1)
    wanted = ids(reading_server, layer, f"bbox={','.join(map(str, BOX))}")
    assert list(found["id"]) == wanted
    assert 0 < len(wanted) < len(ids(reading_server, layer))


def test_gdal_goes_on_behind_a_page_on_which_nothing_touches_the_box(
    read: Read, reading_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read("tracks", bbox=BOX)
    monkeypatch.setattr(tracks, "MOST_READ", 1)
    assert list(read("tracks", bbox=BOX)["id"]) == list(whole["id"])


def test_gdal_asks_by_property(read: Read, reading_server: Server) -> None:
    found = read("zones", where="kind = 'site'")
    assert list(found["zone_id"]) == ids(reading_server, "zones", "kind=site") == ["E01"]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4490", "EPSG:3857"])
def test_gdal_reads_other_coordinates_in_the_right_order(read: Read, crs: str) -> None:
    plain, other = read("zones"), read("zones", CRS=crs)
    expected = plain.to_crs(crs).total_bounds
    assert other.total_bounds == pytest.approx(expected, abs=1e-3 if crs == "EPSG:3857" else 1e-8)


def test_gdal_without_a_key_is_told_that_nobody_knows_it(child: ProcessPoolExecutor, address: str) -> None:
    child.submit(gdal_child.send_headers, None).result(WAIT_S)
    with pytest.raises(pyogrio.errors.DataSourceError, match="401"):
        child.submit(gdal_child.layers, address).result(WAIT_S)


@pytest.fixture
def ogrinfo(reading_server: Server, address: str, tmp_path: Path) -> Callable[..., str]:
    """`ogrinfo` on /ogc, with the headers of an account that may look at vehicles."""
    program = shutil.which("ogrinfo")
    assert program, "ogrinfo is missing: scripts/system_packages.sh test installs it"
    headers = tmp_path / "headers"
    headers.write_text(f"Authorization: Bearer {reading_server.keys['auditor']}\nX-Reason: {REASON}\n", "utf-8")

    def told(*options: str) -> str:
        done = subprocess.run(
            [program, "-ro", *options[:-1], address, *options[-1:]], capture_output=True, text=True, timeout=WAIT_S,
            check=False, env={**os.environ, "GDAL_HTTP_HEADER_FILE": str(headers), "GDAL_HTTP_TIMEOUT": "20"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "ERROR" not in done.stderr
        return done.stdout

    return told


def count(text: str) -> int:
    return int(text.split("Feature Count: ")[1].split(maxsplit=1)[0])


@pytest.mark.parametrize(("layer", "size"), [("zones", "2"), ("findings", "3"), ("tracks", "4")])
def test_ogrinfo_reads_every_feature_page_by_page(
    ogrinfo: Callable[..., str], reading_server: Server, layer: str, size: int
) -> None:
    text = ogrinfo("-al", "-oo", f"PAGE_SIZE={size}", layer)
    wanted = ids(reading_server, layer)
    assert [line.split(" = ")[1] for line in text.splitlines() if line.startswith("  id (String)")] == wanted


@pytest.mark.parametrize("layer", ["zones", "findings", "tracks"])
def test_ogrinfo_reads_what_touches_a_box(ogrinfo: Callable[..., str], reading_server: Server, layer: str) -> None:
    text = ogrinfo("-so", "-oo", "PAGE_SIZE=1", "-spat", *map(str, BOX), layer)
    assert count(text) == len(ids(reading_server, layer, f"bbox={','.join(map(str, BOX))}"))
    assert count(ogrinfo("-so", layer)) == len(ids(reading_server, layer))
