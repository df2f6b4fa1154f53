"""A checkpoint record as its file has it, before the door decides whether it may stay; its checks, and its limits.

These values live between a parser and the door and nowhere else: they hold plates of strangers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from checkpoints.passage import Seat
from feeds.bundle_config import Matcher

MOST_ID_CHARS = 128
"""An identifier of GA/T 1400 has 48."""
MOST_PLATE_CHARS = 20
MOST_FACES = 20
"""Faces of one passage; the surplus is dropped and counted."""
MOST_CANDIDATES = 100
"""Candidates of one face; with more, the face is not one of a matcher with a top_k."""
MOST_SCORE = 1e300

Rated = tuple[str | None, float]
"""Whom the matcher names, and its score; None is somebody who is not enrolled, known to be nobody's key."""


class BadField(ValueError):
    """A field that cannot be used: a reason code and its name. What was found is not kept: it may be a plate."""

    def __init__(self, reason: str, field: str) -> None:
        """Keep both."""
        self.reason = reason
        self.field = field
        super().__init__(f"{field}: {reason}")


class RawFace(NamedTuple):
    """A face as told: nothing of it but the seat, a quality, and whom the matcher names."""

    seat: Seat
    quality: float | None
    candidates: tuple[Rated, ...]
    declared_score: float | None = None


@dataclass(frozen=True, slots=True)
class RawPassage:
    """One record with checked fields. `flags` say what was odd about it, `lost_faces` why faces were left out."""

    passage_id: str
    camera_id: str
    shot_ms: int
    plate: str
    plate_score: float | None = None
    plate_class: str | None = None
    plate_color: str | None = None
    heading_deg: float | None = None
    lane: int | None = None
    faces: tuple[RawFace, ...] = ()
    file: str = ""
    row: int = 0
    flags: frozenset[str] = frozenset()
    lost_faces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StrayFaces:
    """Faces that belong to no passage, and so to nobody we may look at: only their number is kept."""

    reason: str
    n_faces: int
    n_candidates: int


@dataclass(frozen=True, slots=True)
class Scale:
    """What scores of the matcher look like; without a `[matcher]` any finite number is one."""

    lowest: float = -MOST_SCORE
    highest: float = MOST_SCORE
    threshold: float = -MOST_SCORE
    top_k: int = MOST_CANDIDATES

    @classmethod
    def of(cls, matcher: Matcher | None) -> Scale:
        """Return the scale that a bundle declares.

        >>> Scale.of(Matcher("m", "1", 0.5, 3, (0.0, 1.0))), Scale.of(None).highest
        (Scale(lowest=0.0, highest=1.0, threshold=0.5, top_k=3), 1e+300)
        """
        return cls() if matcher is None else cls(*matcher.score_range, matcher.threshold, matcher.top_k)

    def score(self, value: object, field: str) -> float:
        """Return a score; raises `BadField`."""
        found = number(value, field, self.lowest, self.highest)
        if found is None:
            raise BadField("missing-value", field)
        return found

    def oddities(self, candidates: Sequence[Rated]) -> Iterator[str]:
        """Yield a flag for what the matcher, as it is declared, would not have returned; nothing is left out for it.

        >>> list(Scale(0.0, 1.0, 0.5, 1).oddities([("P1", 0.9), ("P2", 0.4)]))
        ['below-threshold', 'more-than-top-k']
        """
        if any(score < self.threshold for _, score in candidates):
            yield "below-threshold"
        if len(candidates) > self.top_k:
            yield "more-than-top-k"


def number(value: object, field: str, lowest: float, highest: float) -> float | None:
    """Return a number within bounds, both included; None for null. Raises `BadField`.

    >>> number(1, "quality", 0, 1), number(None, "quality", 0, 1)
    (1.0, None)
    >>> number(float("nan"), "quality", 0, 1)
    Traceback (most recent call last):
    feeds.passage_raw.BadField: quality: bad-number
    """
    if value is None:
        return None
    if not isinstance(value, float | int) or value is True or value is False or not lowest <= value <= highest:
        raise BadField("bad-number", field)
    return float(value)


def identifier(value: object, field: str) -> str:
    """Return an identifier, a whole number as text; raises `BadField`. It is printable and not long.

    >>> identifier(" K1 ", "camera_id"), identifier(17, "camera_id")
    ('K1', '17')
    >>> identifier("a" + chr(0xD800), "camera_id")
    Traceback (most recent call last):
    feeds.passage_raw.BadField: camera_id: bad-value
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**MOST_ID_CHARS:
        value = str(value)
    if value is None:
        raise BadField("missing-value", field)
    if not isinstance(value, str) or len(value) > MOST_ID_CHARS or not value.isprintable():
        raise BadField("bad-value", field)
    text = value.strip()
    if not text:
        raise BadField("missing-value", field)
    return text


def plate_text(value: object, field: str) -> str:
    """Return a plate as read, "" where the camera read none; raises `BadField`.

    >>> plate_text("鲁A1001学", "plate"), plate_text(None, "plate")
    ('鲁A1001学', '')
    """
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MOST_PLATE_CHARS:
        raise BadField("bad-value", field)
    return value


def plate_class(value: object, field: str) -> str | None:
    """Return a code of GA/T 16.7 as two digits; None where it is not told, or told as other (99).

    >>> plate_class("16", "plate_class"), plate_class(2, "plate_class"), plate_class("99", "plate_class")
    ('16', '02', None)
    """
    if value is None or value == "":
        return None
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 99 else value
    if not isinstance(text, str) or not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise BadField("bad-value", field)
    text = text.zfill(2)
    return None if text in {"00", "99"} else text


def rated(pairs: Iterable[Rated]) -> tuple[Rated, ...]:
    """Return candidates best first, each person once with the best score; those not enrolled stay one by one.

    >>> rated([("P2", 0.7), ("P1", 0.8), ("P2", 0.9), (None, 0.6), (None, 0.6)])
    (('P2', 0.9), ('P1', 0.8), (None, 0.6), (None, 0.6))
    """
    best: dict[str | int, Rated] = {}
    for at, (person, score) in enumerate(sorted(pairs, key=lambda pair: (-pair[1], pair[0] or ""))):
        best.setdefault(at if person is None else person, (person, score))
    return tuple(best.values())


def within(faces: Sequence[RawFace], lost: Sequence[str]) -> tuple[tuple[RawFace, ...], tuple[str, ...]]:
    """Return the first `MOST_FACES` faces, and the reasons of those lost with the surplus among them."""
    surplus = len(faces) - MOST_FACES
    return tuple(faces[:MOST_FACES]), (*lost, *(["too-many-faces"] * surplus))
