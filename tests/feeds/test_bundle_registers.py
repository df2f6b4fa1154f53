"""One bad row of a register is left out with a reason, and what it may have hidden is known; the rest is kept."""

from __future__ import annotations

import gzip
import tarfile
from datetime import date
from pathlib import Path

import pytest

from feeds.bundle import Bundle, read_bundle, survey_bundle
from feeds.damaged import Damaged
from feeds.faults import UnusableInput
from feeds.ledger import Ledger
from feeds.tables import split_records
from tests.feeds.bundle_maker import FILES, make_bundle, with_row
from zones.declared import Session
from zones.register import Role, Terminal, Use
from zones.schedule import HoursException, Window

ALL_WEEK = frozenset(range(1, 8))
MS_OF_2026_03_18_AT_8 = 1773792000000  # date -d 2026-03-18T08:00:00+08:00 +%s000


def read(folder: Path, changes: dict[str, str | bytes | None] | None = None) -> tuple[Bundle, Ledger]:
    ledger = Ledger()
    bundle = read_bundle(make_bundle(folder, changes), ledger)
    ledger.rows()  # raises unless read = kept + rejected in every file
    return bundle, ledger


def test_a_good_bundle_is_read_whole_and_without_a_word(tmp_path: Path) -> None:
    bundle, ledger = read(tmp_path)
    assert not ledger.warnings
    assert not ledger.rejects
    assert bundle.damaged == Damaged()
    assert [school.name for school in bundle.schools] == ["第一驾校", "第二驾校"]
    assert [(car.vehicle_id, car.use, car.school_id) for car in bundle.vehicles][2] == ("X1", Use.EXAM, None)
    assert bundle.staff[1].valid_to == date(2026, 12, 31)
    assert bundle.staff[2].role is Role.SAFETY_OFFICER
    assert bundle.terminals[0] == Terminal("V1", "terminal", "T1")
    start_ms = MS_OF_2026_03_18_AT_8
    assert bundle.sessions[0] == Session("L1", "V1", "P1", "T1", 2, "G1", start_ms, start_ms + 3600_000)
    assert bundle.sessions[1].zone_id is None
    assert bundle.sessions[1].end_ms - bundle.sessions[1].start_ms == 5_400_250
    assert bundle.exams[0].site_id == "E1"
    assert {zone.zone_id for zone in bundle.zones} == {"G1", "R1", "E1"}


def test_hours_are_minutes_of_the_local_day_and_a_blank_list_is_every_day(tmp_path: Path) -> None:
    bundle, _ = read(tmp_path)
    assert bundle.windows == (
        Window("G1", frozenset({1, 2, 3, 4, 5}), 480, 30, date(2025, 1, 1)),
        Window("G1", frozenset({6, 7, 1}), 480, 1440, date(2025, 1, 1)),
        Window("R1", ALL_WEEK, 540, 690),
    )


def test_an_exception_for_all_zones_has_no_zone_and_one_without_times_holds_all_day(tmp_path: Path) -> None:
    text = "date,zone_id,open,start,end,reason\n2026-03-18,*,0,,,大雪\n2026-03-19,G1,1,07:00,24:00,\n"
    bundle, _ = read(tmp_path, {"exceptions.csv": text})
    assert bundle.exceptions == (
        HoursException(date(2026, 3, 18), None, False, None, None, "大雪"),
        HoursException(date(2026, 3, 19), "G1", True, 420, 1440, ""),
    )


def test_a_car_that_terminals_csv_names_is_not_also_taken_from_vehicles_csv(tmp_path: Path) -> None:
    text = (
        "vehicle_id,provider,terminal_id,valid_from,valid_to\nV1,terminal,T7,,2026-01-31\nV1,terminal,T8,2026-02-01,\n"
    )
    bundle, _ = read(tmp_path, {"terminals.csv": text})
    assert [terminal.terminal_id for terminal in bundle.terminals] == ["T7", "T8", "T2", "T9"]


def test_a_permit_may_name_a_car_or_a_school(tmp_path: Path) -> None:
    text = "permit_id,school_id,reason,start,end\nM1,S1,节前,2026-03-18T18:00:00+08:00,2026-03-18T24:00:00+08:00\n"
    bundle, _ = read(tmp_path, {"permits.csv": text})
    assert (bundle.permits[0].vehicle_id, bundle.permits[0].school_id, bundle.permits[0].zone_id) == (None, "S1", None)
    assert bundle.permits[0].end_ms - bundle.permits[0].start_ms == 6 * 3600_000


BAD_ROWS = [
    ("sessions.csv", "L3,V1,P1,T1,2,G1,yesterday,2026-03-18T09:00:00+08:00", "bad-time", "start", "yesterday"),
    ("sessions.csv", "L3,V1,P1,T1,2,G1,2026-03-18,2026-03-18T09:00:00+08:00", "bad-time", "start", "2026-03-18"),
    (
        "sessions.csv",
        "L3,V1,P1,T1,2,G1,0001-01-01T00:00:00,2026-03-18T09:00:00+08:00",
        "bad-time",
        "start",
        "0001-01-01T00:00:00",
    ),
    ("sessions.csv", "L3,V1,P1,T1,two,G1,2026-03-18T08:00Z,2026-03-18T09:00Z", "bad-number", "part", "two"),
    ("sessions.csv", "L3,V1,P1,T1,9,G1,2026-03-18T08:00Z,2026-03-18T09:00Z", "bad-value", "part", "9"),
    ("sessions.csv", "L3,V1,,T1,2,G1,2026-03-18T08:00Z,2026-03-18T09:00Z", "missing-value", "instructor_id", ""),
    (
        "sessions.csv",
        "L3,V1,P1,T1,2,G1,2026-03-18T09:00Z,2026-03-18T09:00Z",
        "end-before-start",
        "end",
        "2026-03-18T09:00Z",
    ),
    ("sessions.csv", "L1,V2,P1,T1,2,G1,2026-03-18T08:00Z,2026-03-18T09:00Z", "duplicate-key", "session_id", "L1"),
    ("sessions.csv", "L3,V1,P1,T1,2,G1,2026-03-18T08:00Z", "bad-row", "", "L3,V1,P1,T1,2,G1,2026-03-18T08:00Z"),
    ("sessions.csv", 'L3,"V1,P1', "bad-row", "", 'L3,"V1,P1'),
    ("schedules.csv", "G1,1-8,08:00,18:00,,", "bad-value", "weekdays", "1-8"),
    ("schedules.csv", "G1,5-1,08:00,18:00,,", "bad-value", "weekdays", "5-1"),
    ("schedules.csv", "G1,1-5,8 am,18:00,,", "bad-time", "start", "8 am"),
    ("schedules.csv", "G1,1-5,08:00,24:01,,", "bad-time", "end", "24:01"),
    ("schedules.csv", "G1,1-5,08:00,,,", "missing-value", "end", ""),
    ("schedules.csv", "G1,1-5,08:00,18:00,2026-02-30,", "bad-date", "valid_from", "2026-02-30"),
    ("schedules.csv", "G1,1-5,08:00,18:00,2026-02-02,2026-02-01", "end-before-start", "valid_to", "2026-02-01"),
    ("schedules.csv", "G1,1,3,08:00,18:00,,", "bad-row", "", "G1,1,3,08:00,18:00,,"),
    ("staff.csv", "P3,teacher,S1,,,", "bad-value", "role", "teacher"),
    ("staff.csv", "P3,instructor,,,,", "missing-value", "school_id", ""),
    ("schools.csv", "S3,第三驾校,济南", "bad-value", "district", "济南"),
    ("vehicles.csv", "V3,鲁A1003学,16,training,S1,,,terminal,T3", "missing-value", "vehicle_class", ""),
    ("vehicles.csv", "V3,鲁A1003学,16,training,S1,,C1,terminal,", "missing-value", "terminal_id", ""),
    ("vehicles.csv", "V1,鲁A1003学,16,training,S1,,C1,terminal,T3", "duplicate-key", "vehicle_id", "V1"),
    ("exams.csv", "E002,X1,P9,,2026-03-18T09:00Z,2026-03-18T10:00Z", "missing-value", "site_id", ""),
]


@pytest.mark.parametrize(("file", "row", "reason", "field", "found"), BAD_ROWS)
def test_a_bad_row_is_rejected_by_file_row_field_and_text_and_the_others_are_kept(
    tmp_path: Path, file: str, row: str, reason: str, field: str, found: str
) -> None:
    before = FILES[file].count("\n") - 1
    _, ledger = read(tmp_path, with_row(file, row))
    (reject,) = ledger.rejects
    assert (reject.file, reject.row, reject.reason, reject.field, reject.found) == (
        file,
        before + 1,
        reason,
        field,
        found,
    )
    account = ledger.accounts[file]
    assert (account.read, account.kept, dict(account.rejected)) == (before + 1, before, {reason: 1})


def test_a_rejected_session_damages_its_car_and_trainee_and_nobody_else(tmp_path: Path) -> None:
    bundle, _ = read(tmp_path, with_row("sessions.csv", "L3,V1,P1,T7,2,G1,soon,later"))
    damaged = bundle.damaged
    assert (damaged.sessions_of("V1"), damaged.sessions_of("V2")) == (True, False)
    assert (damaged.sessions_of_trainee("T7"), damaged.sessions_of_trainee("T1")) == (True, False)


def test_a_rejected_session_without_a_readable_car_damages_every_car(tmp_path: Path) -> None:
    bundle, _ = read(tmp_path, with_row("sessions.csv", "L3,,P1,T7,2,G1,soon,later"))
    assert bundle.damaged.sessions_of("V2")
    assert not bundle.damaged.sessions_of_trainee("T1")
    bundle, _ = read(tmp_path, with_row("sessions.csv", "V1"))
    assert bundle.damaged.sessions_of("V2")
    assert bundle.damaged.sessions_of_trainee("T1")


def test_of_two_sessions_with_one_key_either_may_be_the_wrong_one(tmp_path: Path) -> None:
    bundle, _ = read(tmp_path, with_row("sessions.csv", "L1,V2,P2,T2,2,G1,2026-03-18T08:00Z,2026-03-18T09:00Z"))
    assert bundle.damaged.sessions_of("V1")
    assert bundle.damaged.sessions_of("V2")


def test_a_row_repeated_word_for_word_is_rejected_and_hides_nothing(tmp_path: Path) -> None:
    for file in ("sessions.csv", "staff.csv", "schedules.csv"):
        bundle, ledger = read(tmp_path / file, with_row(file, FILES[file].splitlines()[-1]))
        assert [reject.reason for reject in ledger.rejects] == ["duplicate-key"]
        assert bundle.damaged == Damaged()


def test_rejected_hours_permits_roles_and_cars_are_damage_of_their_own_kind(tmp_path: Path) -> None:
    permits = "permit_id,vehicle_id,school_id,reason,start,end,zone_id\nM1,V1,,雨,x,y,\nM2,,S2,雨,x,y,\n"
    exceptions = "date,zone_id,open,start,end,reason\nx,*,0,,,\n"
    changes = with_row("schedules.csv", "G1,9,08:00,18:00,,") | with_row("staff.csv", "P3,boss,S1,,,")
    changes |= with_row("vehicles.csv", "V3,,16,training,S1,,C1,terminal,T3") | {"permits.csv": permits}
    damaged = read(tmp_path / "a", changes)[0].damaged
    assert (damaged.hours_of("G1"), damaged.hours_of("R1")) == (True, False)
    assert (damaged.permits_of("V1", "S9"), damaged.permits_of("V9", "S2"), damaged.permits_of("V9", "S1")) == (
        True,
        True,
        False,
    )
    assert (damaged.roles_of("P3"), damaged.roles_of("P1")) == (True, False)
    assert (damaged.vehicle("V3"), damaged.vehicle("V1")) == (True, False)
    assert read(tmp_path / "b", {"exceptions.csv": exceptions})[0].damaged.hours_of("R1")


def test_a_car_may_come_twice_where_its_dates_do_not_overlap(tmp_path: Path) -> None:
    head = FILES["vehicles.csv"].splitlines()[0] + ",valid_from,valid_to\n"
    row = "V1,鲁A1001学,16,training,{},,C1,terminal,T1,{},{}\n"
    apart = head + row.format("S1", "", "2026-03-01") + row.format("S2", "2026-03-02", "")
    bundle, ledger = read(tmp_path / "apart", {"vehicles.csv": apart})
    assert [car.school_id for car in bundle.vehicles] == ["S1", "S2"]
    assert not ledger.rejects
    bundle, ledger = read(tmp_path / "over", {"vehicles.csv": apart.replace("2026-03-02", "2026-03-01")})
    assert [(reject.row, reject.reason) for reject in ledger.rejects] == [(2, "duplicate-key")]
    assert bundle.damaged.vehicle("V1")


def test_a_car_of_a_feed_the_bundle_does_not_bring_is_damaged_not_silent(tmp_path: Path) -> None:
    bundle, ledger = read(tmp_path, with_row("vehicles.csv", "V3,鲁A1003学,16,training,S1,,C1,amap,T3"))
    assert bundle.damaged.vehicle("V3")
    assert "vehicles.csv: provider names what is not in a feed of bundle.toml, 1 times: amap (row 4)" in ledger.warnings


def test_an_identity_number_is_refused_and_repeated_nowhere(tmp_path: Path) -> None:
    number = "370102199003071234"
    row = f"L3,V1,P1,{number},2,G1,2026-03-18T08:00Z,2026-03-18T09:00Z"
    bundle, ledger = read(tmp_path, with_row("sessions.csv", row))
    assert [(reject.reason, reject.field) for reject in ledger.rejects] == [("bad-value", "trainee_id")]
    assert number not in repr((ledger.rejects, ledger.warnings, bundle))
    assert bundle.damaged.sessions_of_trainee("anybody")


def test_what_names_something_unknown_is_kept_and_told_once_for_each_file_and_column(tmp_path: Path) -> None:
    rows = "".join(f"L{n},V8,P8,T1,2,G8,2026-03-18T08:00Z,2026-03-18T09:00Z\n" for n in range(10, 30))
    bundle, ledger = read(tmp_path, {"sessions.csv": FILES["sessions.csv"] + rows})
    assert len(bundle.sessions) == 22
    said = list(ledger.warnings)
    assert len(said) == 3
    assert said[0].startswith("sessions.csv: vehicle_id names what is not in vehicles.csv, 20 times: V8 (row 3), ")
    assert said[0].endswith("and 15 more")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_other_encodings_and_line_ends_and_gzip_give_the_same_bundle_and_a_note(tmp_path: Path, encoding: str) -> None:
    plain, _ = read(tmp_path / "plain")
    changes: dict[str, str | bytes | None] = {}
    for name, text in FILES.items():
        if name.endswith(".csv") and "/" not in name:
            changes[name] = None
            changes[name + ".gz"] = gzip.compress(text.replace("\n", "\r\n").encode(encoding))
    other, ledger = read(tmp_path / "other", changes)
    assert (other.schools, other.vehicles, other.sessions) == (plain.schools, plain.vehicles, plain.sessions)
    noted = {"utf-8-sig": "UTF-8 with a BOM", "gb18030": "GB18030"}[encoding]
    assert f"schools.csv: read as {noted}, expected UTF-8" in ledger.warnings


def test_times_without_an_offset_are_local_and_told_once_a_file(tmp_path: Path) -> None:
    changes = {"sessions.csv": FILES["sessions.csv"].replace("+08:00", "")}
    bundle, ledger = read(tmp_path, dict(changes))
    assert bundle.sessions[0].start_ms == MS_OF_2026_03_18_AT_8
    assert list(ledger.warnings) == ["sessions.csv: times without an offset were taken as Asia/Shanghai"]


def test_columns_nobody_asked_for_are_ignored_and_noted_once(tmp_path: Path) -> None:
    text = FILES["schools.csv"].replace("district\n", "district,phone,fax\n").replace("37010", "37010")
    text = "\n".join(line + ("" if at == 0 else ",1,2") for at, line in enumerate(text.splitlines()))
    bundle, ledger = read(tmp_path, {"schools.csv": text})
    assert len(bundle.schools) == 2
    assert list(ledger.warnings) == ["schools.csv: columns not read: phone, fax"]


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "=HYPERLINK(1)", "../../etc/passwd", "a\u2028b", "\x00nul", "x" * 100_000]
    rows = "".join(f'S{n + 10},"{name}",370102\n' for n, name in enumerate(names))
    bundle, ledger = read(tmp_path, {"schools.csv": FILES["schools.csv"] + rows})
    assert [school.name for school in bundle.schools][2:] == names
    assert not ledger.rejects


def test_a_forgotten_quote_costs_its_own_line_only() -> None:
    text = 'a,b\n1,"two\n' + "".join(f"{n},x\n" for n in range(100)) + 'y,"c\nd"\n'
    records = list(split_records(text))
    assert records[1] == '1,"two'
    assert records[2:102] == [[str(n), "x"] for n in range(100)]
    assert records[102] == ["y", "c\nd"]


def test_a_day_of_24000_sessions_is_read_in_seconds(tmp_path: Path) -> None:
    row = "N{},V1,P1,T{},2,G1,2026-03-18T08:00:00+08:00,2026-03-18T09:00:00+08:00\n"
    text = FILES["sessions.csv"] + "".join(row.format(n, n) for n in range(24_000))
    bundle, _ = read(tmp_path, {"sessions.csv": text})
    assert len(bundle.sessions) == 24_002


@pytest.mark.parametrize(
    ("change", "file", "field", "hint"),
    [
        (
            {"sessions.csv": FILES["sessions.csv"].replace("zone_id", "zoneid")},
            "sessions.csv",
            "zone_id",
            'Did you mean this by "zoneid"?',
        ),
        (
            {"staff.csv": FILES["staff.csv"].replace("role", "Role")},
            "staff.csv",
            "role",
            'Did you mean this by "Role"?',
        ),
        (
            {"staff.csv": FILES["staff.csv"].replace(",", ";")},
            "staff.csv",
            "person_id",
            "Fields are separated by commas.",
        ),
        ({"exams.csv": ""}, "exams.csv", None, None),
        ({"exams.csv": b"\xff\xff\x00"}, "exams.csv", None, "Save the file as UTF-8."),
        ({"exams.csv.gz": gzip.compress(b"exam_id")}, "exams.csv", None, "Keep one of the two."),
        ({"permits.csv": "permit_id,reason,start,end\n"}, "permits.csv", None, None),
    ],
)
def test_a_file_that_cannot_be_understood_makes_the_bundle_unusable_and_says_what_to_do(
    tmp_path: Path, change: dict[str, str | bytes | None], file: str, field: str | None, hint: str | None
) -> None:
    with pytest.raises(UnusableInput) as trouble:
        read_bundle(make_bundle(tmp_path, change), Ledger())
    fault = trouble.value.faults[0]
    assert (fault.file, fault.field, fault.hint) == (file, field, hint)


def test_one_terminal_in_two_cars_at_once_makes_the_bundle_unusable(tmp_path: Path) -> None:
    head = "vehicle_id,provider,terminal_id,valid_from,valid_to\n"
    text = head + "V1,terminal,T2,2026-03-01,2026-03-31\n"
    faults = survey_bundle(make_bundle(tmp_path / "both", {"terminals.csv": text}), Ledger()).faults
    assert [(fault.file, fault.row, fault.field, fault.found) for fault in faults] == [
        ("vehicles.csv", 2, "terminal_id", "T2")
    ]
    assert "terminals.csv row 1" in str(faults[0])
    apart = head + "V1,terminal,T2,,2026-03-17\nV2,terminal,T2,2026-03-18,\n"
    assert not survey_bundle(make_bundle(tmp_path / "apart", {"terminals.csv": apart}), Ledger()).faults


@pytest.mark.parametrize("city", ["a", "b", "c", "d"])
def test_the_labelled_cities_are_read_without_a_fault_a_reject_or_a_warning(
    root: Path, tmp_path: Path, city: str
) -> None:
    archive = root.parent / "shared" / "eval" / f"city-{city}.tar.gz"
    if not archive.is_file():
        pytest.fail(f"no labelled city in {archive}: put it there", pytrace=False)
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            if "/tracks/" in member.name:  # their folders are enough here
                (tmp_path / member.name).parent.mkdir(parents=True, exist_ok=True)
            else:
                tar.extract(member, tmp_path, filter="data")
    ledger = Ledger()
    bundle = read_bundle(tmp_path / f"city-{city}", ledger)
    assert (ledger.rejects, list(ledger.warnings), bundle.damaged) == ([], [], Damaged())
    assert len(bundle.zones) == 18
    assert len(bundle.terminals) == len(bundle.vehicles) == {"a": 64, "b": 48, "c": 64, "d": 48}[city]
    assert ledger.accounts["sessions.csv"].kept == {"a": 112, "b": 84, "c": 110, "d": 84}[city]
