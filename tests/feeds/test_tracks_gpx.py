"""GPX tracks: both versions, the extensions that carry speeds, and documents that are hostile or cut off."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest

from tests.feeds.track_builders import T0_MS, account, open_feed, write
from trajectories.fleet import Flag

GPX10, GPX11 = "http://www.topografix.com/GPX/1/0", "http://www.topografix.com/GPX/1/1"
GARMIN = "http://www.garmin.com/xmlschemas/TrackPointExtension/v2"
CLUETRUST = "http://www.cluetrust.com/XML/GPXDATA/1/0"


def point(k: int, inner: str = "", time: str | None = "", lon: str | None = None, lat: str = "34.5") -> str:
    """Point k; `time` "" is its own, None none."""
    own = f"2026-03-18T04:{k // 12:02d}:{5 * k % 60:02d}Z" if time == "" else time
    stamp = "" if own is None else f"<time>{own}</time>"
    return f'<trkpt lat="{lat}" lon="{lon or f"113.{k:06d}"}"><ele>80</ele>{stamp}{inner}</trkpt>'


def gpx(points: str, space: str = GPX11, head: str = "") -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>{head}<gpx version="1.1" xmlns="{space}">{track(points)}</gpx>'


def track(points: str) -> str:
    return f"<trk><name>day</name><trkseg>{points}</trkseg></trk>"


def read(bundle: Path, document: str | bytes, name: str = "T1.gpx") -> Any:
    """Read one file: (table, rejects as (row, reason, field, found), feed, ledger)."""
    write(bundle, name, document)
    feed, ledger, _ = open_feed(bundle, "gpx")
    table = feed.read()
    account(ledger)
    return table, [(r.row, r.reason, r.field, r.found) for r in ledger.rejects], feed, ledger


def test_both_versions_are_read_with_times_positions_and_no_invented_speed(tmp_path: Path) -> None:
    for space in (GPX10, GPX11, "https://example.org/own"):
        table, rejects, feed, ledger = read(tmp_path, gpx("".join(map(point, range(20))), space))
        assert (rejects, feed.broken_terminals(), ledger.warnings) == ([], {}, {})
        assert table.terminal_ids == ("T1",)
        assert table.t_ms.tolist() == [T0_MS + 5000 * k for k in range(20)]
        assert table.lon_deg.tolist() == [float(f"113.{k:06d}") for k in range(20)]
        assert np.isnan(table.speed_mps).all()
        assert not table.flags.any()


@pytest.mark.parametrize(
    ("space", "inner"),
    [
        (GPX10, "<course>90</course><speed>10</speed><hdop>1.2</hdop>"),
        (
            GPX11,
            (
                f'<extensions><g:TrackPointExtension xmlns:g="{GARMIN}"><g:speed>10</g:speed><g:course>90</g:course>'
                "</g:TrackPointExtension></extensions>"
            ),
        ),
        (
            GPX11,
            (
                f'<extensions><d:speed xmlns:d="{CLUETRUST}"> 10.0 </d:speed>'
                f'<d:course xmlns:d="{CLUETRUST}">90</d:course>'
                "</extensions>"
            ),
        ),
        (
            GPX11,
            (
                '<extensions><osmand:speed xmlns:osmand="https://osmand.net">10</osmand:speed>'
                '<osmand:bearing xmlns:osmand="https://osmand.net">90</osmand:bearing></extensions>'
            ),
        ),
    ],
)
def test_speeds_are_metres_a_second_wherever_they_are_known_to_be(tmp_path: Path, space: str, inner: str) -> None:
    table, _, _, _ = read(tmp_path, gpx(point(0, inner), space))
    assert (table.speed_mps.tolist(), table.heading_deg.tolist()) == ([10.0], [90.0])


def test_a_speed_of_an_unknown_extension_is_not_taken(tmp_path: Path) -> None:
    inner = '<extensions><x:speed xmlns:x="urn:x">36</x:speed><speed>36</speed></extensions>'
    table, _, _, _ = read(tmp_path, gpx(point(0, inner)))
    assert np.isnan(table.speed_mps[0])


def test_gdal_reads_the_same_points(tmp_path: Path) -> None:
    document = gpx("".join(map(point, range(30))).replace("</trkpt>", "</trkpt>\n")).replace(
        "</trkseg>", f"</trkseg><trkseg>{point(40)}</trkseg>"
    )
    table, _, _, _ = read(tmp_path, document)
    theirs = geopandas.read_file(tmp_path / "tracks" / "f" / "T1.gpx", layer="track_points")
    assert theirs.geometry.x.tolist() == table.lon_deg.tolist()
    assert theirs.geometry.y.tolist() == table.lat_deg.tolist()
    assert [int(moment.timestamp() * 1000) for moment in theirs["time"]] == table.t_ms.tolist()


def test_points_without_a_time_or_a_position_are_refused_by_their_number(tmp_path: Path) -> None:
    document = gpx(
        point(0) + point(1, time=None) + point(2, time="noon") + point(3, lon="x") + point(4, lat="95") + point(5)
    )
    table, rejects, _, _ = read(tmp_path, document)
    assert rejects == [
        (2, "bad-time", "time", ""),
        (3, "bad-time", "time", "noon"),
        (4, "bad-number", "lon", "x"),
        (5, "out-of-range", "lat", "95"),
    ]
    assert ((table.t_ms - T0_MS) // 5000).tolist() == [0, 5]


def test_a_time_without_an_offset_is_local_and_says_so(tmp_path: Path) -> None:
    table, _, _, ledger = read(tmp_path, gpx(point(0, time="2026-03-18T12:00:00") + point(1)))
    assert table.t_ms.tolist() == [T0_MS, T0_MS + 5000]
    assert ((table.flags & Flag.NO_TIME_ZONE) != 0).tolist() == [True, False]
    assert list(ledger.warnings) == ["tracks/f/T1.gpx: times without an offset, read as Asia/Shanghai"]


def test_way_points_and_routes_are_no_track(tmp_path: Path) -> None:
    document = gpx(point(0)).replace("<trk>", '<wpt lat="1" lon="1"/><rte><rtept lat="2" lon="2"/></rte><trk>')
    table, rejects, _, ledger = read(tmp_path, document)
    assert (len(table), rejects, account(ledger)["read"]) == (1, [], 1)


ENTITIES = '<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (gpx(point(0, time="&b;"), head=ENTITIES), "a document type declaration"),
        (gpx(point(0), head='<!DOCTYPE gpx SYSTEM "file:///etc/passwd">'), "a document type declaration"),
        ("", "not XML"),
        ("<html><body>502</body></html>", "not GPX"),
        ("{}", "not XML"),
        (b"\xff\xfe\x00", "neither UTF-8 nor GB18030"),
        ("<gpx>" + "<a>" * 100_000, "within one another"),
    ],
)
def test_what_is_no_gpx_is_one_reject_and_a_broken_terminal(tmp_path: Path, document: str | bytes, why: str) -> None:
    write(tmp_path, "T2.gpx", gpx(point(0)))
    table, rejects, feed, ledger = read(tmp_path, document)
    assert [row[:2] for row in rejects] == [(0, "unreadable-file")]
    assert why in rejects[0][3]
    assert feed.broken_terminals() == {"T1": "unreadable-file"}
    assert table.terminal_ix.tolist() == [1]  # the other terminal's file is not lost
    assert any(why in warning for warning in ledger.warnings)


def test_a_document_that_is_cut_off_keeps_its_whole_points(tmp_path: Path) -> None:
    document = gpx("".join(map(point, range(9))))
    at = document.index("<trkpt", document.index("113.000005") + 20) + 12
    table, rejects, feed, _ = read(tmp_path, document[:at])
    assert len(table) == 6
    assert [row[:2] for row in rejects] == [(7, "broken-xml")]
    assert feed.broken_terminals() == {"T1": "unreadable-file"}


def test_text_in_the_encoding_of_old_exports_is_read(tmp_path: Path) -> None:
    document = gpx(point(0)).replace("day", "教练车").replace("UTF-8", "GBK").encode("gb18030")
    table, _, _, ledger = read(tmp_path, document)
    assert len(table) == 1
    assert list(ledger.warnings) == ["tracks/f/T1.gpx: read as GB18030, expected UTF-8"]


def test_damaged_documents_never_crash_and_always_add_up(tmp_path: Path) -> None:
    rng = random.Random(1)
    junk = [b"<", b">", b"&", b'"', b"\x00", b"</trkpt>", b"<trkpt>", b"\xff", b"<!--", b"]]>", b"<time>", b"1e999"]
    kept = 0
    for _ in range(300):
        document = bytearray(gpx("".join(map(point, range(8)))).encode())
        for _spot in range(rng.randrange(1, 4)):
            at = rng.randrange(len(document))
            document[at : at + rng.randrange(4)] = rng.choice(junk)
        table, rejects, _, ledger = read(tmp_path, bytes(document))
        entry = account(ledger)
        assert entry["read"] == len(table) + len(rejects)
        kept += len(table)
    assert 300 < kept < 300 * 8
