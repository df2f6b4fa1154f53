"""JSON that may stand inside a page's script element, whatever text it carries."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

# Inside <script> the HTML parser looks for "</script" and "<!--"; U+2028 and U+2029 end a line of older JavaScript.
_ESCAPES = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def script_json(value: Any) -> str:
    """Return compact JSON without a character that HTML or JavaScript would read as more than text.

    It is valid JSON and a valid JavaScript literal. Lone surrogates (file names that were not UTF-8) are escaped, so
    the result always encodes. ValueError for NaN and infinities, which JSON lacks.

    >>> script_json({"name": "</script><script>alert(1)"})
    '{"name":"\\\\u003c/script\\\\u003e\\\\u003cscript\\\\u003ealert(1)"}'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, escape in _ESCAPES:
        text = text.replace(character, escape)
    if text.isascii():
        return text
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def plain(value: Any) -> Any:
    """Return evidence as JSON can hold it: sets and tuples as lists, dates as ISO, NaN as null, the rest as text.

    >>> plain({"since": date(2026, 1, 1), "margin_m": float("nan"), 3: (1, 2)})
    {'since': '2026-01-01', 'margin_m': None, '3': [1, 2]}
    """
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(entry) for entry in value), key=str)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    return str(value)
