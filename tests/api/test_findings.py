"""Findings over HTTP are those of the audit's files, within each account's bounds, people by labels."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from shapely.geometry import shape

from runs.audit_run import Job, run_audit
from store.access_log import recent
from store.tables.results import FindingRow
from tests.api.calls import get, kind_of
from tests.api.conftest import CITY, DAY, Server
from tests.api.edited import HOUR_MS, audited_again, clock_of, edited
from tests.api.looping import run
from tests.api.walking import DATE, items, pages

PERSON, TRAINEE = "P00041", "T420117"
"""The substitute of V0005's finding, the trainee of V0010's."""
GEOJSON = "application/geo+json"
WHY = quote("投诉核查")
FEWER_HOURS = ("schedules.csv", "G02,1-7,08:00,17:30", "G02,1-7,08:00,09:30")
NO_PERMITS = ("permits.csv", "V0011", "V0012")


def features(server: Server, name: str, query: str = DATE, **headers: str) -> list[dict[str, Any]]:
    answer = get(server, name, f"/v1/findings?{query}&limit=1000", accept=GEOJSON, **headers)
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = answer.json()["features"]
    return told


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["finding_id"] for row in rows]


def log_of(server: Server, last: int = 50) -> list[tuple[str, ...]]:
    with server.store.reading() as session:
        return [(*tuple(e[2:6]), e.reason) for e in recent(session, last)]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The features of `findings.geojson` of an audit of the same bundle."""
    out = tmp_path_factory.mktemp("audit") / "out"
    run_audit(Job(CITY, DAY, out))
    told: list[dict[str, Any]] = json.loads((out / "findings.geojson").read_bytes())["features"]
    return told


def test_whoever_says_why_sees_the_features_of_the_audits_file(
    reading_server: Server, audited: list[dict[str, Any]]
) -> None:
    assert features(reading_server, "auditor", x_reason=WHY) == audited
    answer = get(reading_server, "auditor", f"/v1/findings?{DATE}", x_reason=WHY)
    assert answer.headers["cache-control"] == "private, no-store"
    assert "etag" not in answer.headers


def test_without_a_reason_all_but_the_people_is_the_same(reading_server: Server, audited: list[dict[str, Any]]) -> None:
    for name in ("auditor", "platform"):
        told = features(reading_server, name)
        for one, other in zip(told, audited, strict=True):
            for key in ("person_id", "trainee_id"):
                label, person = one["properties"].pop(key), other["properties"][key]
                assert (label is None) == (person is None)
                assert label is None or label.startswith(("person-", "trainee-"))
            assert one == {
                **other,
                "properties": {k: v for k, v in other["properties"].items() if k in one["properties"]},
            }


def test_a_service_account_is_told_nobody_whatever_it_says(reading_server: Server) -> None:
    told = json.dumps(features(reading_server, "platform", x_reason=WHY))
    assert PERSON not in told
    assert TRAINEE not in told


def test_labels_cannot_be_followed_from_one_answer_to_the_next(reading_server: Server) -> None:
    def labels(name: str, query: str) -> dict[str, str]:
        rows = items(reading_server, name, f"/v1/findings?{DATE}{query}")
        return {row["finding_id"]: row["trainee_id"] for row in rows if row["trainee_id"]}

    one = labels("auditor", "")
    assert one == labels("auditor", "")
    others = [labels("reviewer", ""), labels("head", ""), labels("auditor", "&as_known=2027-01-01T00:00:00Z")]
    assert all(set(other) == set(one) for other in others)
    assert any(other != one for other in others)


def test_a_list_is_one_look_and_each_person_seen_is_another(server: Server) -> None:
    features(server, "auditor")
    assert log_of(server)[-1] == ("auditor", "auditor", "look", "night", "")
    before = len(log_of(server, 1000))
    told = features(server, "auditor", x_reason=WHY)
    people = {p for f in told for p in (f["properties"]["person_id"], f["properties"]["trainee_id"]) if p}
    with server.store.reading() as session:
        fresh = recent(session, len(log_of(server, 1000)) - before)
    assert {e.subject_id for e in fresh} == people | {"2026-03-18"}
    assert {e.reason for e in fresh} == {"投诉核查"}
    assert len(fresh) == len(people) + 1


def test_one_finding_is_a_look_at_it(server: Server) -> None:
    finding_id = ids(items(server, "auditor", f"/v1/findings?{DATE}&rule=over-hours"))[0]
    answer = get(server, "auditor", f"/v1/findings/{finding_id}", accept="application/json")
    assert answer.json()["trainee_id"] == "trainee-001"
    assert TRAINEE not in answer.text
    assert log_of(server)[-1] == ("auditor", "auditor", "look", "finding", "")
    answer = get(server, "auditor", f"/v1/findings/{finding_id}?reason=C7", accept="application/json")
    assert answer.json()["trainee_id"] == TRAINEE
    assert log_of(server)[-1] == ("auditor", "auditor", "look", "trainee", "C7")
    feature = get(server, "auditor", f"/v1/findings/{finding_id}").json()
    assert (feature["type"], feature["properties"]["rule"]) == ("Feature", "over-hours")
    assert feature["properties"]["evidence"]["margins"]["minutes_over"] > 60


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("rule=off-zone-training", "rule", "off-zone-training"),
        ("school=SCH02", "school_id", "SCH02"),
        ("vehicle=V0005", "vehicle_id", "V0005"),
        ("severity=critical", "severity", "critical"),
    ],
)
def test_a_filter_leaves_what_it_names(reading_server: Server, query: str, name: str, value: str) -> None:
    every = items(reading_server, "head", f"/v1/findings?{DATE}")
    found = ids(items(reading_server, "head", f"/v1/findings?{DATE}&{query}"))
    assert found == ids([row for row in every if row[name] == value])
    assert found


def test_days_may_be_one_or_from_to(reading_server: Server) -> None:
    every = ids(items(reading_server, "head", "/v1/findings"))
    for query in (DATE, "date_from=2026-03-18", "date_to=2026-03-18", "date_from=2026-03-01&date_to=2026-03-31"):
        assert ids(items(reading_server, "head", f"/v1/findings?{query}")) == every
    for query in ("date=2026-03-17", "date_from=2026-03-19", "date_to=2026-03-17"):
        assert items(reading_server, "head", f"/v1/findings?{query}") == []
    assert get(reading_server, "head", f"/v1/findings?{DATE}&date_to=2026-03-18").status_code == 400


def test_a_box_leaves_what_touches_it(reading_server: Server) -> None:
    every = items(reading_server, "head", f"/v1/findings?{DATE}")
    drawn = [row for row in every if row["geometry"]]
    assert ids(items(reading_server, "head", f"/v1/findings?{DATE}&bbox=-180,-90,180,90")) == ids(drawn)
    west, south, east, north = shape(drawn[3]["geometry"]).bounds
    expected = [r for r in drawn if not shape(r["geometry"]).disjoint(shape(drawn[3]["geometry"]).envelope)]
    found = ids(items(reading_server, "head", f"/v1/findings?{DATE}&bbox={west},{south},{east},{north}", limit=1))
    assert found == ids(expected)
    assert items(reading_server, "head", f"/v1/findings?{DATE}&bbox=170,-10,-170,10") == []
    x, y = shape(drawn[3]["geometry"]).representative_point().coords[0]
    assert drawn[3]["finding_id"] not in ids(
        items(reading_server, "head", f"/v1/findings?bbox={x + 1},{y},{x + 1},{y}")
    )
    for wrong in ("1,2,3", "a,b,c,d", "0,10,1,5", "-190,0,1,1", "nan,0,1,1", "1,1,1,1,1"):
        answer = get(reading_server, "head", f"/v1/findings?bbox={wrong}")
        assert (answer.status_code, answer.json()["errors"][0]["where"]) == (400, "query.bbox")


@pytest.mark.parametrize("limit", [1, 2, 4, 1000])
def test_pages_hold_each_finding_exactly_once_in_order(
    reading_server: Server, audited: list[dict[str, Any]], limit: int
) -> None:
    told = pages(reading_server, "auditor", f"/v1/findings?{DATE}", limit)
    assert [i for page in told for i in ids(page)] == [f["properties"]["finding_id"] for f in audited]
    assert {len(page) for page in told[:-1]} <= {limit}


def test_an_audit_in_between_changes_nothing_of_a_list_that_has_begun(server: Server, tmp_path: Path) -> None:
    before = items(server, "auditor", f"/v1/findings?{DATE}")
    bundle = edited(tmp_path / "city", FEWER_HOURS, NO_PERMITS)
    told = pages(server, "auditor", f"/v1/findings?{DATE}", 2, between=lambda: audited_again(server, bundle))
    assert [(r["finding_id"], r["content_digest"]) for p in told for r in p] == [
        (r["finding_id"], r["content_digest"]) for r in before
    ]
    after = items(server, "auditor", f"/v1/findings?{DATE}")
    assert set(ids(after)) - set(ids(before))


def test_a_cursor_is_good_for_its_own_list_and_account_alone(reading_server: Server) -> None:
    cursor = get(reading_server, "auditor", f"/v1/findings?{DATE}&limit=1").json()["next"]
    good = f"/v1/findings?{DATE}&limit=3&cursor={cursor}"
    assert get(reading_server, "auditor", good).status_code == 200
    wrong = (
        ("reviewer", good), ("auditor", f"/v1/findings?cursor={cursor}"),
        ("auditor", f"/v1/not-assessed?{DATE}&cursor={cursor}"),
        ("auditor", f"/v1/findings?{DATE}&cursor={cursor[:-2]}"),
        ("auditor", f"/v1/findings?{DATE}&cursor=a.b"), ("auditor", f"/v1/findings?{DATE}&cursor=a"),
    )  # fmt: skip
    for name, path in wrong:
        answer = get(reading_server, name, path)
        assert (answer.status_code, kind_of(answer)) == (400, "bad-cursor"), path
    for limit in ("0", "1001", "-1", "x"):
        assert get(reading_server, "auditor", f"/v1/findings?{DATE}&limit={limit}").status_code == 400


def test_as_known_before_an_audit_gives_what_stood_then(server: Server, tmp_path: Path) -> None:
    before = features(server, "head")
    moment = quote(audited_again(server, edited(tmp_path / "city", FEWER_HOURS, NO_PERMITS)))
    now = features(server, "head")
    then = features(server, "head", f"{DATE}&as_known={moment}")
    plain = [
        [(f["properties"]["finding_id"], f["properties"]["content_digest"]) for f in fs] for fs in (before, then, now)
    ]
    assert plain[0] == plain[1] != plain[2]
    assert features(server, "head", f"{DATE}&as_known=2020-01-01T00:00:00Z") == []
    assert get(server, "head", f"/v1/findings?{DATE}&as_known=2026-03-19T09:00:00").status_code == 400
    new = next(i for i, _ in plain[2] if i not in dict(plain[0]))
    assert get(server, "head", f"/v1/findings/{new}").status_code == 200
    assert get(server, "head", f"/v1/findings/{new}?as_known={moment}").status_code == 404


def test_the_versions_of_a_finding_follow_one_another(server: Server, tmp_path: Path) -> None:
    before = {r["finding_id"]: r["content_digest"] for r in items(server, "head", f"/v1/findings?{DATE}")}
    audited_again(server, edited(tmp_path / "city", FEWER_HOURS, NO_PERMITS))
    now = {r["finding_id"]: r["content_digest"] for r in items(server, "head", f"/v1/findings?{DATE}")}
    changed = next(i for i in now if i in before and now[i] != before[i])
    first, second = items(server, "head", f"/v1/findings/{changed}/versions", limit=1)
    assert [first["content_digest"], second["content_digest"]] == [before[changed], now[changed]]
    assert first["known_until"] == second["known_from"]
    assert (second["known_until"], second["ended_by"], first["ended_by"]) == (None, None, second["run_id"])


# ---------------------------------------------------------------- bounds
def test_an_account_sees_the_findings_of_its_districts_and_no_others(reading_server: Server) -> None:
    every = items(reading_server, "head", f"/v1/findings?{DATE}")
    here = items(reading_server, "auditor-here", f"/v1/findings?{DATE}")
    assert ids(here) == ids([r for r in every if r["district"] == "419901"])
    assert 0 < len(here) < len(every)
    assert items(reading_server, "auditor-elsewhere", f"/v1/findings?{DATE}") == []
    for row in every:
        status = 200 if row["district"] == "419901" else 404
        for path in (f"/v1/findings/{row['finding_id']}", f"/v1/findings/{row['finding_id']}/versions"):
            assert get(reading_server, "auditor-here", path).status_code == status
            assert get(reading_server, "auditor-elsewhere", path).status_code == 404


@pytest.mark.parametrize("name", ["school-1", "admin"])
def test_who_may_not_read_findings_is_refused(reading_server: Server, name: str) -> None:
    finding_id = ids(items(reading_server, "head", f"/v1/findings?{DATE}"))[0]
    paths = (
        f"findings?{DATE}",
        f"findings/{finding_id}",
        f"findings/F{'0' * 20}",
        f"not-assessed?{DATE}",
        f"coverage?{DATE}",
    )
    for path in paths:
        answer = get(reading_server, name, f"/v1/{path}")
        assert (answer.status_code, kind_of(answer)) == (403, "not-allowed")
    assert get(reading_server, None, f"/v1/findings?{DATE}").status_code == 401


def test_a_thousand_guesses_find_nothing_and_are_on_record(server: Server) -> None:
    row = next(r for r in items(server, "head", f"/v1/findings?{DATE}") if r["district"] == "419902")
    guesses = [f"F{i:020x}" for i in range(999)] + [row["finding_id"]]

    async def ask() -> set[tuple[int, str]]:
        out = set()
        async with server.client("auditor-here") as client:
            for guess in guesses:
                answer = await client.get(f"/v1/findings/{guess}")
                told = answer.json()
                told.pop("instance")
                out.add((answer.status_code, json.dumps(told)))
        return out

    assert len(answers := run(ask)) == 1
    assert next(iter(answers))[0] == 404
    log = log_of(server, 1000)
    assert {entry[:4] for entry in log} == {("auditor-here", "none", "look-denied", "finding")}


def test_hostile_ids_are_not_found_or_not_understood(reading_server: Server) -> None:
    for wrong in ("%00", "a%0Ab", "'%20OR%201=1--", "%ff%fe", "x" * 201, "..%2f..%2fetc"):
        assert get(reading_server, "head", f"/v1/findings/{wrong}").status_code in {400, 404}
        assert get(reading_server, "head", f"/v1/findings?{DATE}&vehicle={wrong}").status_code in {200, 400}


# ---------------------------------------------------------------- what could not be answered
def test_what_could_not_be_answered_is_the_audits_file_in_its_order(reading_server: Server, tmp_path: Path) -> None:
    run_audit(Job(CITY, DAY, tmp_path / "out"))
    answer = get(reading_server, "head", f"/v1/not-assessed?{DATE}&limit=1000", accept="text/csv")
    assert answer.content == (tmp_path / "out" / "not_assessed.csv").read_bytes()
    walked = pages(reading_server, "head", f"/v1/not-assessed?{DATE}", 7)
    assert [r for p in walked for r in p] == items(reading_server, "head", f"/v1/not-assessed?{DATE}")
    here = items(reading_server, "auditor-here", f"/v1/not-assessed?{DATE}")
    cars = {v["vehicle_id"] for v in items(reading_server, "auditor-here", f"/v1/vehicles?{DATE}")}
    assert here == [r for p in walked for r in p if r["vehicle_id"] in cars]
    assert items(reading_server, "auditor-elsewhere", f"/v1/not-assessed?{DATE}") == []


def test_coverage_is_that_of_run_json_within_bounds(reading_server: Server) -> None:
    def coverage(name: str) -> dict[str, Any]:
        rows = get(reading_server, name, f"/v1/coverage?{DATE}").json()["items"]
        return {row.pop("school_id") or "": row for row in rows}

    counts = get(reading_server, "head", "/v1/nights/2026-03-18").json()["counts"]["coverage"]["schools"]
    assert coverage("head") == counts
    assert coverage("auditor-here") == {"SCH01": counts["SCH01"]}
    assert coverage("auditor-elsewhere") == {}


def test_findings_of_many_nights_are_walked_by_start(server: Server) -> None:
    with server.store.writing() as session:
        session.add_all(_copies(session.query(FindingRow).all(), 40))
    clock_of(server).ms += HOUR_MS
    walked = [i for page in pages(server, "auditor", "/v1/findings", 97) for i in ids(page)]
    assert len(walked) == len(set(walked)) == 15 * 41
    starts = [row["start"] for row in items(server, "auditor", "/v1/findings")]
    assert starts == sorted(starts)


def _copies(rows: list[FindingRow], n: int) -> list[FindingRow]:
    names = [c.name for c in FindingRow.__table__.columns if c.name not in {"id", "finding_id", "service_date"}]
    return [
        FindingRow(
            **{name: getattr(row, name) for name in names}, finding_id=f"F{k:03d}{row.finding_id[4:]}",
            service_date=date(2026, 2, 1),
        )
        for row in rows
        for k in range(n)
    ]  # fmt: skip


def test_an_administrator_is_told_of_a_night_nothing_that_may_name_a_car(reading_server: Server) -> None:
    told = {name: get(reading_server, name, "/v1/nights/2026-03-18").json()["counts"] for name in ("head", "admin")}
    assert set(told["head"]) - set(told["admin"]) == {"coverage", "warnings"}
    assert told["admin"]["rows"] == told["head"]["rows"]
