"""The items of a push, and what is said of each: one that cannot be read costs nothing but itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.viid.dialect import Code, Said, ViidRefused
from feeds.bundle_files import decode_chinese
from feeds.ledger import Reject
from feeds.passage_raw import BadField
from feeds.text import UnreadableFile
from feeds.viid_objects import (
    FACE,
    FACES,
    NOTIFICATIONS,
    VEHICLE,
    VEHICLES,
    Object,
    key_of,
    objects,
)

_FORMAT = frozenset({"not-an-object", "not-viid"})
_MOST_ID_CHARS = 64
"""Of an item's id that is told back; ids of GA/T 1400 have 48."""


def decoded(body: bytes) -> object:
    """Return a body as values; raises `ViidRefused` (400) for what is no JSON."""
    try:
        text, _ = decode_chinese(body)
        return json.loads(text)
    except (UnreadableFile, ValueError, RecursionError, MemoryError):
        raise ViidRefused(400, Code.JSON_FORMAT) from None


@dataclass(slots=True)
class Push:
    """What can be read of a push: `payload` for the reader, and the items that it answers for.

    `ids`: of each item; `lost`: items that cannot be read at all; `rows`: to which item a MotorVehicle belongs.
    """

    payload: dict[str, Any]
    ids: list[str] = field(default_factory=list)
    lost: dict[int, BadField] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)

    def said(self, rejects: Mapping[int, Reject]) -> list[Said]:
        """Return what is said of each item, once the reader has refused some of the MotorVehicles."""
        broken: dict[int, list[Reject]] = {}
        for row, reject in sorted(rejects.items()):
            if 1 <= row <= len(self.rows):
                broken.setdefault(self.rows[row - 1], []).append(reject)
        return [self._said(at, broken.get(at, [])) for at in range(len(self.ids))]

    def _said(self, at: int, broken: list[Reject]) -> Said:
        if at in self.lost:
            return _broken(self.ids[at], self.lost[at].reason, self.lost[at].field)
        if not broken:
            return Said(Code.OK, self.ids[at])
        n = self.rows.count(at)
        if len(broken) == n:
            return _broken(self.ids[at], broken[0].reason, broken[0].field)
        first = f"{broken[0].field} {broken[0].reason}"
        return Said(Code.OK, self.ids[at], f"{n}个对象中{len(broken)}个无法读取({first})")


def _broken(item_id: str, reason: str, name: str) -> Said:
    return Said(Code.JSON_FORMAT if reason in _FORMAT else Code.JSON_CONTENT, item_id, f"{name} {reason}".strip())


def read_notifications(payload: object) -> Push:
    """Return the notifications of a subscription; raises `ViidRefused` (400) where the payload is no list of them."""
    found = _list_of(payload, NOTIFICATIONS[:1], NOTIFICATIONS[1])
    good: list[object] = []
    push = Push({NOTIFICATIONS[0]: {NOTIFICATIONS[1]: good}})
    for at, item in enumerate(found):
        push.ids.append(_id(item, "NotificationID"))
        try:
            if not isinstance(item, dict):
                raise BadField("not-an-object", NOTIFICATIONS[1])
            n = sum(1 for _ in objects(item, VEHICLES, VEHICLE))
            sum(1 for _ in objects(item, FACES, FACE))
        except BadField as trouble:
            push.lost[at] = trouble
            continue
        good.append(item)
        push.rows += [at] * n
    return push


def read_objects(payload: object, lists: tuple[str, ...], name: str) -> Push:
    """Return the MotorVehicles, or Faces, of a payload; raises `ViidRefused` (400) where it is no list of them."""
    found = _list_of(payload, lists, name)
    push = Push({lists[0]: {name: found}})
    for at, item in enumerate(found):
        push.ids.append(_id(item, f"{name.removesuffix('Object')}ID"))
        if name == VEHICLE:
            push.rows.append(at)
        elif not isinstance(item, dict):
            push.lost[at] = BadField("not-an-object", name)
    return push


def _list_of(payload: object, lists: tuple[str, ...], name: str) -> list[object]:
    try:
        if not isinstance(payload, dict) or not {*lists, name} & payload.keys():
            raise BadField("not-viid", name)
        return list(objects(payload, lists, name))
    except BadField as trouble:
        said = _broken("", trouble.reason, trouble.field)
        raise ViidRefused(400, said.code, said.more) from None


def _id(item: object, name: str) -> str:
    """Return an item's id to be told back; nothing of it where it may be more than an id."""
    told = key_of(item, name) if isinstance(item, dict) else None
    return told if told is not None and told.isascii() and len(told) <= _MOST_ID_CHARS else ""


def object_of(payload: object, name: str) -> Object:
    """Return the one object of a payload; raises `ViidRefused` (400)."""
    found = payload.get(name) if isinstance(payload, dict) else None
    if not isinstance(found, dict):
        raise ViidRefused(400, Code.JSON_FORMAT, name)
    return found
