"""Feeds of GPX 1.0 and 1.1, one file a terminal: `TERMINAL.gpx`. A row is a `trkpt`, counted through the whole file.

Way points and routes are no tracks and are not read. Speeds are m/s wherever they are read from: GPX 1.0's own
`speed`, and the extensions of Garmin (TrackPointExtension v2), Cluetrust (gpxdata) and OsmAnd; so are courses. GPX says
that its times are UTC; one without an offset is read as local to the bundle all the same, as in every other file.
"""

from __future__ import annotations

from xml.parsers import expat

from feeds.safe_xml import DoctypeRefused, guarded_parser
from feeds.track_files import FileFeed, FileRows, NotTheFormat, Refused, TerminalFile
from feeds.track_rows import KMH_PER_MPS, FieldNames, PointColumns, flagged, numbers_of
from feeds.track_times import parse_iso_list_naive
from trajectories.fleet import Flag

NAMES = FieldNames("", "time", "lon", "lat")
SEPARATOR = "\n"
EXTENSION_SPACES = (
    "http://www.garmin.com/xmlschemas/TrackPointExtension/v2",
    "http://www.cluetrust.com/XML/GPXDATA/1/0",
    "https://osmand.net",
    "https://osmand.net/docs/technical/osmand-file-formats/osmand-gpx",
)
LAT, LON, TIME, SPEED, COURSE = range(5)
OWN = {"time": TIME, "speed": SPEED, "course": COURSE}
EXTENDED = {"speed": SPEED, "course": COURSE, "bearing": COURSE}
DEEPEST = 64
"""Elements within one another; a GPX has nine."""


class _Reader:
    """Walks through the document once; `points` are (lat, lon, time, speed, course), None where absent."""

    def __init__(self) -> None:
        self.points: list[list[str | None]] = []
        self.has_root = False
        self._depth = 0
        self._point: list[str | None] | None = None
        self._point_depth = 0
        self._point_space = ""
        self._slot: int | None = None
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        space, _, name = tag.rpartition(SEPARATOR)
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotTheFormat(f"elements within one another {DEEPEST} deep")
        if not self.has_root and name != "gpx":
            raise NotTheFormat(f"not GPX: its root is <{name[:40]}>")
        self.has_root = True
        if self._point is not None:
            is_own = space == self._point_space and self._depth == self._point_depth + 1
            self._slot = OWN.get(name) if is_own else EXTENDED.get(name) if space in EXTENSION_SPACES else None
            self._text = []
        elif name == "trkpt":
            self._point = [attributes.get("lat"), attributes.get("lon"), None, None, None]
            self._point_depth, self._point_space = self._depth, space

    def text(self, text: str) -> None:
        if self._slot is not None:
            self._text.append(text)

    def end(self, _tag: str) -> None:
        if self._point is not None:
            if self._slot is not None:
                self._point[self._slot] = "".join(self._text).strip()
                self._slot = None
            if self._depth == self._point_depth:
                self.points.append(self._point)
                self._point = None
        self._depth -= 1


class GpxFeed(FileFeed):
    """A feed of `TERMINAL.gpx`."""

    suffixes = (".gpx",)
    bytes_per_row = 150

    def parse(self, data: bytes, file: TerminalFile) -> FileRows:
        """Return the points of a document; of one that breaks off, those before the break."""
        reader, trouble = _read(self.text(data, file))
        points, naive = self._columns(reader.points)
        if naive:
            self.context.ledger.warn(f"{file.relative}: times without an offset, read as {self.context.local.name}")
        n = len(reader.points)
        refused = [] if trouble is None else [Refused(n + 1, "broken-xml", "", trouble)]
        return FileRows(
            n + len(refused),
            points,
            NAMES,
            lambda name, i: reader.points[i][{"lat": LAT, "lon": LON}.get(name, TIME)] or "",
            refused=refused,
            cut_short=None if trouble is None else f"breaks off after point {n}: {trouble}",
        )

    def _columns(self, points: list[list[str | None]]) -> tuple[PointColumns, bool]:
        lat, lon, time, speed, course = zip(*points, strict=True) if points else ((),) * 5
        t_ms, naive = parse_iso_list_naive(time, self.context.local)
        return PointColumns(
            t_ms,
            numbers_of(lon),
            numbers_of(lat),
            numbers_of(speed) * KMH_PER_MPS,
            numbers_of(course),
            flags=flagged(naive, Flag.NO_TIME_ZONE),
        ), bool(naive.any())


def _read(text: str) -> tuple[_Reader, str | None]:
    """Return the points of a document, and what broke it off; raises `NotTheFormat` where it is no GPX at all."""
    reader = _Reader()
    parser = guarded_parser(SEPARATOR)
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.buffer_text = True
    try:
        parser.Parse(text, True)
    except DoctypeRefused as error:
        raise NotTheFormat("has a document type declaration, which GPX never has") from error
    except expat.ExpatError as error:
        if not reader.has_root:
            raise NotTheFormat(f"not XML: {error}") from error
        return reader, str(error)
    except UnicodeError as error:
        raise NotTheFormat(f"not XML: {error}") from error
    return reader, None
