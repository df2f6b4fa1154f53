"""What every body must be: only members that are known, and text that every database keeps."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

MOST_DEEP = 40


class Body(BaseModel):
    """A request's body. A member that is not known is refused: it may be a misspelt one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _keepable(cls, told: Any) -> Any:
        check_keepable(told)
        return told


def check_keepable(told: Any, depth: int = 0) -> None:
    """Raise ValueError for text with NUL or half a character, numbers that JSON does not know, and too deep nesting.

    >>> check_keepable({"text": "疑点", "points": [1, 2.5, None]})
    >>> check_keepable({"points": float("nan")})
    Traceback (most recent call last):
    ValueError: NaN and infinity are no numbers of JSON
    """
    if depth > MOST_DEEP:
        raise ValueError(f"it is nested deeper than {MOST_DEEP}")
    if isinstance(told, str):
        if "\0" in told or any("\ud800" <= c <= "\udfff" for c in told):
            raise ValueError("a text holds NUL, or half a character: expected UTF-8 without NUL")
    elif isinstance(told, float):
        if not math.isfinite(told):
            raise ValueError("NaN and infinity are no numbers of JSON")
    elif isinstance(told, dict):
        for name, value in told.items():
            check_keepable(name, depth + 1)
            check_keepable(value, depth + 1)
    elif isinstance(told, list):
        for value in told:
            check_keepable(value, depth + 1)
