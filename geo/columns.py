"""The doorway of every kernel: columns of one length, contiguous, read-only: one compiled version serves all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from geo.errors import ColumnError

F8 = npt.NDArray[np.float64]
I8 = npt.NDArray[np.int64]
I4 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint64]
Bool = npt.NDArray[np.bool_]


def sealed_f8(values: npt.ArrayLike) -> F8:
    """A contiguous read-only f8 view (a copy only where type or layout force one); the input stays as it was.

    Read-only and writable arrays are two types to numba; sealing all of them saves a second compilation.
    """
    view: F8 = np.ascontiguousarray(values, dtype=np.float64).view()
    view.flags.writeable = False
    return view


def sealed_i8(values: npt.ArrayLike) -> I8:
    """As `sealed_f8`, of whole numbers."""
    view: I8 = np.ascontiguousarray(values, dtype=np.int64).view()
    view.flags.writeable = False
    return view


def sealed_i4(values: npt.ArrayLike) -> I4:
    """As `sealed_f8`, of small whole numbers."""
    view: I4 = np.ascontiguousarray(values, dtype=np.int32).view()
    view.flags.writeable = False
    return view


def floats(**named: npt.ArrayLike) -> tuple[F8, ...]:
    """The named arguments as f8[n] columns of one length; scalars and one-row columns stretch.

    >>> [c.tolist() for c in floats(east_m=[1, 2], north_m=5)]
    [[1.0, 2.0], [5.0, 5.0]]
    """
    columns, _ = shaped(**named)
    return columns


def shaped(**named: npt.ArrayLike) -> tuple[tuple[F8, ...], tuple[int, ...]]:
    """As `floats`, with the common shape, for functions that give back the shape they were given.

    Raises ColumnError when the shapes do not fit together.
    """
    arrays = [np.asarray(value, dtype=np.float64) for value in named.values()]
    alike = all(a.shape == arrays[0].shape for a in arrays)  # usually; to spread them takes longer than a small kernel
    try:
        spread = arrays if alike else np.broadcast_arrays(*arrays)
    except ValueError:
        raise ColumnError(_misfit(named)) from None
    return tuple(sealed_f8(a.reshape(-1)) for a in spread), spread[0].shape


def filled(fill: Callable[..., int], room: int, *kinds: npt.DTypeLike) -> tuple[npt.NDArray[Any], ...]:
    """The columns that a kernel fills without knowing how many rows there will be; `room` is a good guess.

    `fill` gets a column of each kind, fills them as far as they go and gives back how many rows there are; where that
    was more, it is asked once more. They come as views: who keeps them copies them. A kernel whose columns grow in its
    own loop takes up to ten times as long, because numba then keeps count of who holds them at every turn.

    >>> def three(out):
    ...     out[:3] = [5, 6, 7][: len(out)]
    ...     return 3
    >>> [[c.tolist() for c in filled(three, room, np.int64)] for room in (1, 8)]
    [[[5, 6, 7]], [[5, 6, 7]]]
    """
    while True:
        columns = [np.empty(room, kind) for kind in kinds]
        rows = fill(*columns)
        if rows <= room:
            return tuple(column[:rows] for column in columns)
        room = rows


def offsets_of(offsets: npt.ArrayLike, rows: int) -> I8:
    """Track offsets as i8[tracks + 1], checked to start at 0, to end at `rows` and never to fall."""
    bounds = sealed_i8(np.asarray(offsets).reshape(-1))
    whole = bounds.size > 0 and bounds[0] == 0 and bounds[-1] == rows and bool((np.diff(bounds) >= 0).all())
    if not whole:
        raise ColumnError(
            f"offsets do not cut {rows} rows into tracks: expected rising numbers from 0 to {rows}, "
            f"found {bounds[:4].tolist()}{' ...' if bounds.size > 4 else ''}; pass the offsets of the same columns"
        )
    return bounds


def _misfit(named: dict[str, npt.ArrayLike]) -> str:
    sizes = ", ".join(f"{name} {np.shape(value)}" for name, value in named.items())
    return f"columns of different shape: {sizes}; expected one row of each for every fix"
