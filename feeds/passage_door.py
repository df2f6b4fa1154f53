"""The door for checkpoint records: what may concern a registered car comes in, everything else is counted and gone.

Behind the door there is no plate, nobody off the staff list, and no face without a mandate. In this order a record is

- `other-day` (dropped): its time is outside the service day. The time is the camera's own, not corrected, so each
  record belongs to exactly one service day and none is lost or counted twice between two. A camera whose clock is wrong
  moves its records by as much over the edge at 04:00; once corrected, a passage may lie outside the day by that;
- `no-plate` (dropped): the camera read none, or wrote what it writes for none;
- `other-class` (dropped): the characters of a registered plate with another plate class: another vehicle;
- `out-of-scope` (dropped): by no reading that the error model of plates allows is it a registered car's;
- `unknown-camera` (rejected): no camera of that name stood there that day, so where it was shot is anybody's guess;
- `duplicate-key` (rejected): an earlier record that came in has its passage_id. Of what stayed out no id is kept, so
  there is nothing to compare with;
- or kept. Whether a misread one is a registered car, its track decides later (`PassageDoor.drop`).
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from hashlib import blake2b
from secrets import token_bytes

from checkpoints.passage import Candidate, Face, Passage, Reading
from checkpoints.plates import PlateBook, log_likelihood, normalised
from feeds.ledger import Account, Ledger, Reject
from feeds.passage_count import PassageCount, Readmitted
from feeds.passage_raw import RawFace, RawPassage, StrayFaces

FILE = "passages.ndjson"
FOLDER = "passages"
PUSHED = "pushed"
"""The account of passages that were pushed, and the folder in which their records would lie if they were kept."""
MOST_REJECT_ROWS = 10_000
"""Refused rows told one by one; further ones are only counted."""
NO_PLATE = frozenset(
    ("", "车牌", "无车牌", "无牌", "无号牌", "无牌车", "未识别", "未知", "无", "UNKNOWN", "NONE", "NULL", "NOPLATE")
)
"""What cameras write where they read no plate, as `normalised` returns it."""
_LEAST_SERIAL = 4
"""Characters without the province; fewer tell no plate."""
_NO_FLAGS: frozenset[str] = frozenset()
_IDENTITY_NUMBER = re.compile(r"(?<![0-9])[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx](?![0-9])")


class PassageDoor:
    """One service day's door: records go in one by one, `count` and the ledger say what became of them."""

    def __init__(
        self,
        book: PlateBook,
        enrolled: Collection[str],
        cameras: Collection[str],
        start_ms: int,
        end_ms: int,
        ledger: Ledger,
        *,
        face_join: bool,
    ) -> None:
        """Open the door for the service day [start_ms, end_ms).

        `book`: the cars registered that day; `enrolled`: who is on the staff list that day; `cameras`: those standing
        that day; `face_join`: whether a mandate in force allows the join with faces, without one all faces are dropped.
        """
        self.book = book
        self.enrolled = frozenset(enrolled)
        self.cameras = frozenset(cameras)
        self.start_ms, self.end_ms = start_ms, end_ms
        self.face_join = face_join
        self.ledger = ledger
        self._own, self._pushed = PassageCount(), PassageCount()
        self._kept: dict[str, frozenset[str]] = {}
        self._gone: set[str] = set()
        self._near_registered: dict[str, tuple[Reading, ...]] = {}
        self._one = {name: name for name in (*self.cameras, *self.enrolled)}  # one text for all passages, not one each
        self._hidden: set[bytes] = set()
        self._key = token_bytes(32)
        self._told: Counter[str] = Counter()
        self._accounts: dict[str, Account] = {}

    @property
    def count(self) -> PassageCount:
        """What became of all that came: the records, and what was pushed."""
        return self._own.plus(self._pushed) if self._pushed.read else self._own

    @property
    def from_files(self) -> PassageCount:
        """What became of those that `join` did not bring."""
        return self._own

    @property
    def pushed(self) -> PassageCount:
        """What became of those that `join` brought."""
        return self._pushed

    def take(self, item: RawPassage | Reject | StrayFaces) -> Passage | None:
        """Return what may be of a registered car, or None; both are counted."""
        if isinstance(item, StrayFaces):
            self._stray(item)
            return None
        self._own.read += 1
        self._account(item.file).read += 1
        if isinstance(item, Reject):
            self._refuse(item.file, item.row, item.reason, item.field)
            return None
        self._own.faces_read += len(item.faces) + len(item.lost_faces)
        self._own.candidates_read += sum(len(face.candidates) for face in item.faces)
        return self._admit(item)

    def readmit(self, earlier: Readmitted, vehicle_ids: Collection[str]) -> list[Passage]:
        """Return the passages of an earlier opening of this door that are still in scope; the records are gone.

        `vehicle_ids`: the cars registered that day as known now. What has lost its car, its camera, its enrolment or
        the mandate since then is dropped and counted.
        """
        self._own = copy.deepcopy(earlier.count)
        self._accounts = {}
        for name, account in earlier.accounts.items():
            self.ledger.accounts[name] = copy.deepcopy(account)
        self._kept = {passage.passage_id: _NO_FLAGS for passage in earlier.passages}
        told = [(passage, self._still(passage, vehicle_ids)) for passage in earlier.passages]
        self.drop(passage for passage, still in told if still is None)
        return [still for _, still in told if still is not None]

    def join(self, pushed: Readmitted, vehicle_ids: Collection[str]) -> list[Passage]:
        """Return the passages that were let in as they were pushed and are still in scope, beside all that came before.

        As `readmit`; of two with one id the one that came in first counts.
        """
        self._pushed = copy.deepcopy(pushed.count)
        for name, account in pushed.accounts.items():
            self.ledger.accounts[name] = copy.deepcopy(account)
        self._accounts = {}
        out = []
        for passage in pushed.passages:
            if passage.passage_id in self._kept or passage.passage_id in self._gone:
                self._take_back(passage, "duplicate-key", _NO_FLAGS, self._pushed.rejected)
                continue
            self._kept[passage.passage_id] = _NO_FLAGS
            still = self._still(passage, vehicle_ids)
            if still is None:
                self.drop([passage])
            else:
                out.append(still)
        return out

    def _still(self, passage: Passage, vehicle_ids: Collection[str]) -> Passage | None:
        if passage.camera_id not in self.cameras or not self.start_ms <= passage.shot_ms < self.end_ms:
            return None
        vehicle_id = passage.vehicle_id if passage.vehicle_id in vehicle_ids else None
        others = tuple(o for o in passage.others if o.vehicle_id in vehicle_ids)
        if vehicle_id is None and not others:
            return None
        return replace(passage, vehicle_id=vehicle_id, others=others, faces=self._faces_still(passage))

    def _faces_still(self, passage: Passage) -> tuple[Face, ...]:
        n_candidates = sum(len(face.candidates) for face in passage.faces)
        count = self._count_of(passage.file)
        if not self.face_join:
            count.faces_kept -= len(passage.faces)
            count.candidates_kept -= n_candidates
            _lose_faces(count, "no-mandate", len(passage.faces), n_candidates)
            return ()
        faces = tuple(
            replace(face, candidates=tuple(c for c in face.candidates if c.person_id in self.enrolled))
            for face in passage.faces
        )
        gone = n_candidates - sum(len(face.candidates) for face in faces)
        if gone:
            count.candidates_kept -= gone
            count.candidates_dropped["not-enrolled"] += gone
        return faces

    def holds(self, passage: Passage) -> bool:
        """Whether a passage came in and was not dropped since."""
        return passage.passage_id in self._kept

    def drop(self, passages: Iterable[Passage], reason: str = "out-of-scope") -> None:
        """Count passages that came in as dropped after all; raises `ValueError` for one that is not in."""
        for passage in passages:
            flags = self._kept.pop(passage.passage_id, None)
            if flags is None:
                raise ValueError(f"passage {passage.passage_id} is not one that this door kept")
            self._gone.add(passage.passage_id)
            self._take_back(passage, reason, flags, self._count_of(passage.file).dropped)

    def refuse_repeat(self, passage: Passage) -> None:
        """Count a passage that came in as a repeat of one that had come in elsewhere."""
        flags = self._kept.pop(passage.passage_id)
        self._gone.add(passage.passage_id)
        self._take_back(passage, "duplicate-key", flags, self._count_of(passage.file).rejected)

    def _take_back(self, passage: Passage, reason: str, flags: frozenset[str], into: Counter[str]) -> None:
        account, count = self._account(passage.file), self._count_of(passage.file)
        account.kept -= 1
        account.rejected[reason] += 1
        account.flagged -= Counter(flags)  # leaves no zero behind
        n_candidates = sum(len(face.candidates) for face in passage.faces)
        count.kept -= 1
        into[reason] += 1
        count.faces_kept -= len(passage.faces)
        count.candidates_kept -= n_candidates
        _lose_faces(count, reason, len(passage.faces), n_candidates)

    def _count_of(self, file: str) -> PassageCount:
        """The count that a passage of a file stands in: pushed ones have their own, once they were joined."""
        return self._pushed if self._pushed.read and _account_name(file) == PUSHED else self._own

    def _admit(self, raw: RawPassage) -> Passage | None:
        plate = normalised(raw.plate)
        vehicle_id, others, drop = self._scope(raw, plate)
        if drop is not None:
            self._drop_raw(raw, drop)
            return None
        if raw.camera_id not in self.cameras:
            self._reject_raw(raw, "unknown-camera", "camera_id")
            return None
        passage_id = _safe_id(raw, plate, is_registered=vehicle_id is not None)
        if self._is_repeat(raw.passage_id, passage_id):
            self._reject_raw(raw, "duplicate-key", "passage_id")
            return None
        self._keep(raw, passage_id)
        return Passage(
            passage_id,
            self._one[raw.camera_id],
            raw.shot_ms,
            vehicle_id,
            others,
            raw.plate_score,
            raw.heading_deg,
            self._faces(raw),
            raw.file,
            raw.row,
        )

    def _is_repeat(self, told: str, passage_id: str) -> bool:
        """Whether a kept passage has this id; of an id that is not kept as told, a keyed digest is remembered."""
        if passage_id == told:
            return passage_id in self._kept or passage_id in self._gone
        digest = blake2b(told.encode("utf-8", "replace"), key=self._key).digest()
        is_repeat = digest in self._hidden
        self._hidden.add(digest)
        return is_repeat

    def _scope(self, raw: RawPassage, plate: str) -> tuple[str | None, tuple[Reading, ...], str | None]:
        """The car that the plate names, those it may be, and why the record is dropped, None where it is not."""
        if not self.start_ms <= raw.shot_ms < self.end_ms:
            return None, (), "other-day"
        if plate in NO_PLATE:
            return None, (), "no-plate"
        vehicle_id, others = self._readings(plate, raw.plate_class)
        if vehicle_id is not None or others:
            return vehicle_id, others, None
        return None, (), "other-class" if plate in self.book.plates else "out-of-scope"

    def _readings(self, plate: str, plate_class: str | None) -> tuple[str | None, tuple[Reading, ...]]:
        """The car that the plate names as read, and those it may be; two cars of one plate are both of the latter."""
        vehicle_id = self.book.exact(plate, plate_class)
        near = self._near(plate)
        if vehicle_id is not None or plate not in self.book.plates:
            return vehicle_id, near
        fitting = [v for v, known in self.book.plates[plate] if plate_class is None or known == plate_class]
        as_read = log_likelihood(plate, plate)
        return None, (*(Reading(v, as_read) for v in sorted(fitting)), *near) if fitting else ()

    def _near(self, plate: str) -> tuple[Reading, ...]:
        """As `book.near`; answers are remembered for registered plates alone."""
        if plate not in self.book.plates:
            return self.book.near(plate)
        if plate not in self._near_registered:
            self._near_registered[plate] = self.book.near(plate)
        return self._near_registered[plate]

    def _keep(self, raw: RawPassage, passage_id: str) -> None:
        flags = raw.flags | frozenset(raw.lost_faces) or _NO_FLAGS
        self._kept[passage_id] = flags
        self._own.kept += 1
        account = self._account(raw.file)
        account.kept += 1
        if flags:
            account.flagged.update(flags)

    def _faces(self, raw: RawPassage) -> tuple[Face, ...]:
        """The faces that may be looked at, with enrolled candidates alone."""
        for reason in raw.lost_faces:
            _lose_faces(self._own, reason, 1, 0)
        if not self.face_join:
            _lose_faces(self._own, "no-mandate", len(raw.faces), sum(len(face.candidates) for face in raw.faces))
            return ()
        self._own.faces_kept += len(raw.faces)
        return tuple(self._face(face) for face in raw.faces)

    def _face(self, face: RawFace) -> Face:
        known = ((p, score) for p, score in face.candidates if p is not None and p in self.enrolled)
        candidates = tuple(Candidate(self._one[person_id], score) for person_id, score in known)
        self._own.candidates_kept += len(candidates)
        if len(candidates) < len(face.candidates):
            self._own.candidates_dropped["not-enrolled"] += len(face.candidates) - len(candidates)
        return Face(face.seat, face.quality, candidates, face.declared_score)

    def _drop_raw(self, raw: RawPassage, reason: str) -> None:
        self._own.dropped[reason] += 1
        self._account(raw.file).rejected[reason] += 1
        self._lose_all_faces(raw, reason)

    def _reject_raw(self, raw: RawPassage, reason: str, name: str) -> None:
        self._refuse(raw.file, raw.row, reason, name)
        self._lose_all_faces(raw, reason)

    def _refuse(self, file: str, row: int, reason: str, name: str) -> None:
        """Count a refused row, and tell of it as long as there are not too many. What it says is never told."""
        self._own.rejected[reason] += 1
        told = _account_name(file)
        self._told[told] += 1
        if self._told[told] <= MOST_REJECT_ROWS:
            self.ledger.reject(told, Reject(file, row, reason, name, ""))
            return
        self._account(file).rejected[reason] += 1
        self.ledger.warn(
            f"{told}: the first {MOST_REJECT_ROWS} refused rows are in the rejects, the others are counted"
        )

    def _lose_all_faces(self, raw: RawPassage, reason: str) -> None:
        if raw.faces or raw.lost_faces:
            n_candidates = sum(len(face.candidates) for face in raw.faces)
            _lose_faces(self._own, reason, len(raw.faces) + len(raw.lost_faces), n_candidates)

    def _stray(self, stray: StrayFaces) -> None:
        self._own.faces_read += stray.n_faces
        self._own.candidates_read += stray.n_candidates
        _lose_faces(self._own, stray.reason, stray.n_faces, stray.n_candidates)

    def _account(self, file: str) -> Account:
        account = self._accounts.get(file)
        if account is None:
            account = self._accounts[file] = self.ledger.account(_account_name(file))
        return account


def _lose_faces(count: PassageCount, reason: str, n_faces: int, n_candidates: int) -> None:
    if n_faces:
        count.faces_dropped[reason] += n_faces
    if n_candidates:
        count.candidates_dropped[reason] += n_candidates


def _account_name(file: str) -> str:
    """`passages.ndjson` for that file, `passages` for the payloads in the folder of that name, `pushed` for pushes."""
    return next((name for name in (FOLDER, PUSHED) if file.startswith(f"{name}/")), FILE)


def _safe_id(raw: RawPassage, plate: str, *, is_registered: bool) -> str:
    """The record's own name, or its place where the name may tell a plate, a person's name or an identity number.

    Names of records are ASCII; other characters are those of a plate or a person.
    """
    told = raw.passage_id
    serial = "".join(character for character in plate if character.isascii())
    tells_plate = not is_registered and len(serial) >= _LEAST_SERIAL and serial in normalised(told)
    if told.isascii() and not tells_plate and not _IDENTITY_NUMBER.search(told):
        return told
    return f"{raw.file}#{raw.row}"
