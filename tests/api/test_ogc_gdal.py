"""GDAL's driver for OGC API - Features reads /ogc from a real port, page by page, by box, in other coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyogrio
import pytest
from geopandas import GeoDataFrame

from api.ogc import tracks
from tests.api.calls import get
from tests.api.conftest import Server
from tests.api.live import listening

BOX = (113.60, 34.79, 113.61, 34.80)
REASON = "check C7"
pytestmark = [
    pytest.mark.filterwarnings("ignore:Measured"),  # pyogrio gives no M: it drops what GDAL read
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def address(reading_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address; GDAL sends the headers of an account that may look at vehicles."""
    headers = tmp_path_factory.mktemp("gdal") / "headers"
    headers.write_text(
        f"Authorization: Bearer {reading_server.keys['auditor']}\nX-Reason: {REASON}\n", encoding="utf-8"
    )
    pyogrio.set_gdal_config_options({"GDAL_HTTP_HEADER_FILE": str(headers)})
    with listening(reading_server) as at:
        yield f"OAPIF:{at}/ogc"
    pyogrio.set_gdal_config_options({"GDAL_HTTP_HEADER_FILE": None})


def read(address: str, layer: str, **options: Any) -> GeoDataFrame:
    return pyogrio.read_dataframe(address, layer=layer, **options)


def ids(server: Server, collection: str, query: str = "") -> list[str]:
    answer = get(server, "auditor", f"/ogc/collections/{collection}/items?limit=1000&{query}", x_reason=REASON)
    return [feature["id"] for feature in answer.json()["features"]]


def test_gdal_finds_every_collection(address: str) -> None:
    assert [name for name, _ in pyogrio.list_layers(address)] == ["zones", "findings", "tracks"]


@pytest.mark.parametrize(("layer", "size"), [("zones", 2), ("findings", 3), ("tracks", 4)])
def test_gdal_reads_every_feature_page_by_page(address: str, reading_server: Server, layer: str, size: int) -> None:
    found = read(address, layer, PAGE_SIZE=size)
    assert list(found["id"]) == ids(reading_server, layer)
    assert found.crs.to_authority() == ("OGC", "CRS84")
    assert found.total_bounds == pytest.approx((113.6, 34.8, 113.6, 34.8), abs=0.05)


@pytest.mark.parametrize("layer", ["zones", "findings", "tracks"])
def test_gdal_reads_what_touches_a_box(address: str, reading_server: Server, layer: str) -> None:
    found = read(address, layer, bbox=BOX, PAGE_SIZE=1)
    wanted = ids(reading_server, layer, f"bbox={','.join(map(str, BOX))}")
    assert list(found["id"]) == wanted
    assert 0 < len(wanted) < len(ids(reading_server, layer))


def test_gdal_goes_on_behind_a_page_on_which_nothing_touches_the_box(
    address: str, reading_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read(address, "tracks", bbox=BOX)
    monkeypatch.setattr(tracks, "MOST_READ", 1)
    assert list(read(address, "tracks", bbox=BOX)["id"]) == list(whole["id"])


def test_gdal_asks_by_property(address: str, reading_server: Server) -> None:
    found = read(address, "zones", where="kind = 'site'")
    assert list(found["zone_id"]) == ids(reading_server, "zones", "kind=site") == ["E01"]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4490", "EPSG:3857"])
def test_gdal_reads_other_coordinates_in_the_right_order(address: str, crs: str) -> None:
    plain, other = read(address, "zones"), read(address, "zones", CRS=crs)
    expected = plain.to_crs(crs).total_bounds
    assert other.total_bounds == pytest.approx(expected, abs=1e-3 if crs == "EPSG:3857" else 1e-8)


def test_gdal_writes_what_it_read_to_a_file(address: str, tmp_path: Path) -> None:
    found = read(address, "findings")
    found.to_file(tmp_path / "findings.gpkg", engine="pyogrio")
    assert list(pyogrio.read_dataframe(tmp_path / "findings.gpkg")["finding_id"]) == list(found["finding_id"])


def test_gdal_without_a_key_is_told_that_nobody_knows_it(reading_server: Server) -> None:
    before = pyogrio.get_gdal_config_option("GDAL_HTTP_HEADER_FILE")
    pyogrio.set_gdal_config_options({"GDAL_HTTP_HEADER_FILE": None})
    try:
        with listening(reading_server) as at, pytest.raises(pyogrio.errors.DataSourceError, match="401"):
            pyogrio.list_layers(f"OAPIF:{at}/ogc")
    finally:
        pyogrio.set_gdal_config_options({"GDAL_HTTP_HEADER_FILE": before})
