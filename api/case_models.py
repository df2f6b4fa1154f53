"""Cases, spot checks and what people have judged, as they go over the wire."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api.bodies import Body
from cases.states import Action, State
from runs.spot_desk import Outcome

Key = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class CaseLine(BaseModel):
    """A case as a list shows it. `subject`: a number of this answer alone (#001) where it is a person."""

    case_id: str
    service_date: str
    subject_kind: str
    subject: str
    school_id: str | None
    district: str | None
    state: State
    severity: str
    rules: list[str]
    n_findings: int
    assignee: str | None
    opened: str
    due: str | None = Field(description="The last day on which it should leave its state.")
    is_overdue: bool
    needs_review: bool
    is_picked: bool
    n_events: int = Field(description="How many events it has: its ETag, in quotes.")


class Cases(BaseModel):
    """A page of cases, by service day and opening."""

    items: list[CaseLine]
    next: str | None = Field(None, description="The cursor of the next page; null at the end.")


class QueueLine(CaseLine):
    """A case in the office's order."""

    rank: int
    age_days: int
    not_looked_at: bool


class Queue(BaseModel):
    """The office's work: `today` as many as it can look into. Numbers are the whole city's, lists the account's."""

    capacity: int
    n_today: int
    n_waiting: int
    n_not_looked_at: int
    today: list[QueueLine]
    waiting: list[QueueLine]
    review: list[CaseLine]


class Step(BaseModel):
    """Something that this account may do with a case as it stands, with the fields of its payload."""

    action: Action
    required: list[str]
    optional: list[str]


class CaseFinding(BaseModel):
    """A finding as its case holds it, with what the audit said of it."""

    finding_id: str
    rule: str
    severity: str
    status: str
    reason: str | None
    is_present: bool
    is_changed: bool
    is_automatic: bool
    start: str
    end: str
    school_id: str | None
    district: str | None
    zone_id: str | None
    confidence: float | None
    vehicle_id: str | None
    plate: str | None
    summary_zh: str | None
    summary_en: str | None
    margins: dict[str, Any]


class CaseEvent(BaseModel):
    """Something that happened to a case."""

    seq: int
    at: str
    actor: str | None
    role: str | None
    action: Action
    text: str | None
    details: dict[str, Any]


class Events(BaseModel):
    """What happened to a case, as far as this account is told."""

    items: list[CaseEvent]


class WholeCase(CaseLine):
    """A case with all that this account may see of it."""

    entered: str
    escalated: int
    proposal: dict[str, Any] | None
    disposals: list[dict[str, Any]]
    feedback_accepted: bool | None
    findings: list[CaseFinding]
    events: list[CaseEvent]
    possible: list[Step]


class Acted(CaseLine):
    """A case after something was done with it."""

    possible: list[Step]


class Act(Body):
    """Something to be done with a case; which fields `payload` has, `possible` of the case says."""

    action: Action
    payload: dict[str, Any] = Field(default_factory=dict)


class PrecisionRow(BaseModel):
    """How often what was suspected was true. Of rule, school, provider and month it has what was asked for."""

    rule: str | None = None
    school: str | None = None
    provider: str | None = None
    month: str | None = None
    n: int
    n_confirmed: int
    n_dismissed: int
    n_automatic: int
    share: float | None
    low: float | None
    high: float | None
    reasons: dict[str, int]


class PrecisionTable(BaseModel):
    """A table of precision."""

    items: list[PrecisionRow]


class Check(BaseModel):
    """A vehicle-day that nobody suspects and somebody looks at: drawn with `probability`, or `picked_by` somebody."""

    service_date: str
    vehicle_id: str
    school_id: str | None
    district: str | None
    probability: float | None
    picked_by: str | None
    reason: str | None
    outcome: Literal["clean", "violation", "unclear"] | None
    decided_by: str | None
    decided: str | None
    note: str | None


class Checks(BaseModel):
    """A page of spot checks, by service day and vehicle."""

    items: list[Check]
    next: str | None = Field(None, description="The cursor of the next page; null at the end.")


class Pick(Body):
    """A vehicle-day to be looked at."""

    service_date: Annotated[date, Field(examples=["2026-03-18"])]
    vehicle_id: Key
    reason: Text


class Decision(Body):
    """What somebody saw of a vehicle-day; anything but clean needs a note. `again`: decide anew what was decided."""

    outcome: Outcome
    note: Annotated[str, Field(max_length=2000)] = ""
    again: bool = False


class Missed(BaseModel):
    """What the random checks of some nights say of all vehicle-days that nobody suspected."""

    first: str
    last: str
    share: float | None
    upper: float
    n: int
    n_violations: int
    n_undecided: int
    population: int
    covered: int
    n_picked: int
    n_left_out: int
