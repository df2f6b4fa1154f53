"""One occasion of sitting in the instructor's seat: the faces seen there, and what is concluded about who it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Capture:
    """One face in the instructor's seat, of a passage whose plate the car's track confirms.

    `scores`: enrolled person to score as the matcher scales it, only those shown (at or above the matcher's threshold,
    at most top_k). `declared_score`: 1:1 against the declared instructor, told however low it is. `seat_known` is
    False where the wire did not tell the seat: such a face may count for a lead, never for a finding.
    """

    camera_id: str
    t_ms: int
    quality: float | None
    scores: Mapping[str, float]
    declared_score: float | None = None
    seat_known: bool = True


class Alibi(NamedTuple):
    """What the records say of where a person was instead; the channel grades it.

    evidence.md section 2 sets P(record | sat here) / P(record | did not): 0.02 / 0.45 where a reliable record
    contradicts, 0.98 / 0.55 where there is none; 0.02 for sign-on in the car, 0.2 for a card, 0.3 for a paper roster.

    `kind`: "exam-duty", "other-session", "seen-elsewhere", "none"; "own-car" says that the person's own car passed
    that camera within two minutes, or has a plate one confusable character away: then it is no finding at all.
    """

    kind: str
    p_if_here: float
    p_if_not: float


@dataclass(frozen=True, slots=True)
class Occasion:
    """One lesson in one car. `key` names both.

    `rightful`: who may rightly sit there: the declared one; for an undeclared lesson every instructor of the school
    that day. `colleagues`: enrolled persons near to this car. `wrong_car`: P(some captures are of another coach car,
    after the track confirmed the plate).
    """

    key: str
    declared: str | None
    rightful: frozenset[str]
    colleagues: frozenset[str]
    captures: tuple[Capture, ...]
    alibis: Mapping[str, Alibi] = field(default_factory=dict)
    wrong_car: float = 4e-4


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the faces of one occasion say of one person who may not rightly sit there.

    `n_cameras`: distinct cameras at which the person was shown. Weights of evidence are log10 likelihood ratios: of
    the scores with and without the caps, of the declared person's presence or absence, of the records. `cap`: which
    cap bound, "look-alike", "wrong-car", "data" or "none". `barred`: why it can be no finding whatever the posterior:
    "one-camera", "look-alike-of-declared", "alibi", "own-car", "seat-unknown", "model-misfit".
    """

    key: str
    person_id: str
    posterior: float
    n_cameras: int
    log10_lr: float
    log10_lr_uncapped: float
    log10_declared: float
    log10_alibi: float
    cap: str
    barred: tuple[str, ...]


def one_per_camera(captures: tuple[Capture, ...], rightful: frozenset[str] = frozenset()) -> tuple[Capture, ...]:
    """Return one capture a camera, the best quality and never the best score, ordered by camera.

    Faces before one camera share light, angle and picture, so that a second one says hardly anything new; except that
    a camera which once showed a `rightful` person speaks for that person, whatever else it saw: that goes before
    quality. A known seat goes before both. What is equal is decided by time.

    >>> lit, dark = Capture("C1", 5, 0.9, {}), Capture("C1", 1, 0.4, {"P1": 0.9})
    >>> one_per_camera((dark, lit)) == (lit,)
    True
    >>> one_per_camera((dark, lit), frozenset({"P1"})) == (dark,)
    True
    >>> one_per_camera(())
    ()
    """
    best: dict[str, Capture] = {}
    for one in captures:
        if one.camera_id not in best or _standing(one, rightful) > _standing(best[one.camera_id], rightful):
            best[one.camera_id] = one
    return tuple(best[camera_id] for camera_id in sorted(best))


_Standing = tuple[bool, bool, float, int, int, list[tuple[str, float]], float]


def _standing(one: Capture, rightful: frozenset[str]) -> _Standing:
    quality = -1.0 if one.quality is None else one.quality
    declared = float("inf") if one.declared_score is None else one.declared_score
    shows = not rightful.isdisjoint(one.scores)
    # Of two pictures of one moment the one with fewer names: the last two only keep the order of input out of it.
    return one.seat_known, shows, quality, -one.t_ms, -len(one.scores), sorted(one.scores.items()), declared
