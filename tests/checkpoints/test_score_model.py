"""The integral over a pair's effect is what multivariate normals say, and silence, saturation and bounds are in it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from checkpoints.pairs import PairTable, prepared
from checkpoints.score_model import Component, Outlier, Rows, ScoreModel, integrated, nodes_of
from tests.checkpoints.making import MODEL, capture

QUADRATURE = 1e-6
"""Of the 41-node rule against SciPy's own integrals, relative."""
FEW_NODES = 1e-4
"""The same where ten captures make the integrand narrow."""
PLAIN = replace(MODEL, poor_share=1e-12, quality_slope=0.0)


def rows(*x: float, limit: float = 0.55) -> Rows:
    n = len(x)
    return Rows(np.zeros(n, np.int64), np.array(x), np.full(n, limit), np.zeros(n), np.zeros(n))


def log_likelihood(kind: Component, *x: float) -> float:
    none = Outlier(np.zeros(len(x)), np.zeros(len(x)))
    return float(integrated(rows(*x), kind, np.zeros(len(x)), none)[0])


def covariance(kind: Component, n: int) -> np.ndarray:
    return kind.pair_sd**2 * np.ones((n, n)) + kind.error_sd**2 * np.eye(n)


def log_lr(model: ScoreModel, *scores: float | None, bounded: bool = True) -> float:
    table = PairTable(model)
    captures = [capture(i, **({} if s is None else {"P02": s})) for i, s in enumerate(scores)]
    table.add(prepared(captures, model), "P02", declared=False, poor=model.poor_share)
    return float(table.logs(bounded=bounded).genuine[0])


def test_captures_of_one_pair_are_a_multivariate_normal_with_equal_covariances() -> None:
    kind, x = MODEL.genuine, (0.80, 0.84, 0.77)
    oracle = multivariate_normal(np.full(3, kind.mean), covariance(kind, 3)).logpdf(x)
    assert log_likelihood(kind, *x) == pytest.approx(oracle, rel=QUADRATURE)


def test_silence_is_the_probability_of_staying_below_the_threshold() -> None:
    kind = Component(0.6, 0.04, 0.05)
    oracle = multivariate_normal(np.full(2, kind.mean), covariance(kind, 2)).cdf(np.full(2, 0.55))
    assert math.exp(log_likelihood(kind, math.nan, math.nan)) == pytest.approx(oracle, rel=1e-4)  # SciPy's own: 1e-5


def test_the_end_of_the_scale_says_at_least_that() -> None:
    kind = MODEL.genuine
    oracle = 1.0 - multivariate_normal(kind.mean, kind.sd**2).cdf(0.98)
    assert math.exp(log_likelihood(kind, 0.99)) == pytest.approx(oracle, rel=QUADRATURE)
    assert log_likelihood(kind, 0.99) == log_likelihood(kind, 1.0)


def test_the_nodes_weigh_one() -> None:
    assert np.exp(nodes_of(MODEL.genuine)[1]).sum() == pytest.approx(1.0, abs=1e-12)


def test_ten_captures_are_worth_little_more_than_two() -> None:
    """n / (1 + (n - 1) rho) with rho = 0.4 is 2.2 for n = 10 (evidence.md section 2)."""
    model = replace(PLAIN, impostor=Component(0.35, 0.1 * math.sqrt(0.4), 0.1 * math.sqrt(0.6)))
    alike = Component(0.5, 0.1 * math.sqrt(0.4), 0.1 * math.sqrt(0.6))
    model = replace(model, genuine=alike, threshold=0.0, best_share=0.0)
    one, ten = log_lr(model, 0.6, bounded=False), log_lr(model, *[0.6] * 10, bounded=False)
    assert ten / one == pytest.approx(10 / (1 + 9 * 0.4), rel=FEW_NODES)


def test_scores_that_are_all_unusually_good_speak_for_the_person_as_well() -> None:
    """Eight captures eight spreads above the usual mean; without the share of such persons they would speak against."""
    model = replace(MODEL, genuine=Component(0.8, 0.01, 0.045))
    high, usual = log_lr(model, *[0.9] * 8), log_lr(model, *[0.8] * 8)
    assert high > 0.9 * usual
    assert log_lr(replace(model, best_share=0.0), *[0.9] * 8) < high


def test_one_capture_is_bounded_by_the_comparisons_behind_the_model() -> None:
    """|log10 LR| <= log10(n + 1): Vergeer 2016, as in evidence.md 1.3."""
    assert log_lr(MODEL, 0.9, bounded=False) > math.log(MODEL.n_impostor + 1)
    assert log_lr(MODEL, 0.9) <= math.log(MODEL.n_impostor + 1)
    assert log_lr(replace(PLAIN, genuine=Component(0.95, 0.01, 0.01)), None) >= -math.log(MODEL.n_genuine + 2)


def test_decoys_that_looked_genuine_bound_a_capture_more_tightly() -> None:
    assert log_lr(replace(MODEL, odd_share=1e-3), 0.9) <= math.log(1e3)


def test_a_second_camera_may_say_more_than_the_bound_of_one() -> None:
    assert log_lr(MODEL, 0.85, 0.85) > math.log(MODEL.n_impostor + 1)


def test_silence_lowers_the_ratio() -> None:
    assert log_lr(MODEL, 0.85, 0.85, None) < log_lr(MODEL, 0.85, 0.85)
    assert log_lr(MODEL, None) < 0.0


def test_a_full_list_hides_those_below_its_last_name() -> None:
    """Silence behind three names above 0.8 says less against a person than silence behind none."""
    full = {"P05": 0.9, "P06": 0.88, "P07": 0.86}
    assert MODEL.limit(full) == 0.86
    assert MODEL.limit({"P05": 0.9}) == MODEL.threshold
    table = PairTable(MODEL)
    for scores in (full, {}):
        table.add(prepared([capture(1, **scores)], MODEL), "P02", declared=False, poor=0.05)
    behind_names, behind_nobody = table.logs().genuine
    assert behind_nobody < behind_names < 0.0


def test_a_dull_picture_excuses_a_low_score() -> None:
    table = PairTable(MODEL)
    for quality in (0.9, 0.6, None, 0.2):
        table.add(prepared([capture(1, quality, P02=0.7)], MODEL), "P02", declared=False, poor=0.05)
    sharp, usual, untold, dull = table.logs(bounded=False).genuine
    assert sharp < usual == untold < dull


def test_an_unlisted_look_alike_scores_lower_than_any() -> None:
    table = PairTable(MODEL)
    table.add(prepared([capture(i, P02=0.85) for i in range(3)], MODEL), "P02", declared=False, poor=0.05)
    logs = table.logs()
    assert logs.unlisted[0] < logs.alike[0] - math.log(10)  # the factor that `Likeness` promises


def test_many_pairs_at_once_are_the_same_as_each_alone() -> None:
    table = PairTable(MODEL)
    for i in range(9_000):  # more than one piece of rows
        table.add(
            prepared([capture(k, P02=0.55 + i % 40 / 100) for k in range(5)], MODEL), "P02", declared=False, poor=0.05
        )
    logs = table.logs().genuine
    assert logs.size == 9_000
    assert logs[:40] == pytest.approx([log_lr(MODEL, *[0.55 + i / 100] * 5) for i in range(40)])
    assert np.array_equal(logs[:40], logs[8_000:8_040])


def test_no_pair_is_no_answer() -> None:
    assert PairTable(MODEL).logs().genuine.size == 0
