"""A Folium map as one HTML file that holds everything it needs and can fetch nothing; or as a page of a server.

Imported only when a map is written: Folium takes half a second to import.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import folium
from branca.element import Figure, Link

from maps.assets import asset, is_style, script_hash
from maps.safe_json import script_json
from maps.served import NONCE, Served, address_of
from maps.words import Words

MAP_ID = "map_page"
_NO_CHARACTER = re.compile("[\x00\ud800-\udfff]")  # HTML has no NUL, UTF-8 no half of a pair
MAX_ZOOM = 20
_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
_NO_ICON = '<link rel="icon" href="data:,">\n'
_BY_NONCE = f' nonce="{NONCE}"'


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of our script with one block of data: `trajaudit.<call>(map, data)`."""

    call: str
    data: Any


@dataclass(frozen=True, slots=True)
class Frame:
    """What a Folium map alone makes of a page: styles and scripts with the hashes of these, its markup, its code."""

    head: str
    hashes: tuple[str, ...]
    markup: str
    code: str


def render_page(
    texts: Words, title: str, layers: Sequence[Layer], links: Sequence[str], served: Served | None = None
) -> str:
    """Return a page with a map, our layers on it in the given order, and the scripts and styles under `links`.

    `served`: a page that a server gives out. It has no policy of its own, and `NONCE` wherever the answer's must stand.

    Folium's own head is replaced by ours: it forbids zooming and lays the map over the whole window. A hash in the
    Content-Security-Policy names each script of the page, so that no other text can run, wherever it came to stand.
    Data stands in JSON blocks of its own and never in markup, code or a template: branca compiles what its elements
    yield as Jinja templates again, so that a plate such as `{{ 7 * 7 }}` would be executed on the server.
    """
    frame = _empty_map(tuple(links), served is not None)
    data = [f'<script type="application/json" id="data-{x.call}">{script_json(x.data)}</script>' for x in layers]
    calls = [f'trajaudit.{x.call}({MAP_ID}, trajaudit.data("{x.call}"));' for x in layers]
    script = "\n" + _indented(frame.code, calls).strip() + "\n"
    title = html.escape(_NO_CHARACTER.sub("\ufffd", title))
    by = "" if served is None else _BY_NONCE
    notice = html.escape(texts("This map needs JavaScript. It loads nothing from outside."))
    return (
        f'<!DOCTYPE html>\n<html lang="{texts.html_lang}">\n<head>\n<meta charset="utf-8">\n'
        f"{_policy(frame, script) if served is None else _NO_ICON}"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n{frame.head}\n</head>\n<body>\n<noscript>{notice}</noscript>\n"
        f"{_indented(frame.markup, data)}\n<script{by}>{script}</script>\n</body>\n</html>\n"
    )


def _policy(frame: Frame, script: str) -> str:
    """Return the policy that a page in a file carries itself."""
    policy = _POLICY.format(scripts=" ".join([*frame.hashes, script_hash(script)]))
    return (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
    )


def _indented(first: str, lines: Sequence[str]) -> str:
    return "".join([first, *(f"\n    {line}" for line in lines)])


@lru_cache(maxsize=16)
def _empty_map(links: tuple[str, ...], is_served: bool) -> Frame:
    """A map without layers is the same on every page of a kind, and Folium takes some milliseconds for it."""
    figure = Figure()
    view = folium.Map(location=[0, 0], zoom_start=2, tiles=None, zoom_control=False)
    view._name, view._id = MAP_ID.split("_")  # noqa: SLF001 - a name that does not change from page to page
    view.options["zoom_snap"] = 0.25  # no tiles that would be blurred: the day fills the map
    view.options["max_zoom"] = MAX_ZOOM  # Folium passes max_zoom to its tiles only, and there are none
    figure.add_child(view)
    return frame_of(figure, links, is_served=is_served)


def frame_of(figure: Figure, links: tuple[str, ...], *, is_served: bool = False) -> Frame:
    """Return a figure's parts, each asset inlined (or named), its own and `links`; `UnknownAsset` for one not on our
    list."""
    figure.render()
    header = figure.header._children.values()  # noqa: SLF001 - branca's elements have no public list of their children
    urls = (*(entry.url for entry in header if isinstance(entry, Link)), *links)
    head, hashes = (_served_head(urls), ()) if is_served else _head(urls)
    return Frame(head, hashes, figure.html.render(), figure.script.render().replace("\r", ""))


def _head(links: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The styles and scripts of a page, and the hashes of the scripts."""
    tags, hashes = [], []
    for url in links:
        text = asset(url)
        if text is None:
            continue
        tags.append(f"<style>{text}</style>" if is_style(url) else f"<script>{text}</script>")
        if not is_style(url):
            hashes.append(script_hash(text))
    return "\n".join(tags), tuple(hashes)


def _served_head(links: tuple[str, ...]) -> str:
    """The styles and scripts of a page that a server gives out."""
    tags = []
    for url in links:
        address = address_of(url)
        if address is not None:
            style, script = f'<link rel="stylesheet" href="{address}">', f'<script{_BY_NONCE} src="{address}"></script>'
            tags.append(style if is_style(url) else script)
    return "\n".join(tags)
