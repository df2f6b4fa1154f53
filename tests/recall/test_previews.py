"""A preview shows what will happen: the same vehicle-days, the same findings new, changed and gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeds.faults import UnusableInput
from runs.preview import Edit, preview
from tests.recall.conftest import CITY, DAY, Make, Night, dropped, lines, moved, nothing, shortened

EDITS: dict[str, Make] = {
    "a ground moved": moved("G02", 0.001),
    "a ground dropped": dropped("G03"),
    "hours gone": lines("schedules.csv", lambda told: [t for t in told if not t.startswith("G02")]),
    "a session gone": lines("sessions.csv", lambda told: told[:5] + told[6:]),
    "a late track": shortened("tracks/terminal/TV0010.csv.gz", 2000),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_is_shown_is_what_happens(edit: str, night: Night) -> None:
    shown = night.preview(EDITS[edit])
    assert not night.desk.plan(DAY).is_stale, "a preview leaves the night as it is"
    standing = {f.finding_id: f for f in night.standing()}
    night.take_in(EDITS[edit])
    report = night.run().nights[0]
    assert report.changes == shown.changes.counts()
    assert sum(report.audited.values()) == len(shown.why)
    after = {f.finding_id: f for f in night.standing()}
    assert {f.finding_id for f in shown.changes.new} == set(after) - set(standing)
    assert {f.finding_id for f in shown.changes.gone} == set(standing) - set(after)
    changed = {f.finding_id for f in standing.values() if f.finding_id in after and said_otherwise(f, after)}
    assert {a.finding_id for _, a in shown.changes.changed} == changed


def said_otherwise(before, after) -> bool:  # type: ignore[no-untyped-def]
    from cases.matter import substance_of

    return substance_of(before) != substance_of(after[before.finding_id])


def test_nothing_to_try_is_refused(night: Night) -> None:
    with pytest.raises(UnusableInput, match="nothing to try"):
        preview(night.desk, Edit(DAY))


def test_zones_and_values_can_be_tried_without_a_delivery(night: Night, tmp_path: Path) -> None:
    file = tmp_path / "new.geojson"
    dropped("G03")(tmp_path)
    (tmp_path / "zones.geojson").rename(file)
    by_zones = preview(night.desk, Edit(DAY, zones=file))
    assert by_zones.changes.counts() == night.preview(dropped("G03")).changes.counts()
    by_value = preview(night.desk, Edit(DAY, settings=("signal-gap.silence_min=90",)))
    assert {f.rule for f in by_value.changes.gone} == {"signal-gap"}


def test_a_delivery_that_cannot_be_audited_is_refused_and_names_the_fault(night: Night) -> None:
    with pytest.raises(UnusableInput, match=r"zones\.geojson"):
        night.preview(lambda folder: (folder / "zones.geojson").write_text("{", "utf-8") and None)


def test_a_delivery_that_holds_nothing_new_would_change_nothing(night: Night) -> None:
    shown = night.preview(nothing)
    assert shown.why == {}
    assert shown.compared.comparison.is_empty
    assert CITY.is_dir()
