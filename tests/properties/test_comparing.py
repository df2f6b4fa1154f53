"""Comparing is a difference: of a run with itself it is empty, and the other way round it is the mirror image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from audit.compare import Answers, Change, Comparison, Status, compare
from audit.finding import Severity
from tests.audit.test_compare import matter, run, unanswered

MIRRORED = {Status.NEW: Status.GONE, Status.GONE: Status.NEW}


@st.composite
def runs(draw: st.DrawFn) -> Answers:
    """A run of one day with findings of few ids, rules, cars, trainees and times, so that many nearly coincide."""
    found = {}
    for _ in range(draw(st.integers(0, 6))):
        name = draw(st.sampled_from("ABCDEF"))
        found[name] = matter(
            name,
            draw(st.sampled_from([0, 0.5, 1, 4])),
            draw(st.sampled_from([0, 0.5, 1, 3])),
            rule=draw(st.sampled_from(["signal-gap", "off-route"])),
            vehicle_id=draw(st.sampled_from(["V001", "V002"])),
            trainee_id=draw(st.sampled_from([None, "L1"])),
            severity=draw(st.sampled_from([Severity.MINOR, Severity.MAJOR])),
            evidence=draw(st.sampled_from([{}, {"recipe": "c2"}, {"registers": {"zones.geojson": "8" * 64}}])),
        )
    open_ = draw(st.lists(st.builds(unanswered, st.sampled_from([0, 0.5, 4]), st.sampled_from(["silent", "no-fixes"]))))
    bundle = draw(st.sampled_from("ab")) * 64
    return run(*found.values(), open_=tuple(open_), bundle_sha256=bundle)


def swapped(thing: Any) -> Any:
    return replace(thing, before=thing.after, after=thing.before)


def told(found: Comparison, *, mirrored: bool = False) -> list[tuple[Any, ...]]:
    """What a comparison says, so that two can be held against each other; `mirrored`: said of the other way round."""
    out = []
    for m in found.matters:
        ids = [None if f is None else f.finding_id for f in (m.before, m.after)]
        if mirrored:
            changes: list[Change] = [swapped(c) for c in m.changes]
            status, causes = MIRRORED.get(m.status, m.status), [swapped(c) for c in m.causes]
            out.append((status, ids[::-1], changes, causes, m.unanswered))
        else:
            out.append((m.status, ids, list(m.changes), list(m.causes), m.unanswered))
    return sorted(out, key=lambda row: str(row[1]))


@given(runs())
def test_a_run_compared_with_itself_is_empty(one: Answers) -> None:
    found = compare(one, one)
    assert found.is_empty
    assert found.on_other_evidence == 0
    assert all(m.before is m.after for m in found.matters)


@given(runs(), runs())
def test_comparing_the_other_way_round_gives_the_mirror_image(one: Answers, other: Answers) -> None:
    there, back = compare(one, other), compare(other, one)
    assert told(there) == told(back, mirrored=True)
    assert there.unanswered_new == back.unanswered_gone
    assert there.unanswered_gone == back.unanswered_new


@given(runs(), runs(), st.randoms(use_true_random=False))
def test_every_finding_of_either_run_is_in_exactly_one_matter_whatever_the_order(
    one: Answers, other: Answers, random: Any
) -> None:
    found = compare(one, other)
    befores = [m.before for m in found.matters if m.before is not None]
    afters = [m.after for m in found.matters if m.after is not None]
    assert sorted(f.finding_id for f in befores) == sorted(f.finding_id for f in one.findings)
    assert sorted(f.finding_id for f in afters) == sorted(f.finding_id for f in other.findings)
    mixed = replace(other, findings=random.sample(other.findings, len(other.findings)))
    assert told(compare(one, mixed)) == told(found)
