"""The scripts and styles that a page carries inside itself. Whatever is not on the list here stops the rendering."""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import re
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENDOR = HERE / "vendor"
STATIC = HERE / "static"
OWN = "own:"
MARKERCLUSTER_JS = "vendor:leaflet.markercluster/leaflet.markercluster.js"
MARKERCLUSTER_CSS = "vendor:leaflet.markercluster/MarkerCluster.css"

_CDN = "https://cdn.jsdelivr.net/npm"
REPLACED = {
    f"{_CDN}/leaflet@1.9.3/dist/leaflet.js": "leaflet/leaflet.js",
    f"{_CDN}/leaflet@1.9.3/dist/leaflet.css": "leaflet/leaflet.css",
    MARKERCLUSTER_JS: "leaflet.markercluster/leaflet.markercluster.js",
    MARKERCLUSTER_CSS: "leaflet.markercluster/MarkerCluster.css",
}
"""What Folium or a layer of ours asks for, and the file under `vendor/` that stands in."""

DROPPED = frozenset(
    {
        "https://code.jquery.com/jquery-3.7.1.min.js",
        f"{_CDN}/bootstrap@5.2.2/dist/js/bootstrap.bundle.min.js",
        f"{_CDN}/bootstrap@5.2.2/dist/css/bootstrap.min.css",
        f"{_CDN}/@fortawesome/fontawesome-free@6.2.0/css/all.min.css",
        "https://cdnjs.cloudflare.com/ajax/libs/Leaflet.awesome-markers/2.0.2/leaflet.awesome-markers.js",
        "https://cdnjs.cloudflare.com/ajax/libs/Leaflet.awesome-markers/2.0.2/leaflet.awesome-markers.css",
        "https://netdna.bootstrapcdn.com/bootstrap/3.0.0/css/bootstrap-glyphicons.css",
        f"{_CDN.removesuffix('npm')}gh/python-visualization/folium/folium/templates/leaflet.awesome.rotate.min.css",
    }
)
"""What Folium asks for with every map, and our layers do not use."""

_CSS_URL = re.compile(r"""url\(\s*(['"]?)([^'")]+)\1\s*\)""")
_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)
_ENDS_A_SCRIPT = re.compile(r"</script|<!--", re.IGNORECASE)


class UnknownAsset(ValueError):
    """A page asks for a file that is not ours to give."""


class SpoiltAsset(ValueError):
    """A browser library is absent or not the one in the manifest."""


def is_style(url: str) -> bool:
    """Whether an asset is a style sheet."""
    return url.endswith(".css")


@lru_cache(maxsize=64)
def asset(url: str) -> str | None:
    """Return the text that stands in for a URL inside the page; None where nothing has to.

    UnknownAsset for a URL that is neither replaced nor dropped on purpose: better no page than one that calls out.
    """
    if url in DROPPED:
        return None
    if url.startswith(OWN):
        text = (STATIC / url.removeprefix(OWN)).read_text(encoding="utf-8")
    elif url in REPLACED:
        text = _notice(REPLACED[url]) + vendored(REPLACED[url]).decode("utf-8")
    else:
        raise UnknownAsset(f"{url} is not among the files that a map carries; add it to maps/assets.py or do without")
    text = text.replace("\r\n", "\n")
    return _inline_pictures(url, text) if is_style(url) else _script(url, text)


def script_hash(text: str) -> str:
    """Return the source expression that lets exactly this script run under a Content-Security-Policy.

    >>> script_hash("alert('Hello, world.');")  # the example that the CSP specification gives
    "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def vendored(path: str) -> bytes:
    """A file of `vendor/`, held against the manifest."""
    file, wanted = VENDOR / path, _manifest().get(path)
    if wanted is None or not file.is_file():
        raise SpoiltAsset(f"maps/vendor/{path} is missing; run `make setup`")
    content = file.read_bytes()
    found = "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()
    if found != wanted:
        raise SpoiltAsset(
            f"maps/vendor/{path} is not the file of the manifest ({found}, not {wanted}); run `make setup`"
        )
    return content


def _notice(path: str) -> str:
    """The licence of a library as a comment: each page is a copy of it, and copies carry the notice."""
    package = path.split("/", 1)[0]
    licence = vendored(f"{package}/LICENSE").decode("utf-8").strip()
    return f"/*! {package}\n{licence.replace('*/', '* /')}\n*/\n"


@lru_cache(maxsize=1)
def _manifest() -> dict[str, str]:
    file = VENDOR / "manifest.json"
    if not file.is_file():
        raise SpoiltAsset(
            "maps/vendor/manifest.json is missing: the browser libraries are not set up; run `make setup`"
        )
    return {entry["path"]: entry["integrity"] for entry in json.loads(file.read_text(encoding="utf-8"))["files"]}


def _script(url: str, text: str) -> str:
    text = _SOURCE_MAP.sub("", text)
    if _ENDS_A_SCRIPT.search(text):
        raise SpoiltAsset(f"{url} holds text that would end the script element it is put in")
    return text


def _inline_pictures(url: str, css: str) -> str:
    """Pictures of a style sheet as data URIs; anything that leads elsewhere is refused."""
    folder = Path(REPLACED[url]).parent if url in REPLACED else None

    def data_uri(match: re.Match[str]) -> str:
        target = match.group(2)
        if target.startswith(("data:", "#")):
            return match.group()
        if folder is None or re.match(r"[a-z]+:|/", target):
            raise UnknownAsset(f"{url} refers to {target}, which a page cannot carry")
        path = (folder / target).as_posix()
        mime = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return f'url("data:{mime};base64,{base64.b64encode(vendored(path)).decode()}")'

    if "@import" in css or "</style" in css.lower():
        raise UnknownAsset(f"{url} imports another sheet or ends its element")
    return _CSS_URL.sub(data_uri, css)
