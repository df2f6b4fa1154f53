"""What must hold of any occasion (evidence.md section 7, checks 39 and 40)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints.decision import decide
from checkpoints.occasion import Alibi, Capture, Occasion, Verdict
from checkpoints.posterior import judge, judge_many
from tests.checkpoints.making import COLLEAGUES, MODEL, PRIORS

CASES = settings(max_examples=100)
PEOPLE = ("P01", "P02", "P03", "P77")
ROUNDING = 1e-9
LOOK_ALIKE = 0.05
"""Of log10 LR: scores at the end of the scale fit a look-alike's wide curve best, and then silence hits that more."""
scores = st.floats(0.55, 1.0).map(lambda x: round(x, 3))
listed = st.one_of(st.none(), st.just({}), st.just({frozenset(("P01", "P02")): 0.7, frozenset(("P02", "P77")): 0.56}))


@st.composite
def captures(draw: st.DrawFn, camera: int) -> Capture:
    """Up to three names, some qualities unknown, some seats too."""
    names = draw(st.lists(st.sampled_from(PEOPLE), max_size=3, unique=True))
    quality = draw(st.one_of(st.none(), st.floats(0.1, 1.0)))
    return Capture(f"C{camera}", camera * 60_000, quality, {p: draw(scores) for p in names}, None, draw(st.just(True)))


@st.composite
def occasions(draw: st.DrawFn) -> Occasion:
    """A lesson, declared or not, with up to five cameras, of which one at least shows P02."""
    first = Capture("C0", 0, draw(st.floats(0.1, 1.0)), {"P02": draw(scores)})
    others = tuple(draw(captures(i)) for i in range(1, draw(st.integers(1, 5))))
    declared = draw(st.sampled_from(["P01", None]))
    rightful = frozenset(("P01",)) if declared else COLLEAGUES - {"P02"}
    alibis = {"P77": Alibi("none", 0.98, 0.55)}
    return Occasion(
        "K", declared, rightful, COLLEAGUES, (first, *others), alibis, draw(st.sampled_from([0.0, 4e-4, 0.02]))
    )


def of(person: str, verdicts: tuple[Verdict, ...]) -> Verdict:
    return next(one for one in verdicts if one.person_id == person)


def log_odds(posterior: float) -> float:
    return math.log(posterior) - math.log1p(-min(posterior, 1 - 1e-16)) if posterior > 0.0 else -math.inf


@CASES
@given(occasions(), listed, st.floats(1e-4, 1.0), st.floats(1e-4, 1.0))
def test_a_record_of_being_elsewhere_never_raises(one: Occasion, pairs: object, a: float, b: float) -> None:
    record = Alibi("seen-elsewhere", min(a, b), max(a, b))
    before = of("P02", judge(one, MODEL, PRIORS, pairs))  # type: ignore[arg-type]
    after = of("P02", judge(replace(one, alibis={**one.alibis, "P02": record}), MODEL, PRIORS, pairs))  # type: ignore[arg-type]
    assert after.posterior <= before.posterior + ROUNDING


@CASES
@given(occasions(), listed, st.floats(0.0, 1.0), scores)
def test_a_repeat_of_a_camera_no_sharper_than_the_first_changes_nothing(
    one: Occasion, pairs: object, dull: float, score: float
) -> None:
    """Stronger than "never raises by more than log 2". A sharper repeat takes the place of the first."""
    first = one.captures[0]
    repeat = replace(first, t_ms=first.t_ms + 1, quality=(first.quality or 0.0) * dull, scores={"P02": score})
    if repeat.quality == first.quality:
        repeat = replace(repeat, scores=first.scores)
    before = judge(one, MODEL, PRIORS, pairs)  # type: ignore[arg-type]
    assert judge(replace(one, captures=(*one.captures, repeat)), MODEL, PRIORS, pairs) == before  # type: ignore[arg-type]


@CASES
@given(occasions(), listed, st.randoms(use_true_random=False))
def test_the_order_of_input_does_not_matter(one: Occasion, pairs: object, order: object) -> None:
    shuffled = list(one.captures)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    turned = tuple(replace(c, scores=dict(reversed(c.scores.items()))) for c in shuffled)
    assert judge(replace(one, captures=turned), MODEL, PRIORS, pairs) == judge(one, MODEL, PRIORS, pairs)  # type: ignore[arg-type]


@CASES
@given(occasions(), st.permutations(["A", "B", "C", "D"]))
def test_who_a_person_is_called_does_not_matter(one: Occasion, names: list[str]) -> None:
    new = dict(zip(PEOPLE, names, strict=True))

    def renamed(persons: frozenset[str]) -> frozenset[str]:
        return frozenset(new.get(p, p) for p in persons)

    other = replace(
        one,
        declared=new[one.declared] if one.declared else None,
        rightful=renamed(one.rightful),
        colleagues=renamed(one.colleagues),
        captures=tuple(replace(c, scores={new[p]: s for p, s in c.scores.items()}) for c in one.captures),
        alibis={new[p]: a for p, a in one.alibis.items()},
    )
    before = {new[v.person_id]: v.posterior for v in judge(one, MODEL, PRIORS, {})}
    after = {v.person_id: v.posterior for v in judge(other, MODEL, PRIORS, {})}
    assert after == pytest.approx(before, rel=1e-9)


@CASES
@given(occasions(), st.floats(MODEL.quality_ref, 1.0))
def test_a_camera_that_does_not_show_a_person_lowers_the_ratio(one: Occasion, quality: float) -> None:
    """Provided that its picture is of usual quality: a dull one says nothing either way."""
    blank = Capture("C9", 9, quality, {})
    before = of("P02", judge(one, MODEL, PRIORS, {}))
    after = of("P02", judge(replace(one, captures=(*one.captures, blank)), MODEL, PRIORS, {}))
    assert after.log10_lr_uncapped < before.log10_lr_uncapped
    assert after.log10_lr <= before.log10_lr + LOOK_ALIKE


@CASES
@given(occasions(), st.floats(1e-4, 0.5), st.floats(1e-4, 0.5))
def test_a_poorer_photo_of_the_declared_person_never_raises(one: Occasion, a: float, b: float) -> None:
    """Provided that the declared person was not shown at all: then silence is all there is."""
    silent = replace(one, captures=tuple(replace(c, scores={"P02": c.scores.get("P02", 0.8)}) for c in one.captures))
    good, poor = (
        of("P02", judge(silent, MODEL, replace(PRIORS, poor_photo={"P01": q}), {})).posterior
        for q in (min(a, b), max(a, b))
    )
    assert poor <= good + ROUNDING


@CASES
@given(st.lists(occasions(), max_size=6), st.randoms(use_true_random=False))
def test_a_night_in_another_order_gives_the_same_findings(some: list[Occasion], order: object) -> None:
    named = [replace(one, key=f"K{i}") for i, one in enumerate(some)]
    shuffled = list(named)
    order.shuffle(shuffled)  # type: ignore[attr-defined]

    def found(night: list[Occasion]) -> list[Verdict]:
        verdicts = judge_many(night, MODEL, PRIORS, {})
        return [verdicts[i] for i in decide(verdicts, 0.05)]

    assert found(shuffled) == found(named)


@CASES
@given(occasions())
def test_the_persons_of_one_occasion_share_one_seat(one: Occasion) -> None:
    assert sum(v.posterior for v in judge(one, MODEL, PRIORS, {})) <= 1.0 + ROUNDING


@CASES
@given(occasions())
def test_whom_no_camera_showed_is_never_likelier_than_nobody_enrolled(one: Occasion) -> None:
    """So occasions that show nobody wrong can be passed over exactly (`judge_many`)."""
    others = replace(one, captures=tuple(replace(c, scores={}) for c in one.captures))
    assert judge(others, MODEL, PRIORS, {}) == ()
    assert PRIORS.substituted < PRIORS.unenrolled
