"""GA/T 1400 (VIID) payloads as checkpoint records: for files in `passages/`, and for whoever receives them.

Of a MotorVehicle nothing is read but its id, tollgate, time, plate (number, class, colour, reliability), direction and
lane; of a Face nothing but its id (to tell repeats), picture id, place, time, seat, similarity and `IDNumber`, and of
its sub-images the type, which tells the seat. Name, sex, age, ethnicity, nationality, job, dress, pictures, features
and storage addresses are never looked at, whatever a payload holds (formats.md 8.2).

**Who a face is.** The product knows people by a register's key, which is never an identity number nor derived from one.
What a face carries in `IDNumber` is therefore used in two ways only, in memory, and forgotten:
- where it is itself the key of somebody on the staff list (platforms that push pseudonymised matches), it is that key;
- where the caller hands in a `Crosswalk`, the HMAC-SHA256 of it leads to a key (8.2, item 4: the map lies in a store of
  its own). Whoever is not in it is nobody: counted as `not-enrolled` by the door.

**Which car.** That of the same picture (`SourceID`), else the only one at the same device or tollgate within a second;
all within one payload. **Which seat.** Sub-image type 04 is the driver's face, 05 the co-driver's; without them
`IsDriver` 1 is the driver, and any other is an unknown seat (formats.md 7.3). `Similaritydegree` is taken as the
matcher's score, on the matcher's scale.

`row` is the number of the MotorVehicle in its payload.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from checkpoints.camera import Camera
from feeds.ledger import Reject
from feeds.passage_raw import BadField, RawFace, RawPassage, StrayFaces, plate_class, plate_text, within
from feeds.viid_faces import ViidContext, read_face
from feeds.viid_join import NO_VEHICLE, Cars, Seen
from feeds.viid_objects import (
    FACE,
    FACES,
    TOLLGATE,
    TOLLGATES,
    VEHICLE,
    VEHICLES,
    Object,
    code_of,
    containers,
    key_of,
    needed_text,
    number_of,
    objects,
)
from feeds.viid_times import viid_ms
from geo.datum import Datum, to_wgs84
from trajectories.clock import LocalTime

HEADINGS_DEG = {"1": 90.0, "2": 270.0, "3": 180.0, "4": 0.0, "5": 45.0, "6": 225.0, "7": 135.0, "8": 315.0}
"""Direction of travel: 1 west to east, 2 east to west, 3 north to south, 4 south to north, 5 to the north-east, 6 to
the south-west, 7 to the south-east, 8 to the north-west; 9 is another."""
_PLACES = ("TollgateID", "DeviceID")
_VEHICLE_TIMES = ("PassTime", "AppearTime", "MarkTime")
_FACE_TIMES = ("FaceAppearTime", "LocationMarkTime")
_MOST_LANES = 99

Item = RawPassage | Reject | StrayFaces


def read_viid(payload: object, file: str, context: ViidContext) -> Iterator[Item]:
    """Yield the passages of a decoded payload, a `Reject` for each MotorVehicle that is none, and faces of no car.

    A payload that is no envelope we know, or whose lists are none, is one reject (row 0).
    """
    try:
        boxes = containers(payload)
        vehicles = [item for box in boxes for item in objects(box, VEHICLES, VEHICLE)]
        faces = [item for box in boxes for item in objects(box, FACES, FACE)]
    except BadField as trouble:
        yield Reject(file, 0, trouble.reason, trouble.field, "")
        return
    by_car = _FacesByCar(context, vehicles)
    yield from by_car.place(faces)
    for at, vehicle in enumerate(vehicles):
        yield from _vehicle(vehicle, file, at + 1, context, by_car, at)


class _FacesByCar:
    """The faces of a payload, put to its cars."""

    def __init__(self, context: ViidContext, vehicles: list[object]) -> None:
        """Know the cars, those that will be refused included."""
        self.context = context
        self._cars = Cars([_seen(vehicle, _VEHICLE_TIMES, context.local) for vehicle in vehicles])
        self._faces: defaultdict[int, list[RawFace]] = defaultdict(list)
        self._lost: defaultdict[int, list[str]] = defaultdict(list)
        self._flags: defaultdict[int, set[str]] = defaultdict(set)

    def place(self, faces: list[object]) -> Iterator[StrayFaces]:
        """Put each face to its car; yield those that have none, and repeats."""
        ids: set[str] = set()
        for face in faces:
            if not isinstance(face, dict):
                yield StrayFaces("bad-face", 1, 0)
                continue
            face_id = key_of(face, "FaceID")
            if face_id is not None and face_id in ids:
                yield StrayFaces("duplicate-key", 1, 0)
                continue
            if face_id is not None:
                ids.add(face_id)
            car = self._cars.of(_seen(face, _FACE_TIMES, self.context.local))
            if isinstance(car, str):
                yield StrayFaces(car, 1, 0)
            else:
                self._add(car, face)

    def _add(self, car: int, face: Object) -> None:
        try:
            self._faces[car].append(read_face(face, self.context, self._flags[car]))
        except BadField:
            self._lost[car].append("bad-face")

    def of(self, car: int) -> tuple[tuple[RawFace, ...], tuple[str, ...], set[str]]:
        """Return a car's faces, why others were left out, and flags."""
        return *within(self._faces[car], self._lost[car]), self._flags[car]


def _seen(item: object, times: tuple[str, ...], local: LocalTime) -> Seen:
    if not isinstance(item, dict):
        return Seen(None, (), None)
    places = (key_of(item, name) for name in _PLACES)
    told = (viid_ms(item.get(name), local) for name in times)
    t_ms = next((t_ms for t_ms in told if t_ms is not None), None)
    return Seen(key_of(item, "SourceID"), tuple({place for place in places if place is not None}), t_ms)


def _vehicle(
    vehicle: object, file: str, row: int, context: ViidContext, by_car: _FacesByCar, car: int
) -> Iterator[Item]:
    faces, lost, flags = by_car.of(car)
    try:
        if not isinstance(vehicle, dict):
            raise BadField("not-an-object", VEHICLE)
        yield _passage(vehicle, file, row, context, (faces, lost, flags))
    except BadField as trouble:
        yield Reject(file, row, trouble.reason, trouble.field, "")
        if faces or lost:
            yield StrayFaces(NO_VEHICLE, len(faces) + len(lost), sum(len(face.candidates) for face in faces))


def _passage(
    vehicle: Object,
    file: str,
    row: int,
    context: ViidContext,
    seen: tuple[tuple[RawFace, ...], tuple[str, ...], set[str]],
) -> RawPassage:
    faces, lost, flags = seen
    reliability = number_of(vehicle, "PlateReliability", 0.0, 100.0)
    if reliability is None:
        flags.add("no-plate-score")
    return RawPassage(
        passage_id=needed_text(vehicle, "MotorVehicleID"),
        camera_id=needed_text(vehicle, *_PLACES),
        shot_ms=_time(vehicle, context.local, flags),
        plate="" if code_of(vehicle, "HasPlate") == "0" else plate_text(vehicle.get("PlateNo"), "PlateNo"),
        plate_score=None if reliability is None else reliability / 100.0,
        plate_class=_plate_class(vehicle, flags),
        plate_color=_plate_color(vehicle),
        heading_deg=HEADINGS_DEG.get(code_of(vehicle, "Direction")),
        lane=_lane(vehicle, flags),
        faces=faces,
        file=file,
        row=row,
        flags=frozenset(flags),
        lost_faces=lost,
    )


def _time(vehicle: Object, local: LocalTime, flags: set[str]) -> int:
    """When the car passed; where that is blank, when it appeared or was marked, flagged."""
    for name in _VEHICLE_TIMES:
        value = vehicle.get(name)
        if value is None or value == "":
            flags.add("no-pass-time")
            continue
        t_ms = viid_ms(value, local)
        if t_ms is None:
            raise BadField("bad-time", name)
        return t_ms
    raise BadField("missing-value", _VEHICLE_TIMES[0])


def _plate_class(vehicle: Object, flags: set[str]) -> str | None:
    try:
        return plate_class(code_of(vehicle, "PlateClass") or None, "PlateClass")
    except BadField:
        flags.add("bad-plate-class")
        return None


def _plate_color(vehicle: Object) -> str | None:
    """The code with the name of its table, since the tables of colours differ."""
    code = code_of(vehicle, "PlateColor")
    return f"GA/T 1400:{code}" if code else None


def _lane(vehicle: Object, flags: set[str]) -> int | None:
    try:
        lane = number_of(vehicle, "LaneNo", 0, _MOST_LANES)
    except BadField:
        flags.add("bad-lane")
        return None
    return None if lane is None else int(lane)


def read_tollgates(payload: object, file: str, datum: Datum) -> Iterator[Camera | Reject]:
    """Yield the cameras of a `TollgateListObject`, in WGS-84, and a `Reject` for each that cannot be placed.

    `datum` is what the sender's positions refer to: WGS-84 by the standard, GCJ-02 by the habit of some makers. When a
    tollgate stood there is not told, so its dates are open.
    """
    try:
        found = [item for box in containers(payload) for item in objects(box, TOLLGATES, TOLLGATE)]
    except BadField as trouble:
        yield Reject(file, 0, trouble.reason, trouble.field, "")
        return
    for row, item in enumerate(found, 1):
        try:
            yield _camera(item, datum)
        except BadField as trouble:
            yield Reject(file, row, trouble.reason, trouble.field, "")


def _camera(item: object, datum: Datum) -> Camera:
    if not isinstance(item, dict):
        raise BadField("not-an-object", TOLLGATE)
    camera_id = needed_text(item, "TollgateID")
    lon_deg, lat_deg = number_of(item, "Longitude", -180.0, 180.0), number_of(item, "Latitude", -90.0, 90.0)
    if lon_deg is None or lat_deg is None:
        raise BadField("missing-value", "Longitude" if lon_deg is None else "Latitude")
    lon, lat = to_wgs84([lon_deg], [lat_deg], datum)
    return Camera(camera_id, float(lon[0]), float(lat[0]))
