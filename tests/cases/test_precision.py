"""How often suspicion was right, against SciPy's intervals; what counts and what is kept apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cases.matter import CaseFinding
from cases.precision import TABLES, Judged, judged_of, precision
from cases.proportions import beta_cdf, beta_quantile, clopper_pearson_upper, wilson
from cases.states import Action, DismissReason, State
from tests.cases.making import LI, WANG, done, followed, found, led_to
from tests.cases.test_prereview import dismissed_by_list, small

SAME = 1e-9
"""How far our intervals may be from SciPy's."""

TWO = (found("F1"), found("F2", 14, provider="south"))


def judged(n_confirmed: int, n_dismissed: int, **more: Any) -> list[Judged]:
    facts: dict[str, Any] = {"rule": "off-route", "school_id": "S1", "provider": "north", "month": "2026-03", **more}
    right = [Judged(**facts, is_confirmed=True)] * n_confirmed
    return right + [Judged(**facts, is_confirmed=False, reason=DismissReason.GPS_ERROR)] * n_dismissed


# ---------------------------------------------------------------- intervals


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_is_scipys(kn: tuple[int, int]) -> None:
    theirs = stats.binomtest(*kn).proportion_ci(0.95, method="wilson")
    assert wilson(*kn) == pytest.approx((theirs.low, theirs.high), abs=SAME)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_exact_upper_bound_is_scipys(kn: tuple[int, int]) -> None:
    theirs = stats.binomtest(*kn, alternative="less").proportion_ci(0.95, method="exact")
    assert clopper_pearson_upper(*kn) == pytest.approx(theirs.high, abs=SAME)


@given(st.floats(0.01, 0.99), st.floats(0.3, 300), st.floats(0.3, 300))
def test_the_beta_distribution_is_scipys_for_numbers_that_are_not_whole(p: float, a: float, b: float) -> None:
    assert beta_cdf(p, a, b) == pytest.approx(stats.beta.cdf(p, a, b), abs=SAME)
    assert beta_quantile(p, a, b) == pytest.approx(stats.beta.ppf(p, a, b), abs=SAME)


def test_the_rule_of_three_holds_where_nothing_was_found() -> None:
    # Hanley and Lippman-Hand, JAMA 249 (1983) 1743-1745: 0 of n leaves about 3 / n, at 95 %.
    assert clopper_pearson_upper(0, 300) == pytest.approx(3 / 300, rel=0.01)


@pytest.mark.parametrize(("k", "n"), [(1, 0), (-1, 3), (4, 3)])
def test_what_is_no_proportion_is_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(k, n)
    with pytest.raises(ValueError, match="no proportion"):
        clopper_pearson_upper(k, n)


# ---------------------------------------------------------------- tables


def test_a_row_has_the_counts_the_share_its_interval_and_the_reasons() -> None:
    permitted = Judged("off-route", "S2", None, "2026-02", is_confirmed=False, reason=DismissReason.PERMITTED)
    (row,) = precision([*judged(7, 2), permitted])
    assert (row.key, row.n_confirmed, row.n_dismissed, row.n, row.share) == ({"rule": "off-route"}, 7, 3, 10, 0.7)
    assert (row.low, row.high) == wilson(7, 10)
    assert list(row.reasons.items()) == [(DismissReason.GPS_ERROR, 2), (DismissReason.PERMITTED, 1)]


def test_tables_by_school_provider_and_month_add_up_to_the_rules() -> None:
    rows = [
        *judged(3, 1), *judged(2, 2, school_id="S2"), *judged(0, 4, provider="south", month="2026-02"),
        *judged(5, 0, rule="signal-gap", school_id=None),
    ]  # fmt: skip
    totals = {row.key["rule"]: (row.n_confirmed, row.n_dismissed) for row in precision(rows)}
    assert totals == {"off-route": (5, 7), "signal-gap": (5, 0)}
    for name, by in TABLES.items():
        table = precision(rows, by)
        for rule, total in totals.items():
            parts = [(r.n_confirmed, r.n_dismissed) for r in table if r.key["rule"] == rule]
            assert tuple(map(sum, zip(*parts, strict=True))) == total, name
    by_school = precision(rows, ("rule", "school_id"))
    assert [(r.key["rule"], r.key["school_id"]) for r in by_school] == [
        ("off-route", "S1"), ("off-route", "S2"), ("signal-gap", None),
    ]  # fmt: skip


def test_the_order_of_what_was_judged_changes_nothing() -> None:
    rows = [*judged(3, 1), *judged(2, 2, school_id=None), *judged(1, 1, school_id="S0")]
    assert precision(rows, TABLES["rule-school"]) == precision(rows[::-1], TABLES["rule-school"])


def test_what_pre_review_dismissed_is_counted_apart() -> None:
    automatic = Judged("off-route", "S1", "north", "2026-03", False, DismissReason.MINOR, is_automatic=True)
    (row,) = precision([*judged(1, 1), automatic])
    assert (row.n_confirmed, row.n_dismissed, row.n_automatic, row.share) == (1, 1, 1, 0.5)
    assert DismissReason.MINOR not in row.reasons
    (only,) = precision([automatic])
    assert (only.n, only.n_automatic, only.share, only.low, only.high) == (0, 1, None, None, None)


def test_a_table_by_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="no table by person_id; known: rule"):
        precision([], ("rule", "person_id"))


# ---------------------------------------------------------------- from cases


def names(findings: tuple[CaseFinding, ...]) -> list[str]:
    return [f.finding_id for f in findings]


def test_a_case_gives_each_judged_finding_with_its_verdict_provider_and_month() -> None:
    case = done(
        led_to(State.VERIFYING, *TWO), LI, Action.CONFIRM,
        findings={"F1": "confirmed", "F2": {"dismissed": "map-error"}},
    )  # fmt: skip
    rule = "off-zone-training"
    assert list(judged_of(case)) == [
        Judged(rule, "S1", "north", "2026-03", is_confirmed=True),
        Judged(rule, "S1", "south", "2026-03", is_confirmed=False, reason=DismissReason.MAP_ERROR),
    ]


@pytest.mark.parametrize("state", [State.NEW, State.ASSIGNED, State.VERIFYING, State.AWAITING_SCHOOL, State.SUPERSEDED])
def test_what_is_not_judged_or_gone_is_not_counted(state: State) -> None:
    assert list(judged_of(led_to(state))) == []


def test_what_a_re_audit_overtook_is_not_counted_until_it_is_judged_again() -> None:
    case = led_to(State.CLOSED, *TWO)
    assert len(list(judged_of(case))) == 2
    assert [j.provider for j in judged_of(followed(case, TWO[0]))] == ["north"]
    upheld = done(followed(case, TWO[0]), WANG, Action.UPHOLD, text="the files are lost, the matter is not")
    assert [j.provider for j in judged_of(upheld)] == ["north"]
    assert [j.provider for j in judged_of(followed(case, found("F1", 9.5), TWO[1]))] == ["south"]


def test_a_case_that_pre_review_dismissed_is_marked_so() -> None:
    case = dismissed_by_list(small())
    assert names(case.present) == ["F1"]
    assert [(j.is_automatic, j.is_confirmed) for j in judged_of(case)] == [(True, False)]
