"""Made nights of faces at checkpoints: not drawn from the model that judges them.

What differs on purpose: noise has Student's tails, genuine scores are skewed and flattened towards the top of the
scale, quality acts in a broken line, persons are easy or hard to match and easy or hard to be taken for (Doddington's
sheep, goats, lambs and wolves), cameras drift, and who looks like whom stays so for all nights of a city. Faces of
misread plates, handovers of a car and colleagues who get a lift are in it, as are persons who are not enrolled.

Scores are on a 0..1 scale, rounded to three places; only those at or above the threshold are shown, top_k at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from checkpoints.observation import Observation
from checkpoints.occasion import Alibi, Capture, Occasion

F8 = npt.NDArray[np.float64]
I8 = npt.NDArray[np.int64]
DF = 8
"""Degrees of freedom of an impostor's noise: four times the normal's share beyond four standard deviations."""


@dataclass(frozen=True)
class Made:
    """What a city is like. Rates are per lesson unless said; the base is that of evidence.md section 3."""

    seed: int = 1
    schools: int = 20
    instructors: int = 60
    officers: int = 15
    cars: int = 30
    lessons: int = 4
    passages: float = 7.5
    usable: float = 0.6
    cameras: int = 5
    all_cameras: int = 200
    threshold: float = 0.62
    top_k: int = 3
    impostor_mean: float = 0.33
    impostor_sd: float = 0.065
    pair_part: float = 0.3
    genuine_mean: float = 0.84
    camera_drift: float = 0.012
    poor: float = 0.05
    alike_school: float = 2e-4
    alike_city: float = 2e-6
    stranger_far: float = 2e-6
    list_known: bool = True
    wrong_car: float = 4e-4
    wrong_again: float = 0.1
    handover: float = 1e-3
    lift: float = 1e-3
    undeclared: float = 0.02
    substituted: float = 0.0
    unenrolled: float = 3e-3
    kept_elsewhere: float = 0.45
    told_wrong_car: float = 4e-4


@dataclass
class Night:
    """Occasions in which somebody was shown who may not sit there, all to learn from, and what is true.

    `guilty`: who wrongly sat there, by occasion; `strangers`: occasions with somebody who is not enrolled; `histories`:
    the other occasions of that night of whoever was declared and not shown.
    """

    occasions: list[Occasion]
    observations: list[Observation]
    histories: list[Observation]
    guilty: dict[str, str]
    strangers: set[str]
    n_lessons: int
    n_vehicle_days: int


@dataclass
class City:
    """Persons and how alike they are: `pair[j, k]` is what the face of j scores against the photo of k, on average.

    Rows beyond the enrolled are strangers. `lookalikes`: what the gallery's search against itself lists.
    """

    made: Made
    school: I8
    officer: npt.NDArray[np.bool_]
    pair: F8
    own: F8
    drift: F8
    lookalikes: dict[frozenset[str], float] | None
    cumulated: F8
    names: list[str] = field(default_factory=list)


STRANGERS = 200
_REACH = 0.02
"""Spread of a capture around its pair, of either kind, besides quality and drift."""


def city(made: Made) -> City:
    """Draw a city's persons."""
    rng = np.random.default_rng(made.seed)
    per_school = made.instructors + made.officers
    n = made.schools * per_school
    school = np.repeat(np.arange(made.schools), per_school)
    officer = np.tile(np.arange(per_school) >= made.instructors, made.schools)
    pair = _pairs(made, rng, n)
    _plant(made, rng, pair, school)
    own = made.genuine_mean - 0.03 * (rng.gamma(2.0, 1.0, n) - 2.0)  # skewed: a tail of persons hard to match
    bad = rng.random(n) < made.poor
    own[bad] -= rng.uniform(0.1, 0.4, int(bad.sum()))
    noise = made.impostor_sd * np.sqrt(1.0 - made.pair_part)
    tail = student.sf((made.threshold - pair) / _scaled(noise), DF)
    tail[np.arange(n), np.arange(n)] = 0.0
    names = [f"P{i:05d}" for i in range(n)]
    listed = _self_search(made, rng, pair[:n], bad, names, noise) if made.list_known else None
    drift = made.camera_drift * rng.standard_normal(made.all_cameras)
    return City(made, school, officer, pair, own, drift, listed, np.cumsum(tail, axis=1), names)


def _pairs(made: Made, rng: np.random.Generator, n: int) -> F8:
    """Mean scores of pairs: wolves and lambs (row and column effects), and the pair's own."""
    spread = made.impostor_sd * np.sqrt(made.pair_part / 3)
    rows = n + STRANGERS
    effects = rng.standard_normal((rows, n)) + rng.standard_normal((rows, 1)) + rng.standard_normal((1, n))
    return np.asarray(made.impostor_mean + spread * effects, dtype=np.float64)


def _plant(made: Made, rng: np.random.Generator, pair: F8, school: I8) -> None:
    """Look-alikes: anything from just above the threshold to a genuine score, the same for all nights."""
    n = school.size
    upper = np.triu(np.ones((n, n), dtype=bool), 1)
    near = upper & (school[:, None] == school[None, :])
    for where, rate in ((near, made.alike_school), (upper & ~near, made.alike_city)):
        a, b = np.nonzero(where & (rng.random((n, n)) < rate))
        level = rng.uniform(made.threshold, made.genuine_mean, a.size)
        pair[a, b], pair[b, a] = level, level
    home = np.arange(STRANGERS)[:, None] % made.schools == school[None, :]  # they drive for one school, as relatives do
    s, k = np.nonzero(rng.random((STRANGERS, n)) < np.where(home, made.alike_school, made.stranger_far))
    pair[n + s, k] = rng.uniform(made.threshold, made.genuine_mean, s.size)


def _scaled(noise: float) -> float:
    """Scale of Student's distribution with this standard deviation."""
    return float(noise / np.sqrt(DF / (DF - 2)))


def _self_search(
    made: Made, rng: np.random.Generator, pair: F8, bad: npt.NDArray[np.bool_], names: list[str], noise: float
) -> dict[frozenset[str], float]:
    n = len(names)
    score = pair + _scaled(noise) * rng.standard_t(DF, (n, n))
    score[bad] -= 0.2
    score[:, bad] -= 0.2
    a, b = np.nonzero(np.triu(score >= made.threshold, 1))
    return {
        frozenset((names[i], names[k])): round(float(min(score[i, k], 0.999)), 3) for i, k in zip(a, b, strict=True)
    }


def nights(place: City, n: int, *, observed: int = 1) -> Iterator[Night]:
    """Draw nights; the first `observed` of them come with all that a model learns from."""
    for i in range(n):
        yield _night(place, np.random.default_rng([place.made.seed, 77, i]), observe=i < observed)


@dataclass
class _Lessons:
    school: I8
    declared: I8
    seated: I8
    told: npt.NDArray[np.bool_]


def _night(place: City, rng: np.random.Generator, *, observe: bool) -> Night:
    lessons = _lessons(place, rng)
    lesson, camera, quality, face = _captures(place, rng, lessons)
    capture, person, score = _scores(place, rng, camera, quality, face)
    shown: list[dict[str, float]] = [{} for _ in range(lesson.size)]
    order = np.lexsort((-score, capture))
    rank = np.arange(order.size) - np.searchsorted(capture[order], capture[order], side="left")
    for i in order[rank < place.made.top_k].tolist():
        shown[capture[i]][place.names[person[i]]] = float(score[i])
    night = Night([], [], [], {}, set(), lessons.school.size, lessons.school.size // place.made.lessons)
    starts = np.searchsorted(lesson, np.arange(lessons.school.size + 1)).tolist()
    staff = _staff(place)
    missed = _missed(place, lessons, shown, starts)
    for i in range(lessons.school.size):
        lo, hi = starts[i], starts[i + 1]
        if lo == hi:
            continue
        name = place.names[lessons.declared[i]] if lessons.told[i] else None
        rightful = frozenset((name,)) if name else staff[0][lessons.school[i]]
        guilty = _guilty(place, lessons, i, rightful)
        if lessons.seated[i] >= len(place.names):
            night.strangers.add(f"L{i}")
        if guilty:
            night.guilty[f"L{i}"] = guilty
        wrong = sorted({p for s in shown[lo:hi] for p in s} - rightful)
        if not (observe or wrong or int(lessons.declared[i]) in missed):
            continue
        captures = tuple(Capture(f"C{camera[k]:03d}", k, round(float(quality[k]), 2), shown[k]) for k in range(lo, hi))
        if observe:
            night.observations.append(Observation(f"L{i}", name, captures, staff[2][lessons.school[i]]))
        if int(lessons.declared[i]) in missed:
            night.histories.append(Observation(f"L{i}", name, captures, frozenset()))
        if wrong:
            alibis = _alibis(place, rng, wrong, guilty)
            near = staff[1][lessons.school[i]]
            night.occasions.append(Occasion(f"L{i}", name, rightful, near, captures, alibis, place.made.told_wrong_car))
    return night


def _missed(place: City, lessons: _Lessons, shown: list[dict[str, float]], starts: list[int]) -> set[int]:
    """Who was declared and not shown, while somebody else was."""
    out = set()
    for i, declared in enumerate(lessons.declared.tolist()):
        names = {p for s in shown[starts[i] : starts[i + 1]] for p in s}
        if names and place.names[declared] not in names:
            out.add(declared)
    return out


def _staff(place: City) -> tuple[list[frozenset[str]], list[frozenset[str]], list[frozenset[str]]]:
    """By school: its instructors; everybody near; instructors of other schools (decoys)."""
    by = [
        (
            frozenset(place.names[k] for k in np.flatnonzero((place.school == s) & ~place.officer)),
            frozenset(place.names[k] for k in np.flatnonzero(place.school == s)),
            frozenset(place.names[k] for k in np.flatnonzero((place.school != s) & ~place.officer)),
        )
        for s in range(place.made.schools)
    ]
    return [b[0] for b in by], [b[1] for b in by], [b[2] for b in by]


def _guilty(place: City, lessons: _Lessons, i: int, rightful: frozenset[str]) -> str | None:
    seated = int(lessons.seated[i])
    if seated == lessons.declared[i] or seated >= len(place.names) or place.names[seated] in rightful:
        return None
    return place.names[seated]


def _lessons(place: City, rng: np.random.Generator) -> _Lessons:
    """Each car has one instructor all day; now and then somebody else sits there."""
    made = place.made
    per_school = made.instructors + made.officers
    cars = made.schools * made.cars
    school = np.repeat(np.repeat(np.arange(made.schools), made.cars), made.lessons)
    first = np.concatenate([rng.permutation(made.instructors)[: made.cars] for _ in range(made.schools)])
    declared = np.repeat(first + np.repeat(np.arange(made.schools), made.cars) * per_school, made.lessons)
    n = cars * made.lessons
    other = np.where(
        rng.random(n) < 0.9, school * per_school + rng.integers(0, per_school, n), rng.integers(0, len(place.names), n)
    )
    u = rng.random(n)
    seated = np.where(u < made.substituted, other, declared)
    strange = (u >= made.substituted) & (u < made.substituted + made.unenrolled)
    some = rng.integers(0, STRANGERS // made.schools, int(strange.sum()))
    seated[strange] = len(place.names) + school[strange] + made.schools * some
    return _Lessons(school, declared, seated, rng.random(n) >= made.undeclared)


def _captures(place: City, rng: np.random.Generator, lessons: _Lessons) -> tuple[I8, I8, F8, I8]:
    """Faces with lesson, camera, quality and whose they are: misread plates, handovers and lifts put others in."""
    made = place.made
    n = lessons.school.size
    count = rng.poisson(made.passages * made.usable, n)
    lesson = np.repeat(np.arange(n), count)
    near_by = rng.integers(0, made.all_cameras, (n, made.cameras))
    camera = near_by[lesson, rng.integers(0, made.cameras, lesson.size)]
    quality = np.clip(rng.beta(4, 2, lesson.size), 0.05, 0.99)
    face = lessons.seated[lesson].copy()
    first = np.concatenate(([0], np.cumsum(count)[:-1]))
    per_school = made.instructors + made.officers
    for rate, again, near, least in (
        (made.wrong_car, made.wrong_again, 0.2, 1),
        (made.handover, 0.1, 1.0, 3),
        (made.lift, 0.1, 1.0, 3),
    ):
        for i in np.flatnonzero((rng.random(n) < rate) & (count >= least)).tolist():
            school = lessons.school[i] if rng.random() < near else rng.integers(0, made.schools)
            k = 1
            while k < count[i] - (least > 1) and rng.random() < again:
                k += 1
            face[first[i] : first[i] + k] = school * per_school + rng.integers(0, made.instructors)
    return lesson, camera, quality, face


def _scores(place: City, rng: np.random.Generator, camera: I8, quality: F8, face: I8) -> tuple[I8, I8, F8]:
    """Shown scores as (capture, person, score): genuine ones, and impostors drawn by how likely each is shown."""
    made = place.made
    enrolled = np.flatnonzero(face < len(place.names))
    dull = 0.2 * (quality - 0.67) - 0.3 * np.maximum(0.4 - quality, 0.0)
    level = place.own[face[enrolled]] + dull[enrolled] + _REACH * rng.standard_t(5, enrolled.size)
    level -= 0.03 * (rng.gamma(1.5, 1.0, enrolled.size) - 1.5)
    # Flattened: the upper fifth of the scale is pressed together.
    genuine = (
        np.where(level > 0.85, 0.85 + 0.15 * np.tanh((level - 0.85) / 0.15), level) + place.drift[camera[enrolled]]
    )
    total = place.cumulated[face, -1]
    hits = rng.poisson(total)
    capture = np.repeat(np.arange(face.size), hits)
    person = _drawn(place, rng, face[capture])
    noise = _scaled(made.impostor_sd * np.sqrt(1.0 - made.pair_part))
    mean = place.pair[face[capture], person]
    reach = student.sf((made.threshold - mean) / noise, DF)
    impostor = mean + noise * student.isf(rng.random(capture.size) * reach, DF) + place.drift[camera[capture]]
    capture = np.concatenate((enrolled, capture))
    person = np.concatenate((face[enrolled], person))
    score = np.round(np.minimum(np.concatenate((genuine, impostor)), 0.999), 3)
    kept = score >= made.threshold
    return capture[kept], person[kept], score[kept]


def _drawn(place: City, rng: np.random.Generator, row: I8) -> I8:
    """For each row a column by its weight: the rows laid end to end, so that one search serves all."""
    n = place.cumulated.shape[1]
    ends = np.cumsum(place.cumulated[:, -1])
    flat = (place.cumulated + (ends - place.cumulated[:, -1])[:, None]).ravel()
    start = (ends - place.cumulated[:, -1])[row]
    at = np.searchsorted(flat, start + rng.random(row.size) * place.cumulated[row, -1], side="right")
    return np.asarray(np.clip(at - row * n, 0, n - 1), dtype=np.int64)


def _alibis(place: City, rng: np.random.Generator, wrong: list[str], guilty: str | None) -> dict[str, Alibi]:
    """Records: who was elsewhere is on record for it with `kept_elsewhere`; who was here, hardly ever."""
    elsewhere = rng.random(len(wrong))
    out = {}
    for person, u in zip(wrong, elsewhere.tolist(), strict=True):
        told = u < (0.02 if person == guilty else place.made.kept_elsewhere)
        out[person] = Alibi("other-session", 0.02, 0.45) if told else Alibi("none", 0.98, 0.55)
    return out
