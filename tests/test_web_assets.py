"""The browser libraries that the maps carry: complete, as locked, and silent towards the network."""

from __future__ import annotations

import doctest
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "maps" / "vendor"


@pytest.fixture(scope="module")
def web_assets() -> ModuleType:
    spec = importlib.util.spec_from_file_location("web_assets", ROOT / "scripts" / "web_assets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def fake_modules(web_assets: ModuleType, folder: Path) -> Path:
    """The packages as npm would lay them out, each file a line of its own name."""
    for package in web_assets.PACKAGES:
        home = folder / package.name
        home.mkdir(parents=True)
        (home / "package.json").write_text(json.dumps({"version": "1.0.0", "license": "MIT"}), encoding="utf-8")
        for name in (package.licence_file, *(f"{package.folder}/{file}" for file in package.files)):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(f"/* {name} */", encoding="utf-8")
    return folder


def test_the_examples_in_the_script_hold(web_assets: ModuleType) -> None:
    outcome = doctest.testmod(web_assets)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_the_manifest_describes_every_file_as_it_lies_there(web_assets: ModuleType) -> None:
    entries = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))["files"]
    on_disk = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert {entry["path"] for entry in entries} == on_disk - {"manifest.json"}
    for entry in entries:
        content = (VENDOR / entry["path"]).read_bytes()
        assert (entry["integrity"], entry["bytes"]) == (web_assets.integrity(content), len(content))


def test_the_manifest_has_the_locked_versions_and_their_licences(web_assets: ModuleType) -> None:
    entries = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))["files"]
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    locked = {(name.removeprefix("node_modules/"), entry["version"]) for name, entry in packages.items() if name}
    locked = {(name, version) for name, version in locked if name not in web_assets.LEFT_BEHIND}
    assert {(entry["package"], entry["version"]) for entry in entries} == locked
    assert {entry["package"] for entry in entries if entry["path"].endswith("/LICENSE")} == {name for name, _ in locked}


@pytest.mark.parametrize(
    "css",
    [
        "a { background: url(https://cdn.example/a.png) }",
        "a { background: url('//cdn.example/a.png') }",
        "a { background: URL( /a.png ) }",
        '@import "https://cdn.example/a.css";',
        "@import url(//cdn.example/a.css);",
        "a { background: url(images/nowhere.png) }",
    ],
)
def test_a_style_sheet_that_needs_another_place_is_refused(web_assets: ModuleType, tmp_path: Path, css: str) -> None:
    node_modules = fake_modules(web_assets, tmp_path / "node_modules")
    (node_modules / "leaflet" / "dist" / "leaflet.css").write_text(css, encoding="utf-8")
    with pytest.raises(web_assets.AssetError, match=r"leaflet\.css"):
        web_assets.build(node_modules, tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()


def test_a_missing_file_is_named(web_assets: ModuleType, tmp_path: Path) -> None:
    node_modules = fake_modules(web_assets, tmp_path / "node_modules")
    (node_modules / "leaflet" / "dist" / "leaflet.js").unlink()
    with pytest.raises(web_assets.AssetError, match=r"leaflet 1\.0\.0 has no file dist/leaflet\.js"):
        web_assets.build(node_modules, tmp_path / "vendor")
