"""Findings held against labels: each label met, nothing else accused. The measure is that of the labels' README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

SHORT_S = 60.0
OF_THE_SHORTER, OF_THE_LONGER = 0.5, 0.3
PIECES = 2  # a stretch may come in two pieces

Span = tuple[float, float]


def span(timed: Mapping[str, Any]) -> Span:
    start, end = (datetime.fromisoformat(timed[name]).timestamp() for name in ("start", "end"))
    return start, end


def overlaps(a: Mapping[str, Any], b: Mapping[str, Any], *, of_the_longer: float = 0.0) -> bool:
    (a0, a1), (b0, b1) = span(a), span(b)
    both_s = min(a1, b1) - max(a0, b0)
    shorter_s, longer_s = sorted((a1 - a0, b1 - b0))
    if shorter_s <= SHORT_S:
        return both_s >= 0
    return both_s >= OF_THE_SHORTER * shorter_s and both_s >= of_the_longer * longer_s


def meets(label: Mapping[str, Any], finding: Mapping[str, Any]) -> bool:
    if (finding["rule"], finding["vehicle_id"]) != (label["rule"], label["vehicle_id"]):
        return False
    if "feed" in label:
        return bool(finding["feed"] == label["feed"])
    if "trainee" in label and finding["trainee_id"] != label["trainee"]:
        return False
    return overlaps(label, finding, of_the_longer=OF_THE_LONGER)


def excused(truth: Mapping[str, Any], finding: Mapping[str, Any]) -> bool:
    """Whether a finding falls on a grey stretch, or on a label that allows its rule."""

    def here(timed: Mapping[str, Any]) -> bool:
        return bool(timed["vehicle_id"] == finding["vehicle_id"]) and overlaps(timed, finding)

    grey = any(here(g) and g["rule"] == finding["rule"] for g in truth["grey"])
    return grey or any(here(t) and finding["rule"] in t["allow"] for t in truth["truth"])


def missed(truth: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The labels that no finding meets."""
    unmet = [t for t in truth["truth"] if not any(meets(t, f) for f in findings)]
    return [f"{t['rule']} {t['vehicle_id']} {t['start']}" for t in unmet]


def false_alarms(truth: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The findings that meet no label and that nothing excuses, and any third piece of one stretch."""
    wrong = [f for f in findings if not any(meets(t, f) for t in truth["truth"]) and not excused(truth, f)]
    for label in truth["truth"]:
        wrong += [f for f in findings if meets(label, f)][PIECES:]
    return [f"{f['rule']} {f['vehicle_id']} {f['start']}" for f in wrong]
