"""The reports of nights as models: a line of the list, and the numbers of a night."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.asking import Instant, Item, MaybeInstant, example_of
from api.unanswered import Coverage, NotAssessed

TITLES: dict[str, tuple[str, str]] = {
    "night": ("当日核查报告", "report of the night"),
    "findings": ("疑点清单(待核实)", "findings to check"),
    "not-assessed": ("无法判定清单", "what could not be assessed"),
    "run": ("运行记录", "account of the run"),
    "rejects": ("数据行核对", "rows read, kept and rejected"),
}
Name = Literal["night", "findings", "not-assessed", "run", "rejects"]
_SEVERITIES: dict[str, Any] = {"critical": 5, "major": 4, "minor": 4, "notice": 2}
_COVERED = example_of(Coverage)


class Report(Item):
    """One report of a night that stands."""

    service_date: dt.date
    name: Name
    title_zh: str
    title_en: str
    run_id: str = Field(description="The run that it is of.")
    state: str = Field(description="done or degraded.")
    audited: Instant
    is_behind: bool = Field(description="Whether something came in since it was audited.")
    media_types: list[str] = Field(description="What `Accept` may ask for; the first is for whoever does not say.")
    href: str
    run: str | None = Field(description="The run itself; null: not told you.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "service_date": "2026-03-18", "name": "night", "title_zh": "当日核查报告",
                    "title_en": "report of the night", "run_id": "2026-03-18-a40aa43e", "state": "done",
                    "audited": "2026-03-19T05:34:10+08:00", "is_behind": False,
                    "media_types": ["application/json", "text/html"], "href": "/v1/reports/2026-03-18/night",
                    "run": "/v1/runs/2026-03-18-a40aa43e",
                }
            ]
        }
    )  # fmt: skip


class RowAccount(Item):
    """The rows of a file or feed: read = kept + n_rejected; a flagged row is kept, and counted under its flags."""

    file: str
    read: int
    kept: int
    flagged: dict[str, int]
    rejected: dict[str, int] = Field(description="Reason (a code) to number.")
    n_rejected: int

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "file": "tracks/amap", "read": 11816, "kept": 11816, "flagged": {"drift": 18}, "rejected": {},
                    "n_rejected": 0,
                }
            ]
        }
    )  # fmt: skip


class RowReport(Item):
    """The rows of all files and feeds of a night. The rejected rows themselves are kept nowhere."""

    service_date: dt.date
    run_id: str
    items: list[RowAccount]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"service_date": "2026-03-18", "run_id": "2026-03-18-a40aa43e", "items": [example_of(RowAccount)]}
            ]
        }
    )


class NotAssessedReport(Item):
    """All that could not be answered of a night, in the order of `not_assessed.csv`."""

    service_date: dt.date
    run_id: str
    items: list[NotAssessed]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"service_date": "2026-03-18", "run_id": "2026-03-18-a40aa43e", "items": [example_of(NotAssessed)]}
            ]
        }
    )


class RunOfNight(BaseModel):
    """A run of the night; `stands`: the report is of this one."""

    run_id: str
    kind: str
    state: str
    started: Instant
    ended: MaybeInstant
    stands: bool


class Fleet(BaseModel):
    """Cars registered that day; of coach cars, how many have tracks, and all or some questions answered."""

    cars: int
    exam_cars: int
    coach_cars: int
    with_tracks: int
    without_tracks: int
    assessed: int
    assessed_in_part: int


class CoverageOfSchool(Coverage):
    """The same as `/v1/coverage`, with the school's name."""

    name: str | None

    model_config = ConfigDict(json_schema_extra={"examples": [{**_COVERED, "name": "柳湾驾校"}]})


class Lessons(BaseModel):
    """Sessions declared for the service day; hours of coach cars, and how much of these was seen."""

    declared: int
    cars: int
    by_part: dict[str, int]
    declared_h: float
    declared_seen_h: float


class ReasonCount(BaseModel):
    """How many questions had no answer for a reason, about how many cars (or feeds)."""

    questions: int
    cars: int


class UnansweredCar(BaseModel):
    """A car (null: a feed) and a reason, with the rules that could not be answered."""

    vehicle_id: str | None
    reason: str
    rules: list[str]
    questions: int


class Unanswered(BaseModel):
    """What could not be answered."""

    questions: int
    by_rule: dict[str, dict[str, int]]
    by_reason: dict[str, ReasonCount]
    items: list[UnansweredCar]


class SchoolFindings(BaseModel):
    """Findings about the cars of a school (null: of none)."""

    school_id: str | None
    name: str | None
    total: int
    by_severity: dict[str, int]


class FindingNumbers(BaseModel):
    """Findings that stand."""

    total: int
    by_rule: dict[str, int]
    by_severity: dict[str, int]
    by_school: list[SchoolFindings]


class NightFindings(BaseModel):
    """Findings that stand of this or an earlier night."""

    service_date: dt.date
    total: int
    by_severity: dict[str, int]


class CaseNumbers(BaseModel):
    """Cases of the night; `overdue` and `need_review` as of now."""

    opened: int
    by_state: dict[str, int]
    undecided: int
    decided: int
    overdue: int
    need_review: int


class NightReport(Item):
    """A night in numbers: those of the other resources, as far as they are told you. Null: not told you."""

    service_date: dt.date
    timezone: str
    run_id: str
    state: str
    audited: Instant
    is_behind: bool
    scope: Literal["city", "districts", "school"] = Field(
        description="What it speaks of: the whole city, your districts, or what a school is told by its cases."
    )
    runs: list[RunOfNight] | None = Field(description="All runs of the night; those that do not stand are superseded.")
    inputs: list[RowAccount] | None
    passages: dict[str, Any] | None = Field(description="Of checkpoints: read, in_scope, dropped.")
    warnings: list[str] | None
    trouble: dict[str, Any] | None = Field(description="What is missing, by where.")
    fleet: Fleet | None
    coverage: list[CoverageOfSchool] | None
    sessions: Lessons | None
    exams: int | None
    not_assessed: Unanswered | None
    findings: FindingNumbers
    history: list[NightFindings] = Field(description="This night and up to 13 before it, the earliest first.")
    cases: CaseNumbers

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "service_date": "2026-03-18", "timezone": "Asia/Shanghai", "run_id": "2026-03-18-a40aa43e",
                    "state": "done", "audited": "2026-03-19T05:34:10+08:00", "is_behind": False, "scope": "city",
                    "runs": [
                        {
                            "run_id": "2026-03-18-a40aa43e", "kind": "nightly", "state": "done",
                            "started": "2026-03-19T05:30:00+08:00", "ended": "2026-03-19T05:34:10+08:00",
                            "stands": True,
                        }
                    ],
                    "inputs": [example_of(RowAccount)],
                    "passages": {"read": 4210, "in_scope": 312, "dropped": {"other-plate": 3898}},
                    "warnings": [], "trouble": {},
                    "fleet": {
                        "cars": 17, "exam_cars": 2, "coach_cars": 15, "with_tracks": 15, "without_tracks": 0,
                        "assessed": 10, "assessed_in_part": 5,
                    },
                    "coverage": [{**_COVERED, "name": "柳湾驾校"}],
                    "sessions": {
                        "declared": 45, "cars": 14, "by_part": {"2": 30, "3": 15}, "declared_h": 55.86,
                        "declared_seen_h": 54.57,
                    },
                    "exams": 4,
                    "not_assessed": {
                        "questions": 1, "by_rule": {"signal-gap": {"feed-outage": 1}},
                        "by_reason": {"feed-outage": {"questions": 1, "cars": 1}},
                        "items": [
                            {"vehicle_id": "V0013", "reason": "feed-outage", "rules": ["signal-gap"], "questions": 1}
                        ],
                    },
                    "findings": {
                        "total": 15, "by_rule": {"off-route": 15}, "by_severity": _SEVERITIES,
                        "by_school": [
                            {"school_id": "SCH01", "name": "柳湾驾校", "total": 15, "by_severity": _SEVERITIES}
                        ],
                    },
                    "history": [{"service_date": "2026-03-18", "total": 15, "by_severity": _SEVERITIES}],
                    "cases": {
                        "opened": 13, "by_state": {"new": 13}, "undecided": 13, "decided": 0, "overdue": 0,
                        "need_review": 0,
                    },
                }
            ]
        }
    )  # fmt: skip
