"""A model is learnt from a night without labels, says when it is not worth trusting, and notices another matcher."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from checkpoints.misfit import misfit
from checkpoints.observation import Observation
from checkpoints.occasion import Capture
from checkpoints.photo_history import poor_photos
from checkpoints.score_fit import fit, prior_model
from checkpoints.score_model import Component

DECOYS = frozenset(f"D{i:02d}" for i in range(80))
TRUE_IMPOSTOR = Component(0.35, 0.04, 0.05)
TRUE_GENUINE = Component(0.82, 0.04, 0.05)


def drawn(
    n: int,
    seed: int = 1,
    *,
    genuine: Component = TRUE_GENUINE,
    impostor: Component = TRUE_IMPOSTOR,
    absent: float = 0.0,
    drift: float = 0.0,
    poor: frozenset[int] = frozenset(),
) -> list[Observation]:
    """Lessons of the model's own family: four cameras each, 50 persons declared in turn, quality slope 0.2."""
    rng = np.random.default_rng(seed)
    shift = drift * rng.standard_normal(12)
    out = []
    for i in range(n):
        person = i % 50
        level = genuine.mean - (0.24 if person in poor else 0.0) + genuine.pair_sd * rng.standard_normal()
        pairs = impostor.mean + impostor.pair_sd * rng.standard_normal(len(DECOYS))
        away = rng.random() < absent
        captures = []
        for camera in rng.permutation(12)[:4].tolist():
            quality = rng.uniform(0.3, 0.9)
            own = level + 0.2 * (quality - 0.6) + genuine.error_sd * rng.standard_normal() + shift[camera]
            others = pairs + impostor.error_sd * rng.standard_normal(len(DECOYS)) + shift[camera]
            scores = {f"D{k:02d}": round(float(s), 3) for k, s in enumerate(others) if s >= 0.5}
            if own >= 0.5 and not away:
                scores[f"P{person:02d}"] = round(float(min(own, 0.999)), 3)
            best = sorted(scores.items(), key=lambda item: -item[1])[:3]
            captures.append(Capture(f"C{camera:02d}", camera, quality, dict(best)))
        out.append(Observation(f"L{i:05d}", f"P{person:02d}", tuple(captures), DECOYS))
    return out


NIGHT = drawn(600)
FITTED = fit(NIGHT, 0.5, 3, (0.0, 1.0))


def test_the_parameters_that_drew_a_night_are_found_again() -> None:
    """600 lessons know a spread to some 3 % and a tail's spread to some 10 %; twice that is allowed."""
    model = FITTED.model
    assert model.trusted
    assert model.genuine == pytest.approx(TRUE_GENUINE, rel=0.1)
    assert model.quality_slope == pytest.approx(0.2, abs=0.03)
    assert model.impostor.mean == pytest.approx(TRUE_IMPOSTOR.mean, abs=0.05)
    assert model.impostor.sd == pytest.approx(TRUE_IMPOSTOR.sd, rel=0.2)
    assert FITTED.misfit.reasons == ()


def test_one_night_always_gives_one_model() -> None:
    assert fit(list(reversed(NIGHT[:150])), 0.5, 3, (0.0, 1.0)) == fit(NIGHT[:150], 0.5, 3, (0.0, 1.0))


def test_the_scale_of_the_scores_does_not_matter() -> None:
    """The same night in percent: 0.1 standard deviation for what rounding moves the simplex's path."""
    percent = [
        replace(
            one,
            captures=tuple(
                replace(c, scores={p: round(100 * s, 1) for p, s in c.scores.items()}) for c in one.captures
            ),
        )
        for one in NIGHT[:150]
    ]
    told, same = fit(percent, 50.0, 3, (0.0, 100.0)).model, fit(NIGHT[:150], 0.5, 3, (0.0, 1.0)).model
    assert told.genuine == pytest.approx(same.genuine, abs=0.1 * TRUE_GENUINE.sd)
    assert told.impostor == pytest.approx(same.impostor, abs=0.1 * TRUE_GENUINE.sd)


def test_absent_persons_do_not_lower_the_genuine_scores() -> None:
    model = fit(drawn(600, absent=0.05), 0.5, 3, (0.0, 1.0)).model
    assert model.genuine.mean == pytest.approx(TRUE_GENUINE.mean, abs=0.01)
    assert model.genuine.sd == pytest.approx(TRUE_GENUINE.sd, rel=0.1)


def test_decoys_who_are_really_there_do_not_widen_the_impostors() -> None:
    """One face in 190 is of a decoy with a genuine score: it raises the bound of a capture instead."""
    mixed = [
        replace(one, captures=(replace(one.captures[0], scores={f"D{i % 80:02d}": 0.85}), *one.captures[1:]))
        if i % 47 == 0
        else one
        for i, one in enumerate(NIGHT)
    ]
    model = fit(mixed, 0.5, 3, (0.0, 1.0)).model
    assert model.impostor.sd == pytest.approx(FITTED.model.impostor.sd, rel=0.15)
    assert model.odd_share == pytest.approx(13 / (600 * 4 * 80), rel=0.5)


@pytest.mark.parametrize("n", [0, 3, 10])
def test_next_to_nothing_gives_a_model_that_is_not_trusted_and_says_why(n: int) -> None:
    fitted = fit(NIGHT[:n], 0.5, 3, (0.0, 1.0))
    assert not fitted.model.trusted
    assert "are needed" in fitted.model.why
    assert fitted.n_genuine == sum(one.declared_shown for one in NIGHT[:n])


def test_a_night_of_sixty_cars_is_enough() -> None:
    """evidence of some 300 genuine scores and 100 visible impostors."""
    fitted = fit(NIGHT[:75], 0.5, 3, (0.0, 1.0))
    assert fitted.model.trusted
    assert fitted.model.genuine.mean == pytest.approx(TRUE_GENUINE.mean, abs=0.02)


def test_the_prior_model_is_never_trusted() -> None:
    model = prior_model(0.6, 3, (0.0, 1.0))
    assert not model.trusted
    assert model.impostor.mean < 0.6 < model.genuine.mean < 1.0


@pytest.mark.parametrize("score_range", [(0.0, 0.5), (1.0, 0.0), (0.6, 1.0)])
def test_a_threshold_outside_the_scale_is_refused(score_range: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="is not within the score range"):
        fit(NIGHT[:3], 0.55, 3, score_range)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (drawn(300, 7, genuine=Component(0.74, 0.04, 0.05)), "genuine scores have another shape"),
        (drawn(300, 7, impostor=Component(0.40, 0.04, 0.05)), "impostors are shown more or less often"),
        (drawn(300, 7, absent=0.3), "declared persons are shown more or less often"),
    ],
)
def test_another_matcher_is_noticed(other: list[Observation], reason: str) -> None:
    found = misfit(FITTED.model, other)
    assert reason in found.reasons
    used = found.applied(FITTED.model)
    assert not used.trusted
    assert reason in used.why


def test_another_night_of_the_same_matcher_fits() -> None:
    found = misfit(FITTED.model, drawn(300, 8))
    assert found.reasons == ()
    assert found.applied(FITTED.model) is FITTED.model


def test_a_night_without_faces_contradicts_no_model() -> None:
    assert misfit(FITTED.model, []).reasons == ()


def test_camera_shifts_are_found_where_there_are_any_and_are_small_where_not() -> None:
    assert max((abs(v) for v in FITTED.model.camera_shift.values()), default=0.0) < 0.01
    shifts = fit(drawn(600, drift=0.05), 0.5, 3, (0.0, 1.0)).model.camera_shift
    truth = 0.05 * np.random.default_rng(1).standard_normal(12)
    found = np.array([shifts[f"C{k:02d}"] for k in range(12)])
    assert np.abs(found - (truth - truth.mean())).max() < 0.015  # 200 scores a camera, in 50 lumps of one pair


def test_a_person_with_a_poor_photo_is_told_from_others_by_other_lessons() -> None:
    night = drawn(600, 3, poor=frozenset({4}))
    poor = poor_photos(night, fit(night, 0.5, 3, (0.0, 1.0)).model)
    assert poor["P04"] > 0.9
    assert max(p for name, p in poor.items() if name != "P04") < 0.2


def test_a_lesson_that_does_not_show_its_person_says_nothing_of_the_photo() -> None:
    silent = Observation("Z", "P05", (Capture("C01", 0, 0.6, {}), Capture("C02", 0, 0.6, {"P09": 0.8})), DECOYS)
    model = FITTED.model
    assert poor_photos([*NIGHT[:50], silent], model) == poor_photos(NIGHT[:50], model)
    assert poor_photos([silent], model) == {}
