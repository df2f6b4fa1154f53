"""What a door for checkpoint records counted, and the passages it let in: what is kept when the records are gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from checkpoints.passage import Passage
from feeds.ledger import Account


@dataclass(slots=True)
class PassageCount:
    """How many came, and what became of them: read = kept + dropped + rejected, for faces and candidates alike."""

    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    faces_read: int = 0
    faces_kept: int = 0
    faces_dropped: Counter[str] = field(default_factory=Counter)
    candidates_read: int = 0
    candidates_kept: int = 0
    candidates_dropped: Counter[str] = field(default_factory=Counter)

    def plus(self, other: PassageCount) -> PassageCount:
        """Return both together.

        >>> PassageCount(read=2, kept=1, dropped=Counter(a=1)).plus(PassageCount(read=1, dropped=Counter(a=1))).dropped
        Counter({'a': 2})
        """
        return PassageCount(**{f.name: _sum(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)})

    def as_dict(self) -> dict[str, object]:
        """Return the `passages` member of `run.json`; refused records are told there under `rows`."""
        dropped = self.dropped + self.rejected
        return {"read": self.read, "in_scope": self.kept, "dropped": dict(sorted(dropped.items()))}

    def sightings(self) -> dict[str, object]:
        """Return the counts of faces and candidates, for the coverage of `run.json`."""
        return {
            "faces": {
                "read": self.faces_read,
                "kept": self.faces_kept,
                "dropped": dict(sorted(self.faces_dropped.items())),
            },
            "candidates": {
                "read": self.candidates_read,
                "kept": self.candidates_kept,
                "dropped": dict(sorted(self.candidates_dropped.items())),
            },
        }

    def balances(self) -> bool:
        """Whether all three sums are right."""
        return (
            self.read == self.kept + self.dropped.total() + self.rejected.total()
            and self.faces_read == self.faces_kept + self.faces_dropped.total()
            and self.candidates_read == self.candidates_kept + self.candidates_dropped.total()
        )


@dataclass(frozen=True, slots=True)
class Readmitted:
    """Passages in scope that an earlier opening of the door let in, with all that it counted: by accounts of files."""

    passages: tuple[Passage, ...]
    count: PassageCount
    accounts: Mapping[str, Account]


def _sum(a: Any, b: Any) -> Any:
    if not isinstance(a, Counter):
        return a + b
    out = Counter(a)
    out.update(b)  # as it is: a correction may be below zero
    return Counter({name: n for name, n in out.items() if n})


def account_sum(a: Account, b: Account) -> Account:
    """Return two accounts together."""
    return Account(a.read + b.read, a.kept + b.kept, _sum(a.flagged, b.flagged), _sum(a.rejected, b.rejected))


def count_as_dict(count: PassageCount) -> dict[str, Any]:
    """Return a count JSON-ready; `dataclasses.asdict` would count the pairs of a Counter."""
    held = {f.name: getattr(count, f.name) for f in fields(count)}
    return {name: dict(value) if isinstance(value, Counter) else value for name, value in held.items()}


def count_from(told: Mapping[str, Any]) -> PassageCount:
    """Return the count that `count_as_dict` told."""
    return PassageCount(**_counters(told))


def account_from(told: Mapping[str, Any]) -> Account:
    """Return the account that `Account.as_dict` told."""
    return Account(**_counters(told))


def _counters(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Counter(value) if isinstance(value, dict) else value for name, value in told.items()}
