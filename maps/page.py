"""A Folium map as one HTML file that holds everything it needs and can fetch nothing.

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
from branca.element import CssLink, Element, Figure, JavascriptLink, Link, MacroElement

from maps.assets import asset, is_style, script_hash
from maps.safe_json import script_json
from maps.words import Words

MAP_ID = "map_page"
_NO_CHARACTER = re.compile("[\x00\ud800-\udfff]")  # HTML has no NUL, UTF-8 no half of a pair
MAX_ZOOM = 20
_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of our script with one block of data: `trajaudit.<call>(map, data)`."""

    call: str
    data: Any


class Verbatim(Element):
    """Finished text. branca would compile a rendered element once more, as a template of its own."""

    def __init__(self, text: str) -> None:
        """Keep the text as it is."""
        super().__init__()
        self._text = text

    def render(self, **kwargs: Any) -> str:  # noqa: ARG002 - the signature is branca's
        """Return the text."""
        return self._text


class DataLayer(MacroElement):
    """A layer whose data stands in a JSON block of its own and never in markup, code or a template.

    branca compiles what a macro yields as a Jinja template again, so that a plate such as `{{ 7 * 7 }}` would be
    executed on the server; this class hands its text over verbatim instead.
    """

    def __init__(self, layer: Layer) -> None:
        """Take the call and its data."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = f"layer_{layer.call}"
        self._id = "page"
        self._layer = layer

    def render(self, **kwargs: Any) -> str:  # noqa: ARG002 - the signature is branca's
        """Put the data block into the body and the call into the script of the page; nothing where it stands."""
        figure, call = _figure_of(self), self._layer.call
        block = f'<script type="application/json" id="data-{call}">{script_json(self._layer.data)}</script>'
        figure.html.add_child(Verbatim(block), name=self.get_name())
        figure.script.add_child(
            Verbatim(f'trajaudit.{call}({MAP_ID}, trajaudit.data("{call}"));'), name=self.get_name()
        )
        return ""


class OfflineFigure(Figure):
    """Folium's page with each asset inlined; an asset that is not on our list raises `UnknownAsset`.

    Folium's own head is replaced by ours: it forbids zooming and lays the map over the whole window. A hash in the
    Content-Security-Policy names each script of the page, so that no other text can run, wherever it came to stand.
    """

    def __init__(self, texts: Words, title: str) -> None:
        """Begin an empty page; `title` may be any text."""
        super().__init__()
        self._words, self._title = texts, title

    def render(self, **kwargs: Any) -> str:
        """Return the page."""
        for child in list(self._children.values()):
            child.render(**kwargs)
        header = self.header._children.values()  # noqa: SLF001 - branca's elements have no public list of their children
        links = tuple(entry.url for entry in header if isinstance(entry, Link))
        head, hashes = _head(links)
        script = "\n" + self.script.render(**kwargs).strip().replace("\r", "") + "\n"
        policy = _POLICY.format(scripts=" ".join([*hashes, script_hash(script)]))
        texts, title = self._words, html.escape(_NO_CHARACTER.sub("\ufffd", self._title))
        notice = html.escape(texts("This map needs JavaScript. It loads nothing from outside."))
        return (
            f'<!DOCTYPE html>\n<html lang="{texts.html_lang}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n'
            f"<title>{title}</title>\n{head}\n</head>\n<body>\n<noscript>{notice}</noscript>\n"
            f"{self.html.render(**kwargs)}\n<script>{script}</script>\n</body>\n</html>\n"
        )


def render_page(texts: Words, title: str, layers: Sequence[Layer], links: Sequence[str]) -> str:
    """Return a page with a map, our layers on it in the given order, and the scripts and styles under `links`."""
    figure = OfflineFigure(texts, title)
    view = folium.Map(location=[0, 0], zoom_start=2, tiles=None, zoom_control=False)
    view._name, view._id = MAP_ID.split("_")  # noqa: SLF001 - a name that does not change from page to page
    view.options["zoom_snap"] = 0.25  # no tiles that would be blurred: the day fills the map
    view.options["max_zoom"] = MAX_ZOOM  # Folium passes max_zoom to its tiles only, and there are none
    figure.add_child(view)
    for url in links:
        kind = CssLink if is_style(url) else JavascriptLink
        view.add_child(_Links(url, kind), name=url)
    for layer in layers:
        view.add_child(DataLayer(layer))
    return figure.render()


class _Links(MacroElement):
    """A script or style of ours, asked for as Folium's plugins ask for theirs."""

    def __init__(self, url: str, kind: type[Link]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._url, self._kind = url, kind

    def render(self, **kwargs: Any) -> str:  # noqa: ARG002 - the signature is branca's
        _figure_of(self).header.add_child(self._kind(self._url), name=self._url)
        return ""


def _figure_of(element: Element) -> Figure:
    root = element.get_root()
    if not isinstance(root, Figure):
        raise TypeError("a layer is rendered with the page that it is on, not alone")
    return root


@lru_cache(maxsize=8)
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
