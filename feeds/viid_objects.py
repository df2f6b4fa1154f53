"""GA/T 1400 objects out of their envelopes, and their loosely typed fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from feeds.passage_raw import BadField, identifier, number

NOTIFICATIONS = ("SubscribeNotificationListObject", "SubscribeNotificationObject")
"""The envelope of what a subscription pushes, and the objects in it."""
VEHICLES = ("MotorVehicleListObject", "MotorVehicleObjectList")
VEHICLE = "MotorVehicleObject"
FACES = ("FaceListObject", "FaceObjectList")
FACE = "FaceObject"
TOLLGATES = ("TollgateListObject", "TollgateObjectList")
TOLLGATE = "TollgateObject"
_KNOWN = frozenset((*NOTIFICATIONS, *VEHICLES, VEHICLE, *FACES, FACE, *TOLLGATES, TOLLGATE))

Object = Mapping[str, object]
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?\Z")


def containers(payload: object) -> tuple[Object, ...]:
    """Return what may hold lists of objects: the payload itself and the notifications in it.

    Raises `BadField` for what is no envelope that we know.

    >>> containers({"SubscribeNotificationListObject": {"SubscribeNotificationObject": {"Title": "x"}}})[1:]
    ({'Title': 'x'},)
    """
    if not isinstance(payload, dict) or _KNOWN.isdisjoint(payload):
        raise BadField("not-viid", "")
    boxes: list[Object] = [payload]
    for notification in objects(payload, NOTIFICATIONS[:1], NOTIFICATIONS[1]):
        if not isinstance(notification, dict):
            raise BadField("not-an-object", NOTIFICATIONS[1])
        boxes.append(notification)
    return tuple(boxes)


def objects(container: Object, lists: tuple[str, ...], name: str) -> Iterator[object]:
    """Yield the objects of a name in a container, in either spelling of their list, or without a list at all.

    One object where a list is due is a list of one. Raises `BadField` for a list that is none.

    >>> list(objects({"FaceObjectList": {"FaceObject": {"FaceID": "1"}}}, FACES, FACE))
    [{'FaceID': '1'}]
    >>> list(objects({"FaceListObject": {"FaceObject": None}}, FACES, FACE)), list(objects({}, FACES, FACE))
    ([], [])
    """
    places = [(key, container[key]) for key in (*lists, name) if container.get(key) is not None]
    for key, value in places:
        inner = value.get(name) if key != name and isinstance(value, dict) else value
        if inner is None:
            continue
        if isinstance(inner, dict):
            yield inner
        elif isinstance(inner, list):
            yield from inner
        else:
            raise BadField("bad-value", key)


def text_of(source: Object, *names: str) -> str | None:
    """Return the first of these fields that holds something, as an identifier; None where none does.

    >>> text_of({"TollgateID": "", "DeviceID": 51}, "TollgateID", "DeviceID")
    '51'
    """
    for name in names:
        value = source.get(name)
        if value is not None and not (isinstance(value, str) and not value.strip()):
            return identifier(value, name)
    return None


def needed_text(source: Object, *names: str) -> str:
    """As `text_of`; raises `BadField` where none holds anything."""
    found = text_of(source, *names)
    if found is None:
        raise BadField("missing-value", names[0])
    return found


def key_of(source: Object, name: str) -> str | None:
    """Return a field by which objects are put together, None where it holds nothing that could do so."""
    try:
        return text_of(source, name)
    except BadField:
        return None


def number_of(source: Object, name: str, lowest: float, highest: float) -> float | None:
    """Return a number, written as one or as text; None where it is blank. Raises `BadField`.

    >>> number_of({"Speed": " 38.5 "}, "Speed", 0, 300), number_of({"Speed": ""}, "Speed", 0, 300)
    (38.5, None)
    """
    value = source.get(name)
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        if not _NUMBER.match(value):
            raise BadField("bad-number", name)
        value = float(value)
    return number(value, name, lowest, highest)


def code_of(source: Object, name: str) -> str:
    """Return a code as text, "" for anything else: 1, "1" and 1.0 are one code, "01" is another.

    >>> [code_of({"Direction": value}, "Direction") for value in (1, "1", 1.0, "01", None, [1])]
    ['1', '1', '1', '01', '', '']
    """
    value = source.get(name)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e6:
        value = int(value)
    if isinstance(value, int):
        return str(int(value)) if abs(value) < 10**6 else ""
    return value.strip() if isinstance(value, str) and len(value) < 16 else ""
