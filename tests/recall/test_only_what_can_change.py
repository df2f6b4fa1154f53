"""What an edit cannot change is not asked anew, and what is left standing is what asking all anew would say."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import select

from runs.night_plan import audit_plan
from runs.progress import Silent
from store.tables.results import FindingRow, VehicleDay
from tests.recall.conftest import CITY, DAY, Make, Night, altered, dropped, lines, moved, shortened, zones

ZONES = ("G01", "G02", "G03", "R01", "R02", "E01")
EDITS: dict[str, Make] = {
    **{f"{z} moved by a hundred metres": moved(z, 0.001) for z in ZONES},
    **{f"{z} moved by two kilometres": moved(z, 0.02) for z in ZONES},
    **{f"{z} dropped": dropped(z) for z in ZONES},
    "G01 for one school only": altered("G01", school_ids=["SCH02"]),
    "R01 wider": altered("R01", width_m=120),
    "R02 for another school": altered("R02", school_ids=["SCH02"]),
    "G02 from tomorrow on": altered("G02", valid_from="2026-03-19"),
    "hours of G02 gone": lines("schedules.csv", lambda told: [t for t in told if not t.startswith("G02")]),
    "hours of G03 longer": lines("schedules.csv", lambda told: [t.replace("13:00,17:00", "12:00,19:00") for t in told]),
    "a session gone": lines("sessions.csv", lambda told: told[:5] + told[6:]),
    "all sessions gone": lines("sessions.csv", lambda told: told[:1]),
    "a permit gone": lines("permits.csv", lambda told: told[:1]),
    "an exam gone": lines("exams.csv", lambda told: told[:2] + told[3:]),
    "a broken session row": lines("sessions.csv", lambda told: [*told[:4], "?,?,?", *told[5:]]),
    "half of one track": shortened("tracks/terminal/TV0010.csv.gz", 2000),
    "nothing of one track": shortened("tracks/depot/TV0013.csv.gz", 0),
    "a school of another district": lines("schools.csv", lambda told: [told[0], *(t[:-1] + "9" for t in told[1:])]),
    "an officer less": lines("staff.csv", lambda told: [t for t in told if "safety_officer" not in t][:3] + told[3:]),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_not_asked_anew_is_what_asking_all_anew_would_say(edit: str, night: Night) -> None:
    night.take_in(EDITS[edit])
    in_part, _ = night.merged_in_part()
    assert in_part == night.audited_whole()


def test_random_edits_of_places_leave_nothing_out(night: Night) -> None:
    dice = random.Random(20260318)
    for _ in range(5):
        edit = moved(dice.choice(ZONES), dice.uniform(-0.01, 0.01))
        night.take_in(edit)
        in_part, _ = night.merged_in_part()
        assert in_part == night.audited_whole()


def test_a_place_far_from_everything_concerns_nobody(night: Night) -> None:
    def beyond(features: list) -> None:  # type: ignore[type-arg]
        far = {"zone_id": "G99", "kind": "ground", "name": "远郊", "school_ids": ["SCH01"], "parts": [2]}
        square = [[113.52, 34.8], [113.53, 34.8], [113.53, 34.81], [113.52, 34.81], [113.52, 34.8]]
        shape = {"type": "Polygon", "coordinates": [square]}
        features.append({"type": "Feature", "properties": far, "geometry": shape})

    night.take_in(zones(beyond))
    in_part, asked = night.merged_in_part()
    assert asked == {}
    assert in_part == night.audited_whole()


def test_the_same_places_written_otherwise_change_nothing(night: Night) -> None:
    night.take_in(zones(lambda features: None))
    assert night.desk.plan(DAY).is_stale, "the file has other bytes"
    report = night.run().nights[0]
    assert report.audited == {}
    assert {k: n for k, n in report.changes.items() if k != "same"} == {"new": 0, "changed": 0, "renewed": 0, "gone": 0}


def test_a_late_file_has_its_own_car_asked_and_those_of_which_the_night_says_otherwise(night: Night) -> None:
    night.take_in(shortened("tracks/terminal/TV0010.csv.gz", 2000))
    _, asked = night.merged_in_part()
    assert asked["V0010"] == "own"
    assert set(asked.values()) <= {"own", "night", "cameras"}
    assert [v for v, why in asked.items() if why == "own"] == ["V0010"]
    assert len(asked) <= 4, asked


def test_a_value_of_a_rule_has_that_rule_asked_alone(night: Night, tmp_path: Path) -> None:
    office = tmp_path / "office.toml"
    office.write_text(
        '[[value]]\nrule = "signal-gap"\nparameter = "silence_min"\nsince = 2026-01-01\nvalue = 90\nunit = "min"\n'
        'source = "circular 1"\n',
        "utf-8",
    )
    settings = night.desk.settings.model_copy(
        update={"nightly": night.desk.settings.nightly.model_copy(update={"office": office})}
    )
    night.desk.settings = settings
    plan = night.desk.plan(DAY)
    assert plan.recall is not None
    assert plan.recall.changed_rules == {"signal-gap"}
    audited = audit_plan(night.desk.store, plan, Silent())
    cars = [f.rule for f in audited.findings if f.rule not in {"over-hours", "feed-datum"}]
    assert set(cars) <= {"signal-gap"}
    before = [f for f in night.standing() if f.rule == "signal-gap"]
    report = night.run().nights[0]
    assert report.changes["gone"] == len(before) > 0
    assert {f.rule for f in night.standing()} == {"signal-gap"} ^ {f.rule for f in [*before, *night.standing()]}


def test_a_new_release_alone_leaves_old_answers_as_they_are(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.versions.program_version", lambda: "99.0")
    assert not night.desk.plan(DAY).is_stale


def test_asked_again_on_purpose_all_is_asked_and_nothing_said_otherwise(night: Night) -> None:
    report = night.run(again=True).nights[0]
    assert report.audited == {"new": 17}
    assert report.changes["same"] == 15


def test_a_car_that_left_the_register_takes_its_findings_along(night: Night) -> None:
    gone = "V0012"
    assert any(f.vehicle_id == gone for f in night.standing())
    night.take_in(lines("vehicles.csv", lambda told: [t for t in told if not t.startswith(gone)]))
    night.run()
    assert not any(f.vehicle_id == gone for f in night.standing())
    with night.desk.store.reading() as session:
        assert session.get(VehicleDay, (DAY, gone)) is None
        old = session.scalars(select(FindingRow).where(FindingRow.vehicle_id == gone)).all()
        assert old, "what was said stays on record"
        assert all(row.superseded_ms is not None for row in old)


def test_the_nightly_says_what_the_audit_of_the_bundle_says(night: Night) -> None:
    from runs.audited import audit_bundle

    bundle = audit_bundle(CITY, DAY, Silent())
    assert [f.content_digest for f in bundle.findings] == [f.content_digest for f in night.standing()]
