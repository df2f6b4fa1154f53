"""Persons on a page: by role and pseudonym only, wherever their register keys might have come to stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any


class People:
    """Puts a label in place of a register key, also inside longer texts.

    >>> people = People(lambda key: f"instructor {len(key)}", ["P-001", None])
    >>> people.label("P-001"), people.label(None), people.mask({"summary": "P-001 taught; P-0012 did not"})
    ('instructor 5', None, {'summary': 'instructor 5 taught; P-0012 did not'})
    """

    def __init__(self, label_of: Callable[[str], str], keys: Iterable[str | None]) -> None:
        """Take the labels of the keys that may occur on the page."""
        self._labels = {key: label_of(key) for key in sorted({key for key in keys if key})}
        longest_first = sorted(self._labels, key=len, reverse=True)
        alternatives = "|".join(re.escape(key) for key in longest_first)
        self._pattern = re.compile(rf"(?<![\w-])(?:{alternatives})(?![\w-])") if alternatives else None

    def label(self, key: str | None) -> str | None:
        """The label of one person."""
        return None if key is None or not key else self._labels[key]

    def mask(self, value: Any) -> Any:
        """JSON-ready data with each key in each text replaced by its label."""
        if isinstance(value, str):
            return self._pattern.sub(lambda m: self._labels[m.group()], value) if self._pattern else value
        if isinstance(value, dict):
            return {self.mask(key): self.mask(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self.mask(entry) for entry in value]
        return value
