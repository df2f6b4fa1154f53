"""A page carries what is on our list, checked, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import folium
import pytest
from branca.element import Figure
from folium.plugins import HeatMap

from maps import assets, compare_map, index_map, page, vehicle_map
from maps.assets import DROPPED, REPLACED, SpoiltAsset, UnknownAsset, asset
from maps.page import frame_of, render_page
from maps.words import words
from tests.browser import Open

STATIC = Path(assets.__file__).parent / "static"


def test_all_that_folium_asks_for_is_replaced_or_dropped_on_purpose() -> None:
    asked = {url for _, url in (*folium.Map.default_js, *folium.Map.default_css)}
    assert asked <= set(REPLACED) | DROPPED
    assert {url for url in REPLACED if url.startswith("https:")} | DROPPED <= asked


def test_an_asset_that_is_not_on_the_list_stops_the_page() -> None:
    figure = Figure()
    view = folium.Map(tiles=None)
    figure.add_child(view)
    HeatMap([[31.0, 121.0]]).add_to(view)
    with pytest.raises(UnknownAsset, match=r"leaflet_heat.* is not among the files that a map carries"):
        frame_of(figure, ())


def test_a_library_that_is_not_the_one_in_the_manifest_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in assets.VENDOR.rglob("*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(assets.VENDOR)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    with (tmp_path / "leaflet" / "leaflet.js").open("a") as file:
        file.write("//")
    monkeypatch.setattr(assets, "VENDOR", tmp_path)
    asset.cache_clear()
    with pytest.raises(SpoiltAsset, match="not the file of the manifest"):
        asset(next(url for url, path in REPLACED.items() if path == "leaflet/leaflet.js"))
    asset.cache_clear()


def test_a_missing_library_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "VENDOR", tmp_path)
    assets._manifest.cache_clear()
    asset.cache_clear()
    with pytest.raises(SpoiltAsset, match="run `make setup`"):
        asset(next(iter(REPLACED)))
    assets._manifest.cache_clear()
    asset.cache_clear()


def test_no_page_names_a_file_outside_itself() -> None:
    text = render_page(
        words("zh"), "A page", [], ["own:page.css", "own:page.js", assets.MARKERCLUSTER_JS, assets.MARKERCLUSTER_CSS]
    )
    markup = re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(r"\b(src|href)\s*=", markup)
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL))
    assert set(re.findall(r"url\(\s*['\"]?([a-z]+:|#default#VML)", styles)) <= {"data:", "#default#VML"}
    assert "sourceMappingURL" not in text
    assert "user-scalable" not in text
    assert "maximum-scale" not in text


def test_every_script_of_ours_is_carried_by_a_page_and_puts_no_text_into_markup() -> None:
    carried = {
        url.removeprefix(assets.OWN)
        for url in (*index_map.LINKS, *vehicle_map.LINKS, *vehicle_map.CAMERA_LINKS, *compare_map.LINKS)
        if url.startswith(assets.OWN)
    }
    assert carried == {file.name for file in STATIC.iterdir()}
    for file in STATIC.glob("*.js"):
        code = file.read_text(encoding="utf-8")
        sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\(\s*[\"'`]"
        assert not re.search(sinks, code), file.name
        assert not re.search(
            r"toLocale\w*String|getHours|getMinutes|getTimezoneOffset|fetch\(|XMLHttpRequest|https?://(?!www\.w3\.org)",
            code,
        ), file.name


def test_the_map_goes_nearer_than_foliums_default(open_page: Open, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(render_page(words("en"), "A page", [], ["own:page.js"]), encoding="utf-8")
    opened = open_page(file)
    assert opened.ask("map_page.getMaxZoom()") == page.MAX_ZOOM
    opened.assert_quiet(file)


def test_a_page_carries_the_licences_of_the_libraries_in_it() -> None:
    text = render_page(words("en"), "A page", [], [assets.MARKERCLUSTER_JS])
    for package in ("leaflet", "leaflet.markercluster"):
        assert (assets.VENDOR / package / "LICENSE").read_text(encoding="utf-8").strip().replace("\r\n", "\n") in text
