"""Leads: likelier right than wrong, and too thin for a finding. A place to look, on the spot and soon.

Nothing else: they are told only when asked for, and nothing of them is stored beside the file that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from audit.facts import Facts
from audit.lesson import Case
from checkpoints.verbal import strength

WHY_NOT: dict[str, tuple[str, str]] = {
    "one-camera": ("仅一处卡口比对到", "a single camera showed the person"),
    "look-alike-of-declared": ("与申报教练员相貌相近", "looks like the declared instructor"),
    "alibi": ("有记录表明此人当时在别处", "a record says that the person was elsewhere"),
    "own-car": ("可能是此人本人的教练车", "it may have been the person's own car"),
    "seat-unknown": ("座位不明", "the seat was not told"),
    "model-misfit": ("分值与模型不符", "the scores do not fit the model"),
    "too-few-cameras": ("卡口数低于规定", "fewer cameras than the rule asks for"),
    "above-the-rate": ("列入将超出误报率上限", "taking it in would pass the rate of false findings that is allowed"),
}
"""Why a lead is no finding, by code, in Chinese and English."""


@dataclass(frozen=True, slots=True)
class Lead:
    """One person in one lesson; times are ms UTC. `why_not`: codes of `WHY_NOT`."""

    service_date: date
    rule: str
    vehicle_id: str
    plate: str
    school_id: str | None
    session_id: str | None
    person_id: str
    start_ms: int
    end_ms: int
    cameras: int
    posterior: float
    log10_lr: float
    why_not: tuple[str, ...]

    @property
    def strength(self) -> dict[str, str]:
        """How strongly the scores support it, by language."""
        return strength(self.log10_lr)

    @property
    def summary(self) -> dict[str, str]:
        """What to do about it, by language."""
        zh = "；".join(WHY_NOT[code][0] for code in self.why_not)
        en = "; ".join(WHY_NOT[code][1] for code in self.why_not)
        return {
            "zh": f"线索,不是疑点:可到现场查看由谁教练。{self.cameras} 处卡口,{self.strength['zh']}。未列为疑点:{zh}。",
            "en": f"A place to look, not a finding: see on the spot who teaches. {self.cameras} camera(s), "
            f"{self.strength['en']}. No finding because: {en}.",
        }


def leads_of(facts: Facts, found: frozenset[tuple[str, str, str | None]]) -> tuple[Lead, ...]:
    """Return the leads of a night by time. `found`: (rule, vehicle_id, person_id) of its findings."""
    out = []
    for vehicle_id, cases in facts.night.cameras.crews.cases.items():
        doubts = facts.doubts_of(vehicle_id)
        if doubts.crew or doubts.register or doubts.sessions:
            continue  # nothing is said of the crews of this car
        out += [_lead(facts, vehicle_id, c) for c in cases if (c.rule, vehicle_id, c.person_id) not in found]
    return tuple(sorted(out, key=lambda lead: (lead.start_ms, lead.vehicle_id, lead.person_id)))


def _lead(facts: Facts, vehicle_id: str, case: Case) -> Lead:
    vehicle, lesson = facts.vehicles[vehicle_id], case.lesson
    return Lead(
        facts.day.date,
        case.rule,
        vehicle_id,
        vehicle.plate,
        vehicle.school_id,
        None if lesson.session is None else lesson.session.session_id,
        case.person_id,
        lesson.start_ms,
        lesson.end_ms,
        case.verdict.n_cameras,
        case.verdict.posterior,
        case.verdict.log10_lr,
        tuple(_why_not(case)),
    )


def _why_not(case: Case) -> Iterator[str]:
    yield from case.verdict.barred
    if not case.verdict.barred:
        yield "too-few-cameras" if case.accepted else "above-the-rate"
