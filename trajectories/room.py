"""Room for results of which a kernel cannot tell the number beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit


@njit(cache=True, nogil=True)
def grown(column: npt.NDArray[Any], room: int) -> npt.NDArray[Any]:
    """Return a column of length `room` that begins with what the shorter one holds; the rest is to be filled."""
    out = np.empty(room, column.dtype)
    out[: len(column)] = column
    return out
