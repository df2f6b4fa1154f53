"""How often what the program suspected was true: per rule, school, provider and month, from what people judged.

What pre-review dismissed was judged by nobody and is counted apart; what a re-audit no longer finds is not counted. The
findings of one car or terminal fault hang together, so an interval that takes them as independent is rather too narrow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cases.case import Case
from cases.matter import FindingStatus
from cases.proportions import wilson
from cases.states import DismissReason

BY = ("rule", "school_id", "provider", "month")
"""What a table may be broken down by."""

TABLES: dict[str, tuple[str, ...]] = {
    "rule": ("rule",),
    "rule-school": ("rule", "school_id"),
    "rule-provider": ("rule", "provider"),
    "rule-month": ("rule", "month"),
    "rule-school-month": ("rule", "school_id", "month"),
    "rule-provider-month": ("rule", "provider", "month"),
}
"""The tables that the office reads each month."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding that was judged; `month` is its service day's, as 2026-03. `reason` where it was dismissed."""

    rule: str
    school_id: str | None
    provider: str | None
    month: str
    is_confirmed: bool
    reason: DismissReason | None = None
    is_automatic: bool = False


@dataclass(frozen=True, slots=True)
class Precision:
    """One row of a table. `key`: what the row is of, by the names of `BY` (None: not known).

    `share` of confirmed among all that people judged, with its 95 % Wilson interval; None where they judged none.
    `n_automatic` were dismissed by pre-review. `reasons`: why people dismissed, most frequent first.
    """

    key: Mapping[str, str | None]
    n_confirmed: int
    n_dismissed: int
    n_automatic: int
    share: float | None
    low: float | None
    high: float | None
    reasons: Mapping[DismissReason, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """How many people judged."""
        return self.n_confirmed + self.n_dismissed


def judged_of(case: Case) -> Iterator[Judged]:
    """Yield the findings of a case on which a conclusion stands and that the last audit still has."""
    for found in case.findings:
        if found.is_present and found.is_judged and not found.is_changed:
            yield Judged(
                found.rule,
                found.school_id,
                found.provider,
                f"{case.service_date:%Y-%m}",
                found.status is FindingStatus.CONFIRMED,
                found.reason,
                found.is_automatic,
            )


def precision(judged: Iterable[Judged], by: tuple[str, ...] = ("rule",)) -> tuple[Precision, ...]:
    """Return a row for each combination that occurs, in order of its key; ValueError for what is not in `BY`.

    >>> one = Judged("off-route", "S1", "north", "2026-03", True)
    >>> [(dict(p.key), p.n_confirmed, round(p.low, 2)) for p in precision([one, one])]
    [({'rule': 'off-route'}, 2, 0.34)]
    >>> precision([])
    ()
    """
    if unknown := [name for name in by if name not in BY]:
        raise ValueError(f"no table by {', '.join(unknown)}; known: {', '.join(BY)}")
    groups: dict[tuple[str | None, ...], list[Judged]] = {}
    for one in judged:
        groups.setdefault(tuple(getattr(one, name) for name in by), []).append(one)
    ordered = sorted(groups, key=lambda key: [(part is None, part or "") for part in key])
    return tuple(_row(dict(zip(by, key, strict=True)), groups[key]) for key in ordered)


def _row(key: Mapping[str, str | None], group: list[Judged]) -> Precision:
    by_people = [one for one in group if not one.is_automatic]
    confirmed = sum(one.is_confirmed for one in by_people)
    reasons = Counter(one.reason for one in by_people if one.reason is not None and not one.is_confirmed)
    n = len(by_people)
    low, high = wilson(confirmed, n) if n else (None, None)
    return Precision(
        key=key,
        n_confirmed=confirmed,
        n_dismissed=n - confirmed,
        n_automatic=len(group) - n,
        share=confirmed / n if n else None,
        low=low,
        high=high,
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )
