"""A camera that scores otherwise than all others is named; one with few scores, or by chance, is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2, f_oneway

from checkpoints.camera_drift import FEW_PERSONS, between_cameras, camera_fits
from checkpoints.observation import Observation
from checkpoints.occasion import Capture
from checkpoints.score_fit import fit
from checkpoints.score_model import ScoreModel
from tests.checkpoints.making import MODEL
from tests.checkpoints.test_score_fit import drawn

NIGHT = drawn(300, 21)
Change = Callable[[Capture], Capture]


def changed(night: list[Observation], cameras: set[str], change: Change) -> list[Observation]:
    return [replace(o, captures=tuple(change(c) if c.camera_id in cameras else c for c in o.captures)) for o in night]


def lowered(by: float) -> Change:
    return lambda c: replace(c, scores={p: round(s - by, 3) for p, s in c.scores.items() if s - by >= 0.5})


def alarms(night: list[Observation], model: ScoreModel | None = None) -> dict[str, tuple[str, ...]]:
    model = model or fit(night, 0.5, 3, (0.0, 1.0)).model
    return {c.camera_id: c.alarms for c in camera_fits(model, night) if c.alarms}


@pytest.mark.parametrize("seed", range(5))
def test_cameras_that_are_alike_raise_no_alarm(seed: int) -> None:
    night = drawn(150, 100 + seed)
    assert alarms(night) == {}
    assert not between_cameras(fit(night, 0.5, 3, (0.0, 1.0)).model, night).is_alarm


def test_a_camera_whose_scores_are_lower_is_named_and_no_other_is() -> None:
    assert alarms(changed(NIGHT, {"C03"}, lowered(0.12))) == {"C03": ("shift",)}


def test_a_drift_within_0_3_standard_deviations_is_let_pass() -> None:
    assert alarms(changed(NIGHT, {"C03"}, lowered(0.25 * 0.064))) == {}


def test_a_camera_that_misses_the_declared_person_is_named() -> None:
    blind = changed(NIGHT, {"C05"}, lambda c: replace(c, scores={}))
    assert alarms(blind) == {"C05": ("silent",)}


def test_half_the_cameras_read_by_another_matcher_are_noticed_even_with_few_scores_each() -> None:
    """Ten scores a camera: none is judged by itself, all together are."""
    night = drawn(30, 22)
    half = {f"C{k:02d}" for k in range(6)}
    swapped = changed(night, half, lambda c: replace(c, scores={p: 0.5 + 0.6 * (s - 0.5) for p, s in c.scores.items()}))
    model = fit(swapped, 0.5, 3, (0.0, 1.0)).model
    found = between_cameras(model, swapped)
    assert found.is_alarm
    assert found.between_sd > 1.0
    assert not between_cameras(fit(night, 0.5, 3, (0.0, 1.0)).model, night).is_alarm


def test_cochrans_q_is_that_of_the_analysis_of_variance() -> None:
    """With the spread within cameras from the same data Q = (k - 1) F, scipy's F; Q's limit is chi-squared's."""
    rng = np.random.default_rng(3)
    groups = {f"C{k}": rng.normal(0.8 + 0.02 * k, 0.05, 4 + k) for k in range(4)}
    night = [
        Observation(f"{c}{i}", f"P{c}{i}", (Capture(c, i, None, {f"P{c}{i}": float(x)}),), frozenset())
        for c, values in groups.items()
        for i, x in enumerate(values)
    ]
    found = between_cameras(MODEL, night)
    assert found.q == pytest.approx(3 * f_oneway(*groups.values()).statistic)
    assert found.q_allowed == pytest.approx(chi2.isf(1e-3, 3))
    # DerSimonian and Laird 1986: (Q - (k - 1)) / (sum n - sum n^2 / sum n), in units of the variance within
    n = np.array([4, 5, 6, 7])
    assert found.between_sd**2 == pytest.approx(max(found.q - 3, 0) / (n.sum() - (n**2).sum() / n.sum()))


def test_faces_of_one_person_before_one_camera_count_once() -> None:
    night = [Observation(f"L{i}", "P1", (Capture("C1", i, None, {"P1": 0.8}),), frozenset()) for i in range(40)]
    (camera,) = camera_fits(MODEL, night)
    assert (camera.n_shown, camera.n_persons, camera.is_few) == (40, 1, True)


def test_counts_and_quantiles_by_hand() -> None:
    def face(camera: str, **scores: float) -> Capture:
        return Capture(camera, 1, 0.6, scores)

    decoys = frozenset("XYZ")
    night = [
        Observation("A", "P", (face("C1", P=0.7, X=0.6), face("C2", P=0.9)), decoys),
        Observation("B", "Q", (face("C1", Q=0.8),), decoys),
        Observation("C", "R", (face("C1", R=0.9, Y=0.56), face("C2")), decoys),
        Observation("D", None, (face("C1"),), decoys),
    ]
    one, two = camera_fits(MODEL, night)
    assert (one.n_faces, one.n_declared, one.n_shown, one.n_comparisons, one.n_decoys_shown) == (4, 3, 3, 12, 2)
    assert one.genuine == tuple(np.quantile([0.7, 0.8, 0.9], [0.05, 0.25, 0.5, 0.75, 0.95]).round(12))
    assert (two.n_faces, two.n_declared, two.n_shown) == (2, 2, 1)


def test_of_fewer_than_three_persons_no_score_is_told() -> None:
    night = [Observation(k, k, (Capture("C1", 1, None, {k: 0.8, "X": 0.6}),), frozenset("X")) for k in "AB"]
    (camera,) = camera_fits(MODEL, night)
    assert (camera.genuine, camera.decoys, camera.shift_sd) == ((), (), None)
    assert (camera.n_shown, camera.n_decoys_shown) == (2, 2)


def test_no_camera_is_judged_by_itself_with_fewer_than_ten_persons() -> None:
    few = [o for o in changed(NIGHT, {"C03"}, lowered(0.15)) if int(str(o.declared)[1:]) < FEW_PERSONS - 1]
    assert alarms(few, MODEL) == {}


def test_a_lesson_taken_by_another_says_nothing_of_a_camera() -> None:
    taken = Observation("Z", "P01", tuple(Capture(f"C{k:02d}", k, 0.6, {"Q": 0.8}) for k in (1, 2)), frozenset())
    before, after = (camera_fits(MODEL, night) for night in (NIGHT, [*NIGHT, taken]))
    assert [c.n_declared for c in before] == [c.n_declared for c in after]


def test_a_night_without_faces_has_no_cameras() -> None:
    assert camera_fits(MODEL, []) == ()
    assert not between_cameras(MODEL, []).is_alarm
