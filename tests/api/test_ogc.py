"""/ogc holds what OGC API - Features (17-069r4, 18-058r1) requires; each test names the requirement it is about."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from pyproj import Transformer
from shapely.geometry import box, shape
from sqlalchemy import select

from api.ogc.collections import KINDS
from api.ogc.crs import Crs, area_of, moved
from api.ogc.routes import CLASSES
from api.ogc.times import interval_of
from api.problems import Refuse
from store.tables.access import AccessEntry
from store.tables.results import FindingRow
from tests.api.calls import get, kind_of
from tests.api.conftest import Server
from trajectories.clock import LocalTime

REASON = "check C7"
NAMES = ("zones", "findings", "tracks")
CITY = (113.57, 34.77, 113.63, 34.82)
LOCAL = LocalTime("Asia/Shanghai")


def told(server: Server, path: str, name: str | None = "auditor", **headers: str) -> Any:
    answer = get(server, name, f"/ogc{path}", x_reason=REASON, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def items(server: Server, collection: str, query: str = "", name: str = "auditor") -> Any:
    return told(server, f"/collections/{collection}/items?{query}", name)


def pages(server: Server, collection: str, query: str, name: str = "auditor") -> list[Any]:
    out = [items(server, collection, query, name)]
    while onward := [at["href"] for at in out[-1]["links"] if at["rel"] == "next"]:
        split = urlsplit(onward[0])
        out.append(told(server, f"{split.path.removeprefix('/ogc')}?{split.query}", name))
    return out


def keys(page: Any) -> list[str]:
    return [feature["id"] for feature in page["features"]]


# ---------------------------------------------------------------- /req/core: landing page, conformance, collections


@pytest.mark.parametrize("path", ["", "/"])
def test_the_landing_page_leads_to_definition_conformance_and_data(reading_server: Server, path: str) -> None:
    page = told(reading_server, path, None)
    rels = {at["rel"]: at for at in page["links"]}
    assert {"self", "alternate", "service-desc", "service-doc", "conformance", "data"} <= set(rels)
    assert rels["service-desc"]["type"] == "application/vnd.oai.openapi+json;version=3.0"
    for at in rels.values():
        name = "auditor" if at["rel"] == "data" else None
        answer = get(reading_server, name, at["href"])
        assert answer.status_code == 200
        assert answer.headers["content-type"].replace(" ", "").startswith(at["type"].partition(";")[0])


def test_the_landing_page_is_html_for_a_browser_and_runs_nothing(reading_server: Server) -> None:
    answer = get(reading_server, None, "/ogc", accept="text/html,*/*;q=0.8")
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'nonce-" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert 'href="http://audit.test/ogc/collections"' in answer.text
    assert get(reading_server, None, "/ogc?f=json", accept="text/html").json()["title"] == "trajaudit"


def test_the_classes_that_are_kept_are_declared(reading_server: Server) -> None:
    assert told(reading_server, "/conformance", None)["conformsTo"] == list(CLASSES)


def test_every_collection_tells_the_same_in_the_list_and_by_itself(reading_server: Server) -> None:
    page = told(reading_server, "/collections")
    assert tuple(c["id"] for c in page["collections"]) == NAMES
    for collection in page["collections"]:
        assert told(reading_server, f"/collections/{collection['id']}") == collection
        assert collection["crs"][0] == collection["storageCrs"] == Crs.CRS84
        assert {at["rel"] for at in collection["links"]} >= {"self", "items"}
        assert all({"rel", "type", "href"} <= set(at) for at in [*page["links"], *collection["links"]])


@pytest.mark.parametrize("collection", NAMES)
def test_the_extent_holds_every_feature(reading_server: Server, collection: str) -> None:
    extent = told(reading_server, f"/collections/{collection}")["extent"]
    found = items(reading_server, collection, "limit=1000")["features"]
    if "spatial" in extent:
        bounds = box(*extent["spatial"]["bbox"][0]).buffer(1e-9)
        assert all(bounds.contains(shape(f["geometry"])) for f in found)
    first, last = extent["temporal"]["interval"][0]
    assert all(first is None or first <= f["properties"]["start"] for f in found)
    assert all(last is None or f["properties"]["end"] <= last for f in found)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_by_every_queryable_exactly_the_features_with_that_value_are_found(reading_server: Server, kind: Any) -> None:
    schema = get(reading_server, "auditor", f"/ogc/collections/{kind.name}/queryables")
    assert schema.headers["content-type"] == "application/schema+json"
    whole = items(reading_server, kind.name, "limit=1000")["features"]
    for name in schema.json()["properties"]:
        values = sorted({v for f in whole if (v := f["properties"][name]) is not None})[:2]
        for value in values:
            found = items(reading_server, kind.name, f"limit=1000&{name}={quote(value)}")
            assert keys(found) == [f["id"] for f in whole if f["properties"][name] == value], (name, value)
            assert found["numberMatched"] == len(keys(found))


# ---------------------------------------------------------------- /req/core: features


@pytest.mark.parametrize("collection", NAMES)
def test_a_page_is_what_the_standard_says_it_is(reading_server: Server, collection: str) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    answer = get(reading_server, "auditor", f"/ogc/collections/{collection}/items", x_reason=REASON)
    page = answer.json()
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["content-crs"] == f"<{Crs.CRS84}>"
    assert page["type"] == "FeatureCollection"
    assert page["numberReturned"] == len(page["features"]) > 0
    assert before <= datetime.fromisoformat(page["timeStamp"]) <= datetime.now(UTC)
    assert all({"rel", "type", "href"} <= set(at) for at in page["links"])
    for feature in page["features"]:
        assert feature["type"] == "Feature"
        assert box(*CITY).contains(shape(feature["geometry"]))


@pytest.mark.parametrize("collection", NAMES)
def test_each_feature_is_told_by_itself_as_in_the_list(reading_server: Server, collection: str) -> None:
    for feature in items(reading_server, collection, "limit=3")["features"]:
        one = told(reading_server, f"/collections/{collection}/items/{feature['id']}")
        assert {at["rel"] for at in one["links"]} >= {"self", "collection"}
        del one["links"]
        people = {"person_id", "trainee_id", "summary_zh", "summary_en"}  # labels are those of one answer
        for f in (one, feature):
            f["properties"] = {n: v for n, v in f["properties"].items() if n not in people}
        assert one == feature


@pytest.mark.parametrize(("collection", "limit"), [("zones", 1), ("zones", 4), ("findings", 5), ("tracks", 4)])
def test_pages_hold_every_feature_once_in_one_order(reading_server: Server, collection: str, limit: int) -> None:
    whole = pages(reading_server, collection, "limit=1000")
    parts = pages(reading_server, collection, f"limit={limit}")
    assert [k for p in parts for k in keys(p)] == [k for p in whole for k in keys(p)]
    assert {p["numberMatched"] for p in parts} == {sum(len(keys(p)) for p in whole)}
    assert all(len(keys(p)) == limit for p in parts[:-1])
    assert len(parts) > 1


def test_a_limit_beyond_the_most_is_taken_for_the_most(reading_server: Server) -> None:
    assert items(reading_server, "tracks", "limit=99999")["numberReturned"] <= 20


def test_pages_show_one_state_whatever_is_found_meanwhile(server: Server) -> None:
    first = items(server, "findings", "limit=5")
    with server.store.writing() as session:
        gone = session.scalars(select(FindingRow).where(FindingRow.geometry.is_not(None))).all()
        for row in gone:
            row.superseded_ms = row.recorded_ms + 10**9
    server.store.clock.ms += 2 * 10**9  # type: ignore[attr-defined]
    onward = urlsplit(next(at["href"] for at in first["links"] if at["rel"] == "next"))
    later = told(server, f"/collections/findings/items?{onward.query}")
    assert later["numberReturned"] == 5
    assert items(server, "findings")["numberMatched"] == 0


def test_a_cursor_of_another_query_or_another_hand_is_refused(reading_server: Server) -> None:
    page = items(reading_server, "zones", "limit=1")
    cursor = re.search(r"cursor=([^&]+)", page["links"][-1]["href"])[1]  # type: ignore[index]
    for query in (f"cursor={cursor}&kind=site", f"cursor={cursor[:-2]}AA", "cursor=x.y"):
        answer = get(reading_server, "auditor", f"/ogc/collections/zones/items?{query}")
        assert (answer.status_code, kind_of(answer)) == (400, "bad-cursor")
    other = get(reading_server, "reviewer", f"/ogc/collections/zones/items?limit=1&cursor={cursor}")
    assert other.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=unlimited", "ooga=booga", "f=gml", "bbox=1,2,3", "bbox=1,2,3,x", "bbox=1,2,3,nan",
        "bbox=113,35,114,34", "bbox=181,0,182,1", "bbox=0,0,0,91", "bbox=1,2,3,4,5", "crs=EPSG:4326",
        "crs=http://www.opengis.net/def/crs/EPSG/0/4979", "bbox=1,2,3,4&bbox-crs=http://example/crs", "datetime=today",
        "datetime=2026-13-01", "datetime=2026-03-19T00:00:00Z/2026-03-18T00:00:00Z", "datetime=2026-03-18T12:00:00",
        "datetime=a/b/c", "datetime=2026-03-18T12:00:00Z/2026-03-19T12:00:00Z/..", "kind=lake", "kind=site&kind=route",
        "datetime=0001-01-01T00:00:00%2B23:59",
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused_and_named(reading_server: Server, query: str) -> None:
    answer = get(reading_server, "auditor", f"/ogc/collections/zones/items?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["where"].startswith("query.")


def test_what_is_not_there_is_not_found(reading_server: Server) -> None:
    for path in ("/collections/roads", "/collections/zones/items/G99", "/collections/findings/items/F0",
                 "/collections/tracks/items/2026-03-18.V9999", "/collections/tracks/items/V0001"):  # fmt: skip
        assert get(reading_server, "auditor", f"/ogc{path}", x_reason=REASON).status_code == 404


def test_what_did_not_change_is_not_sent_again(reading_server: Server) -> None:
    for path in (
        "/collections",
        "/collections/zones/items",
        "/collections/zones/items/G02",
        "/collections/findings/items",
    ):
        first = get(reading_server, "auditor", f"/ogc{path}")
        again = get(reading_server, "auditor", f"/ogc{path}", if_none_match=first.headers["etag"])
        assert (again.status_code, again.content) == (304, b"")


# ---------------------------------------------------------------- bbox


@pytest.mark.parametrize("collection", NAMES)
@pytest.mark.parametrize("corners", [(113.60, 34.79, 113.61, 34.80), (113.5856188, 34.7825709) * 2, (5, 48, 20, 70)])
def test_a_bbox_chooses_exactly_what_touches_it(reading_server: Server, collection: str, corners: Any) -> None:
    whole = items(reading_server, collection, "limit=1000")["features"]
    area = box(*corners).envelope
    query = "limit=3&bbox=" + ",".join(map(str, corners))
    found = pages(reading_server, collection, query)
    assert [k for p in found for k in keys(p)] == [f["id"] for f in whole if shape(f["geometry"]).intersects(area)]
    if collection != "tracks":
        assert {p["numberMatched"] for p in found} == {sum(len(keys(p)) for p in found)}


def test_a_bbox_may_have_heights_and_cross_180_degrees(reading_server: Server) -> None:
    whole = keys(items(reading_server, "zones"))
    assert keys(items(reading_server, "zones", "bbox=113,34,0,114,35,100")) == whole
    assert keys(items(reading_server, "zones", "bbox=113,34,-170,35")) == whole
    assert keys(items(reading_server, "zones", "bbox=170,34,-170,35")) == []
    assert keys(items(reading_server, "zones", "bbox=170,34,113.7,35")) == whole


# ---------------------------------------------------------------- datetime


@pytest.mark.parametrize(
    ("when", "n"),
    [
        ("2026-03-18T12:00:00%2B08:00", 6), ("2026-03-18", 6), ("2026-03-17", 0), ("2026-03-19T03:59:59%2B08:00", 6),
        ("2026-03-19T04:00:00%2B08:00", 0), ("2026-03-17T00:00:00Z/..", 6), ("../2026-03-17T00:00:00Z", 0),
        ("/2026-03-19", 6),
        ("2026-03-18T12:00:00.123456789Z/", 6),
    ],
)  # fmt: skip
def test_zones_are_those_in_force_on_the_service_day(reading_server: Server, when: str, n: int) -> None:
    assert items(reading_server, "zones", f"datetime={when}")["numberMatched"] == n


def test_zones_of_a_day_are_those_of_v1(reading_server: Server) -> None:
    v1 = get(reading_server, "auditor", "/v1/zones?date=2026-03-18").json()["items"]
    assert sorted(z["zone_id"] for z in v1) == keys(items(reading_server, "zones", "datetime=2026-03-18"))


@pytest.mark.parametrize(
    "when", ["2026-03-18T02:00:00Z", "2026-03-18T02:00:00Z/2026-03-18T04:00:00Z", "../2026-03-18T03:00:00Z"]
)
def test_findings_are_those_that_last_at_the_time(reading_server: Server, when: str) -> None:
    wanted = interval_of(when, LOCAL)
    whole = items(reading_server, "findings", "limit=1000")["features"]
    at = {
        f["id"]: [int(datetime.fromisoformat(f["properties"][n]).timestamp() * 1000) for n in ("start", "end")]
        for f in whole
    }
    found = keys(items(reading_server, "findings", f"datetime={when}&limit=1000"))
    assert found == [f["id"] for f in whole if wanted.touches(*at[f["id"]])]
    assert 0 < len(found) < len(whole)


# ---------------------------------------------------------------- Part 2: coordinate reference systems


@pytest.mark.parametrize("crs", list(Crs))
@pytest.mark.parametrize("collection", NAMES)
def test_coordinates_are_told_in_the_axis_order_of_the_authority(
    reading_server: Server, collection: str, crs: Crs
) -> None:
    path = f"/ogc/collections/{collection}/items?limit=1&crs={quote(crs)}"
    answer = get(reading_server, "auditor", path, x_reason=REASON)
    assert answer.headers["content-crs"] == f"<{crs}>"
    here, there = items(reading_server, collection, "limit=1")["features"][0], answer.json()["features"][0]
    lon_deg, lat_deg = first_position(here["geometry"])
    expected = Transformer.from_crs("EPSG:4979", crs.authority).transform(lat_deg, lon_deg, 0)[:2]
    assert first_position(there["geometry"]) == pytest.approx(expected, abs=1e-3 if crs is Crs.MERCATOR else 1e-8)
    if crs in {Crs.WGS84, Crs.CGCS2000}:
        assert first_position(there["geometry"]) == [lat_deg, lon_deg]
    one = get(
        reading_server, "auditor", f"/ogc/collections/{collection}/items/{here['id']}?crs={quote(crs)}", x_reason=REASON
    )
    assert (one.headers["content-crs"], one.json()["geometry"]) == (f"<{crs}>", there["geometry"])


def first_position(geometry: Any) -> list[float]:
    at = geometry["coordinates"]
    while isinstance(at[0], list):
        at = at[0]
    return list(at[:2])


@pytest.mark.parametrize("crs", list(Crs))
def test_a_bbox_is_read_in_its_reference_system(reading_server: Server, crs: Crs) -> None:
    corners = [(113.60, 34.79), (113.61, 34.80)]
    there = moved(np.array(corners), crs).ravel().tolist()
    query = f"bbox={','.join(map(str, there))}&bbox-crs={quote(crs)}"
    assert (
        keys(items(reading_server, "zones", query))
        == ["G01", "R02"]
        == keys(items(reading_server, "zones", "bbox=113.60,34.79,113.61,34.80"))
    )


def test_mercators_corners_must_be_the_right_way_round() -> None:
    with pytest.raises(Refuse):
        area_of("100,0,0,100", Crs.MERCATOR)
    with pytest.raises(Refuse):
        area_of("0,0,3e7,100", Crs.MERCATOR)


# ---------------------------------------------------------------- tracks


def test_a_track_is_a_line_with_seconds_as_its_measure(reading_server: Server) -> None:
    feature = items(reading_server, "tracks", "vehicle_id=V0001")["features"][0]
    line, properties = feature["geometry"], feature["properties"]
    assert (feature["id"], line["type"], line["measures"]["enabled"]) == ("2026-03-18.V0001", "LineString", True)
    seconds = [position[2] for position in line["coordinates"]]
    assert seconds == sorted(seconds)
    assert len(seconds) == properties["n_fixes"]
    assert [LOCAL.iso(round(s * 1000)) for s in (seconds[0], seconds[-1])] == [properties["start"], properties["end"]]
    fixes = get(
        reading_server,
        "auditor",
        "/v1/vehicles/V0001/track?date=2026-03-18",
        x_reason=REASON,
        accept="application/json",
    )
    usable = [f for f in fixes.json()["items"] if f["usable"] and "other-day" not in f["flags"]]
    expected = [(f["lon_deg"], f["lat_deg"]) for f in usable]
    np.testing.assert_allclose([p[:2] for p in line["coordinates"]], expected, rtol=0, atol=1e-7)


def test_tracks_take_a_reason_and_each_vehicle_is_on_record(server: Server) -> None:
    assert kind_of(get(server, "auditor", "/ogc/collections/tracks/items")) == "reason-needed"
    page = items(server, "tracks", "limit=2")
    with server.store.reading() as session:
        entries = session.scalars(select(AccessEntry).where(AccessEntry.subject_kind == "vehicle")).all()
    assert [(e.actor, e.action, e.subject_id, e.reason) for e in entries] == [
        ("auditor", "look", f["properties"]["vehicle_id"], REASON) for f in page["features"]
    ]
    answer = get(server, "auditor", "/ogc/collections/tracks/items?limit=1", x_reason=REASON)
    assert answer.headers["cache-control"] == "private, no-store"
    assert "etag" not in answer.headers


# ---------------------------------------------------------------- who may know what


@pytest.mark.parametrize(
    ("name", "shown"),
    [("auditor", set(NAMES)), ("platform", {"zones", "findings"}), ("admin", {"zones"}), ("head", set(NAMES))],
)
def test_an_account_knows_the_collections_that_it_may_read(reading_server: Server, name: str, shown: set[str]) -> None:
    assert {c["id"] for c in told(reading_server, "/collections", name)["collections"]} == shown
    for collection in NAMES:
        for path in ("", "/items", "/items/x", "/queryables"):
            answer = get(reading_server, name, f"/ogc/collections/{collection}{path}", x_reason=REASON)
            assert (answer.status_code == 403) == (collection not in shown)


def test_schools_and_strangers_read_nothing(reading_server: Server) -> None:
    for path in (
        "/collections",
        "/collections/zones/items",
        "/collections/findings/items",
        "/collections/tracks/items",
    ):
        assert get(reading_server, "school-1", f"/ogc{path}", x_reason=REASON).status_code == 403
        assert get(reading_server, None, f"/ogc{path}").status_code == 401


def test_bounds_are_those_of_v1(reading_server: Server) -> None:
    for name in ("auditor", "auditor-here", "auditor-elsewhere"):
        v1 = get(reading_server, name, "/v1/findings?limit=1000").json()["items"]
        assert keys(items(reading_server, "findings", "limit=1000", name)) == [
            f["finding_id"] for f in v1 if f["geometry"]
        ]
        zones = get(reading_server, name, "/v1/zones?date=2026-03-18").json()["items"]
        assert keys(items(reading_server, "zones", "", name)) == sorted(z["zone_id"] for z in zones)
    assert items(reading_server, "tracks", "", "auditor-elsewhere")["numberMatched"] == 0


def test_what_lies_outside_the_bounds_is_not_found(reading_server: Server) -> None:
    for collection in NAMES:
        key = keys(items(reading_server, collection, "limit=1"))[0]
        path = f"/ogc/collections/{collection}/items/{key}"
        answer = get(reading_server, "auditor-elsewhere", path, x_reason=REASON)
        assert (answer.status_code, kind_of(answer)) == (404, "not-found")


def test_nobody_is_told_by_key_whatever_the_reason(reading_server: Server) -> None:
    found = items(reading_server, "findings", "limit=1000")["features"]
    people = [p for f in found for n in ("person_id", "trainee_id") if (p := f["properties"][n]) is not None]
    assert all(re.fullmatch(r"(person|trainee)-\d{3}", p) for p in people)
