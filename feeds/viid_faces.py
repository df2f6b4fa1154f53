"""Faces of GA/T 1400: a seat, a score, and whose key it is; who it is by name or number is forgotten at once."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from checkpoints.passage import Seat
from feeds.passage_raw import BadField, Rated, RawFace, Scale
from feeds.viid_objects import Object, code_of, number_of, objects
from trajectories.clock import LocalTime

_SEATS = {"04": Seat.DRIVER, "05": Seat.FRONT_PASSENGER}
"""Types of sub-images: the face of the driver, of the co-driver."""
_MOST_ID_NUMBER_CHARS = 64


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """The way from an identity number to a register's key, without either being told here.

    `people`: person_id by the hex digits of HMAC-SHA256(secret, identity number), the number in UTF-8, without blanks
    around it, letters in upper case. Neither shows when it is printed. `hashed`: of the hex digits of the number's
    SHA-256 in its place, where that is all that is known of the numbers.

    >>> digest = hmac.digest(b"secret", b"11010519491231002X", "sha256").hex()
    >>> crosswalk = Crosswalk(b"secret", {digest: "P1"})
    >>> crosswalk.person(" 11010519491231002x"), crosswalk.person("110105194912310038"), crosswalk
    ('P1', None, Crosswalk())
    """

    secret: bytes = field(repr=False)
    people: Mapping[str, str] = field(repr=False)
    hashed: bool = field(default=False, repr=False)

    def person(self, id_number: str) -> str | None:
        """Return the key of whoever has this number, None for nobody enrolled."""
        text = id_number.strip().upper().encode("utf-8", "replace")
        if self.hashed:
            text = hashlib.sha256(text).hexdigest().encode()
        return self.people.get(hmac.digest(self.secret, text, "sha256").hex())


@dataclass(frozen=True, slots=True)
class ViidContext:
    """What reading a payload needs to know: local time, the matcher's scale, who is enrolled, how to find them."""

    local: LocalTime
    scale: Scale = field(default_factory=Scale)
    staff: Collection[str] = frozenset()
    crosswalk: Crosswalk | None = None

    def person(self, reference: str) -> str | None:
        """Return the key that an `IDNumber` leads to, None where it leads to nobody enrolled."""
        if reference in self.staff:
            return reference
        return None if self.crosswalk is None else self.crosswalk.person(reference)


def read_face(face: Object, context: ViidContext, flags: set[str]) -> RawFace:
    """Return a face; raises `BadField`. What is odd about it is added to `flags`."""
    candidates = _candidates(face, context)
    flags.update(context.scale.oddities(candidates))
    return RawFace(_seat(face, flags), None, candidates)


def _candidates(face: Object, context: ViidContext) -> tuple[Rated, ...]:
    """Whom the face was matched with; nobody where it names nobody. A name without a score is of no use."""
    told = face.get("IDNumber")
    reference = str(told) if isinstance(told, int) and not isinstance(told, bool) and abs(told) < 10**30 else told
    if reference is None or (isinstance(reference, str) and not reference.strip()):
        return ()
    score = number_of(face, "Similaritydegree", context.scale.lowest, context.scale.highest)
    if score is None:
        raise BadField("missing-value", "Similaritydegree")
    if not isinstance(reference, str) or len(reference) > _MOST_ID_NUMBER_CHARS:
        raise BadField("bad-value", "IDNumber")
    return ((context.person(reference.strip()), score),)


def _seat(face: Object, flags: set[str]) -> Seat:
    """The seat that sub-images tell, else `IsDriver`; where they contradict one another it is unknown."""
    seats: set[Seat] = set()
    images = face.get("SubImageList")
    if isinstance(images, dict):
        for image in objects(images, (), "SubImageInfoObject"):
            kind = code_of(image, "Type").zfill(2) if isinstance(image, dict) else ""
            if kind in _SEATS:
                seats.add(_SEATS[kind])
    if code_of(face, "IsDriver") == "1":
        seats.add(Seat.DRIVER)
    if len(seats) > 1:
        flags.add("unknown-seat")
    return seats.pop() if len(seats) == 1 else Seat.UNKNOWN
