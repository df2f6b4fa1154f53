"""Plain values only: what may stand in a file that others read, and the one way each value is written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

# A lone surrogate has no UTF-8 form, and NUL ends a string for readers written in C and for spreadsheets.
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_BOOLEANS, _INTEGERS, _FLOATS = (bool, np.bool_), (int, np.integer), (float, np.floating)


class ReportFault(RuntimeError):
    """A fault of the program: something was handed over that a report must not say. Nothing was written."""


def storable(text: str) -> str:
    r"""Return a text as every output writes it: NUL and lone surrogates become U+FFFD, all else stays.

    >>> storable("沪A1234学"), storable("a\x00b\udcff") == "a\ufffdb\ufffd", storable("")
    ('沪A1234学', True, '')
    """
    return text if text.isprintable() else _UNWRITABLE.sub("\ufffd", text)


def optional(text: str | None) -> str | None:
    """Return `storable(text)`, or None for None."""
    return None if text is None else storable(text)


def finite(value: float, where: str) -> float:
    """Return a float without a negative zero; ReportFault names `where` for NaN and infinity.

    >>> finite(-0.0, "margins.edge_m"), finite(2, "x")
    (0.0, 2.0)
    """
    number = float(value)
    if not math.isfinite(number):
        raise ReportFault(f"{where}: {number} is not a number that JSON can hold; a missing value is None")
    return number + 0.0


def plain(value: Any, where: str) -> Any:
    """Return a JSON-ready value in its one form: keys sorted, texts storable, numbers finite Python numbers.

    Floats keep their digits (rounding is the business of whoever measured, and of the digest made from it); a
    float32 is written with the digits that tell it from its neighbours, not with those of its float64 image.
    ReportFault names the place of anything that JSON cannot hold.

    >>> plain({"b": (1, -0.0), "a": np.float32(0.1)}, "evidence")
    {'a': 0.1, 'b': [1, 0.0]}
    """
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, _BOOLEANS):
        return value if value is None else bool(value)
    if isinstance(value, _INTEGERS):
        return int(value)
    if isinstance(value, _FLOATS):
        return finite(float(str(value)) if isinstance(value, np.float32) else float(value), where)
    if isinstance(value, Mapping):
        return _plain_mapping(value, where)
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise ReportFault(
        f"{where}: a {type(value).__name__} has no form in JSON; hand over text, numbers, lists, mappings"
    )


def _plain_mapping(value: Mapping[Any, Any], where: str) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise ReportFault(f"{where}: the key {key!r} is a {type(key).__name__}; JSON has text keys only")
    cleaned = {storable(key): plain(item, f"{where}.{storable(key)}") for key, item in value.items()}
    if len(cleaned) != len(value):
        raise ReportFault(f"{where}: two keys differ only by characters that cannot be written")
    return dict(sorted(cleaned.items()))


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON text of an already plain value; compact without `indent`, in the order the keys have."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
