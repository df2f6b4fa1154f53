"""Arrow columns as numpy columns: without copies where the types agree, and without pandas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trajectories.fleet import F8, I4

NUMERAL = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"


def one_chunk(column: Any) -> Any:
    """Return a pyarrow column as a single array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def values_of(array: Any, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return the values of a pyarrow array as a view; where it has nulls, anything may stand.

    `Array.to_numpy` would import pandas: 0.2 s of processor time.
    """
    size = np.dtype(dtype).itemsize
    data = array.buffers()[1]
    if not len(array) or data is None:
        return np.zeros(0, dtype)
    return np.frombuffer(data, dtype, count=len(array), offset=size * array.offset)


def valid(array: Any) -> npt.NDArray[np.bool_]:
    """Return which values of a pyarrow array are not null (`fill_null` would import pandas)."""
    return values_of(pc.cast(array.is_valid(), pa.uint8()), np.uint8).astype(np.bool_)


def is_text(kind: Any) -> bool:
    """Whether a pyarrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(kind: Any) -> bool:
    """Whether a pyarrow type is a number."""
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def numbers(column: Any) -> npt.NDArray[np.float32] | F8:
    """Return a column of numbers or numerals as float64 (float32 stays); null and unreadable are NaN.

    >>> numbers(pa.array(["1.5", " 2 ", "", "x", None, "-.5e1"])).tolist()
    [1.5, 2.0, nan, nan, nan, -5.0]
    """
    array = one_chunk(column)
    if is_text(array.type):
        array = _numerals(array)
    kind = np.float32 if pa.types.is_float32(array.type) else np.float64
    if not pa.types.is_floating(array.type) or pa.types.is_float16(array.type):
        array = pc.cast(array, pa.float64(), safe=False)
    values = values_of(array, kind)
    return np.where(valid(array), values, kind("nan")) if array.null_count else values


def _numerals(array: Any) -> Any:
    try:
        return pc.cast(array, pa.float64())
    except pa.ArrowInvalid:
        trimmed = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
        numeral = pc.match_substring_regex(trimmed, NUMERAL)
        return pc.cast(pc.if_else(numeral, trimmed, pa.nulls(len(trimmed), pa.large_string())), pa.float64())


def codes(column: Any, index_of: Callable[[str], int]) -> I4:
    """Return for each row `index_of(its trimmed text)`; blank and null give -1.

    `index_of` is asked once for each different text. The column is dictionary-encoded text or whole numbers.
    """
    array = one_chunk(column)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    texts = [clean_id(text) for text in array.dictionary.to_pylist()]
    table = np.array([*(index_of(text) if text else -1 for text in texts), -1], np.int32)
    indices = pc.cast(array.indices, pa.int32()) if array.indices.type != pa.int32() else array.indices
    places = values_of(indices, np.int32)
    found: I4 = table.take(np.where(valid(indices), places, len(texts)) if indices.null_count else places)
    return found


def clean_id(value: object) -> str:
    """Return a terminal id as text without blanks around it.

    >>> clean_id(7), clean_id(" T1 "), clean_id(None)
    ('7', 'T1', '')
    """
    if value is None:
        return ""
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()


def text_at(column: Any, i: int) -> str:
    """Return the text of one value, "" for null."""
    value = column[i]
    if not value.is_valid:
        return ""
    if pa.types.is_timestamp(value.type):
        return str(value.cast(pa.string()).as_py())
    return str(value.as_py())
