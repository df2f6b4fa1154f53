"""Which finding of one run is which of another: by id, then by rule, holder and time, either way round."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Protocol, TypeVar

from audit.finding import Finding

MOSTLY = 0.5
"""Share of the shorter stretch that both must cover for an id alone to be believed: ordinals shift (audit.evidence)."""


class Lasting(Protocol):
    """Something that lasts from start to end, ms UTC."""

    @property
    def start_ms(self) -> int: ...  # noqa: D102 -- the class says what each is
    @property
    def end_ms(self) -> int: ...  # noqa: D102


T = TypeVar("T", bound=Lasting)
Pairs = list[tuple[T | None, T | None]]


def paired_findings(before: Sequence[Finding], after: Sequence[Finding]) -> Pairs[Finding]:
    """Return (before, after) for every finding of either run, None where the other run has no such matter.

    An id pairs where most of the time is common. What is left is paired by rule, car or feed, person and trainee where
    times overlap, longest overlap first; then by id alone, since an id names the matter wherever it moved.
    """
    then, now = {f.finding_id: f for f in before}, {f.finding_id: f for f in after}
    shared = sorted(set(then) & set(now))
    pairs: Pairs[Finding] = [(then.pop(i), now.pop(i)) for i in shared if share(then[i], now[i]) >= MOSTLY]
    found = overlapping(then.values(), now.values(), _matter, lambda f: f.finding_id)
    for one, other in found:
        del then[one.finding_id], now[other.finding_id]
    pairs += found
    pairs += [(then.pop(i), now.pop(i)) for i in shared if i in then and i in now]
    return [*pairs, *((f, None) for f in then.values()), *((None, f) for f in now.values())]


def _matter(finding: Finding) -> tuple[str | None, ...]:
    return (finding.rule, finding.vehicle_id or finding.feed, finding.person_id, finding.trainee_id)


def overlapping(
    before: Iterable[T], after: Iterable[T], key: Callable[[T], Hashable], name: Callable[[T], str]
) -> list[tuple[T, T]]:
    """Return pairs of one key whose times overlap, longest overlap first; each is in one pair at most.

    `name` breaks ties, so that neither the order within a run nor that of the runs changes who is paired.
    """
    groups: dict[Hashable, tuple[list[T], list[T]]] = {}
    for side, items in enumerate((before, after)):
        for item in items:
            groups.setdefault(key(item), ([], []))[side].append(item)
    out: list[tuple[T, T]] = []
    for ones, others in groups.values():
        met = [(one, other) for one in ones for other in others if share(one, other) > 0]
        met.sort(key=lambda p: (-common_ms(*p), -share(*p), *sorted((name(p[0]), name(p[1])))))
        used: set[int] = set()
        for one, other in met:
            if id(one) not in used and id(other) not in used:
                used |= {id(one), id(other)}
                out.append((one, other))
    return out


def common_ms(one: Lasting, other: Lasting) -> int:
    """Return for how long two times overlap, in ms; below zero is the distance between them."""
    return min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)


def share(one: Lasting, other: Lasting) -> float:
    """Return how much of the shorter of two times lies in the other, from 0 to 1; a moment within is all of it."""
    both, shorter = common_ms(one, other), min(one.end_ms - one.start_ms, other.end_ms - other.start_ms)
    if both < 0:
        return 0.0
    return both / shorter if shorter else 1.0
