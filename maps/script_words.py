"""The words that the scripts of a page say: a page carries those and no more of the catalogue."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from maps.assets import asset, is_style
from maps.words import Words

_SAID = re.compile(r'\b_\(\s*("(?:[^"\\]|\\.)*")')


def script_words(texts: Words, links: tuple[str, ...]) -> dict[str, str]:
    """Return the translations of what the scripts under `links` say; empty where the message ids are the language.

    >>> from maps.words import words
    >>> script_words(words("zh"), ("own:page.js",))["Overview"], script_words(words("en"), ("own:page.js",))
    ('总览', {})
    """
    if texts.lang == "en":
        return {}
    return {said: texts(said) for said in _said(links)}


@lru_cache(maxsize=8)
def _said(links: tuple[str, ...]) -> tuple[str, ...]:
    ours = [url for url in links if url.startswith("own:") and not is_style(url)]
    return tuple(sorted({json.loads(found) for url in ours for found in _SAID.findall(asset(url) or "")}))
