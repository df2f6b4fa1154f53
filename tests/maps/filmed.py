"""The plausible day as cameras saw it: passages that fit its track and passages that cannot, faces, and findings."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from shapely import LineString

from audit.camera_evidence import passage_seen
from audit.finding import Finding, Severity
from checkpoints.clocks import UNKNOWN_CLOCK, Clock
from checkpoints.passage import Candidate, Face, Passage, Seat
from checkpoints.positions import CheckedPassage, Whereabouts
from checkpoints.verbal import strength
from maps.vehicle_map import VehicleMapDay
from tests.maps.plausible import LOCAL, drive, finding, findings, lonlat, vehicle_day

CAMERAS_M = {"C1": (1600.0, 600.0), "C2": (2900.0, 400.0), "C3": (2200.0, -300.0), "C9": (-6000.0, 5000.0)}
OFFICER, STRANGER_TO_FINDINGS, SCORE = "P-OFFICER", "P-777", 0.987654
CLOCK = Clock(12.0, 0.9, 26, 0.95)
"""The cameras' clocks are 12 s fast, and known."""
FAR_M = 8166.2


def cameras() -> dict[str, tuple[float, float]]:
    return dict(zip(CAMERAS_M, lonlat(list(CAMERAS_M.values())), strict=True))


def faces(person: str) -> tuple[Face, ...]:
    return (
        Face(
            Seat.FRONT_PASSENGER, 0.8, (Candidate(person, SCORE), Candidate(STRANGER_TO_FINDINGS, SCORE - 0.1)), 0.4321
        ),
    )


def checked(n: int, camera: str, t_ms: int, where: Whereabouts = Whereabouts.THERE, **more: Any) -> CheckedPassage:
    clock = more.pop("clock", CLOCK)
    person = more.pop("person", STRANGER_TO_FINDINGS)
    seen = Passage(
        f"K-{n}", camera, t_ms + round(1000 * clock.offset_s), "V1", faces=faces(person), file="passages.ndjson", row=n
    )
    values = {"nearest_m": 7.0, "margin_s": math.nan, "sigma_s": 1.3, **more}
    return CheckedPassage(seen, "V1", t_ms, whereabouts=where, clock=clock, **values)


def nearest(camera: str) -> int:
    """When the car is nearest to a camera."""
    d = drive()
    east, north = CAMERAS_M[camera]
    return min(zip(d.t_ms, d.at_m, strict=True), key=lambda row: math.dist(row[1], (east, north)))[0]


def passages() -> tuple[CheckedPassage, ...]:
    c1, c2, c3 = map(nearest, ("C1", "C2", "C3"))
    gap = next(p for p in drive().parts if p[0].name == "GAP")
    silent = drive().t_ms[gap[2]] - 600_000
    far = {"nearest_m": FAR_M, "margin_s": 475.8}
    return (
        checked(1, "C1", c1, person=OFFICER),
        checked(2, "C2", c2, person=OFFICER),
        checked(3, "C3", c3),
        checked(4, "C9", c3 + 40_000, Whereabouts.ELSEWHERE, **far),
        checked(5, "C9", silent, Whereabouts.ELSEWHERE, nearest_m=math.nan, margin_s=141.0),
        checked(6, "C1", c3 + 90_000, Whereabouts.POSSIBLE, nearest_m=180.0, clock=UNKNOWN_CLOCK, sigma_s=30.0),
        checked(7, "C9", c1 + 5_000, Whereabouts.ELSEWHERE, is_read_so=False, **far),
    )


def face_seen(c: CheckedPassage, log10_lr: float, **more: Any) -> dict[str, Any]:
    told = {"seat": "front_passenger", "shown": True, "quality": 0.8, "log10_lr": log10_lr, "on_drive": False}
    return {**passage_seen(c, LOCAL), **told, "strength": strength(log10_lr), **more}


def excluded(code: str, measured: float | None, needed: float | None = None) -> dict[str, Any]:
    because = {"zh": f"{code}不成立", "en": f"{code} does not hold"}
    return {"explanation": code, "because": because, "measured": measured, "needed": needed}


def officer_finding() -> Finding:
    c = passages()
    seen = [face_seen(c[0], 4.0487654), face_seen(c[1], -1.2345678, shown=False, on_drive=True)]
    measured = {"strength_zh": "很强的支持", "strength_en": "very strong support", "log10_scores": 5.4}
    tried = [excluded("look-alike", 5.4, 0.0), excluded("seen-elsewhere", 0.0), excluded("role", None)]
    return finding(
        "safety-officer-instructing",
        Severity.CRITICAL,
        c[0].t_ms - 600_000,
        c[2].t_ms + 60_000,
        LineString(lonlat([(1600, 150), (1600, 1000)])),
        person_id=OFFICER,
        confidence=0.9982,
        evidence={"measured": measured, "margins": {}, "excluded": tried, "seen": seen},
    )


def conflict_finding() -> Finding:
    against = [c for c in passages() if c.passage.passage_id in {"K-4", "K-5"}]
    log10 = {"log10_clone": -10.0, "log10_tampered": -28.0, "log10_misread": -21.5, "log10_clock": -12.5}
    measured = {
        **log10,
        "explained_zh": "另有车辆使用该号牌(套牌)",
        "explained_en": "another car wears the plate (a clone)",
    }
    tried = [excluded("misread-plate", -21.5, -10.0), excluded("camera-clock", -12.5, -10.0)]
    return finding(
        "plate-conflict",
        Severity.CRITICAL,
        against[0].t_ms,
        against[-1].t_ms + 1000,
        evidence={
            "measured": measured,
            "margins": {},
            "excluded": tried,
            "seen": [passage_seen(c, LOCAL) for c in against],
        },
    )


def filmed_day(**more: Any) -> VehicleMapDay:
    found = (*findings(drive()), officer_finding(), conflict_finding())
    return vehicle_day(**{"findings": found, "passages": passages(), "cameras": cameras(), **more})


def spoilt_passages(evil: str) -> tuple[CheckedPassage, ...]:
    """Passages with a text that means harm wherever a record has text."""
    return tuple(
        replace(c, passage=replace(c.passage, passage_id=f"{evil}{k}", camera_id=evil, file=evil))
        for k, c in enumerate(passages())
    )


def spoilt_seen(evil: str) -> list[Any]:
    """What a finding's evidence might hold, in place of what it should."""
    face = {
        **face_seen(passages()[0], 4.0),
        "passage_id": f"{evil}0",
        "camera_id": evil,
        "seat": evil,
        "whereabouts": evil,
    }
    return [
        face,
        {**face, "time": evil, "strength": {"zh": evil, "en": evil}},
        {"passage_id": f"{evil}3", "camera_id": evil},
        evil,
    ]
