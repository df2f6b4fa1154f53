"""Who sat there, weighed against everything else that explains the faces."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scipy.integrate import quad
from scipy.stats import norm

from checkpoints.occasion import Alibi, Capture, Verdict, one_per_camera
from checkpoints.posterior import judge, judge_many
from checkpoints.priors import Priors, likeness, share_from_history
from checkpoints.score_model import Component
from tests.checkpoints.making import COLLEAGUES, MODEL, PRIORS, capture, occasion

NODES_OF_41 = 3e-5
"""Of the Gauss-Hermite rule, where silence cuts the integrand off."""
SUBSTITUTED = occasion(*(capture(i, P02=0.82) for i in range(3)))
"""Three cameras show P02 where P01 was declared, and none shows P01."""
AS_DECLARED = occasion(*(capture(i, P01=0.82) for i in range(3)), capture(4, P01=0.8, P02=0.57))
ELSEWHERE = Alibi("other-session", 0.02, 0.45)
PAIR = frozenset(("P01", "P02"))


def first(*args: object, **more: object) -> Verdict:
    return judge(*args, **more)[0]  # type: ignore[arg-type]


def test_a_person_seen_by_three_cameras_in_place_of_the_declared_one_is_likely() -> None:
    verdict = first(SUBSTITUTED, MODEL, PRIORS, {})
    assert (verdict.person_id, verdict.n_cameras, verdict.barred) == ("P02", 3, ())
    assert verdict.posterior > 0.98
    assert verdict.log10_declared < -1.0


def test_a_person_shown_beside_the_declared_one_is_an_impostor() -> None:
    assert first(AS_DECLARED, MODEL, PRIORS).posterior < 1e-6


def test_nobody_else_shown_gives_no_verdict() -> None:
    assert judge(occasion(capture(1, P01=0.8)), MODEL, PRIORS) == ()
    assert judge(occasion(), MODEL, PRIORS) == ()


def test_the_posterior_is_that_of_the_hypotheses_written_out() -> None:
    """Formulas of evidence.md section 2, integrals by SciPy's quad, for one candidate, no list, no bounds."""
    model = replace(MODEL, n_impostor=10**15, n_genuine=10**15)
    x = (0.82, 0.78)

    def pair(kind: Component, shown: bool) -> float:
        def at(a: float) -> float:
            each = (norm.pdf(s, a, kind.error_sd) for s in x) if shown else [norm.cdf((0.55 - a) / kind.error_sd)] * 2
            return float(math.prod(each) * norm.pdf(a, kind.mean, kind.pair_sd))

        return float(quad(at, kind.mean - 9 * kind.pair_sd, kind.mean + 9 * kind.pair_sd, epsabs=0, limit=200)[0])

    def genuine(shown: bool) -> float:
        q = model.poor_share
        usual = 0.95 * pair(model.genuine, shown) + 0.05 * pair(model.best, shown)
        return ((1 - q) * usual + q * pair(model.poor, shown)) / pair(model.impostor, shown)

    seen, unseen = genuine(True), genuine(False)
    alike = 1 - 2e-4 + 2e-4 * pair(model.alike, True) / pair(model.impostor, True)
    declared_alike = 1 - 2e-4 + 2e-4 * pair(model.alike, False) / pair(model.impostor, False)
    here = 1e-3 * 0.9 / 29 * seen * declared_alike
    declared = (1 - 1e-3 - 3e-3) * unseen * alike
    nobody = 3e-3 * alike * declared_alike
    unshown = 1e-3 * unseen * alike * declared_alike
    other_car = 4e-4 * 0.1 * 0.2 / 29 * seen
    expected = here / (here + declared + nobody + unshown + other_car)
    found = first(occasion(*(capture(i, P02=s) for i, s in enumerate(x))), model, PRIORS)
    assert found.posterior == pytest.approx(expected, rel=NODES_OF_41)
    assert found.log10_declared == pytest.approx(math.log10(unseen), rel=NODES_OF_41)


def test_one_camera_is_never_a_finding_however_often_it_looked() -> None:
    again = occasion(*(replace(capture(1, P02=0.85), t_ms=t) for t in (0, 60_000, 120_000)))
    verdict = first(again, MODEL, PRIORS)
    assert verdict.n_cameras == 1
    assert "one-camera" in verdict.barred


def test_of_one_camera_the_best_quality_counts_and_not_the_best_score() -> None:
    sharp, lucky = Capture("C1", 0, 0.9, {"P02": 0.6}), Capture("C1", 1, 0.5, {"P02": 0.95})
    assert one_per_camera((lucky, sharp)) == (sharp,)
    assert one_per_camera((Capture("C1", 0, None, {}), lucky)) == (lucky,)


def test_a_camera_that_once_showed_the_declared_person_speaks_for_that_person() -> None:
    """Else a sharper face of a misread plate, before the same camera, would take the declared person's away."""
    misread = occasion(*(capture(i, 0.9, P02=0.85) for i in range(2)))
    both = replace(misread, captures=(*misread.captures, *(capture(i, 0.5, P01=0.8) for i in range(2))))
    assert first(misread, MODEL, PRIORS, {}).posterior > 0.9
    assert judge(both, MODEL, PRIORS, {}) == ()


def test_a_record_of_being_elsewhere_bars_a_finding_and_lowers_the_posterior() -> None:
    verdict = first(replace(SUBSTITUTED, alibis={"P02": ELSEWHERE}), MODEL, PRIORS)
    assert verdict.barred == ("alibi",)
    assert verdict.log10_alibi == pytest.approx(math.log10(0.02 / 0.45))
    assert verdict.posterior < first(SUBSTITUTED, MODEL, PRIORS).posterior


def test_a_paper_roster_does_not_contradict() -> None:
    assert first(replace(SUBSTITUTED, alibis={"P02": Alibi("other-session", 0.3, 0.45)}), MODEL, PRIORS).barred == ()


def test_the_own_car_passing_the_same_camera_bars_a_finding() -> None:
    assert first(replace(SUBSTITUTED, alibis={"P02": Alibi("own-car", 0.5, 0.5)}), MODEL, PRIORS).barred == ("own-car",)


def test_a_listed_look_alike_of_the_declared_person_is_a_lead_at_most() -> None:
    """The declared person's photo may be poor: absence is then not shown to more than 100 to 1."""
    verdict = first(SUBSTITUTED, MODEL, PRIORS, {PAIR: 0.8})
    assert "look-alike-of-declared" in verdict.barred
    assert verdict.posterior < 0.5


def test_a_look_alike_is_not_barred_where_the_declared_person_would_surely_have_been_shown() -> None:
    known = replace(PRIORS, poor_photo={"P01": 1e-4})
    verdict = first(SUBSTITUTED, MODEL, known, {PAIR: 0.6})
    assert verdict.log10_declared < -2.0
    assert verdict.barred == ()


def test_a_list_without_the_pair_tells_the_two_apart() -> None:
    """Likeness to the declared person explains the faces, unless a list was made and lacks the pair."""
    assert first(SUBSTITUTED, MODEL, PRIORS, {}).posterior > first(SUBSTITUTED, MODEL, PRIORS, None).posterior


def test_a_list_full_of_look_alikes_lowers_trust_in_unlisted_pairs() -> None:
    listed = {frozenset((f"P{i}", f"P{i + 1}")): 0.85 for i in range(40, 60)}
    assert likeness(listed, MODEL, PRIORS).near == pytest.approx(20 / (100 * 99 / 2))
    assert first(SUBSTITUTED, MODEL, PRIORS, listed).posterior < first(SUBSTITUTED, MODEL, PRIORS, {}).posterior


def test_a_listed_score_is_believed_as_far_as_it_reaches() -> None:
    alike = likeness({}, MODEL, PRIORS)
    assert alike.p_alike(0.55, near=False) < 1e-3
    assert alike.p_alike(0.85, near=False) == 1.0


def test_wrong_cars_cap_what_two_cameras_can_say() -> None:
    """With every fiftieth lesson holding faces of another car, nothing is found (evidence.md section 3)."""
    stranger = occasion(*(capture(i, P77=0.82) for i in range(2)), wrong_car=2e-2)
    verdict = first(stranger, MODEL, PRIORS, {})
    assert verdict.cap == "wrong-car"
    assert verdict.posterior < 0.5
    assert first(replace(stranger, wrong_car=5e-5), MODEL, PRIORS, {}).posterior > 0.9


def test_faces_of_another_car_among_those_of_the_declared_person_are_just_that() -> None:
    mixed = occasion(*(capture(i, P01=0.82) for i in range(3)), capture(8, P02=0.85), capture(9, P02=0.85))
    assert first(mixed, MODEL, PRIORS, {}).posterior < 0.01


def test_an_unknown_seat_gives_a_lead_and_never_a_finding() -> None:
    vague = replace(SUBSTITUTED, captures=tuple(replace(c, seat_known=False) for c in SUBSTITUTED.captures))
    assert first(vague, MODEL, PRIORS).barred == ("seat-unknown",)
    assert 0.5 < first(vague, MODEL, PRIORS).posterior < first(SUBSTITUTED, MODEL, PRIORS).posterior
    more = replace(SUBSTITUTED, captures=(*SUBSTITUTED.captures, replace(capture(9, P02=0.9), seat_known=False)))
    assert first(more, MODEL, PRIORS) == first(SUBSTITUTED, MODEL, PRIORS)


def test_a_model_that_does_not_fit_gives_no_finding() -> None:
    assert first(SUBSTITUTED, replace(MODEL, trusted=False), PRIORS).barred == ("model-misfit",)


def test_in_an_undeclared_lesson_every_instructor_of_the_school_is_rightful() -> None:
    of_school = occasion(*(capture(i, P02=0.82) for i in range(3)), declared=None)
    assert judge(of_school, MODEL, PRIORS) == ()
    officer = occasion(*(capture(i, P77=0.82) for i in range(4)), declared=None, colleagues=COLLEAGUES | {"P77"})
    verdict = first(officer, MODEL, PRIORS, {})
    assert verdict.person_id == "P77"
    assert verdict.posterior > 0.95


def test_somebody_far_away_needs_more_than_a_colleague() -> None:
    far = occasion(*(capture(i, P77=0.82) for i in range(3)))
    city = replace(PRIORS, n_enrolled=15_000)
    assert first(far, MODEL, city, {}).posterior < 0.9
    assert first(SUBSTITUTED, MODEL, city, {}).posterior > 0.97


def test_what_else_is_known_of_the_declared_persons_photo_counts() -> None:
    good, bad = (first(SUBSTITUTED, MODEL, replace(PRIORS, poor_photo={"P01": p})) for p in (1e-4, 0.9))
    assert bad.posterior < first(SUBSTITUTED, MODEL, PRIORS).posterior < good.posterior


def test_a_one_to_one_score_of_the_declared_person_is_believed_below_the_threshold() -> None:
    low = replace(SUBSTITUTED, captures=tuple(replace(c, declared_score=0.35) for c in SUBSTITUTED.captures))
    near = replace(SUBSTITUTED, captures=tuple(replace(c, declared_score=0.54) for c in SUBSTITUTED.captures))
    assert first(low, MODEL, PRIORS).log10_declared < first(near, MODEL, PRIORS).log10_declared


def test_priors_stay_within_their_limits() -> None:
    """[5e-5, 2e-3]: evidence.md section 3."""
    assert replace(PRIORS, pi_s=0.3).substituted == 2e-3
    assert replace(PRIORS, pi_s=0.0).substituted == 5e-5
    assert Priors(10, pi_u=0.0).unenrolled >= 2e-3
    assert share_from_history(24.0, 23_000) == pytest.approx(25 / 24_000)


def test_judging_many_is_judging_each() -> None:
    many = [replace(SUBSTITUTED, key="A"), replace(AS_DECLARED, key="B"), replace(SUBSTITUTED, key="C")]
    found = judge_many(many, MODEL, PRIORS, {})
    assert [one.key for one in found] == ["A", "B", "C"]
    assert found == tuple(v for one in many for v in judge(one, MODEL, PRIORS, {}))
    assert judge_many(many, MODEL, PRIORS, {}, least=0.5) == (found[0], found[2])


def test_what_is_left_out_changes_nothing_of_what_remains() -> None:
    """A second person, whom one face of a misread plate shows, weighs on the first whether or not she is reported."""
    two = occasion(*(capture(i, P02=0.82) for i in range(3)), capture(9, P77=0.9))
    every = judge(two, MODEL, PRIORS, {})
    assert judge_many([two], MODEL, PRIORS, {}, least=0.5) == tuple(v for v in every if v.posterior >= 0.5)
