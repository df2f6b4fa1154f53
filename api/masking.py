"""People by labels that only one answer uses: nobody can follow a person from one answer to the next.

The same answer asked for again has the same labels, so that it has the same bytes and the same ETag; they are drawn
with the server's secret, so that nobody can work out whose they are.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from api.looks import Person
from audit.finding import Finding
from maps.people import People
from runs.case_views import people_of


class Labels:
    """Labels such as `trainee-002` for the people of one answer.

    >>> labels = Labels(b"secret", "one answer", [("trainee", "T1"), ("trainee", "T2"), ("person", "P1")])
    >>> sorted([labels.of("trainee", "T1"), labels.of("trainee", "T2")]), labels.of("person", "P1")
    (['trainee-001', 'trainee-002'], 'person-001')
    """

    def __init__(self, secret: bytes, answer: str, people: Iterable[Person]) -> None:
        """Take who occurs; `answer`: all that tells this answer from others."""
        key = hmac.digest(secret, b"labels" + answer.encode("utf-8", "surrogatepass"), "sha256")
        self._labels: dict[Person, str] = {}
        numbers: dict[str, int] = {}
        for person in sorted(set(people), key=lambda p: hmac.digest(key, repr(p).encode(), "sha256")):
            numbers[person[0]] = numbers.get(person[0], 0) + 1
            self._labels[person] = f"{person[0]}-{numbers[person[0]]:03d}"

    def of(self, kind: str, key: str) -> str:
        """Return the label of somebody."""
        return self._labels[kind, key]


def masked(found: Finding, labels: Labels, named: frozenset[Person]) -> Finding:
    """Return a finding in which everybody but the `named` has a label, in its texts and its evidence, too."""
    hidden = {key: labels.of(kind, key) for kind, key in people_of(found) if (kind, key) not in named}
    if not hidden:
        return found
    mask = People(lambda key: hidden[key], hidden).mask
    evidence: Mapping[str, Any] = mask(dict(found.evidence))
    return replace(
        found,
        person_id=hidden.get(found.person_id or "", found.person_id),
        trainee_id=hidden.get(found.trainee_id or "", found.trainee_id),
        summary_zh=mask(found.summary_zh),
        summary_en=mask(found.summary_en),
        evidence=evidence,
    )
