"""Copies the browser libraries that the maps and the API's documentation carry from node_modules/ into maps/vendor/,
with a manifest.

Run by `make` after `npm ci`. For every file `maps/vendor/manifest.json` says package, version, licence, the SHA-384 in
the form that a page's `integrity` attribute takes, and the size. A style sheet that would fetch something from
elsewhere stops the run: a map must open with the network off.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Package:
    """What is taken from one npm package; `files` are relative to `folder` inside it."""

    name: str
    folder: str
    files: tuple[str, ...]
    licence_file: str


PACKAGES = (
    Package(
        "leaflet",
        "dist",
        (
            "leaflet.js",
            "leaflet.css",
            "images/layers.png",
            "images/layers-2x.png",
            "images/marker-icon.png",
            "images/marker-icon-2x.png",
            "images/marker-shadow.png",
        ),
        "LICENSE",
    ),
    Package(
        "leaflet.markercluster",
        "dist",
        ("leaflet.markercluster.js", "MarkerCluster.css", "MarkerCluster.Default.css"),
        "MIT-LICENCE.txt",
    ),
    Package(
        "swagger-ui-dist",
        ".",
        ("swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css", "NOTICE"),
        "LICENSE",
    ),
)

LEFT_BEHIND = frozenset({"@scarf/scarf"})
"""Packages that the lock names and nothing takes a file from: this one would tell its makers who installs what."""

CSS_REFERENCE = re.compile(r"""(?:url\(\s*|@import\s+)['"]?([^'")\s;]+)""", re.IGNORECASE)
LEAVES_THE_FOLDER = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|/|\\)", re.IGNORECASE)


class AssetError(Exception):
    """The installed packages are not what the maps need."""


def outside_references(css: str) -> list[str]:
    """References of a style sheet that lead out of its folder's reach: absolute, or with a scheme other than data.

    >>> outside_references("a{background:url(images/a.png)} b{background:url( 'data:image/png;base64,AA' )}")
    []
    >>> outside_references('@import "//x.example/a.css"; c{src:url(https://x.example/f.woff)} d{src:url(/f.woff)}')
    ['//x.example/a.css', 'https://x.example/f.woff', '/f.woff']
    """
    return [
        reference
        for reference in CSS_REFERENCE.findall(css)
        if LEAVES_THE_FOLDER.match(reference) and not reference.lower().startswith("data:")
    ]


def integrity(content: bytes) -> str:
    """Subresource Integrity of the content, as https://www.w3.org/TR/SRI/ writes it.

    >>> integrity(b"alert('Hello, world.');")
    'sha384-H8BRh8j48O9oYatfu5AZzq6A9RINhZO5H16dQZngK7T62em8MUt1FLm52t+eX6xO'
    """
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode("ascii")


def missing_beside(css_file: Path) -> list[str]:
    """Relative references of a copied style sheet for which no file was copied."""
    return [
        reference
        for reference in CSS_REFERENCE.findall(css_file.read_text(encoding="utf-8"))
        if not reference.startswith(("data:", "#")) and not (css_file.parent / reference.partition("#")[0]).is_file()
    ]


def copy_package(package: Package, node_modules: Path, vendor: Path) -> list[dict[str, object]]:
    """Copies one package and returns its manifest entries; raises AssetError naming what is wrong."""
    source = node_modules / package.name
    if not (source / "package.json").is_file():
        raise AssetError(f"{package.name} is not in {node_modules}: run `npm ci` first")
    about = json.loads((source / "package.json").read_text(encoding="utf-8"))
    target = vendor / package.name
    entries: list[dict[str, object]] = []
    wanted = [(f"{package.folder}/{name}", name) for name in package.files] + [(package.licence_file, "LICENSE")]
    for origin, name in wanted:
        if not (source / origin).is_file():
            raise AssetError(f"{package.name} {about['version']} has no file {origin}: adapt PACKAGES")
        content = (source / origin).read_bytes()
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)
        entries.append(
            {
                "path": f"{package.name}/{name}",
                "package": package.name,
                "version": about["version"],
                "licence": about["license"],
                "integrity": integrity(content),
                "bytes": len(content),
            }
        )
    return entries


def check_style_sheets(vendor: Path) -> None:
    """Raises AssetError with every reference that leads outside or to a file that was not copied."""
    faults = []
    for css_file in sorted(vendor.rglob("*.css")):
        css = css_file.read_text(encoding="utf-8")
        faults += [f"{css_file}: {reference} leads outside" for reference in outside_references(css)]
        faults += [f"{css_file}: {reference} was not copied" for reference in missing_beside(css_file)]
    if faults:
        raise AssetError("\n".join(faults))


def build(node_modules: Path, vendor: Path) -> int:
    """Fills `vendor` anew from `node_modules` and returns the number of files."""
    fresh = vendor.with_name(vendor.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    entries = [entry for package in PACKAGES for entry in copy_package(package, node_modules, fresh)]
    check_style_sheets(fresh)
    manifest = {"schema": 1, "files": sorted(entries, key=lambda entry: str(entry["path"]))}
    (fresh / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(vendor, ignore_errors=True)
    fresh.rename(vendor)
    return len(entries)


def main() -> int:
    """Command line: no arguments."""
    try:
        count = build(ROOT / "node_modules", ROOT / "maps" / "vendor")
    except AssetError as fault:
        print(fault, file=sys.stderr)
        return 1
    print(f"maps/vendor: {count} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
